import type { Layer, RunnerFactory, ShapeTable, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import type { QuantGrid } from '../kernels';
import type { LayerMoments, MatrixProducts } from '../methods';
import { extractModel } from '../onnx';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import { feedsFor, probeBytes, type PartLoader } from './cutWalker';
import type { Dataset } from './data/dataset';
import {
  dataInputName,
  momentsBytes,
  momentsSources,
  sampledBytes,
  SourceReader,
  type ColumnWish,
  type MomentsSource,
  type SampledInput,
  waitingBytes,
} from './layerMomentsSource';
import { FitEngine } from './fitEngine';
import { sampleBatches } from './sampleBatches';
import { VALUES_PER_RUN } from './watchValues';

/** The same network with some layers changed: where X̂ comes from. */
export interface CompressedNetwork {
  readonly model: Model;
  /**
   * Names of values of the compressed model by those of the float one. By default a layer's input is what the node with the
   * layer's key reads, or the value of the same name.
   */
  readonly inputs?: ReadonlyMap<string, string>;
}

export interface LayerMomentsOptions {
  /** Batch norm folded, topologically sorted. Not changed. */
  readonly model: Model;
  readonly shapes: ShapeTable;
  /** Layers of `model`. */
  readonly layers: readonly Layer[];
  /** @default the float network itself: X̂ = X */
  readonly compressed?: CompressedNetwork;
  /** Quantisers of layer inputs by layer name: X̂ = Q(X), on top of `compressed`. */
  readonly inputGrids?: ReadonlyMap<string, QuantGrid>;
  readonly dataset: Dataset;
  readonly samples: number;
  /** Bytes of matrices and of fetched activations that may be held at a time. */
  readonly memoryLimit: number;
  /** As in `MomentsOptions`. */
  readonly heldOutEvery?: number;
  /** Raw columns to hand out beside the moments. @default 0 */
  readonly sampledColumns?: ColumnWish;
  readonly factory: RunnerFactory;
  readonly signal: AbortSignal | undefined;
}

export interface MeasuredLayer {
  readonly layer: Layer;
  /** One object for all layers that read the same value in the same way. */
  readonly moments: LayerMoments;
  /** Where `sampledColumns` asks for them. */
  readonly sampled: SampledInput | undefined;
  /** For fits on the moments. Only while the visit lasts. */
  readonly engine: FitEngine;
}

export interface LayerMomentsResult {
  /** Layers without moments by name, with the reason: a clause without a full stop. */
  readonly refused: ReadonlyMap<string, string>;
}

const PROBED_SAMPLES = 4;
const LARGEST_BATCH = 64;

/**
 * Runs both networks over the calibration samples and hands out the moments of one layer after the other, in running
 * order. Moments that `visit` does not keep are dropped as it returns.
 *
 * Memory: matrices and waiting columns of as many layers as fit half of `memoryLimit`, and the activations of one batch in the other half. A
 * layer whose moments do not fit gets none held out; one that does not fit even so is refused.
 * Cost: one run of the network's front part for every such group of layers.
 */
export async function forEachLayerMoments(
  options: LayerMomentsOptions,
  visit: (layer: MeasuredLayer) => void | Promise<void>,
): Promise<LayerMomentsResult> {
  const { model, shapes, layers, inputGrids, signal } = options;
  const gridOf = (layer: Layer): QuantGrid | undefined => inputGrids?.get(layer.name);
  const found = momentsSources(layers, model.graph, shapes, gridOf, compressedNames(options));
  const refused = new Map(found.refused);
  const bytes = await bytesPerSample(options, found.sources);
  const engine = await FitEngine.open(options.factory, options.memoryLimit, signal);
  try {
    for (const group of packSources(options, found.sources, refused)) {
      for (const reader of await readGroup(options, group, bytes, engine.products)) {
        const result = await reader.finish();
        for (const layer of reader.source.layers) {
          if (result === undefined) {
            refused.set(layer.name, 'its input has a shape that does not fit its weight');
          } else {
            await visit({ layer, ...result, engine });
          }
        }
        throwIfCancelled(signal);
      }
    }
  } finally {
    await engine.close();
  }
  return { refused };
}

/** The moments of all layers at once. Memory: all their matrices, whatever `memoryLimit` says. */
export async function collectLayerMoments(options: LayerMomentsOptions): Promise<Map<string, LayerMoments>> {
  const collected = new Map<string, LayerMoments>();
  await forEachLayerMoments(options, ({ layer, moments }) => {
    collected.set(layer.name, moments);
  });
  return collected;
}

/** One source with what it may take. */
interface PlannedSource {
  readonly source: MomentsSource;
  readonly heldOutEvery: number | undefined;
}

/** Groups that fit the memory, in order. */
function packSources(
  options: LayerMomentsOptions,
  sources: readonly MomentsSource[],
  refused: Map<string, string>,
): PlannedSource[][] {
  const limit = options.memoryLimit / 2;
  const groups: PlannedSource[][] = [];
  let used = Infinity;
  let values = new Set<string>();
  for (const source of sources) {
    const isTwofold = options.compressed !== undefined || source.grid !== undefined;
    let { heldOutEvery } = options;
    let bytes = momentsBytes(source, isTwofold, heldOutEvery !== 0);
    if (bytes > limit && heldOutEvery !== 0) {
      heldOutEvery = 0;
      bytes = momentsBytes(source, isTwofold, false);
    }
    if (bytes > limit) {
      for (const { name } of source.layers) {
        refused.set(name, `its moments take ${Math.ceil(bytes / 1e6)} MB, more than half of the memory limit`);
      }
      continue;
    }
    const waiting = waitingBytes(source, isTwofold, heldOutEvery !== 0) + sampledBytes(source, options.sampledColumns);
    if (used + bytes + waiting > limit || (values.size >= VALUES_PER_RUN && !values.has(source.value))) {
      groups.push([]);
      used = 0;
      values = new Set();
    }
    groups.at(-1)!.push({ source, heldOutEvery });
    used += bytes + waiting;
    values.add(source.value);
  }
  return groups;
}

async function readGroup(
  options: LayerMomentsOptions,
  group: readonly PlannedSource[],
  bytes: ReadonlyMap<string, number>,
  products: MatrixProducts,
): Promise<SourceReader[]> {
  const { dataset, samples, compressed, sampledColumns = 0, signal } = options;
  const readers = group.map(
    ({ source, heldOutEvery }) => new SourceReader(source, { samples, heldOutEvery, sampledColumns, products }),
  );
  const values = [...new Set(group.map(({ source }) => source.value))];
  const networks = compressed === undefined ? 1 : 2;
  const perSample = networks * values.reduce((sum, name) => sum + (bytes.get(name) ?? 0), 0);
  const fitting = Math.floor(options.memoryLimit / 2 / Math.max(perSample, 1));
  const batchSize = Math.min(Math.max(fitting, 1), LARGEST_BATCH);
  const others = [...new Set(group.map(({ source }) => source.compressedValue))];
  const float = await openNetwork(options, options.model, values);
  try {
    const other = compressed && (await openNetwork(options, compressed.model, others));
    try {
      for (const range of sampleBatches(dataset, samples, batchSize)) {
        const inputs = dataset.batch(range.start, range.count);
        const seen = await float.run(inputs);
        const changed = await other?.run(inputs);
        for (const reader of readers) {
          const { value, compressedValue } = reader.source;
          await reader.add(seen.get(value)!, changed?.get(compressedValue), range.count);
        }
        throwIfCancelled(signal);
      }
    } finally {
      await other?.close();
    }
  } finally {
    await float.close();
  }
  return readers;
}

/** What each layer reads in the compressed network. */
function compressedNames({ compressed }: LayerMomentsOptions): (layer: Layer) => string | undefined {
  const nodes = new Map(compressed?.model.graph.nodes.map((node) => [node.key, node]));
  return (layer) => {
    const value = dataInputName(layer) ?? '';
    return compressed?.inputs?.get(value) ?? nodes.get(layer.node.key)?.inputs[layer.dataInputIndex]?.name ?? value;
  };
}

/** Values of a network that are fed, and values that are fetched. */
interface OpenNetwork {
  run(inputs: ReadonlyMap<string, TensorData>): Promise<Map<string, TensorData>>;
  close(): Promise<void>;
}

async function openNetwork(
  options: LayerMomentsOptions,
  model: Model,
  values: readonly string[],
): Promise<OpenNetwork> {
  const fed = new Set(model.graph.trueInputs.map(({ name }) => name));
  const fetched = values.filter((name) => !fed.has(name));
  const runner = fetched.length === 0 ? undefined : await loader(options, model)([...fed], fetched);
  return {
    run: async (inputs) => {
      const made = await runner?.run(feedsFor(runner, inputs), fetched);
      return new Map([...inputs, ...(made ?? [])]);
    },
    close: async () => runner?.release(),
  };
}

function loader(options: LayerMomentsOptions, model: Model): PartLoader {
  return (inputs, outputs) => {
    const typed = inputs.map((name) => {
      const type = options.shapes.get(name);
      invariant(type !== undefined, `the type of ${name} is unknown`);
      return { name, type };
    });
    return createRunner(options.factory, extractModel(model, { inputs: typed, outputs }));
  };
}

/** Bytes that each layer input takes for one sample. */
async function bytesPerSample(
  options: LayerMomentsOptions,
  sources: readonly MomentsSource[],
): Promise<Map<string, number>> {
  const { dataset, model, samples, signal } = options;
  const [range] = sampleBatches(dataset, samples, PROBED_SAMPLES);
  invariant(range !== undefined, 'moments need at least one sample');
  const names = sources.flatMap(({ layers }) => layers.map((layer) => dataInputName(layer)!));
  const bytes = await probeBytes(loader(options, model), dataset.batch(range.start, range.count), names, signal);
  return new Map([...bytes].map(([name, total]) => [name, total / range.count]));
}
