import type { InferenceRunner, Layer, RunnerFactory, ShapeTable, TensorData } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import { seededRandom } from '../base/random';
import { adamInto, gridRange, softmaxRowsInto } from '../kernels';
import { studentNetwork } from '../methods';
import type { GridWithRange, Student, StudentLayer, StudentParameter } from '../methods';
import { DataType } from '../onnx';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import { feedsFor } from './cutWalker';
import type { Dataset } from './data/dataset';
import { floatValues } from './floatTensor';
import { FINE_INPUT_BITS } from './layerCandidates';
import { EMPTY_LOSS, addLoss, meanLoss } from './networkLoss';
import type { NetworkLoss } from './networkLoss';
import { sampleBatches } from './sampleBatches';
import type { SampleRange } from './sampleBatches';

type InputGrid = GridWithRange & { readonly bits: number };

export interface DistillationOptions {
  /** The network with its weights as they will be, in float; changed. */
  readonly model: Model;
  /** Layers of that model in node order. */
  readonly layers: readonly Layer[];
  readonly shapes: ShapeTable;
  /** Grids of the layers' inputs, by layer; the scales of those below 8 bits move. */
  readonly grids: ReadonlyMap<string, InputGrid>;
  /** Whether every output channel of a layer can be scaled by itself, codes unchanged. */
  readonly isScalable: (layer: Layer) => boolean;
  /** Bias of a layer with so much added to its output, as it is rounded where its input has this scale. */
  readonly biasAt: (layer: string, scale: number, added: ArrayLike<number> | undefined) => Float32Array;
  /** The float network, whose outputs are the target. */
  readonly reference: Model;
  readonly loss: NetworkLoss;
  readonly dataset: Dataset;
  readonly samples: number;
  /** Bytes that the values of a batch may take. */
  readonly memoryLimit: number;
  readonly seed: number;
  readonly factory: RunnerFactory;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** What a layer is to be changed by: its output y becomes factor · y + shift, channel by channel. */
export interface DistilledLayer {
  /** Undefined where the channels share a scale. */
  readonly factor: readonly number[] | undefined;
  readonly shift: readonly number[];
}

export interface DistillationResult {
  readonly layers: Readonly<Record<string, DistilledLayer>>;
  /** By layer, where the grid moved. */
  readonly grids: Readonly<Record<string, InputGrid>>;
  /** Mean over the samples that were held out. */
  readonly loss: { readonly before: number; readonly after: number };
}

const LEAST_EPOCHS = 30;
/** As many more epochs as it takes to come to so many steps where samples are few, up to four times the least. */
const WANTED_STEPS = 400;
const LARGEST_BATCH = 32;
/** Rate of Adam at the start, in units of each parameter; it falls to nothing along half a cosine. */
const RATE = 2e-3;
/** Share of the samples on which the best epoch is chosen. */
const HELD_OUT = 0.2;
/** Deviations of channels that never move count as so much of the largest. */
const LEAST_DEVIATION = 1e-3;

/**
 * Distils the float network into the compressed one: shifts and factors of all output channels, and the scales of narrow
 * inputs, follow the gradient of the loss between the outputs of both (of class scores KL(float ‖ compressed), else the
 * squared error), by Adam over mini-batches; gradients pass quantisers by the straight-through rule, those of scales are LSQ's
 * (Esser et al., ICLR 2020). Integer codes stay. The bias tuning of Hubara et al. (ICML 2021, advanced pipeline) moves the
 * biases alone.
 *
 * A fifth of the samples is held out; the epoch with the least loss on it wins, the start included. Layers that gradients do
 * not reach stay. Cost: about three runs of the network per sample and epoch.
 */
export async function distil(options: DistillationOptions): Promise<DistillationResult> {
  const distillation = new Distillation(options);
  try {
    return await distillation.run();
  } finally {
    await distillation.close();
  }
}

/** Parameters that are fed as one tensor. A unit step of any of them changes the network by about as much. */
interface ParameterGroup {
  readonly input: string;
  readonly gradient: string;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
  readonly value: (u: number, at: number) => number;
  /** Derivative of `value`. */
  readonly slope: (u: number, at: number) => number;
}

interface TaughtBatch {
  readonly range: SampleRange;
  readonly inputs: ReadonlyMap<string, TensorData>;
  readonly reference: ReadonlyMap<string, TensorData>;
  /** The same as the student takes it: class scores as probabilities. */
  readonly targets: ReadonlyMap<string, TensorData>;
}

class Distillation {
  private readonly student: Student;
  private readonly layers: ReadonlyMap<string, StudentLayer>;
  private readonly runners: InferenceRunner[] = [];
  private forward!: InferenceRunner;
  private backward!: InferenceRunner;
  private groups: readonly ParameterGroup[] = [];
  private parameters = new Float64Array(0);
  private readonly areScores: boolean;

