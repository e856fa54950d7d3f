import type { InferenceRunner, Layer, RunnerFactory, ShapeTable, TensorData } from '../analysis';
import { cutBefore } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { gridRange } from '../kernels';
import { activationGrid, feedGrids } from '../methods';
import type { FedGrid, GridWithRange } from '../methods';
import { DataType, extractModel } from '../onnx';
import type { Model, TensorType } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import { CutWalker, feedsFor, probeBytes } from './cutWalker';
import type { Batch } from './cutWalker';
import type { Dataset } from './data/dataset';
import { EMPTY_LOSS, addLoss, meanLoss } from './networkLoss';
import type { NetworkLoss } from './networkLoss';
import { sampleBatches } from './sampleBatches';
import type { SampleRange } from './sampleBatches';

export interface InputGridSearchOptions {
  /** The network with its weights as they will be, in float; changed by the search. */
  readonly model: Model;
  /** Layers of that model in node order. */
  readonly layers: readonly Layer[];
  readonly shapes: ShapeTable;
  /** Grids of the layers' inputs, by layer; `searched` names those that may move. */
  readonly grids: ReadonlyMap<string, GridWithRange & { readonly bits: number }>;
  readonly searched: ReadonlySet<string>;
  readonly symmetric: boolean;
  /** Bias of a layer as it is rounded where its input has this scale. */
  readonly biasAt: (layer: string, scale: number) => Float32Array;
  /** The float network, whose outputs are the target. */
  readonly reference: Model;
  readonly loss: NetworkLoss;
  readonly dataset: Dataset;
  /** Samples to search on; fewer where the values at a cut would not fit `memoryLimit` bytes. */
  readonly samples: number;
  readonly memoryLimit: number;
  readonly factory: RunnerFactory;
  readonly advance: (layer: string) => void;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

export interface InputGridSearchResult {
  /** Of the layers whose grid moved. */
  readonly grids: ReadonlyMap<string, GridWithRange & { readonly bits: number }>;
  /** On the samples searched. */
  readonly loss: { readonly before: number; readonly after: number };
  readonly samples: number;
}

/**
 * Logarithms of factors that the first round tries everywhere: the loss is not unimodal in a range, so that a walk from the
 * present one may end in a bad valley.
 */
const SCAN = [-0.9, -0.7, -0.5, -0.35, -0.2, -0.1, 0.1, 0.2];
/** Steps of the logarithm of an end of a range in the later rounds. */
const ROUND_STEPS = [0.1, 0.05];
/** Steps in one direction before a line search settles. */
const LONGEST_WALK = 4;
const PROBED_SAMPLES = 4;

/**
 * Moves the ranges of narrow layer inputs, all together, to where the loss of the whole network is least: the last step of
 * LAPQ (Nahshan et al., arXiv 1911.07190, section 4), with Powell's method over the logarithms of the ends of the ranges.
 * First all ranges together and then every end in running order are tried over a wide scan; later rounds search near by along
 * every end, and along what the round moved in all. Weights stay as they are.
 *
 * The network in front of a layer is run once a round; only the nodes behind are run again for each grid that is tried.
 * Cost: about eight runs of the network per end and batch.
 */
export async function searchInputGrids(options: InputGridSearchOptions): Promise<InputGridSearchResult> {
  const search = new Search(options);
  try {
    return await search.run();
  } finally {
    await search.close();
  }
}

class Search {
  private readonly fed: readonly FedGrid[];
  /** Logarithms of what the ends of the ranges are multiplied by; two per quantiser. */
  private readonly factors: Float64Array;
  private readonly types = new Map<string, TensorType>();
  private readonly outputNames: readonly string[];
  private ranges: readonly SampleRange[] = [];
  private references: Batch[] = [];
  private whole: InferenceRunner | undefined;

  constructor(private readonly options: InputGridSearchOptions) {
    const { model, layers, grids, shapes } = options;
    const { fed, notes } = feedGrids(model, layers, grids);
    notes.forEach((note) => options.log(note));
    this.fed = fed;
    this.factors = new Float64Array(2 * fed.length);
    for (const { value, result, inputs, layers: readers } of fed) {
      this.types.set(result, shapes.get(value)!);
      for (const name of Object.values(inputs)) {
        this.types.set(name, { kind: 'tensor', elementType: DataType.FLOAT, shape: [] });
      }
      for (const { bias } of readers) {
        const type = bias === undefined ? undefined : model.graph.value(bias)?.type;
        if (type?.kind === 'tensor') {
          this.types.set(bias!, type);
        }
      }
    }
    this.outputNames = model.graph.outputs.map((output) => output.name);
  }

