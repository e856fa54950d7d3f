import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { runJob } from '../../../src/job/jobs';
import { readReport } from '../../../src/job/report/reportFile';
import { openModel } from '../../../src/onnx';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('values between the layers at 8 bits', function () {
  this.timeout(180_000);
  const workspace = new SampleWorkspace((recipe) => {
    smallJob(recipe);
    recipe.quantization = {
      weights: { bits: [8], range: 'min-max' },
      activations: { bits: [8], betweenLayers: 8 },
      sensitivity: { samples: 32 },
      optimizer: { method: 'rtn' },
    };
    recipe.allocation = { budget: { size: 0.26 }, neighbours: 0 };
  });
  after(() => workspace.dispose());

  it('are what every add and the average read and give, and a step with figures of its own', async () => {
    const result = await runJob(workspace.recipePath);
    const { graph } = openModel(result.outputs.model);
    const additions = graph.nodes.filter(({ opType }) => opType === 'Add');
    assert.equal(additions.length, 9);
    for (const node of [...additions, ...graph.nodes.filter(({ opType }) => opType === 'GlobalAveragePool')]) {
      for (const input of node.inputs) {
        assert.equal(input!.producer()!.opType, 'DequantizeLinear', node.name);
      }
    }
    const quantizers = graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear');
    const sources = quantizers.map((node) => node.inputs[0]!.name);
    assert.equal(new Set(sources).size, sources.length, 'layers share the quantiser of the value they read');
    const [rounded, between] = result.steps;
    assert.deepEqual(
      result.steps.map(({ name, kept }) => [name, kept]),
      [
        ['rounded', true],
        ['values between layers quantised', true],
      ],
    );
    assert.ok(rounded!.loss > 0 && between!.loss > 0 && between!.loss !== rounded!.loss);
    assert.equal(between!.loss, result.measuredLoss);
    const { simulated, deployed } = result.accuracy!;
    assert.ok(Math.abs(simulated - deployed!) <= 0.01, `${simulated} simulated, ${deployed} deployed`);
    const report = readReport(result.outputs.reportJson);
    assert.deepEqual(report.eightBitOperators, [
      { operator: 'Add of two activations', count: 9 },
      { operator: 'GlobalAveragePool', count: 1 },
    ]);
    assert.deepEqual(report.floatOperators, []);
    const text = readFileSync(result.outputs.reportMarkdown, 'utf8');
    assert.match(
      text,
      /Computed on 8-bit values between the layers: Add of two activations × 9, GlobalAveragePool × 1\./,
    );
  });

  it('come from the cache in a second run, to the byte', async () => {
    const first = await runJob(workspace.recipePath);
    const bytes = readFileSync(first.outputs.model);
    const second = await runJob(workspace.recipePath);
    assert.deepEqual(readFileSync(second.outputs.model), bytes);
    assert.deepEqual(second.steps, first.steps);
  });
});