  constructor(private readonly options: DistillationOptions) {
    const { model, layers, shapes, grids, isScalable, loss } = options;
    this.areScores = loss.measure !== 'mse';
    this.student = studentNetwork(model, layers, { shapes, grids, isScalable, areScores: this.areScores });
    this.layers = new Map(this.student.layers.map((layer) => [layer.name, layer]));
    this.student.notes.forEach((note) => options.log(`Distillation: ${note}.`));
  }

  async run(): Promise<DistillationResult> {
    const { student, options } = this;
    const batches = await this.taughtBatches();
    this.forward = await this.open(student.forward);
    this.backward = await this.open(student.backward);
    const held = Math.max(1, Math.round(HELD_OUT * batches.length));
    const [taught, heldOut] =
      batches.length === 1 ? [batches, batches] : [batches.slice(0, -held), batches.slice(-held)];
    const deviations = await this.deviations(taught[0]!);
    this.groups = this.parameterGroups(deviations);
    const size = this.groups.reduce((sum, { length }) => sum + length, 0);
    this.parameters = new Float64Array(size);
    const before = await this.lossOver(heldOut);
    let best = { loss: before, parameters: this.parameters.slice() };
    const gradients = new Float64Array(size);
    const [first, second] = [new Float64Array(size), new Float64Array(size)];
    const uniform = seededRandom(options.seed);
    const epochs = Math.min(4 * LEAST_EPOCHS, Math.max(LEAST_EPOCHS, Math.ceil(WANTED_STEPS / taught.length)));
    const steps = epochs * taught.length;
    for (let epoch = 0, step = 0; epoch < epochs && size > 0; epoch++) {
      for (const batch of shuffled(taught, uniform)) {
        await this.gradientsInto(gradients, batch);
        const rate = (RATE * (1 + Math.cos((Math.PI * step) / steps))) / 2;
        adamInto(this.parameters, gradients, first, second, 0, size, rate, ++step);
        throwIfCancelled(options.signal);
      }
      const loss = await this.lossOver(heldOut);
      if (loss < best.loss) {
        best = { loss, parameters: this.parameters.slice() };
      }
    }
    return { ...this.resultAt(best.parameters), loss: { before, after: best.loss } };
  }

  async close(): Promise<void> {
    for (const runner of this.runners) {
      await runner.release();
    }
  }

  private async open(model: Model): Promise<InferenceRunner> {
    const runner = await createRunner(this.options.factory, model);
    this.runners.push(runner);
    return runner;
  }

  /** What the float network says of every batch. */
  private async taughtBatches(): Promise<TaughtBatch[]> {
    const { dataset, samples, reference, signal } = this.options;
    const teacher = await this.open(reference);
    const taught: TaughtBatch[] = [];
    for (const range of sampleBatches(dataset, samples, this.batchSize())) {
      const inputs = dataset.batch(range.start, range.count);
      const outputs = await teacher.run(inputs);
      taught.push({ range, inputs, reference: outputs, targets: this.targetsOf(outputs) });
      throwIfCancelled(signal);
    }
    return taught;
  }

