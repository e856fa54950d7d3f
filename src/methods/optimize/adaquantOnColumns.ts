import {
  codesToWeight,
  rowGroupOf,
  type InferenceRunner,
  type Layer,
  type RunnerFactory,
  type TensorData,
} from '../../analysis';
import { seededRandom } from '../../base/random';
import {
  adamInto,
  asymmetricGrid,
  decibels,
  roundHalfEven,
  scaleGradientInto,
  signedRange,
  sumOfSquares,
  symmetricScale,
  type QuantGrid,
} from '../../kernels';
import { DataType, serializeModel } from '../../onnx';
import type { SampledColumns } from '../moments';
import type { QuantizedWeight } from '../quantize';
import { adaquantGraph } from './adaquantGraph';
import { badColumns } from './errors';
import { biasOf, layerTask, type LayerTask } from './layerInput';

export interface ColumnData {
  /** Columns of the layer's input, sample by sample: the first `positionsPerSample` belong to the first sample. */
  readonly input: SampledColumns;
  /** Columns of the float network, where `input` comes from the compressed one. @default `input` */
  readonly target?: SampledColumns;
  readonly positionsPerSample: number;
}

export interface ColumnAdaquantOptions {
  /** 2 to 8; per-channel scales on the narrow signed grid. */
  readonly bits: number;
  /** Grid of the input: its width and the range it starts from. */
  readonly activation: { readonly bits: number; readonly lo: number; readonly hi: number };
  /** Whether the range of the input is learned. @default true */
  readonly learnActivation?: boolean;
  /** The output goes straight into a Relu: only what it lets through counts. @default false */
  readonly reluAware?: boolean;
  /** Samples in a step. @default 50 */
  readonly batch?: number;
  /** @default 1000 */
  readonly iterations?: number;
  /** The authors' absolute rates, or the same relative to scales and ranges. @default 'scaled' */
  readonly rates?: 'scaled' | 'literal';
  /** Steps between two looks at the loss on all columns; the best look is kept. 0: the last step is. @default 100 */
  readonly lookEvery?: number;
  readonly seed?: number;
  /** @default all cores */
  readonly threads?: number;
}

export interface ColumnAdaquantResult {
  readonly weight: QuantizedWeight;
  /** One per output channel. */
  readonly bias: Float32Array;
  readonly activation: QuantGrid;
  /** Mean squared error per output element on all columns: before the first step and of the result. */
  readonly loss: { readonly before: number; readonly after: number };
}

/**
 * AdaQuant as the authors run it (Hubara et al., ICML 2021, section 3; their published code): mini-batches of 50 samples, four
 * Adams for the weight, the bias, the scales of the weight and the range of the input, 1000 steps of constant rate, mean squared
 * error of the output, optionally behind its Relu. A reference to compare with: the quadratic form needs a hundredth of the
 * work, but knows neither Relu nor other ranges of the input than the one it was made for.
 *
 * Differs from the code in three things: the bias stays float (the format stores it as int32 at s_x · s_w, finer than theirs), weights are
 * on the symmetric grid, and the best look at all columns is kept instead of the last step.
 *
 * Cost: 3 · rows · n · batch · positions multiply-adds per step, in ONNX Runtime.
 * Throws LatheError `optimize/columns` and those of `optimizeLayer`.
 */
