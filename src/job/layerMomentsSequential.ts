import { cutBefore } from '../analysis';
import type { Cut, Layer, RunnerFactory, ShapeTable } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import type { QuantGrid } from '../kernels';
import type { LayerMoments } from '../methods';
import { CutWalker, heldBytes, probeBytes, type Batch } from './cutWalker';
import type { Dataset } from './data/dataset';
import { ChangedNetwork, type LayerChange } from './layerMomentsChanges';
import {
  dataInputName,
  momentsBytes,
  momentsSources,
  sampledBytes,
  SourceReader,
  type ColumnWish,
  type MomentsSource,
  type SampledInput,
} from './layerMomentsSource';
import { FitEngine } from './fitEngine';
import { sampleBatches, type SampleRange } from './sampleBatches';
import type { Model } from '../onnx';

export interface SequentialOptions {
  /** Batch norm folded, topologically sorted. Not changed. */
  readonly model: Model;
  readonly shapes: ShapeTable;
  /** Layers of `model` to visit. */
  readonly layers: readonly Layer[];
  /** Quantisers of layer inputs by layer name that are known beforehand: part of X̂ when the layer is visited. */
  readonly inputGrids?: ReadonlyMap<string, QuantGrid>;
  readonly dataset: Dataset;
  readonly samples: number;
  /** Bytes of matrices and of activations that may be held at a time. */
  readonly memoryLimit: number;
  /** As in `MomentsOptions`. */
  readonly heldOutEvery?: number;
  /** Raw columns to hand out beside the moments. @default 0 */
  readonly sampledColumns?: ColumnWish;
  readonly factory: RunnerFactory;
  readonly log?: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

export interface SequentialLayer {
  readonly layer: Layer;
  /** X from the float network, X̂ from the one whose earlier layers were changed. Undefined for layers that have none. */
  readonly moments: LayerMoments | undefined;
  /** Why there are no moments: a clause without a full stop. */
  readonly refusal: string | undefined;
  /** Where `sampledColumns` asks for them; X̂ before the layer's own quantiser. */
  readonly sampled: SampledInput | undefined;
  /** Samples that moments and columns are of. */
  readonly samples: number;
  /** The moments with another quantiser (or none) in front of the layer. Only while the visit lasts. */
  momentsWith(grid: QuantGrid | undefined): Promise<LayerMoments | undefined>;
  /** For fits on the moments. Only while the visit lasts. */
  readonly engine: FitEngine;
}

export interface SequentialResult {
  /** Samples used: fewer than asked for where their activations did not fit the memory. */
  readonly samples: number;
  /** Largest sum of activations held between runs, in bytes. */
  readonly peakBytes: number;
  /** Layers that were not visited by name, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Enough to see how much a sample takes. */
const PROBED_SAMPLES = 4;
const LARGEST_BATCH = 64;

/**
 * Visits layers in running order, each with the input it gets from the network whose earlier layers are already changed
 * (Hubara et al., ICML 2021, section 3.2, "sequential" mode). Layers whose inputs are at hand at the same point of the
 * network (the three projections of an attention block, the branches of a residual block) are visited together.
 *
 * Float network and changed network are walked side by side: the values that cross the cut in front of the present layers
 * are held for all samples, skip connections included, and only the nodes up to the next cut are run. What no change has
 * reached is held once.
 * Memory: half of `memoryLimit` for activations, half for matrices. Where the activations of all samples do not fit, fewer
 * samples are used and `log` is told.
 * Cost: about two runs of the network over the samples.
 *
 * @param visit returns what the layers of the group become, by layer name; a layer that is left out stays float, but for
 *   the quantiser that `inputGrids` has for it
 */
export async function walkSequential(
  options: SequentialOptions,
  visit: (
    group: readonly SequentialLayer[],
  ) => ReadonlyMap<string, LayerChange> | Promise<ReadonlyMap<string, LayerChange>>,
): Promise<SequentialResult> {
  const { model, layers } = options;
  const nodes = new Set(model.graph.nodes);
  const reached = layers.filter(({ node }) => nodes.has(node));
  const refused = new Map(
    layers.filter(({ node }) => !nodes.has(node)).map(({ name }) => [name, 'it is not in the main graph']),
  );
  const levels = levelsOf(model, reached);
  if (levels.length === 0) {
    return { samples: 0, peakBytes: 0, refused };
  }
  const changed = new ChangedNetwork(model, options.shapes, options.factory);
  const ranges = await rangesThatFit(options, levels, changed);
  const engine = await FitEngine.open(options.factory, options.memoryLimit, options.signal);
  const walk = new Walk(options, changed, ranges, engine);
  try {
    for (const level of levels) {
      await walk.advance(level.cut);
      const parts = walk.parts(level.layers);
      const changes = new Map<string, LayerChange>();
      for (const part of parts) {
        for (const [name, change] of await visit(await walk.measure(part))) {
          changes.set(name, change);
        }
        throwIfCancelled(options.signal);
      }
      walk.change(level.layers, changes);
    }
  } finally {
    await engine.close();
  }
  return { samples: walk.samples, peakBytes: walk.peakBytes, refused };
}

/** Layers whose inputs are alive at one cut. */
interface Level {
  readonly cut: Cut;
  readonly layers: readonly Layer[];
}

function levelsOf(model: Model, layers: readonly Layer[]): Level[] {
  const cuts = cutBefore(
    model.graph,
    layers.map(({ node }) => node),
  );
  const waiting = layers.map((layer, index) => ({ layer, cut: cuts[index]! }));
  waiting.sort((a, b) => a.cut.position - b.cut.position);
  const levels: Level[] = [];
  while (waiting.length > 0) {
    const { cut, layer: first } = waiting[0]!;
    const live = new Set(cut.live.map(({ name }) => name));
    const together = waiting.filter(({ layer }) => layer === first || live.has(dataInputName(layer) ?? ''));
    levels.push({ cut, layers: together.map(({ layer }) => layer) });
    for (const entry of together) {
      waiting.splice(waiting.indexOf(entry), 1);
    }
  }
  return levels;
}

/** Batches of as many samples as can be held at every cut, in both networks. */
async function rangesThatFit(
  options: SequentialOptions,
  levels: readonly Level[],
  changed: ChangedNetwork,
): Promise<SampleRange[]> {
  const { dataset, samples, memoryLimit, signal } = options;
  const [probe] = sampleBatches(dataset, samples, PROBED_SAMPLES);
  invariant(probe !== undefined, 'moments need at least one sample');
  const names = levels.flatMap(({ cut }) => cut.live.map(({ name }) => name));
  const inputs = dataset.batch(probe.start, probe.count);
  const bytes = await probeBytes(changed.loadFloat, inputs, names, signal);
  const size = (name: string): number => bytes.get(name) ?? 0;
  let worst = [...inputs.keys()].reduce((sum, name) => sum + size(name), 0);
  for (const { cut, layers } of levels) {
    const held = cut.live.reduce((sum, { name }) => sum + size(name), 0);
    // The quantised inputs of the level's layers are held beside the values themselves.
    const own = new Set(layers.map((layer) => dataInputName(layer) ?? ''));
    worst = Math.max(worst, 2 * held + [...own].reduce((sum, name) => sum + size(name), 0));
  }
  const perSample = Math.max(worst / probe.count, 1);
  const fitting = Math.max(1, Math.floor(memoryLimit / 2 / perSample));
  const wanted = Math.min(samples, dataset.samples);
  const used = Math.min(wanted, Math.max(fitting, dataset.fixedBatch ?? 1));
  if (used < wanted) {
    options.log?.(
      `Activations of ${used} of ${wanted} samples fit the memory limit: the layers are fitted to these in sequence.`,
    );
  }
  // A batch is computed beside the values that are held: a small part of them.
  return sampleBatches(dataset, used, Math.min(LARGEST_BATCH, Math.max(1, Math.ceil(used / 4))));
}

class Walk {
  readonly samples: number;
  peakBytes = 0;
  private readonly float: CutWalker;
  private compressed: CutWalker | undefined;

