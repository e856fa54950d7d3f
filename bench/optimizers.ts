/**
 * Optimisers of one layer, 64 → 64 channels, 3 × 3, on 14 × 14 positions, 512 samples: output error and CPU seconds of rounding to
 * nearest, AdaQuant as its authors run it (1000 steps of 50 samples, in ONNX Runtime on one thread) and the quadratic form, building
 * its moments included. Weights at 4 bits, inputs at 8 and at 4. All in this process.
 *
 *     npx tsx bench/optimizers.ts                                  everything
 *     npx tsx bench/optimizers.ts --inputs 8 --rates literal       one AdaQuant, a few minutes
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findLayers, weightAsMatrix, type Layer } from '../src/analysis';
import { seededNormal } from '../src/base/random';
import { accumulateCrossProduct, asymmetricGrid, fakeQuantizeInto, type QuantGrid } from '../src/kernels';
import {
  adaquantOnColumns,
  chooseActivationGrid,
  columnSampler,
  dequantizeWeight,
  inputLayout,
  momentsAccumulator,
  optimizeLayer,
  positionsPerSample,
  quantizeWeight,
  type OptimizeMethod,
  type QuantizedWeight,
  type MatrixProducts,
  type SampledColumns,
} from '../src/methods';
import { buildModel, DataType, Tensor } from '../src/onnx';
import { RuntimeProducts } from '../src/job/runtimeProducts';
import { createOnnxRuntime } from '../src/runtime/onnxRuntime';
import { CHANNELS, layerInputs, layerWeights, SIDE } from './optimizerLayer';

const SAMPLES = 512;
const BATCH = 64;
const HELD_OUT = 128;
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000' },
    inputs: { type: 'string', default: '8,4' },
    rates: { type: 'string', default: 'literal,scaled' },
  },
});
const STEPS = Number(values.steps);
const POSITIONS = SIDE * SIDE;
const SIZE = CHANNELS * 9;

interface Fitted {
  readonly weight: QuantizedWeight;
  readonly bias: Float32Array;
  readonly grid: QuantGrid;
}

interface Row {
  readonly bits: string;
  readonly method: string;
  readonly calibrationError: number;
  readonly heldOutError: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly inputRange: number;
}

const bias = Float32Array.from({ length: CHANNELS }, seededNormal(17));
const layer = makeLayer();
const matrix = weightAsMatrix(layer).data;
const calibration = layerInputs(SAMPLES, 11);
const heldOut = layerInputs(HELD_OUT, 99);
const dims = (samples: number): number[] => [samples, CHANNELS, SIDE, SIDE];

function makeLayer(): Layer {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', CHANNELS, SIDE, SIDE] }],
    outputs: ['y'],
    initializers: [
      Tensor.fromFloat32('w', [CHANNELS, CHANNELS, 3, 3], layerWeights(3)),
      Tensor.fromFloat32('b', [CHANNELS], bias),
    ],
    nodes: [
      { opType: 'Conv', name: 'layer', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { pads: [1, 1, 1, 1] } },
    ],
  });
  return findLayers(model)[0]!;
}

/** Every column, sample by sample. */
function allColumns(data: Float32Array, samples: number): SampledColumns {
  const count = samples * POSITIONS;
  const columns = inputLayout(layer)!.read(dims(samples))!;
  const positions = Int32Array.from({ length: POSITIONS }, (_, i) => i);
  const block = new Float64Array(SIZE * POSITIONS);
  const out = new Float32Array(SIZE * count);
  for (let s = 0; s < samples; s++) {
    columns.columnsInto(data, s, 0, positions, POSITIONS, block, 0, POSITIONS);
    for (let i = 0; i < SIZE; i++) {
      for (let p = 0; p < POSITIONS; p++) {
        out[i * count + s * POSITIONS + p] = block[i * POSITIONS + p]!;
      }
    }
  }
  return { size: SIZE, count, groups: [out] };
}

