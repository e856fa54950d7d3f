/**
 * AdaPrune at 2:4 by magnitude, layer by layer on the bundled ResNet-20: the fit on Gram matrices (exact, by conjugate
 * gradients, and SparseGPT's sweep; building the matrices is counted) against the authors' procedure, 1000 Adam steps on
 * mini-batches of 50 of the 512 calibration images, whose gradients ONNX Runtime computes on all cores from columns that
 * were unfolded beforehand (not counted). Errors are mean squared errors over the output's power on 512 test images that
 * neither has seen.
 *
 *     npx tsx bench/adaprune.ts [shapes|all] [Adam steps]
 *
 * `shapes` (the default) takes one layer of each shape. Seconds are those of the wall clock; beside them the processor time
 * over all threads, which a busy machine does not change. Prints a table and writes bench/results/adaprune.json.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { matrixLayout, nmEligibility, weightAsMatrix, type Layer, type TensorData } from '../src/analysis';
import { openData } from '../src/job/analyze';
import type { Dataset } from '../src/job/data/dataset';
import { prepareJob, type PreparedJob } from '../src/job/prepare';
import { sampleBatches } from '../src/job/sampleBatches';
import { StageTracker } from '../src/job/stageTracker';
import {
  fitMaskedLayer,
  inputLayout,
  momentsAccumulator,
  positionsPerSample,
  type FitOptions,
  type FittedLayer,
  type InputMoments,
  type LayerMoments,
} from '../src/methods';
import { squaredErrorOfRows, targetRows } from '../src/methods/prune/outputError';
import { extractModel } from '../src/onnx';
import { createRunner } from '../src/runtime/createRunner';
import { adamPrune } from './adamPrune';
import { LayerGradient, type CachedLayer } from './layerGradient';
import { nmMagnitudeMask } from './nmMagnitudeMask';

const sample = join(__dirname, '../samples/fmnist-resnet20');
const PATTERN = { keep: 2, group: 4 };
const SAMPLES = 512;
const BATCH = 50;
const isWhole = process.argv[2] === 'all';
const steps = Number(process.argv[3] ?? 1000);

interface Timed {
  readonly seconds: number;
  readonly processorSeconds: number;
  /** On images that were not fitted. */
  readonly error: number;
}