  async run(): Promise<InputGridSearchResult> {
    const ends = this.fed.map((_, site) => this.endsOf(site));
    this.ranges = await this.sampleRanges();
    await this.runReference();
    const before = await this.lossOfAll(this.factors);
    const all = ends.flat();
    const together = all.map(() => 1);
    let loss = await this.along(all, together, (f, at) => scan(f, SCAN, at), before);
    loss = await this.pass(ends, (f, at) => scan(f, SCAN, at), loss);
    for (const step of ROUND_STEPS) {
      const start = this.factors.slice();
      loss = await this.pass(ends, (f, at) => lineSearch(f, step, at), loss);
      const moved = all.map((end) => this.factors[end]! - start[end]!);
      if (moved.some((difference) => difference !== 0)) {
        loss = await this.along(all, moved, (f, at) => lineSearch(f, 0.5, at), loss);
      }
    }
    const found = new Map<string, GridWithRange & { readonly bits: number }>();
    this.fed.forEach(({ layers }, site) => {
      if (this.factors[2 * site] !== 0 || this.factors[2 * site + 1] !== 0) {
        const grid = this.gridOf(site, this.factors);
        layers.forEach(({ name }) => found.set(name, grid));
      }
    });
    return {
      grids: found,
      loss: { before, after: loss },
      samples: this.ranges.reduce((sum, { count }) => sum + count, 0),
    };
  }

  async close(): Promise<void> {
    await this.whole?.release();
  }

  /** Indices into `factors` of what a quantiser may move: its upper end, its lower end, or (symmetric) both as one. */
  private endsOf(site: number): number[] {
    const { layers } = this.fed[site]!;
    if (!layers.some(({ name }) => this.options.searched.has(name))) {
      return [];
    }
    const { lo, hi } = this.options.grids.get(layers[0]!.name)!;
    if (this.options.symmetric) {
      return [2 * site + 1];
    }
    return [...(hi > 0 ? [2 * site + 1] : []), ...(lo < 0 ? [2 * site] : [])];
  }

  private gridOf(site: number, factors: Float64Array): GridWithRange & { readonly bits: number } {
    const known = this.options.grids.get(this.fed[site]!.layers[0]!.name)!;
    const [low, high] = [factors[2 * site]!, factors[2 * site + 1]!];
    if (low === 0 && high === 0) {
      return known;
    }
    const { bits } = known;
    const { symmetric } = this.options;
    const grid = activationGrid(
      known.lo * Math.exp(symmetric ? high : low),
      known.hi * Math.exp(high),
      bits,
      symmetric,
    );
    return { ...grid, ...gridRange(grid), bits };
  }

  private feedsOf(site: number, factors: Float64Array): Batch {
    const { inputs, layers } = this.fed[site]!;
    const grid = this.gridOf(site, factors);
    const tensor = (values: Float32Array, dims: readonly number[]): TensorData => ({
      type: DataType.FLOAT,
      dims,
      data: values,
    });
    const feeds: Batch = new Map([
      [inputs.scale, tensor(Float32Array.of(grid.scale), [])],
      [inputs.low, tensor(Float32Array.of(grid.qmin - grid.zeroPoint), [])],
      [inputs.high, tensor(Float32Array.of(grid.qmax - grid.zeroPoint), [])],
    ]);
    for (const { name, bias } of layers) {
      if (bias !== undefined) {
        const values = this.options.biasAt(name, grid.scale);
        feeds.set(bias, tensor(values, [values.length]));
      }
    }
    return feeds;
  }

  /** Searches along one direction with whole runs of the network. */
  private async along(
    at: readonly number[],
    direction: readonly number[],
    method: LineMethod,
    loss: number,
  ): Promise<number> {
    const from = this.factors.slice();
    const pointAt = (t: number): Float64Array => {
      const point = from.slice();
      at.forEach((index, i) => (point[index] = from[index]! + t * direction[i]!));
      return point;
    };
    const best = await method((t) => this.lossOfAll(pointAt(t)), loss);
    this.factors.set(pointAt(best.at));
    return best.loss;
  }

  /** Every end by itself, in running order, on the values that the layers in front give with the ranges they have by now. */
  private async pass(ends: readonly (readonly number[])[], method: LineMethod, loss: number): Promise<number> {
    const { model, dataset, signal } = this.options;
    const cuts = cutBefore(
      model.graph,
      this.fed.map(({ node }) => node),
    );
    const walker = new CutWalker(
      this.create,
      this.ranges.map((range) => this.inputsOf(range, dataset)),
      signal,
    );
    const order = this.fed.map((_, site) => site).sort((a, b) => cuts[a]!.position - cuts[b]!.position);
    let best = loss;
    for (const site of order) {
      if (ends[site]!.length > 0) {
        await walker.advance(cuts[site]!.live.map(({ name }) => name));
        const suffix = await this.create(walker.names, this.outputNames);
        try {
          for (const end of ends[site]!) {
            const from = this.factors[end]!;
            const set = (t: number): void => {
              this.factors[end] = from + t;
              const feeds = this.feedsOf(site, this.factors);
              walker.batches.forEach((batch) => feeds.forEach((tensor, name) => batch.set(name, tensor)));
            };
            const found = await method((t) => {
              set(t);
              return this.lossOver(suffix, walker.batches);
            }, best);
            set(found.at);
            best = found.loss;
          }
        } finally {
          await suffix.release();
        }
      }
      this.fed[site]!.layers.forEach(({ name }) => this.options.advance(name));
    }
    return best;
  }