  constructor(
    private readonly options: SequentialOptions,
    private readonly network: ChangedNetwork,
    private readonly ranges: readonly SampleRange[],
    private readonly engine: FitEngine,
  ) {
    const batches = ranges.map((range): Batch => new Map(options.dataset.batch(range.start, range.count)));
    this.float = new CutWalker(network.loadFloat, batches, options.signal);
    this.samples = ranges.reduce((sum, range) => sum + range.count, 0);
  }

  async advance(cut: Cut): Promise<void> {
    const live = cut.live.map(({ name }) => name);
    await this.float.advance(live);
    this.note();
    if (this.compressed !== undefined) {
      const known = this.float.batches.map(
        (batch): Batch => new Map([...batch].filter(([name]) => !this.network.differs(name))),
      );
      await this.compressed.advance([...live, ...this.network.pendingInputs(cut.position)], known);
    }
    this.note();
  }

  /** Parts of a level whose matrices fit the memory; layers without moments come with the first. */
  parts(layers: readonly Layer[]): LevelPart[] {
    const { model, shapes, inputGrids, memoryLimit } = this.options;
    const found = momentsSources(layers, model.graph, shapes, (layer) => inputGrids?.get(layer.name));
    const refused = new Map(found.refused);
    const parts: LevelPart[] = [];
    let used = Infinity;
    for (const source of found.sources) {
      const isTwofold = source.grid !== undefined || this.network.differs(source.value);
      let { heldOutEvery } = this.options;
      let bytes = momentsBytes(source, isTwofold, heldOutEvery !== 0);
      if (bytes > memoryLimit / 2) {
        heldOutEvery = 0;
        bytes = momentsBytes(source, isTwofold, false);
      }
      if (bytes > memoryLimit / 2) {
        for (const { name } of source.layers) {
          refused.set(name, `its moments take ${Math.ceil(bytes / 1e6)} MB, more than half of the memory limit`);
        }
        continue;
      }
      bytes += sampledBytes(source, this.options.sampledColumns);
      if (used + bytes > memoryLimit / 2) {
        parts.push({ sources: [], without: new Map() });
        used = 0;
      }
      parts.at(-1)!.sources.push({ source, heldOutEvery });
      used += bytes;
    }
    if (refused.size > 0) {
      const without = new Map(
        layers.flatMap((layer) => {
          const reason = refused.get(layer.name);
          return reason === undefined ? [] : [[layer, reason] as const];
        }),
      );
      parts[0] = { sources: parts[0]?.sources ?? [], without };
    }
    return parts;
  }

