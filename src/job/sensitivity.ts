import { cutBefore } from '../analysis';
import type { Cut, InferenceRunner, Layer, RunnerFactory, ShapeTable, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { fakeQuantizeInto } from '../kernels';
import type { GridWithRange } from '../methods';
import { extractModel } from '../onnx';
import type { Model, TensorType } from '../onnx';
import type { MeasurementCache } from './cache/measurementCache';
import { cacheKey } from './cache/cacheKey';
import type { CacheKey } from './cache/cacheKey';
import { CutWalker, feedsFor, probeBytes } from './cutWalker';
import type { Batch } from './cutWalker';
import type { Dataset } from './data/dataset';
import { createRunner } from '../runtime/createRunner';
import { floatTensorData, floatValues } from './floatTensor';
import type { CandidateMeasurement } from './jobTypes';
import { EMPTY_LOSS, addLoss, meanLoss } from './networkLoss';
import type { LossSum, NetworkLoss } from './networkLoss';
import { sampleBatches } from './sampleBatches';
import type { SampleRange } from './sampleBatches';
import type { StageSteps } from './stageTracker';
import { patternKey } from './sparsity/layerPatterns';
import type { SparsityChoice } from './recipe/recipe';

/** One layer with the widths to be tried on it. */
export interface SensitivityTarget {
  readonly layer: Layer;
  /** What to try; activation bits of 32 leave the input float. */
  readonly pairs: readonly WidthPair[];
  /** Grid of the layer's input at each width below 32. */
  readonly grids: ReadonlyMap<number, GridWithRange>;
}

export interface SensitivityOptions {
  /** Batch norm folded, topologically sorted. Not changed. */
  readonly model: Model;
  readonly shapes: ShapeTable;
  readonly targets: readonly SensitivityTarget[];
  readonly dataset: Dataset;
  readonly samples: number;
  readonly loss: NetworkLoss;
  /** What a candidate makes of a layer. */
  readonly candidateOf: (layer: Layer, pair: WidthPair) => CandidateLayer;
  /** Width of the input that a candidate is fitted to, undefined: the input as it is. Candidates fitted to the same share weight and bias. */
  readonly fittedInput: (activationBits: number) => number | undefined;
  /** Bytes of activations that may be held at a time. */
  readonly memoryLimit: number;
  readonly factory: RunnerFactory;
  readonly cache: MeasurementCache;
  /** What the figures depend on besides layer, widths and samples: model, data, recipe sections, version. */
  readonly cacheScope: Readonly<Record<string, unknown>>;
  readonly steps: StageSteps;
  readonly signal: AbortSignal | undefined;
}

export interface SensitivityResult {
  readonly candidates: ReadonlyMap<string, readonly CandidateMeasurement[]>;
  readonly peakBytes: number;
  readonly samplesPerTurn: number;
}

export interface WidthPair {
  /** 32: the weight stays float. */
  readonly weightBits: number;
  readonly activationBits: number;
  /** Absent: dense. */
  readonly pattern?: SparsityChoice | undefined;
}

/** Parameters of a layer as a candidate has them. */
export interface CandidateLayer {
  /** Row-major in `layer.weight.shape`. */
  readonly weight: Float32Array;
  /** One per output channel; undefined: as it is. */
  readonly bias: Float32Array | undefined;
  /** Grid of its input where it has one of its own; undefined: that of the target at the candidate's width. */
  readonly input?: GridWithRange | undefined;
}

/** Enough to see how much a sample takes; a whole batch of a large network may already be over the limit. */
const PROBED_SAMPLES = 4;
const LARGEST_BATCH = 64;

/** The nodes behind a cut, with what is fed from outside. */
interface Suffix {
  readonly runner: InferenceRunner;
  readonly weightName: string;
  readonly biasName: string | undefined;
  readonly inputName: string | undefined;
}

/** What a candidate feeds to a suffix, and the grid of its input where it has one of its own. */
interface Parameters {
  readonly tensors: Batch;
  readonly input: GridWithRange | undefined;
}

/** Sums of one layer over one turn of samples, keyed "weightBits/activationBits", as they lie in the cache. */
interface StoredSums {
  readonly sums: Readonly<Record<string, LossSum>>;
}

/**
 * Measures the loss of the network with one layer quantised (weights at b bits, its input at a bits) and everything
 * else at float, for every layer and pair of widths: the sensitivity of Hubara et al. (ICML 2021), section 4.
 *
 * The network in front of the layer is run once: the scan walks the layers in running order, holds the values that cross
 * the cut in front of the present layer for all samples of a turn, and replays only the nodes behind the cut. The layer
 * gets its weight and its quantised input as graph inputs, so that one session serves all candidates of a layer.
 * Cost: about half of layers × candidates whole-network runs, plus one run for the reference.
 * Memory: at most the values at two neighbouring cuts for the samples of one turn; turns are as large as `memoryLimit` allows.
 */
export async function scanSensitivity(options: SensitivityOptions): Promise<SensitivityResult> {
  const { model, targets, dataset } = options;
  const cuts = cutBefore(
    model.graph,
    targets.map((target) => target.layer.node),
  );
  const order = targets.map((_, index) => index).sort((a, b) => cuts[a]!.position - cuts[b]!.position);
  const total = targets.reduce((sum, target) => sum + target.pairs.length, 0);
  const scan = new Scan(options, cuts, order);
  try {
    const [probe] = sampleBatches(dataset, options.samples, PROBED_SAMPLES);
    invariant(probe !== undefined, 'a scan needs at least one sample');
    const bytesPerSample = (await scan.probe(probe)) / probe.count;
    const samplesPerTurn = Math.max(1, Math.floor(options.memoryLimit / bytesPerSample));
    const batches = sampleBatches(dataset, options.samples, Math.min(samplesPerTurn, LARGEST_BATCH));
    const batchSize = batches[0]?.count ?? 1;
    const batchesPerTurn = Math.max(1, Math.floor(samplesPerTurn / batchSize));
    const turns: SampleRange[][] = [];
    for (let i = 0; i < batches.length; i += batchesPerTurn) {
      turns.push(batches.slice(i, i + batchesPerTurn));
    }
    options.steps.setTotal(total * turns.length);
    for (const turn of turns) {
      await scan.turn(turn);
    }
    return {
      candidates: scan.results(),
      peakBytes: scan.peakBytes,
      samplesPerTurn: Math.min(options.samples, batchesPerTurn * batchSize),
    };
  } finally {
    await scan.close();
  }
}

class Scan {
  peakBytes = 0;
  private reference: InferenceRunner | undefined;
  private readonly sums = new Map<string, Map<string, LossSum>>();
  private readonly outputNames: readonly string[];

  constructor(
    private readonly options: SensitivityOptions,
    private readonly cuts: readonly Cut[],
    /** Indices of the targets in running order. */
    private readonly order: readonly number[],
  ) {
    this.outputNames = options.model.graph.outputs.map((output) => output.name);
  }

  /** Runs one batch through all cuts and returns the bytes that a batch needs at the worst pair of cuts. */
  async probe(range: SampleRange): Promise<number> {
    const inputs = this.options.dataset.batch(range.start, range.count);
    const names = this.cuts.flatMap((cut) => cut.live.map((value) => value.name));
    const bytes = await probeBytes(this.create, inputs, names, this.options.signal);
    let worst = [...inputs.keys()].reduce((sum, name) => sum + bytes.get(name)!, 0);
    let previous = worst;
    for (const index of this.order) {
      const held = this.cuts[index]!.live.reduce((sum, value) => sum + (bytes.get(value.name) ?? 0), 0);
      worst = Math.max(worst, held + previous);
      previous = held;
    }
    return Math.max(worst, 1);
  }

  async turn(ranges: readonly SampleRange[]): Promise<void> {
    const { dataset, targets, signal } = this.options;
    let walker: CutWalker | undefined;
    let references: Batch[] | undefined;
    for (const index of this.order) {
      const target = targets[index]!;
      const cut = this.cuts[index]!;
      const stored = this.stored(target, ranges);
      const missing = target.pairs.filter((pair) => stored.sums[pairKey(pair)] === undefined);
      this.keep(target, stored);
      const known = target.pairs.length - missing.length;
      if (known > 0) {
        this.options.steps.resume(target.layer.shortName, known);
      }
      if (missing.length === 0) {
        continue;
      }
      references ??= await this.referenceOutputs(ranges);
      walker ??= new CutWalker(
        this.create,
        ranges.map((range) => new Map(dataset.batch(range.start, range.count))),
        signal,
      );
      await walker.advance(cut.live.map((value) => value.name));
      this.peakBytes = Math.max(this.peakBytes, walker.peakBytes);
      throwIfCancelled(signal);
      await this.measure(target, cut, missing, walker.batches, references, ranges, stored);
    }
  }

  results(): Map<string, readonly CandidateMeasurement[]> {
    const results = new Map<string, readonly CandidateMeasurement[]>();
    for (const target of this.options.targets) {
      const sums = this.sums.get(target.layer.name);
      results.set(
        target.layer.name,
        target.pairs.map((pair) => ({
          weightBits: pair.weightBits,
          activationBits: pair.activationBits,
          ...(pair.pattern === undefined ? {} : { pattern: pair.pattern }),
          loss: meanLoss(sums?.get(pairKey(pair)) ?? EMPTY_LOSS),
        })),
      );
    }
    return results;
  }

  async close(): Promise<void> {
    await this.reference?.release();
  }

  private inputNames(): readonly string[] {
    return this.options.model.graph.trueInputs.map((input) => input.name);
  }

  private async referenceOutputs(ranges: readonly SampleRange[]): Promise<Batch[]> {
    this.reference ??= await this.create(this.inputNames(), this.outputNames);
    const outputs: Batch[] = [];
    for (const range of ranges) {
      outputs.push(await this.reference.run(this.options.dataset.batch(range.start, range.count), this.outputNames));
      throwIfCancelled(this.options.signal);
    }
    return outputs;
  }

  private async measure(
    target: SensitivityTarget,
    cut: Cut,
    missing: readonly WidthPair[],
    state: readonly Batch[],
    references: readonly Batch[],
    ranges: readonly SampleRange[],
    stored: StoredSums,
  ): Promise<void> {
    const { layer } = target;
    const suffix = await this.suffix(layer, cut);
    try {
      const parameters = new Map<string, Parameters>();
      const keyOf = (pair: WidthPair): string => weightKey(pair, this.options.fittedInput(pair.activationBits));
      for (const pair of missing) {
        const key = keyOf(pair);
        if (!parameters.has(key)) {
          parameters.set(key, this.parametersOf(target, pair, suffix));
        }
      }
      const sums = new Map(missing.map((pair) => [pairKey(pair), EMPTY_LOSS]));
      for (const [index, batch] of state.entries()) {
        const range = ranges[index]!;
        const labels =
          this.options.loss.measure === 'kl' || this.options.loss.measure === 'mse'
            ? undefined
            : this.options.dataset.labels(range.start, range.count);
        for (const activationBits of new Set(missing.map((pair) => pair.activationBits))) {
          const feeds = feedsFor(suffix.runner, batch);
          let fed: GridWithRange | 'none' | undefined = 'none';
          for (const pair of missing.filter((candidate) => candidate.activationBits === activationBits)) {
            const { tensors, input } = parameters.get(keyOf(pair))!;
            const grid = activationBits >= 32 ? undefined : (input ?? target.grids.get(activationBits));
            if (suffix.inputName !== undefined && grid !== fed) {
              feeds.set(suffix.inputName, quantizedInput(target, batch, grid));
              fed = grid;
            }
            for (const [name, tensor] of tensors) {
              feeds.set(name, tensor);
            }
            const outputs = await suffix.runner.run(feeds, this.outputNames);
            const loss = this.options.loss.measureBatch(references[index]!, outputs, labels);
            sums.set(pairKey(pair), addLoss(sums.get(pairKey(pair))!, loss));
            throwIfCancelled(this.options.signal);
          }
        }
      }
      const complete: StoredSums = { sums: { ...stored.sums, ...Object.fromEntries(sums) } };
      this.options.cache.put(this.key(target, ranges), complete);
      for (const [key, loss] of sums) {
        this.add(layer.name, key, loss);
      }
      this.options.steps.advance(layer.shortName, missing.length);
    } finally {
      await suffix.runner.release();
    }
  }

  /** The nodes from the cut on, with the layer's weight and (where it is quantised) its data input fed from outside. */
  private async suffix(layer: Layer, cut: Cut): Promise<Suffix> {
    const edited = this.options.model.clone();
    const node = edited.graph.nodes.find((candidate) => candidate.key === layer.node.key);
    invariant(node !== undefined, `layer ${layer.name} is lost in a copy of the model`);
    const weightType: TensorType = {
      kind: 'tensor',
      elementType: layer.weight.tensor.dataType,
      shape: layer.weight.shape,
    };
    const weight = edited.graph.addInput(edited.graph.freshName('lathe_weight'), weightType);
    node.setInput(layer.weight.inputIndex, weight);
    const inputs: { name: string; type: TensorType }[] = [{ name: weight.name, type: weightType }];
    const biasName = this.feedBias(layer, edited, inputs);
    let inputName: string | undefined;
    const data = node.inputs[layer.dataInputIndex];
    invariant(data !== undefined, `layer ${layer.name} has no data input`);
    if (layer.quantizeActivations.possible) {
      const type = this.typeOf(data.name);
      const input = edited.graph.addInput(edited.graph.freshName('lathe_input'), type);
      node.setInput(layer.dataInputIndex, input);
      inputs.push({ name: input.name, type });
      inputName = input.name;
    }
    for (const value of cut.live) {
      const still = edited.graph.value(value.name);
      if (still !== undefined && (still.uses().length > 0 || still.isGraphOutput)) {
        inputs.push({ name: value.name, type: this.typeOf(value.name) });
      }
    }
    const model = extractModel(edited, { inputs, outputs: this.outputNames });
    return { runner: await this.load(model), weightName: weight.name, biasName, inputName };
  }

  /** Makes the layer's constant bias an input of the copy. */
  private feedBias(layer: Layer, edited: Model, inputs: { name: string; type: TensorType }[]): string | undefined {
    const { bias } = layer;
    const node = edited.graph.nodes.find((candidate) => candidate.key === bias?.node.key);
    if (bias === undefined || node === undefined) {
      return undefined;
    }
    const type: TensorType = { kind: 'tensor', elementType: bias.tensor.dataType, shape: bias.tensor.dims };
    const value = edited.graph.addInput(edited.graph.freshName('lathe_bias'), type);
    node.setInput(bias.inputIndex, value);
    inputs.push({ name: value.name, type });
    return value.name;
  }

  /** Weight and bias of a candidate as the suffix takes them. */
  private parametersOf(target: SensitivityTarget, pair: WidthPair, suffix: Suffix): Parameters {
    const { layer } = target;
    const { tensor, shape } = layer.weight;
    const candidate = this.options.candidateOf(layer, pair);
    const parameters: Batch = new Map([[suffix.weightName, floatTensorData(tensor.dataType, shape, candidate.weight)]]);
    if (suffix.biasName !== undefined) {
      const bias = layer.bias!.tensor;
      const values = candidate.bias ?? bias.toFloat32();
      parameters.set(suffix.biasName, floatTensorData(bias.dataType, bias.dims, values));
    }
    return { tensors: parameters, input: candidate.input };
  }

  private readonly create = (inputs: readonly string[], outputs: readonly string[]): Promise<InferenceRunner> => {
    const model = extractModel(this.options.model, {
      inputs: inputs.map((name) => ({ name, type: this.typeOf(name) })),
      outputs,
    });
    return this.load(model);
  };

  private load(model: Model): Promise<InferenceRunner> {
    return createRunner(this.options.factory, model);
  }

  private typeOf(name: string): TensorType {
    const known = this.options.shapes.get(name);
    invariant(known !== undefined, `the type of ${name} is unknown`);
    return known;
  }

  private key(target: SensitivityTarget, ranges: readonly SampleRange[]): CacheKey {
    return cacheKey({
      ...this.options.cacheScope,
      what: 'sensitivity',
      layer: target.layer.name,
      samples: ranges.map((range) => [range.start, range.count]),
    });
  }

  private stored(target: SensitivityTarget, ranges: readonly SampleRange[]): StoredSums {
    return this.options.cache.get<StoredSums>(this.key(target, ranges)) ?? { sums: {} };
  }

  private keep(target: SensitivityTarget, stored: StoredSums): void {
    for (const pair of target.pairs) {
      const sum = stored.sums[pairKey(pair)];
      if (sum !== undefined) {
        this.add(target.layer.name, pairKey(pair), sum);
      }
    }
  }

  private add(layer: string, key: string, loss: LossSum): void {
    const sums = this.sums.get(layer) ?? new Map<string, LossSum>();
    sums.set(key, addLoss(sums.get(key) ?? EMPTY_LOSS, loss));
    this.sums.set(layer, sums);
  }
}

function pairKey(pair: WidthPair): string {
  const widths = `${pair.weightBits}/${pair.activationBits}`;
  return pair.pattern === undefined ? widths : `${widths} ${patternKey(pair.pattern)}`;
}

/** Candidates that differ only in their input share weight and bias, but where they are fitted to it. */
function weightKey({ weightBits, pattern }: WidthPair, fittedInput: number | undefined): string {
  return `${weightBits} ${fittedInput} ${patternKey(pattern)}`;
}

function quantizedInput(target: SensitivityTarget, batch: Batch, grid: GridWithRange | undefined): TensorData {
  const name = target.layer.node.inputs[target.layer.dataInputIndex]?.name ?? '';
  const input = batch.get(name);
  invariant(input !== undefined, `the input ${name} of layer ${target.layer.name} is not at hand`);
  if (grid === undefined) {
    return input;
  }
  const values = floatValues(input);
  const quantized = new Float32Array(values.length);
  fakeQuantizeInto(values, 0, values.length, quantized, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
  return floatTensorData(input.type, input.dims, quantized);
}