export async function adaquantOnColumns(
  layer: Layer,
  columns: ColumnData,
  factory: RunnerFactory,
  options: ColumnAdaquantOptions,
): Promise<ColumnAdaquantResult> {
  const task = layerTask(layer, {
    bits: options.bits,
    granularity: 'per-channel',
    symmetric: true,
    moments: undefined,
  });
  if (task.sets !== task.layout.rows) {
    throw badColumns(layer.name, 'its rows share scales, which this reference does not do');
  }
  const { input, target = input, positionsPerSample } = columns;
  for (const part of [input, target]) {
    if (part.size !== task.layout.columns || part.groups.length !== task.layout.rowGroups) {
      throw badColumns(layer.name, `they are ${part.groups.length} groups of size ${part.size}`);
    }
  }
  const samples = input.count / positionsPerSample;
  if (!Number.isInteger(samples) || samples < 1 || target.count !== input.count) {
    throw badColumns(layer.name, `${input.count} columns are not whole samples of ${positionsPerSample}`);
  }
  const runner = await factory.create(serializeModel(adaquantGraph(options.reluAware ?? false)), {
    mode: 'deploy',
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  try {
    return await new ColumnFit(task, columns, samples, runner, options).run();
  } finally {
    await runner.release();
  }
}

/** Of the authors' code. */
const LITERAL = { weight: 1e-5, bias: 1e-3, weightRange: 1e-3, inputRange: 0.1 };
/** The same relative to a step of the weight's grid, the output's size, and the ranges, on the layers they are meant for. */
const SCALED = { weight: 3e-4, bias: 1e-3, weightRange: 2.5e-3, inputRange: 1.5e-2 };

class Parameters {
  readonly gradients: Float64Array;
  private readonly first: Float64Array;
  private readonly second: Float64Array;

  constructor(
    readonly values: Float64Array,
    private readonly rates: Float64Array,
  ) {
    this.gradients = new Float64Array(values.length);
    this.first = new Float64Array(values.length);
    this.second = new Float64Array(values.length);
  }

  /** `rates` has one entry per run of equal length. */
  move(step: number): void {
    const run = this.values.length / this.rates.length;
    for (let i = 0; i < this.rates.length; i++) {
      adamInto(this.values, this.gradients, this.first, this.second, i * run, run, this.rates[i]!, step);
    }
  }
}

interface Snapshot {
  readonly loss: number;
  readonly steps: Float64Array;
  readonly scales: Float64Array;
  readonly bias: Float64Array;
  readonly input: QuantGrid;
}

class ColumnFit {
  private readonly outputs: readonly Float32Array[];
  private readonly weight: Parameters;
  private readonly scales: Parameters;
  private readonly bias: Parameters;
  /** Range and minimum of the input. */
  private readonly input: Parameters;
  private readonly levels: number;
  private readonly top: number;

  constructor(
    private readonly task: LayerTask,
    private readonly columns: ColumnData,
    private readonly samples: number,
    private readonly runner: InferenceRunner,
    private readonly options: ColumnAdaquantOptions,
  ) {
    const { rows, columns: size } = task.layout;
    this.outputs = targetOutputs(task, columns.target ?? columns.input);
    this.top = signedRange(task.bits, true).qmax;
    const { lo, hi, bits } = options.activation;
    this.levels = 2 ** bits - 1;
    const literal = options.rates === 'literal';
    const scales = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let max = 0;
      for (let i = row * size; i < (row + 1) * size; i++) {
        max = Math.max(max, Math.abs(task.weight[i]!));
      }
      scales[row] = symmetricScale(max, task.bits);
    }
    const perRow = (rate: (scale: number) => number): Float64Array => scales.map(rate);
    this.weight = new Parameters(
      Float64Array.from(task.weight),
      perRow((s) => (literal ? LITERAL.weight : SCALED.weight * s)),
    );
    this.scales = new Parameters(
      scales,
      perRow((s) => (literal ? LITERAL.weightRange / (2 * this.top) : SCALED.weightRange * s)),
    );
    const power = this.outputs.reduce((sum, part) => sum + sumOfSquares(part, 0, part.length), 0);
    const size0 = Math.sqrt(power / (rows * columns.input.count));
    this.bias = new Parameters(
      Float64Array.from({ length: rows }, (_, row) => task.bias[biasOf(task, row)]!),
      Float64Array.of(literal ? LITERAL.bias : SCALED.bias * size0),
    );
    const range = Math.max(Math.max(hi, 0) - Math.min(lo, 0), 1e-6);
    const inputRate = literal ? LITERAL.inputRange : SCALED.inputRange * range;
    this.input = new Parameters(Float64Array.of(range, Math.min(lo, 0)), Float64Array.of(inputRate));
  }

  async run(): Promise<ColumnAdaquantResult> {
    const { options, samples } = this;
    const { iterations = 1000, batch = 50, lookEvery = 100, seed = 1 } = options;
    const random = seededRandom(seed);
    const order = Int32Array.from({ length: samples }, (_, i) => i);
    const taken = Math.min(batch, samples);
    let best = await this.look(taken);
    const before = best.loss;
    for (let step = 1; step <= iterations; step++) {
      // The first `taken` of a partial shuffle: samples without replacement.
      for (let i = 0; i < taken; i++) {
        const other = i + Math.floor(random() * (samples - i));
        const held = order[i]!;
        order[i] = order[other]!;
        order[other] = held;
      }
      await this.step(order.subarray(0, taken), step);
      const last = step === iterations;
      if (last || (lookEvery > 0 && step % lookEvery === 0)) {
        const now = await this.look(taken);
        if (now.loss < best.loss || lookEvery === 0) {
          best = now;
        }
      }
    }
    return this.result(best, before);
  }

  private grid(): QuantGrid {
    const range = this.input.values[0]!;
    const minimum = this.input.values[1]!;
    // ONNX grids hold 0: the range is the learned one, its zero point rounded as theirs is.
    return asymmetricGrid(minimum, minimum + Math.max(range, 1e-6), this.options.activation.bits);
  }

  /** Codes − zero point of the weight at present. */
  private steps(): Float64Array {
    const { columns: size } = this.task.layout;
    const { mask } = this.task;
    const { values } = this.weight;
    const steps = new Float64Array(values.length);
    for (let i = 0; i < steps.length; i++) {
      if (mask === undefined || mask[i] !== 0) {
        const quotient = values[i]! / this.scales.values[Math.floor(i / size)]!;
        steps[i] = roundHalfEven(Math.min(this.top, Math.max(-this.top, quotient)));
      }
    }
    return steps;
  }

  private async evaluate(chosen: Int32Array, gradients: boolean): Promise<Map<string, TensorData>> {
    const { task, columns, runner } = this;
    const { columns: size, rows, rowGroups } = task.layout;
    const positions = columns.positionsPerSample;
    const width = chosen.length * positions;
    const perGroup = rows / rowGroups;
    const x = new Float32Array(rowGroups * size * width);
    const y = new Float32Array(rows * width);
    gather(columns.input.groups, size, columns.input.count, chosen, positions, x);
    gather(this.outputs, perGroup, columns.input.count, chosen, positions, y);
    const steps = this.steps();
    const weight = Float32Array.from(steps, (v, i) => v * this.scales.values[Math.floor(i / size)]!);
    const grid = this.grid();
    const feeds = new Map<string, TensorData>();
    const feed = (name: string, dims: readonly number[], data: Float32Array): void => {
      feeds.set(name, { type: DataType.FLOAT, dims, data });
    };
    feed('x', [rowGroups, size, width], x);
    feed('target', [rowGroups, perGroup, width], y);
    feed('weight', [rowGroups, perGroup, size], weight);
    feed('bias', [rowGroups, perGroup, 1], Float32Array.from(this.bias.values));
    feed('scale', [], Float32Array.of(grid.scale));
    feed('low', [], Float32Array.of(grid.qmin - grid.zeroPoint));
    feed('high', [], Float32Array.of(grid.qmax - grid.zeroPoint));
    return await runner.run(feeds, gradients ? undefined : ['loss']);
  }

  private async step(chosen: Int32Array, step: number): Promise<void> {
    const { task, input, levels } = this;
    const { columns: size, rows } = task.layout;
    const out = await this.evaluate(chosen, true);
    const upstream = Float64Array.from(floats(out, 'weightGradient'));
    for (let row = 0; row < rows; row++) {
      this.scales.gradients[row] = scaleGradientInto(
        this.weight.values,
        row * size,
        size,
        this.scales.values[row]!,
        -this.top,
        this.top,
        upstream,
        row * size,
        this.weight.gradients,
        row * size,
      );
    }
    this.bias.gradients.set(floats(out, 'biasGradient'));
    this.weight.move(step);
    this.scales.move(step);
    for (let row = 0; row < rows; row++) {
      this.scales.values[row] = Math.max(this.scales.values[row]!, 2 ** -126);
    }
    this.bias.move(step);
    if (this.options.learnActivation !== false) {
      const inside = floats(out, 'inside')[0]!;
      const outside = floats(out, 'outside')[0]!;
      const minimum = input.values[1]!;
      const exact = roundHalfEven((-minimum * levels) / input.values[0]!);
      const free = exact >= 0 && exact <= levels && minimum < 0;
      input.gradients[0] = (inside + (free ? ((-minimum * levels) / input.values[0]!) * outside : 0)) / levels;
      input.gradients[1] = free ? outside : 0;
      input.move(step);
      input.values[0] = Math.max(input.values[0]!, 1e-6);
      input.values[1] = Math.min(input.values[1]!, 0);
    }
  }

  /** The loss on all columns, and what gave it. */
  private async look(batch: number): Promise<Snapshot> {
    let sum = 0;
    for (let first = 0; first < this.samples; first += batch) {
      const chosen = Int32Array.from({ length: Math.min(batch, this.samples - first) }, (_, i) => first + i);
      sum += floats(await this.evaluate(chosen, false), 'loss')[0]! * chosen.length;
    }
    return {
      loss: sum / this.samples,
      steps: this.steps(),
      scales: this.scales.values.slice(),
      bias: this.bias.values.slice(),
      input: this.grid(),
    };
  }

  private result(best: Snapshot, before: number): ColumnAdaquantResult {
    const { task } = this;
    const { layout, layer, bits } = task;
    let noise = 0;
    best.steps.forEach((v, i) => {
      noise += (v * Math.fround(best.scales[Math.floor(i / layout.columns)]!) - task.weight[i]!) ** 2;
    });
    return {
      weight: {
        layer: layer.name,
        bits,
        scales: Float32Array.from(best.scales),
        zeroPoints: new Int32Array(best.scales.length),
        codes: codesToWeight(layout, Int32Array.from(best.steps)),
        shape: layer.weight.shape,
        qmin: -this.top,
        qmax: this.top,
        axis: layer.weight.outAxis,
        symmetric: true,
        range: 'output-mse',
        note: undefined,
        sqnr: decibels(sumOfSquares(task.weight, 0, task.weight.length), noise),
      },
      bias: Float32Array.from(best.bias, (b) => b * task.biasUnit),
      activation: best.input,
      loss: { before, after: best.loss },
    };
  }
}

/** w x + b of every column, per group row-major [rows of the group, columns]. */
function targetOutputs(task: LayerTask, columns: SampledColumns): Float32Array[] {
  const { rows, columns: size, rowGroups } = task.layout;
  const { count } = columns;
  const perGroup = rows / rowGroups;
  const outputs = columns.groups.map(() => new Float32Array(perGroup * count));
  const sum = new Float64Array(count);
  for (let row = 0; row < rows; row++) {
    const group = rowGroupOf(task.layout, row);
    const data = columns.groups[group]!;
    sum.fill(task.bias[biasOf(task, row)]!);
    for (let i = 0; i < size; i++) {
      const w = task.target[row * size + i]!;
      for (let k = 0, at = i * count; k < count; k++, at++) {
        sum[k]! += w * data[at]!;
      }
    }
    outputs[group]!.set(sum, (row % perGroup) * count);
  }
  return outputs;
}

/** The columns of the chosen samples, side by side. */
function gather(
  groups: readonly Float32Array[],
  rows: number,
  count: number,
  chosen: Int32Array,
  positions: number,
  out: Float32Array,
): void {
  let to = 0;
  for (const data of groups) {
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < chosen.length; i++, to += positions) {
        const from = row * count + chosen[i]! * positions;
        for (let k = 0; k < positions; k++) {
          out[to + k] = data[from + k]!;
        }
      }
    }
  }
}

function floats(values: ReadonlyMap<string, TensorData>, name: string): Float32Array {
  return values.get(name)!.data as Float32Array;
}