  async measure(part: LevelPart): Promise<SequentialLayer[]> {
    const measured: SequentialLayer[] = [];
    for (const { source, heldOutEvery } of part.sources) {
      const result = await this.read(source, heldOutEvery, this.options.sampledColumns ?? 0);
      const momentsWith = async (grid: QuantGrid | undefined): Promise<LayerMoments | undefined> =>
        (await this.read({ ...source, grid }, heldOutEvery, 0))?.moments;
      for (const layer of source.layers) {
        measured.push({
          layer,
          moments: result?.moments,
          refusal: result === undefined ? 'its input has a shape that does not fit its weight' : undefined,
          sampled: result?.sampled,
          samples: this.samples,
          momentsWith,
          engine: this.engine,
        });
      }
    }
    for (const [layer, refusal] of part.without) {
      measured.push({
        layer,
        moments: undefined,
        refusal,
        sampled: undefined,
        samples: this.samples,
        momentsWith: () => Promise.resolve(undefined),
        engine: this.engine,
      });
    }
    return measured;
  }

  /** Builds the changes into the compressed network and puts what its layers read beside the values it holds. */
  change(layers: readonly Layer[], changes: ReadonlyMap<string, LayerChange>): void {
    for (const layer of layers) {
      const change = changes.get(layer.name) ?? {};
      const input = change.input ?? this.options.inputGrids?.get(layer.name);
      if (change.weight === undefined && change.bias === undefined && input === undefined) {
        continue;
      }
      this.compressed ??= new CutWalker(
        this.network.loadChanged,
        this.float.batches.map((batch) => new Map(batch)),
        this.options.signal,
      );
      const fed = this.network.change(layer, change, input);
      if (fed !== undefined) {
        for (const batch of this.compressed.batches) {
          fed(batch);
        }
      }
    }
    this.network.spread();
    this.note();
  }

  private async read(
    source: MomentsSource,
    heldOutEvery: number | undefined,
    sampledColumns: ColumnWish,
  ): ReturnType<SourceReader['finish']> {
    const reader = new SourceReader(source, {
      samples: this.samples,
      heldOutEvery,
      sampledColumns,
      products: this.engine.products,
    });
    const differs = this.network.differs(source.value);
    for (const [index, batch] of this.float.batches.entries()) {
      const target = batch.get(source.value);
      invariant(target !== undefined, `value ${source.value} is not at hand`);
      const compressed = differs ? this.compressed?.batches[index]!.get(source.value) : undefined;
      await reader.add(target, compressed, this.ranges[index]!.count);
      throwIfCancelled(this.options.signal);
    }
    return reader.finish();
  }

  private note(): void {
    this.peakBytes = Math.max(this.peakBytes, heldBytes([...this.float.batches, ...(this.compressed?.batches ?? [])]));
  }
}

interface LevelPart {
  readonly sources: { readonly source: MomentsSource; readonly heldOutEvery: number | undefined }[];
  /** Layers without moments, with the reason. */
  readonly without: ReadonlyMap<Layer, string>;
}