interface Row {
  readonly layer: string;
  readonly rows: number;
  readonly columns: number;
  readonly outputPositions: number;
  /** Building the Gram matrices from the cached inputs, seconds; part of each solve's time below. */
  readonly momentsSeconds: number;
  readonly maskOnly: number;
  readonly absorbed: number;
  readonly exact: Timed;
  readonly cg: Timed & { readonly steps: number };
  readonly sparsegpt: Timed;
  /** The mask chosen by the sweep, weights solved exactly. */
  readonly sparsegptRefit: Timed;
  readonly adam: Timed;
  readonly adamOverExact: number;
  readonly adamOverExactProcessor: number;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-bench-'));
  try {
    cpSync(sample, folder, {
      recursive: true,
      filter: (path) => !path.includes('.lathe/') && !path.endsWith('.lathe'),
    });
    const job = await prepareJob(join(folder, 'resnet20.lathe.json'), new StageTracker(['open', 'fold'], {}));
    const { calibration, evaluation } = await openData(job, undefined);
    const layers = job.layers
      .filter((layer) => nmEligibility(layer, PATTERN.keep, PATTERN.group).possible && inputLayout(layer) !== undefined)
      .filter((layer, i, all) => isWhole || i === all.findIndex((other) => shapeOf(other) === shapeOf(layer)));
    const results: Row[] = [];
    for (const layer of layers) {
      const row = await benchLayer(job, layer, calibration, evaluation!);
      results.push(row);
      console.log(line(row, results.length === 1));
    }
    calibration.close();
    evaluation?.close();
    report(results, job.factory.engine);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchLayer(job: PreparedJob, layer: Layer, calibration: Dataset, evaluation: Dataset): Promise<Row> {
  const inputs = await inputBatches(job, layer, calibration);
  const unseen = momentsFrom(layer, await inputBatches(job, layer, evaluation), 64, 0).fit[0]!;
  const { rows, columns, data: weight } = weightAsMatrix(layer);
  const kernelSize = layer.weight.shape.slice(2).reduce((a, b) => a * b, 1);
  const bias = layer.bias?.tensor.toFloat32() ?? new Float32Array(rows);
  const mask = nmMagnitudeMask(weight, rows, columns, kernelSize, PATTERN.keep, PATTERN.group);
  const errorOf = errorMeasure(unseen, rows, weight, bias);

  const watch = new Stopwatch();
  const moments = momentsFrom(layer, inputs, positionsPerSample(columns, SAMPLES), 5);
  const building = watch.read();
  const fit = (options: FitOptions, chooseMask = false): Timed & { readonly result: FittedLayer } => {
    const solving = new Stopwatch();
    const result = fitMaskedLayer({
      layer: layer.name,
      rows,
      columns,
      weight,
      bias,
      mask: chooseMask ? undefined : mask,
      rowGroups: 1,
      kernelSize,
      moments,
      options: { pattern: PATTERN, ...options },
    });
    const { seconds, processorSeconds } = solving.read();
    return {
      seconds: building.seconds + seconds,
      processorSeconds: building.processorSeconds + processorSeconds,
      error: errorOf(result.weight, result.bias!),
      result,
    };
  };
  const exact = fit({ method: 'adaprune', solver: 'exact' });
  const cg = fit({ method: 'adaprune', solver: 'cg' });
  const sweep = fit({ method: 'sparsegpt', refit: false }, true);
  const refit = fit({ method: 'sparsegpt', solver: 'exact' }, true);
  const masked = weight.map((w, i) => (mask[i] === 0 ? 0 : w));
  const absorb = fit({ method: 'absorb' });

  const cached = cacheLayer(layer, inputs, rows, columns, weight, bias);
  const gradient = await LayerGradient.create(job.factory, cached, BATCH);
  const stepping = new Stopwatch();
  const found = await adamPrune(
    { rows, columns, weight, bias, mask, samples: SAMPLES, gradient: (batch, w, b) => gradient.of(batch, w, b) },
    { iterations: steps, batchSize: BATCH },
  );
  const times = stepping.read();
  await gradient.release();
  const adam = {
    ...times,
    error: errorOf(Float32Array.from(found.weight), Float32Array.from(found.bias)),
  };
  return {
    layer: layer.shortName,
    rows,
    columns,
    outputPositions: cached.positions,
    momentsSeconds: building.seconds,
    maskOnly: errorOf(masked, bias),
    absorbed: errorOf(absorb.result.weight, bias),
    exact: timed(exact),
    cg: { ...timed(cg), steps: cg.result.iterations },
    sparsegpt: timed(sweep),
    sparsegptRefit: timed(refit),
    adam,
    adamOverExact: adam.seconds / exact.seconds,
    adamOverExactProcessor: adam.processorSeconds / exact.processorSeconds,
  };
}

/** The layer's input in the float network, batch by batch. */
async function inputBatches(job: PreparedJob, layer: Layer, dataset: Dataset): Promise<TensorData[]> {
  const graph = job.model.graph;
  const name = layer.node.inputs[layer.dataInputIndex]!.name;
  const model = extractModel(job.model, {
    inputs: graph.trueInputs.map((input) => ({ name: input.name, type: job.shapes.get(input.name)! })),
    outputs: [name],
  });
  const runner = await createRunner(job.factory, model);
  const batches: TensorData[] = [];
  for (const { start, count } of sampleBatches(dataset, SAMPLES)) {
    batches.push((await runner.run(dataset.batch(start, count), [name])).get(name)!);
  }
  await runner.release();
  return batches;
}

function momentsFrom(
  layer: Layer,
  batches: readonly TensorData[],
  positions: number,
  heldOutEvery: number,
): LayerMoments {
  const accumulator = momentsAccumulator(layer, { positionsPerSample: positions, heldOutEvery })!;
  for (const { data, dims } of batches) {
    accumulator.add(data as Float32Array, dims);
  }
  return accumulator.finish()!;
}

/** All columns of all samples, and the outputs they give. */
function cacheLayer(
  layer: Layer,
  batches: readonly TensorData[],
  rows: number,
  columns: number,
  weight: Float32Array,
  bias: Float32Array,
): CachedLayer {
  const layout = inputLayout(layer)!;
  const positions = layout.read(batches[0]!.dims)!.positions;
  const inputs = new Float32Array(SAMPLES * positions * columns);
  const outputs = new Float32Array(SAMPLES * positions * rows);
  const all = Int32Array.from({ length: positions }, (_, i) => i);
  const block = new Float64Array(columns * positions);
  let at = 0;
  for (const { data, dims } of batches) {
    const read = layout.read(dims)!;
    for (let s = 0; s < read.samples; s++) {
      read.columnsInto(data as Float32Array, s, 0, all, positions, block, 0, positions);
      for (let p = 0; p < positions; p++, at++) {
        for (let j = 0; j < columns; j++) {
          inputs[at * columns + j] = block[j * positions + p]!;
        }
        for (let r = 0; r < rows; r++) {
          let sum = bias[r]!;
          for (let j = 0; j < columns; j++) {
            sum += weight[r * columns + j]! * inputs[at * columns + j]!;
          }
          outputs[at * rows + r] = sum;
        }
      }
    }
  }
  return { rows, columns, samples: SAMPLES, positions, inputs, outputs };
}

function errorMeasure(
  moments: InputMoments,
  rows: number,
  weight: Float32Array,
  bias: Float32Array,
): (w: Float32Array, b: Float32Array) => number {
  const target = targetRows(moments, rows, Float64Array.from(weight), Float64Array.from(bias));
  const power = target.power.reduce((a, b) => a + b, 0);
  return (w, b) => squaredErrorOfRows(target, Float64Array.from(w), Float64Array.from(b)) / power;
}

function shapeOf(layer: Layer): string {
  const { rows, columns } = matrixLayout(layer);
  return `${rows}×${columns}`;
}

/** Wall clock and processor time since it was made. */
class Stopwatch {
  private readonly begun = performance.now();
  private readonly usage = process.cpuUsage();

  read(): { readonly seconds: number; readonly processorSeconds: number } {
    const { user, system } = process.cpuUsage(this.usage);
    return { seconds: (performance.now() - this.begun) / 1000, processorSeconds: (user + system) / 1e6 };
  }
}

function timed({ seconds, processorSeconds, error }: Timed): Timed {
  return { seconds, processorSeconds, error };
}

const HEADER =
  'layer                  shape      | mask only absorbed | exact s   error | cg s (steps)   error | sweep s   error | +refit s  error | Adam s    error | Adam/exact (processor)';

function line(row: Row, isFirst: boolean): string {
  const time = (t: Timed): string => `${t.seconds.toFixed(2).padStart(7)} ${t.error.toFixed(5)}`;
  const cells = [
    row.layer.slice(-22).padEnd(22) + ` ${row.rows}×${row.columns}`.padEnd(11),
    ` ${row.maskOnly.toFixed(5)}   ${row.absorbed.toFixed(5)} `,
    ` ${time(row.exact)} `,
    ` ${row.cg.seconds.toFixed(2).padStart(6)} (${row.cg.steps}) ${row.cg.error.toFixed(5)} `,
    ` ${time(row.sparsegpt)} `,
    ` ${time(row.sparsegptRefit)} `,
    ` ${time(row.adam)} `,
    ` ${row.adamOverExact.toFixed(0)} (${row.adamOverExactProcessor.toFixed(0)})`,
  ];
  return (isFirst ? `${HEADER}\n` : '') + cells.join('|');
}

function report(results: readonly Row[], engine: string): void {
  const sum = (of: (row: Row) => number): number => results.reduce((total, row) => total + of(row), 0);
  const mean = (of: (row: Row) => number): number => sum(of) / results.length;
  const totals = (of: (row: Row) => Timed) => ({
    seconds: sum((row) => of(row).seconds),
    processorSeconds: sum((row) => of(row).processorSeconds),
    meanError: mean((row) => of(row).error),
  });
  const total = {
    layers: results.length,
    exact: totals((r) => r.exact),
    cg: totals((r) => r.cg),
    sparsegpt: totals((r) => r.sparsegpt),
    sparsegptRefit: totals((r) => r.sparsegptRefit),
    adam: totals((r) => r.adam),
    maskOnlyMeanError: mean((r) => r.maskOnly),
    absorbedMeanError: mean((r) => r.absorbed),
    adamOverExactSeconds: sum((r) => r.adam.seconds) / sum((r) => r.exact.seconds),
    adamOverExactProcessorSeconds: sum((r) => r.adam.processorSeconds) / sum((r) => r.exact.processorSeconds),
    adamOverExactError: sum((r) => r.adam.error) / sum((r) => r.exact.error),
  };
  console.log(JSON.stringify(total, null, 2));
  const folder = join(__dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, engine };
  const settings = { pattern: PATTERN, samples: SAMPLES, batch: BATCH, steps };
  const file = join(folder, 'adaprune.json');
  writeFileSync(file, `${JSON.stringify({ bench: 'adaprune', machine, settings, total, layers: results }, null, 2)}\n`);
  console.log(`Written to ${file}`);
}

void main();
