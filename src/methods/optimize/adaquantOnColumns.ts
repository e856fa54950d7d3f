import {
  codesToWeight,
  rowGroupOf,
  type InferenceRunner,
  type Layer,
  type RunnerFactory,
  type TensorData,
} from '../../analysis';
import { throwIfCancelled } from '../../base/errors';
import { seededRandom } from '../../base/random';
import {
  adamInto,
  asymmetricGrid,
  decibels,
  rangeGradientsInto,
  roundHalfEven,
  scaleGradientInto,
  signedRange,
  sumOfSquares,
  unsignedRange,
  type QuantGrid,
} from '../../kernels';
import { DataType, serializeModel } from '../../onnx';
import type { SampledColumns } from '../moments';
import { activationGrid } from '../quantize';
import { adaquantGraph, type OutputBounds } from './adaquantGraph';
import { badColumns } from './errors';
import { GridSearch, roundToNearest } from './gridSearch';
import { biasOf, layerTask, type LayerTask } from './layerInput';
import type { OptimizedWeight, OutputErrors } from './optimizedWeight';
import type { RowSet, StepGrid } from './rowSet';
import { usable } from './solveGram';

export interface ColumnData {
  /** Columns of the layer's input, sample by sample: the first `positionsPerSample` belong to the first sample. */
  readonly input: SampledColumns;
  /** Columns of the float network, where `input` comes from the compressed one. @default `input` */
  readonly target?: SampledColumns;
  readonly positionsPerSample: number;
}

/** Grid of a layer's input: its width and the range it starts from. */
export interface ColumnActivation {
  readonly bits: number;
  readonly lo: number;
  readonly hi: number;
  /** Codes about a zero point of 0. @default false */
  readonly symmetric?: boolean;
  /** The grid itself, for one that is not learned. @default that of the range */
  readonly grid?: QuantGrid;
}