  private async lossOfAll(factors: Float64Array): Promise<number> {
    this.whole ??= await this.create(
      this.options.model.graph.trueInputs.map(({ name }) => name),
      this.outputNames,
    );
    const grids = this.fed.flatMap((_, site) => [...this.feedsOf(site, factors)]);
    return this.lossOver(
      this.whole,
      this.ranges.map((range) => new Map([...this.options.dataset.batch(range.start, range.count), ...grids])),
    );
  }

  private async lossOver(runner: InferenceRunner, batches: readonly Batch[]): Promise<number> {
    const { loss, dataset, signal } = this.options;
    let total = EMPTY_LOSS;
    for (const [index, batch] of batches.entries()) {
      const range = this.ranges[index]!;
      const outputs = await runner.run(feedsFor(runner, batch), this.outputNames);
      const labels =
        loss.measure === 'kl' || loss.measure === 'mse' ? undefined : dataset.labels(range.start, range.count);
      total = addLoss(total, loss.measureBatch(this.references[index]!, outputs, labels));
      throwIfCancelled(signal);
    }
    return meanLoss(total);
  }

  private inputsOf(range: SampleRange, dataset: Dataset): Batch {
    const grids = this.fed.flatMap((_, site) => [...this.feedsOf(site, this.factors)]);
    return new Map([...dataset.batch(range.start, range.count), ...grids]);
  }

  private async runReference(): Promise<void> {
    const runner = await createRunner(this.options.factory, this.options.reference);
    try {
      for (const { start, count } of this.ranges) {
        this.references.push(await runner.run(this.options.dataset.batch(start, count), this.outputNames));
        throwIfCancelled(this.options.signal);
      }
    } finally {
      await runner.release();
    }
  }

  /** As many samples as the values at the widest cut leave room for. */
  private async sampleRanges(): Promise<SampleRange[]> {
    const { dataset, model, samples, memoryLimit, signal } = this.options;
    const [probe] = sampleBatches(dataset, samples, PROBED_SAMPLES);
    invariant(probe !== undefined, 'a search needs at least one sample');
    const cuts = cutBefore(
      model.graph,
      this.fed.map(({ node }) => node),
    );
    const inputs = this.inputsOf(probe, dataset);
    const names = cuts.flatMap(({ live }) => live.map(({ name }) => name));
    const bytes = await probeBytes(this.create, inputs, names, signal);
    let worst = 1;
    let previous = 0;
    for (const { live } of cuts) {
      const held = live.reduce((sum, { name }) => sum + (bytes.get(name) ?? 0), 0);
      worst = Math.max(worst, held + previous);
      previous = held;
    }
    const fitting = Math.max(probe.count, Math.floor((memoryLimit * probe.count) / worst));
    if (fitting < Math.min(samples, dataset.samples)) {
      this.options.log(`Ranges of inputs are searched on ${fitting} samples: more do not fit the memory limit.`);
    }
    return sampleBatches(dataset, Math.min(samples, fitting));
  }

  private readonly create = (inputs: readonly string[], outputs: readonly string[]): Promise<InferenceRunner> => {
    const { model, shapes, factory } = this.options;
    const part = extractModel(model, {
      inputs: inputs.map((name) => ({ name, type: this.types.get(name) ?? shapes.get(name)! })),
      outputs,
    });
    return createRunner(factory, part);
  };
}

interface LinePoint {
  readonly at: number;
  readonly loss: number;
}

/** Finds a low point of a function of one number, given what it is at 0. */
type LineMethod = (f: (t: number) => Promise<number>, atZero: number) => Promise<LinePoint>;

/** The least of the given points and 0. */
async function scan(f: (t: number) => Promise<number>, points: readonly number[], atZero: number): Promise<LinePoint> {
  let best = { at: 0, loss: atZero };
  for (const at of points) {
    const loss = await f(at);
    if (loss < best.loss) {
      best = { at, loss };
    }
  }
  return best;
}

/**
 * The least of a function of one number near 0: walks in steps while it falls, then tries the vertex of the parabola through
 * the last three points. Never worse than at 0.
 */
export async function lineSearch(f: (t: number) => Promise<number>, step: number, atZero: number): Promise<LinePoint> {
  let best = { at: 0, loss: atZero };
  const up = await f(step);
  const direction = up < atZero ? 1 : -1;
  let beyond = { at: step, loss: up };
  let behind = { at: step, loss: up };
  let next = direction === 1 ? beyond : { at: -step, loss: await f(-step) };
  for (let walked = 1; ; walked++) {
    if (!(next.loss < best.loss)) {
      beyond = next;
      break;
    }
    behind = best;
    best = next;
    if (walked === LONGEST_WALK) {
      return best;
    }
    const at = best.at + direction * step;
    next = { at, loss: await f(at) };
  }
  // Three points at equal distance: the middle one is the least.
  const curvature = behind.loss - 2 * best.loss + beyond.loss;
  const shift = curvature > 0 ? (0.5 * (behind.loss - beyond.loss)) / curvature : 0;
  if (Math.abs(shift) > 0.1) {
    const at = best.at + direction * step * shift;
    const loss = await f(at);
    if (loss < best.loss) {
      best = { at, loss };
    }
  }
  return best;
}