function quantized(data: Float32Array, grid: QuantGrid): Float32Array {
  const out = new Float32Array(data.length);
  fakeQuantizeInto(data, 0, data.length, out, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
  return out;
}

/** The mean over samples of each one's largest value: the range the authors' code starts from. */
function averagedMax(data: Float32Array): number {
  const perSample = CHANNELS * POSITIONS;
  let sum = 0;
  for (let s = 0; s < SAMPLES; s++) {
    let max = 0;
    for (let i = s * perSample; i < (s + 1) * perSample; i++) {
      max = Math.max(max, data[i]!);
    }
    sum += max;
  }
  return sum / SAMPLES;
}

/** Mean squared error per output element from the residuals themselves: no method's own word is taken. */
function errorOn(columns: SampledColumns, samples: number, { weight, bias: fittedBias, grid }: Fitted): number {
  const fitted = Float64Array.from(dequantizeWeight(weight));
  const target = Float64Array.from(matrix);
  const count = samples * POSITIONS;
  const width = 512;
  let sum = 0;
  for (let first = 0; first < count; first += width) {
    const here = Math.min(width, count - first);
    const x = new Float64Array(here * SIZE);
    const xq = new Float64Array(here * SIZE);
    const row = new Float32Array(here);
    for (let i = 0; i < SIZE; i++) {
      const own = columns.groups[0]!.subarray(i * columns.count + first, i * columns.count + first + here);
      fakeQuantizeInto(own, 0, here, row, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
      for (let k = 0; k < here; k++) {
        x[k * SIZE + i] = own[k]!;
        xq[k * SIZE + i] = row[k]!;
      }
    }
    const y = new Float64Array(CHANNELS * here);
    const z = new Float64Array(CHANNELS * here);
    accumulateCrossProduct(target, 0, CHANNELS, SIZE, x, 0, here, SIZE, SIZE, y, 0, here);
    accumulateCrossProduct(fitted, 0, CHANNELS, SIZE, xq, 0, here, SIZE, SIZE, z, 0, here);
    for (let o = 0; o < CHANNELS; o++) {
      const shift = fittedBias[o]! - bias[o]!;
      for (let k = o * here; k < (o + 1) * here; k++) {
        sum += (z[k]! + shift - y[k]!) ** 2;
      }
    }
  }
  return sum / (CHANNELS * count);
}

/** Moments and fit, with the input's range from calibration or scanned for the least output error between two fits. */
async function fitMoments(
  products: MatrixProducts,
  method: OptimizeMethod,
  activationBits: number,
  start: QuantGrid,
  scan: boolean,
): Promise<Fitted> {
  const layout = inputLayout(layer)!;
  // As jobs do it: batches of 64 samples, their products in ONNX Runtime.
  const build = async (grid: QuantGrid) => {
    const options = { positionsPerSample: positionsPerSample(layout.size, SAMPLES), products };
    const accumulator = momentsAccumulator(layer, options)!;
    const perBatch = BATCH * CHANNELS * POSITIONS;
    for (let from = 0; from < calibration.length; from += perBatch) {
      const batch = calibration.subarray(from, from + perBatch);
      accumulator.add(batch, dims(BATCH), quantized(batch, grid));
      await accumulator.settle(false);
    }
    await accumulator.settle(true);
    return accumulator.finish();
  };
  const options = { bits: 4, granularity: 'per-channel', symmetric: true, method } as const;
  if (!scan) {
    const result = optimizeLayer(layer, { ...options, moments: await build(start) });
    return { weight: result.weight, bias: result.bias!, grid: start };
  }
  const sampler = columnSampler(layer, { columns: 2048, samples: SAMPLES })!;
  sampler.add(calibration, dims(SAMPLES));
  const columns = sampler.finish()!;
  const range = { lo: 0, hi: start.scale * (start.qmax - start.zeroPoint) };
  // With float weights first: the grid they want is close to the one the codes want.
  const { grid } = chooseActivationGrid(layer, matrix, columns, { bits: activationBits, range });
  const first = optimizeLayer(layer, { ...options, moments: await build(grid) });
  return { weight: first.weight, bias: first.bias!, grid };
}

function report(rows: readonly Row[]): void {
  const cells = (row: Row): string[] => [
    row.bits,
    row.method.padEnd(30),
    row.calibrationError.toPrecision(3).padStart(9),
    row.heldOutError.toPrecision(3).padStart(9),
    row.cpuSeconds.toFixed(2).padStart(8),
    row.wallSeconds.toFixed(2).padStart(8),
    row.inputRange.toFixed(2).padStart(7),
  ];
  console.log('bits | method                         | MSE       | held out  | CPU s    | wall s   | range');
  for (const row of rows) {
    console.log(cells(row).join(' | '));
  }
}

async function main(): Promise<void> {
  const factory = createOnnxRuntime();
  const products = await RuntimeProducts.open(factory);
  const columns = allColumns(calibration, SAMPLES);
  const heldOutColumns = allColumns(heldOut, HELD_OUT);
  const hi = averagedMax(calibration);
  const rows: Row[] = [];
  const ratios: object[] = [];
  const measure = async (bits: string, method: string, run: () => Fitted | Promise<Fitted>): Promise<Row> => {
    const cpu = process.cpuUsage();
    const begun = performance.now();
    const fitted = await run();
    const wallSeconds = (performance.now() - begun) / 1000;
    const used = process.cpuUsage(cpu);
    const { grid } = fitted;
    const row: Row = {
      bits,
      method,
      calibrationError: errorOn(columns, SAMPLES, fitted),
      heldOutError: errorOn(heldOutColumns, HELD_OUT, fitted),
      cpuSeconds: (used.user + used.system) / 1e6,
      wallSeconds,
      inputRange: grid.scale * (grid.qmax - grid.zeroPoint),
    };
    rows.push(row);
    console.error(`${bits} ${method}: ${row.calibrationError.toPrecision(3)}, ${row.cpuSeconds.toFixed(1)} s`);
    return row;
  };
  // Once for the compiler.
  await fitMoments(products, 'gram', 8, asymmetricGrid(0, hi, 8), false);
  for (const activationBits of values.inputs.split(',').map(Number)) {
    const bits = `W4A${activationBits}`;
    const start = asymmetricGrid(0, hi, activationBits);
    for (const range of ['min-max', 'mse'] as const) {
      await measure(bits, `rtn, ${range}`, () => ({
        weight: quantizeWeight(layer, { bits: 4, granularity: 'per-channel', symmetric: true, range }),
        bias,
        grid: start,
      }));
    }
    await measure(bits, 'rtn, output error', () => fitMoments(products, 'rtn', activationBits, start, false));
    await measure(bits, 'gptq', () => fitMoments(products, 'gptq', activationBits, start, false));
    await measure(bits, 'adaquant, quadratic form', () =>
      fitMoments(products, 'adaquant', activationBits, start, false),
    );
    await measure(bits, 'gram, same input range', () => fitMoments(products, 'gram', activationBits, start, false));
    const gram = await measure(bits, 'gram, input range scanned', () =>
      fitMoments(products, 'gram', activationBits, start, true),
    );
    for (const rates of (['literal', 'scaled'] as const).filter((each) => values.rates.split(',').includes(each))) {
      const adaquant = await measure(bits, `adaquant, ${rates} rates`, async () => {
        const result = await adaquantOnColumns(layer, { input: columns, positionsPerSample: POSITIONS }, factory, {
          bits: 4,
          activation: { bits: activationBits, lo: 0, hi },
          rates,
          iterations: STEPS,
          threads: 1,
        });
        return { weight: result.weight, bias: result.bias!, grid: result.activation! };
      });
      ratios.push({
        bits,
        against: adaquant.method,
        error: gram.heldOutError / adaquant.heldOutError,
        speed: adaquant.cpuSeconds / gram.cpuSeconds,
        wallSpeed: adaquant.wallSeconds / gram.wallSeconds,
      });
    }
  }
  await products.close();
  report(rows);
  console.log('gram, input range scanned, against');
  console.log(JSON.stringify(ratios, null, 1));
  mkdirSync(join(__dirname, 'results'), { recursive: true });
  writeFileSync(
    join(__dirname, 'results', 'optimizers.json'),
    JSON.stringify({ bench: 'optimizers', steps: STEPS, samples: SAMPLES, rows, ratios }, null, 2),
  );
}

void main();
