import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { findLayers, type Layer } from '../../../src/analysis';
import { analyze } from '../../../src/job/analyze';
import { floatValues } from '../../../src/job/floatTensor';
import { runJob } from '../../../src/job/jobs';
import type { Lock } from '../../../src/job/lock/lockSchema';
import { prepareJob } from '../../../src/job/prepare';
import { StageTracker } from '../../../src/job/stageTracker';
import { insertQdq, setLayerBias, type GridWithRange, type QuantizedWeight } from '../../../src/methods';
import { openModel, type Model, type Node } from '../../../src/onnx';
import { createRunner } from '../../../src/runtime/createRunner';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

const MEASURING = ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity'] as const;

function workspaceOf(mode: 'parallel' | 'sequential', activations: object = {}): SampleWorkspace {
  return new SampleWorkspace((recipe) => {
    smallJob(recipe);
    (recipe.data as { calibration: { samples: number } }).calibration.samples = 32;
    recipe.quantization = {
      weights: { bits: [4] },
      activations: { bits: [4], range: 'min-max', ...activations },
      sensitivity: { samples: 8 },
      optimizer: { method: 'adaquant', mode, iterations: 40 },
    };
    recipe.allocation = { budget: { size: 1 }, neighbours: 0 };
    recipe.data = { ...(recipe.data as object), evaluation: undefined };
  });
}

/** The QuantizeLinear in front of a layer of an exported model: scale and zero point. */
function exportedGrid(layer: Layer): readonly [number, number] {
  let node: Node | undefined = layer.node.inputs[layer.dataInputIndex]?.producer();
  while (node !== undefined && node.opType !== 'QuantizeLinear') {
    node = node.inputs[0]?.producer();
  }
  assert.ok(node, `the input of ${layer.name} is quantised`);
  return [node.inputs[1]!.constant()!.toNumbers()[0]!, node.inputs[2]!.constant()!.toNumbers()[0]!];
}

describe('a job with AdaQuant', function () {
  this.timeout(300_000);

  for (const mode of ['parallel', 'sequential'] as const) {
    it(`writes the grids of inputs it learned into lock and model, ${mode}`, async () => {
      const workspace = workspaceOf(mode);
      try {
        const result = await runJob(workspace.recipePath);
        const lock = JSON.parse(readFileSync(result.outputs.lock, 'utf8')) as Lock;
        const layers = new Map(findLayers(openModel(result.outputs.model)).map((layer) => [layer.name, layer]));
        const measured = new Map(result.analyze.layers.map((layer) => [layer.name, layer]));
        const ratios: number[] = [];
        for (const { name, input } of lock.layers) {
          const [scale, zeroPoint] = exportedGrid(layers.get(name)!);
          // A lock has six digits.
          assert.ok(Math.abs(input.scale! / scale - 1) < 1e-5, `${name}: ${input.scale} against ${scale}`);
          assert.equal(input.zeroPoint, zeroPoint, name);
          const { range } = input;
          const calibrated = measured.get(name)!.activation!.grids!.find(({ bits }) => bits === input.bits)!;
          ratios.push((range![1]! - range![0]!) / (calibrated.high - calibrated.low));
        }
        const narrow = ratios.filter((_, i) => lock.layers[i]!.input.bits === 4);
        assert.ok(narrow.length > 10);
        // Extremes are far too wide for sixteen codes.
        assert.ok(
          narrow.every((ratio) => ratio !== 1),
          ratios.join(', '),
        );
        assert.ok(narrow.filter((ratio) => ratio < 0.95).length > narrow.length / 2, ratios.join(', '));
      } finally {
        workspace.dispose();
      }
    });
  }

  for (const symmetric of [false, true]) {
    it(`has the output error in ONNX Runtime that it says, inputs ${symmetric ? 'symmetric' : 'asymmetric'}`, async () => {
      const workspace = workspaceOf('parallel', { symmetric });
      try {
        const job = await prepareJob(workspace.recipePath, new StageTracker([...MEASURING], {}));
        const analysis = await analyze(job, new StageTracker([...MEASURING], {}));
        const { calibration, layerCandidates } = analysis;
        const inputs = calibration.batch(0, calibration.samples);
        let compared = 0;
        for (const layer of job.layers) {
          const behind = layer.node.outputs[0]!.uses();
          const relu = behind.length === 1 && behind[0]!.node.opType === 'Relu' ? behind[0]!.node : undefined;
          const shape = job.shapes.get(layer.node.outputs[0]!.name)?.shape;
          // Only of layers with few positions does the fit see every column, so that its figure is that of the whole.
          if (layer.kind !== 'Conv' || Number(shape?.at(-1)) > 8) {
            continue;
          }
          const { weight, bias, input, errors } = layerCandidates.quantize(layer, 4, undefined, 4);
          assert.ok(input, layer.name);
          const seen = (relu ?? layer.node).outputs[0]!.name;
          const float = await outputOf(job.model, seen);
          const quantised = await outputOf(
            quantisedAlone(job.model, layer.name, weight, bias, { ...input, bits: 4 }),
            seen,
          );
          const size = float.length / calibration.samples;
          let wrong = 0;
          let power = 0;
          float.forEach((y, i) => {
            // Every fifth sample was held out.
            if (Math.floor(i / size) % 5 === 4) {
              wrong += (quantised[i]! - y) ** 2;
              power += y * y;
            }
          });
          assert.ok(
            Math.abs(errors!.result / (wrong / power) - 1) < 0.02,
            `${layer.name}: ${errors!.result} against ${wrong / power}`,
          );
          assert.ok(errors!.result < errors!.rtn, layer.name);
          compared++;
        }
        assert.ok(compared > 3);
        calibration.close();

        async function outputOf(model: Model, name: string): Promise<Float32Array> {
          const copy = model.clone();
          copy.graph.addOutput(copy.graph.value(name)!);
          const runner = await createRunner(job.factory, copy, { mode: 'simulate' });
          try {
            return floatValues((await runner.run(inputs, [name])).get(name)!);
          } finally {
            await runner.release();
          }
        }
      } finally {
        workspace.dispose();
      }
    });
  }
});

/** The float network with one layer as a candidate has it. */
function quantisedAlone(
  model: Model,
  name: string,
  weight: QuantizedWeight | undefined,
  bias: Float32Array | undefined,
  activation: GridWithRange & { readonly bits: number },
): Model {
  const copy = model.clone();
  const layer = findLayers(copy).find((candidate) => candidate.name === name)!;
  if (bias !== undefined) {
    setLayerBias(layer, bias);
  }
  insertQdq(copy, findLayers(copy), { layers: new Map([[name, { weight, activation }]]) });
  return copy;
}