  /** As many samples as leave room for every value of the network and a gradient for it. */
  private batchSize(): number {
    const { shapes, memoryLimit } = this.options;
    let bytes = 1;
    for (const { shape } of shapes.values()) {
      bytes += 8 * (shape ?? []).reduce<number>((product, d, axis) => product * (axis === 0 ? 1 : Number(d) || 1), 1);
    }
    return Math.max(1, Math.min(LARGEST_BATCH, Math.floor(memoryLimit / bytes)));
  }

  private parameterGroups(deviations: ReadonlyMap<string, Float64Array>): ParameterGroup[] {
    const { student, options } = this;
    const groups: ParameterGroup[] = [];
    let offset = 0;
    const add = (
      { input, gradient }: StudentParameter,
      group: Omit<ParameterGroup, 'offset' | 'input' | 'gradient'>,
    ): void => {
      if (gradient !== undefined) {
        groups.push({ ...group, input, gradient, offset });
        offset += group.length;
      }
    };
    for (const { product, channels, dims, shift, factor } of student.layers) {
      const deviation = deviations.get(product)!;
      const shared = { dims, length: channels };
      add(shift, { ...shared, value: (u, at) => u * deviation[at]!, slope: (_, at) => deviation[at]! });
      if (factor !== undefined) {
        add(factor, { ...shared, value: (u) => Math.exp(u), slope: (u) => Math.exp(u) });
      }
    }
    for (const { layers, grid, scale } of student.grids) {
      if (options.grids.get(layers[0]!.name)!.bits < FINE_INPUT_BITS) {
        const value = (u: number): number => grid.scale * Math.exp(u);
        add(scale, { dims: [], length: 1, value, slope: value });
      }
    }
    return groups;
  }

  /** Standard deviation of every channel of the layers' outputs on a batch. */
  private async deviations(batch: TaughtBatch): Promise<Map<string, Float64Array>> {
    const { layers, forward } = this.student;
    const probe = forward.clone();
    layers.forEach(({ product }) => probe.graph.addOutput(probe.graph.value(product)!));
    const runner = await this.open(probe);
    const names = layers.map(({ product }) => product);
    const values = await runner.run(this.feeds(runner, batch), names);
    return new Map(
      layers.map(({ product, channels, dims }) => {
        const tensor = values.get(product)!;
        const inner = dims.length === 1 ? 1 : tensor.dims.slice(2).reduce((a, b) => a * b, 1);
        return [product, channelDeviations(floatValues(tensor), channels, inner)] as const;
      }),
    );
  }

  private async lossOver(batches: readonly TaughtBatch[]): Promise<number> {
    const { loss, dataset, signal } = this.options;
    let total = EMPTY_LOSS;
    for (const batch of batches) {
      const outputs = await this.forward.run(this.feeds(this.forward, batch));
      const labels = this.areScores ? dataset.labels(batch.range.start, batch.range.count) : undefined;
      total = addLoss(total, loss.measureBatch(batch.reference, outputs, labels));
      throwIfCancelled(signal);
    }
    return meanLoss(total);
  }

  private async gradientsInto(gradients: Float64Array, batch: TaughtBatch): Promise<void> {
    const feeds = new Map([...this.feeds(this.backward, batch), ...batch.targets]);
    const names = this.groups.map(({ gradient }) => gradient);
    const found = await this.backward.run(feeds, names);
    for (const { gradient, offset, length, slope } of this.groups) {
      const values = floatValues(found.get(gradient)!);
      for (let i = 0; i < length; i++) {
        const at = offset + i;
        gradients[at] = (values[i]! * slope(this.parameters[at]!, i)) / batch.range.count;
      }
    }
  }

  private targetsOf(outputs: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
    const { graph } = this.options.reference;
    return new Map(
      [...this.student.targets].map(([output, input]) => {
        const isProbability = graph.value(output)?.producer()?.opType === 'Softmax';
        const tensor = outputs.get(output)!;
        return [input, this.areScores && !isProbability ? probabilities(tensor) : tensor] as const;
      }),
    );
  }