export interface ColumnAdaquantOptions {
  /** 2 to 8. */
  readonly bits: number;
  /** @default 'per-channel' */
  readonly granularity?: 'per-channel' | 'per-tensor';
  /** Narrow signed grid with zero point 0, or unsigned with a zero point. @default true */
  readonly symmetric?: boolean;
  /** Where codes start from, in matrix order. @default the layer's weight */
  readonly weight?: Float32Array;
  /** The weight whose output is to be met, in matrix order. @default `weight` */
  readonly target?: Float32Array;
  /** In matrix order, 1 = kept. Entries with 0 become the zero point exactly. */
  readonly mask?: Uint8Array;
  /** Whether the bias may move. @default true */
  readonly refitBias?: boolean;
  /** Undefined: the input stays float. */
  readonly activation: ColumnActivation | undefined;
  /** Whether the range of the input is learned. @default true */
  readonly learnActivation?: boolean;
  /** What all readers see the output through, such as a Relu: only what it lets through counts. @default everything */
  readonly clip?: OutputBounds | undefined;
  /** Samples in a step. @default 50 */
  readonly batch?: number;
  /** @default 1000 */
  readonly iterations?: number;
  /** The authors' absolute rates, or the same relative to scales and ranges. @default 'scaled' */
  readonly rates?: 'scaled' | 'literal';
  /** Steps between two looks at the loss on all columns; the best look is kept. 0: the last step is. @default 100 */
  readonly lookEvery?: number;
  /** Every so many-th of 20 samples or more is not fitted to but judges; 0: none is. @default 0 */
  readonly heldOutEvery?: number;
  readonly seed?: number;
  /** @default all cores */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ColumnAdaquantResult extends OptimizedWeight {
  /** One per output channel. Undefined when it was not to move. */
  readonly bias: Float32Array | undefined;
  /** Undefined: the input stays float. */
  readonly activation: QuantGrid | undefined;
  /** Mean squared error per output element on all fitted columns, behind `clip`: before the first step and of the result. */
  readonly loss: { readonly before: number; readonly after: number };
}

/** Samples from which on some are held out. */
const FEWEST_FOR_HOLDING_OUT = 20;

/**
 * AdaQuant as the authors run it (Hubara et al., ICML 2021, section 3; their published code): mini-batches of 50 samples, four
 * Adams for the weight, the bias, the scales of the weight and the range of the input, 1000 steps of constant rate, mean squared
 * error of the output, behind the Relu or Clip that alone reads it. The quadratic form (`optimizeLayer`) needs a hundredth of
 * the work, but knows neither Relu nor other ranges of the input than the one it was made for.
 *
 * Differs from the code in three things: the bias stays float (the format stores it as int32 at s_x · s_w, finer than theirs),
 * weights are on the symmetric grid where asked for, and the best look at all columns is kept instead of the last step. With
 * held-out samples, what is worse on them than rounding to nearest is not kept either.
 *
 * `errors` are of the output behind `clip`. Cost: 3 · rows · n · batch · positions multiply-adds per step, in ONNX Runtime.
 * Throws LatheError `optimize/columns` and those of `optimizeLayer`.
 */
export async function adaquantOnColumns(
  layer: Layer,
  columns: ColumnData,
  factory: RunnerFactory,
  options: ColumnAdaquantOptions,
): Promise<ColumnAdaquantResult> {
  const { weight, target: targetWeight, mask } = options;
  const task = layerTask(layer, {
    bits: options.bits,
    granularity: options.granularity ?? 'per-channel',
    symmetric: options.symmetric ?? true,
    moments: undefined,
    ...(weight === undefined ? {} : { weight }),
    ...(targetWeight === undefined ? {} : { target: targetWeight }),
    ...(mask === undefined ? {} : { mask }),
  });
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
  const clip = boundsOfProduct(task, options.clip);
  const graph = adaquantGraph(clip, options.activation === undefined);
  const runner = await factory.create(serializeModel(graph), {
    mode: 'deploy',
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  try {
    return await new ColumnFit(task, columns, samples, runner, clip, options).run();
  } finally {
    await runner.release();
  }
}

/** The bounds in units of the layer's product: Gemm's alpha taken out. */
function boundsOfProduct({ layer }: LayerTask, clip: OutputBounds | undefined): OutputBounds | undefined {
  const alpha = layer.kind === 'Gemm' ? layer.node.float('alpha', 1) : 1;
  return clip === undefined || !(alpha > 0) ? undefined : { low: clip.low / alpha, high: clip.high / alpha };
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

/** A layer as it could be exported. */
interface State {
  /** Code − zero point, in matrix order. */
  readonly steps: Float64Array;
  /** One per set of rows. */
  readonly grids: readonly StepGrid[];
  /** As `LayerTask.bias`. */
  readonly bias: Float64Array;
  readonly input: QuantGrid | undefined;
}

class ColumnFit {
  private readonly outputs: readonly Float32Array[];
  private readonly weight: Parameters;
  /** Scale of each set of rows, or its range where it has a zero point. */
  private readonly ranges: Parameters;
  /** Lowest weight of each set of rows with a zero point. */
  private readonly minima: Parameters;
  private readonly bias: Parameters;
  /** Range and minimum of the input; its scale alone where it is symmetric. */
  private readonly input: Parameters | undefined;
  private readonly startInput: QuantGrid | undefined;
  /** Codes of the weight, less one. */
  private readonly levels: number;
  private readonly plain: State;
  private readonly fitted: Int32Array;
  private readonly heldOut: Int32Array;

  constructor(
    private readonly task: LayerTask,
    private readonly columns: ColumnData,
    samples: number,
    private readonly runner: InferenceRunner,
    private readonly clip: OutputBounds | undefined,
    private readonly options: ColumnAdaquantOptions,
  ) {
    const { layout, sets, symmetric } = task;
    const { activation, heldOutEvery = 0 } = options;
    this.outputs = targetOutputs(task, columns.target ?? columns.input);
    this.levels = symmetric ? 2 * signedRange(task.bits, true).qmax : unsignedRange(task.bits).qmax;
    const isHeldOut = (sample: number): boolean =>
      heldOutEvery > 0 && samples >= FEWEST_FOR_HOLDING_OUT && (sample + 1) % heldOutEvery === 0;
    const all = Int32Array.from({ length: samples }, (_, i) => i);
    this.fitted = all.filter((sample) => !isHeldOut(sample));
    this.heldOut = all.filter(isHeldOut);
    this.startInput =
      activation &&
      (activation.grid ?? activationGrid(activation.lo, activation.hi, activation.bits, activation.symmetric ?? false));
    const searches = Array.from({ length: sets }, (_, set) => new GridSearch(rowsOf(task, set), task.bits, symmetric));
    this.plain = this.rounded(searches);

    const literal = options.rates === 'literal';
    const starts = searches.map((search) => search.at(1));
    const ranges = Float64Array.from(starts, ({ scale }) => (symmetric ? scale : scale * this.levels));
    const rangeRates = ranges.map((range) =>
      literal ? LITERAL.weightRange / (symmetric ? this.levels : 1) : SCALED.weightRange * range,
    );
    this.ranges = new Parameters(ranges, rangeRates);
    this.minima = new Parameters(
      Float64Array.from(starts, ({ scale, zeroPoint }) => -scale * zeroPoint),
      rangeRates.slice(),
    );
    this.weight = new Parameters(
      Float64Array.from(task.weight),
      Float64Array.from({ length: layout.rows }, (_, row) =>
        literal ? LITERAL.weight : SCALED.weight * starts[row % sets]!.scale,
      ),
    );
    const size = Math.sqrt(
      this.outputs.reduce((sum, part) => sum + sumOfSquares(part, 0, part.length), 0) /
        (layout.rows * columns.input.count),
    );
    this.bias = new Parameters(task.bias.slice(), Float64Array.of(literal ? LITERAL.bias : SCALED.bias * size));
    if (activation !== undefined && options.learnActivation !== false) {
      const { lo, hi } = activation;
      const { scale, qmax, qmin } = this.startInput!;
      if (activation.symmetric === true) {
        const rate = literal ? LITERAL.inputRange / (qmax - qmin) : SCALED.inputRange * scale;
        this.input = new Parameters(Float64Array.of(scale), Float64Array.of(rate));
      } else {
        const range = Math.max(Math.max(hi, 0) - Math.min(lo, 0), SMALLEST_RANGE);
        const rate = literal ? LITERAL.inputRange : SCALED.inputRange * range;
        this.input = new Parameters(Float64Array.of(range, Math.min(lo, 0)), Float64Array.of(rate));
      }
    }
  }

  async run(): Promise<ColumnAdaquantResult> {
    const { options, fitted } = this;
    const { iterations = 1000, batch = 50, lookEvery = 100, seed = 1 } = options;
    const random = seededRandom(seed);
    const order = fitted.slice();
    const taken = Math.min(batch, order.length);
    let best = this.state();
    const before = await this.loss(best, fitted);
    let least = before;
    for (let step = 1; step <= iterations; step++) {
      // The first `taken` of a partial shuffle: samples without replacement.
      for (let i = 0; i < taken; i++) {
        const other = i + Math.floor(random() * (order.length - i));
        const held = order[i]!;
        order[i] = order[other]!;
        order[other] = held;
      }
      await this.step(order.subarray(0, taken), step);
      const last = step === iterations;
      if (last || (lookEvery > 0 && step % lookEvery === 0)) {
        throwIfCancelled(options.signal);
        const now = this.state();
        const loss = await this.loss(now, fitted);
        if (loss < least || lookEvery === 0) {
          best = now;
          least = loss;
        }
      }
    }
    return await this.result(best, before, least);
  }

  /** The layer with its weights rounded to nearest at the scale of least weight error, everything else as it is. */
  private rounded(searches: readonly GridSearch[]): State {
    const { task } = this;
    const { rows, columns: size } = task.layout;
    const steps = new Float64Array(rows * size);
    const grids = searches.map((search, set) => {
      const grid = search.isEmpty ? search.at(1) : search.at(search.leastWeightedError(true));
      const found = roundToNearest(rowsOf(task, set), grid);
      for (let row = set, from = 0; row < rows; row += task.sets, from += size) {
        steps.set(found.subarray(from, from + size), row * size);
      }
      return grid;
    });
    return { steps, grids, bias: task.bias, input: this.startInput };
  }

  /** What the parameters stand for at present. */
  private state(): State {
    const { task, ranges, minima, levels } = this;
    const { columns: size } = task.layout;
    const grids = Array.from(ranges.values, (range, set): StepGrid => {
      if (task.symmetric) {
        return { scale: usable(range), zeroPoint: 0, low: -levels / 2, high: levels / 2 };
      }
      const scale = usable(range / levels);
      const zeroPoint = Math.min(levels, Math.max(0, roundHalfEven(-minima.values[set]! / scale)));
      return { scale, zeroPoint, low: -zeroPoint, high: levels - zeroPoint };
    });
    const { values } = this.weight;
    const steps = new Float64Array(values.length);
    for (let i = 0; i < steps.length; i++) {
      if (task.mask === undefined || task.mask[i] !== 0) {
        const { scale, low, high } = grids[Math.floor(i / size) % task.sets]!;
        steps[i] = roundHalfEven(Math.min(high, Math.max(low, values[i]! / scale)));
      }
    }
    return { steps, grids, bias: this.bias.values.slice(), input: this.inputGrid() };
  }

  private inputGrid(): QuantGrid | undefined {
    const { input, startInput } = this;
    if (startInput === undefined || input === undefined) {
      return startInput;
    }
    if (this.isInputSymmetric) {
      return { ...startInput, scale: usable(input.values[0]!) };
    }
    const [range, minimum] = [input.values[0]!, input.values[1]!];
    // ONNX grids hold 0: the range is the learned one, its zero point rounded as theirs is.
    return asymmetricGrid(minimum, minimum + Math.max(range, SMALLEST_RANGE), this.options.activation!.bits);
  }

  private get isInputSymmetric(): boolean {
    return this.options.activation?.symmetric === true;
  }

  private async evaluate(
    { steps, grids, bias, input }: State,
    chosen: Int32Array,
    gradients: boolean,
  ): Promise<Map<string, TensorData>> {
    const { task, columns, runner } = this;
    const { columns: size, rows, rowGroups } = task.layout;
    const positions = columns.positionsPerSample;
    const width = chosen.length * positions;
    const perGroup = rows / rowGroups;
    const x = new Float32Array(rowGroups * size * width);
    const y = new Float32Array(rows * width);
    gather(columns.input.groups, size, columns.input.count, chosen, positions, x);
    gather(this.outputs, perGroup, columns.input.count, chosen, positions, y);
    const feeds = new Map<string, TensorData>();
    const feed = (name: string, dims: readonly number[], data: Float32Array): void => {
      feeds.set(name, { type: DataType.FLOAT, dims, data });
    };
    feed('x', [rowGroups, size, width], x);
    feed('target', [rowGroups, perGroup, width], y);
    feed(
      'weight',
      [rowGroups, perGroup, size],
      Float32Array.from(steps, (v, i) => v * grids[Math.floor(i / size) % task.sets]!.scale),
    );
    const biases = Float32Array.from({ length: rows }, (_, row) => bias[biasOf(task, row)]!);
    feed('bias', [rowGroups, perGroup, 1], biases);
    if (input !== undefined) {
      feed('scale', [], Float32Array.of(input.scale));
      feed('low', [], Float32Array.of(input.qmin - input.zeroPoint));
      feed('high', [], Float32Array.of(input.qmax - input.zeroPoint));
    }
    return await runner.run(feeds, gradients ? undefined : ['loss']);
  }

  private async step(chosen: Int32Array, step: number): Promise<void> {
    const state = this.state();
    const out = await this.evaluate(state, chosen, true);
    this.moveWeights(state, floats(out, 'weightGradient'), step);
    if (this.options.refitBias !== false) {
      const { bias, task } = this;
      bias.gradients.fill(0);
      floats(out, 'biasGradient').forEach((gradient, row) => (bias.gradients[biasOf(task, row)]! += gradient));
      bias.move(step);
    }
    if (this.input !== undefined) {
      this.moveInput(this.input, floats(out, 'inside')[0]!, floats(out, 'outside')[0]!, step);
    }
  }

  /** @param gradient at the dequantised weight */
  private moveWeights({ grids }: State, gradient: Float32Array, step: number): void {
    const { task, weight, ranges, minima, levels } = this;
    const { columns: size, rows } = task.layout;
    const upstream = Float64Array.from(gradient);
    // Pruned weights are no variables: neither they nor the scale may follow them.
    task.mask?.forEach((kept, i) => (upstream[i] = kept === 0 ? 0 : upstream[i]!));
    ranges.gradients.fill(0);
    minima.gradients.fill(0);
    const sums = new Float64Array(2);
    for (let row = 0; row < rows; row++) {
      const set = row % task.sets;
      const at = row * size;
      if (task.symmetric) {
        const { scale, low, high } = grids[set]!;
        ranges.gradients[set]! += scaleGradientInto(
          weight.values,
          at,
          size,
          scale,
          low,
          high,
          upstream,
          at,
          weight.gradients,
          at,
        );
      } else {
        const [range, minimum] = [ranges.values[set]!, minima.values[set]!];
        sums.fill(0);
        rangeGradientsInto(weight.values, at, size, range, minimum, levels, upstream, at, weight.gradients, at, sums);
        ranges.gradients[set]! += sums[0]!;
        minima.gradients[set]! += sums[1]!;
      }
    }
    weight.move(step);
    ranges.move(step);
    for (let set = 0; set < task.sets; set++) {
      ranges.values[set] = Math.max(ranges.values[set]!, 2 ** -126);
    }
    if (!task.symmetric) {
      minima.move(step);
    }
  }

  private moveInput(input: Parameters, inside: number, outside: number, step: number): void {
    if (this.isInputSymmetric) {
      input.gradients[0] = inside;
      input.move(step);
      input.values[0] = Math.max(input.values[0]!, 2 ** -126);
      return;
    }
    const levels = 2 ** this.options.activation!.bits - 1;
    const range = input.values[0]!;
    const minimum = input.values[1]!;
    const exact = roundHalfEven((-minimum * levels) / range);
    const free = exact >= 0 && exact <= levels && minimum < 0;
    input.gradients[0] = (inside + (free ? ((-minimum * levels) / range) * outside : 0)) / levels;
    input.gradients[1] = free ? outside : 0;
    input.move(step);
    input.values[0] = Math.max(input.values[0]!, SMALLEST_RANGE);
    input.values[1] = Math.min(input.values[1]!, 0);
  }

  /** Mean squared error per output element on some samples. */
  private async loss(state: State, samples: Int32Array): Promise<number> {
    const { batch = 50 } = this.options;
    let sum = 0;
    for (let first = 0; first < samples.length; first += batch) {
      const chosen = samples.subarray(first, Math.min(first + batch, samples.length));
      sum += floats(await this.evaluate(state, chosen, false), 'loss')[0]! * chosen.length;
    }
    return sum / samples.length;
  }

  private async errors(state: State, samples: Int32Array): Promise<OutputErrors | undefined> {
    if (samples.length === 0) {
      return undefined;
    }
    const power = this.power(samples);
    const [rtn, result] = [await this.loss(this.plain, samples), await this.loss(state, samples)];
    return power > 0 ? { rtn: rtn / power, result: result / power } : { rtn: 0, result: 0 };
  }

  /** Mean square of the output that is to be met, behind `clip`. */
  private power(samples: Int32Array): number {
    const { low, high } = this.clip ?? { low: -Infinity, high: Infinity };
    const { positionsPerSample, input } = this.columns;
    let sum = 0;
    for (const part of this.outputs) {
      for (let row = 0; row < part.length; row += input.count) {
        for (const sample of samples) {
          const from = row + sample * positionsPerSample;
          for (let k = from; k < from + positionsPerSample; k++) {
            sum += Math.min(high, Math.max(low, part[k]!)) ** 2;
          }
        }
      }
    }
    return sum / (this.task.layout.rows * samples.length * positionsPerSample);
  }

  private async result(best: State, before: number, after: number): Promise<ColumnAdaquantResult> {
    const { fitted, heldOut, plain } = this;
    const errors = { fit: await this.errors(best, fitted), heldOut: await this.errors(best, heldOut) };
    if (errors.heldOut === undefined || errors.heldOut.result <= errors.heldOut.rtn) {
      return this.exported(best, errors, { before, after });
    }
    const of = (part: OutputErrors | undefined): OutputErrors | undefined =>
      part && { rtn: part.rtn, result: part.rtn };
    const loss = await this.loss(plain, fitted);
    return this.exported(plain, { fit: of(errors.fit), heldOut: of(errors.heldOut) }, { before, after: loss });
  }

  private exported(
    { steps, grids, bias, input }: State,
    errors: ColumnAdaquantResult['errors'],
    loss: ColumnAdaquantResult['loss'],
  ): ColumnAdaquantResult {
    const { task } = this;
    const { layout, layer, bits, sets, symmetric } = task;
    const gridOf = (i: number): StepGrid => grids[Math.floor(i / layout.columns) % sets]!;
    const { qmin, qmax } = symmetric ? signedRange(bits, true) : unsignedRange(bits);
    let noise = 0;
    steps.forEach((v, i) => (noise += (v * gridOf(i).scale - task.weight[i]!) ** 2));
    const perChannel = (this.options.granularity ?? 'per-channel') === 'per-channel' && task.obstacle === undefined;
    return {
      weight: {
        layer: layer.name,
        bits,
        scales: Float32Array.from(grids, ({ scale }) => scale),
        zeroPoints: Int32Array.from(grids, ({ zeroPoint }) => zeroPoint),
        codes: codesToWeight(
          layout,
          Int32Array.from(steps, (v, i) => v + gridOf(i).zeroPoint),
        ),
        shape: layer.weight.shape,
        qmin,
        qmax,
        axis: sets > 1 || perChannel ? layer.weight.outAxis : undefined,
        symmetric,
        range: 'output-mse',
        note: task.obstacle,
        sqnr: decibels(sumOfSquares(task.weight, 0, task.weight.length), noise),
      },
      bias: this.options.refitBias === false ? undefined : Float32Array.from(bias, (b) => b * task.biasUnit),
      activation: input,
      method: 'adaquant',
      errors,
      note: task.obstacle,
      loss,
    };
  }
}

/** Of an input: a layer that reads nothing but zeros still needs a grid. */
const SMALLEST_RANGE = 1e-6;

/** The rows of a layer that share one scale. */
function rowsOf(task: LayerTask, set: number): RowSet {
  const { columns: size, rows } = task.layout;
  const count = Math.ceil((rows - set) / task.sets);
  const centre = new Float64Array(count * size);
  const mask = task.mask === undefined ? undefined : new Uint8Array(count * size);
  for (let row = set, to = 0; row < rows; row += task.sets, to += size) {
    centre.set(task.weight.subarray(row * size, (row + 1) * size), to);
    mask?.set(task.mask!.subarray(row * size, (row + 1) * size), to);
  }
  return { size, count, problems: [], centre, c: new Float64Array(0), mask };
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