  private feeds(runner: InferenceRunner, { inputs }: TaughtBatch): Map<string, TensorData> {
    const feeds = feedsFor(runner, inputs);
    const feed = (name: string, dims: readonly number[], data: Float32Array): void => {
      feeds.set(name, { type: DataType.FLOAT, dims, data });
    };
    for (const { channels, dims, shift, factor } of this.student.layers) {
      feed(shift.input, dims, new Float32Array(channels));
      if (factor !== undefined) {
        feed(factor.input, dims, new Float32Array(channels).fill(1));
      }
    }
    for (const { grid, inputs: ends } of this.student.grids) {
      feed(ends.scale, [], Float32Array.of(grid.scale));
      feed(ends.low, [], Float32Array.of(grid.qmin - grid.zeroPoint));
      feed(ends.high, [], Float32Array.of(grid.qmax - grid.zeroPoint));
    }
    for (const { input, dims, offset, length, value } of this.groups) {
      feed(
        input,
        dims,
        Float32Array.from({ length }, (_, i) => value(this.parameters[offset + i]!, i)),
      );
    }
    for (const { layers, inputs: ends } of this.student.grids) {
      const [scale] = feeds.get(ends.scale)!.data as Float32Array;
      for (const { name, bias } of layers) {
        if (bias !== undefined) {
          const values = this.options.biasAt(name, scale!, this.takeShift(name, feeds));
          feed(bias, [values.length], values);
        }
      }
    }
    return feeds;
  }

  /**
   * Takes the shift of a layer over into a bias that is rounded: shift / factor, for the factor comes behind the bias. The
   * input stays for its gradient.
   */
  private takeShift(name: string, feeds: Map<string, TensorData>): Float32Array | undefined {
    const layer = this.layers.get(name);
    if (layer === undefined) {
      return undefined;
    }
    const shift = feeds.get(layer.shift.input)!;
    const factors = layer.factor && (feeds.get(layer.factor.input)!.data as Float32Array);
    feeds.set(layer.shift.input, { ...shift, data: new Float32Array(layer.channels) });
    return (shift.data as Float32Array).map((value, c) => value / (factors?.[c] ?? 1));
  }

  private resultAt(parameters: Float64Array): Omit<DistillationResult, 'loss'> {
    const valuesOf = new Map(
      this.groups.map(({ input, offset, length, value }) => [
        input,
        Array.from({ length }, (_, i) => value(parameters[offset + i]!, i)),
      ]),
    );
    const layers: Record<string, DistilledLayer> = {};
    for (const { name, shift, factor } of this.student.layers) {
      const moved = valuesOf.get(shift.input);
      if (moved !== undefined) {
        layers[name] = { shift: moved, factor: factor && valuesOf.get(factor.input) };
      }
    }
    const grids: Record<string, InputGrid> = {};
    for (const { layers: readers, inputs } of this.student.grids) {
      const [scale] = valuesOf.get(inputs.scale) ?? [];
      if (scale !== undefined) {
        for (const { name } of readers) {
          const known = this.options.grids.get(name)!;
          const grid = { ...known, scale: Math.fround(scale) };
          grids[name] = { ...grid, ...gridRange(grid) };
        }
      }
    }
    return { layers, grids };
  }
}

/** The same elements in another order (Fisher and Yates). */
function shuffled<T>(items: readonly T[], uniform: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

function channelDeviations(values: Float32Array, channels: number, inner: number): Float64Array {
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (let at = 0, channel = 0; at < values.length; at += inner, channel = (channel + 1) % channels) {
    for (let i = at; i < at + inner; i++) {
      sums[channel]! += values[i]!;
      squares[channel]! += values[i]! ** 2;
    }
  }
  const count = values.length / channels;
  const deviations = squares.map((square, c) => Math.sqrt(Math.max(0, square / count - (sums[c]! / count) ** 2)));
  const least = LEAST_DEVIATION * Math.max(...deviations);
  return deviations.map((deviation) => Math.max(deviation, least));
}

function probabilities(tensor: TensorData): TensorData {
  const scores = floatValues(tensor);
  const classes = tensor.dims.at(-1)!;
  const result = new Float64Array(scores.length);
  softmaxRowsInto(scores, 0, scores.length / classes, classes, result, 0);
  return { ...tensor, data: Float32Array.from(result) };
}
