import { findLayers, inferShapes } from '../../analysis';
import type { Layer } from '../../analysis';
import { throwIfCancelled } from '../../base/errors';
import type { LayerMoments } from '../../methods';
import { cacheKey } from '../cache/cacheKey';
import type { CacheKey } from '../cache/cacheKey';
import type { Dataset } from '../data/dataset';
import { forEachLayerMoments } from '../layerMoments';
import { measurementScope } from '../prepare';
import type { PreparedJob } from '../prepare';
import type { SparsityChoice } from '../recipe/recipe';
import type { StageSteps } from '../stageTracker';
import type { LayerChange } from '../layerMomentsChanges';
import { walkSequential } from '../layerMomentsSequential';
import { patternKey } from './layerPatterns';
import { PrunedLayers, setPruned } from './prunedLayers';
import { pruneLayer } from './pruneLayer';
import type { PruneOutcome } from './pruneLayer';
import type { PrunedWeight } from './prunedWeight';

export interface PruneOptions {
  readonly job: PreparedJob;
  /** Undefined: masks only, by magnitude. */
  readonly dataset: Dataset | undefined;
  readonly steps: StageSteps;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

/** A layer with the patterns to try on it. */
export interface PruneRequest {
  readonly layer: Layer;
  readonly patterns: readonly SparsityChoice[];
}

/** Every layer under every one of its patterns, each on the inputs of the dense network: what the allocation chooses from. */
export async function pruneInParallel(options: PruneOptions, requests: readonly PruneRequest[]): Promise<PrunedLayers> {
  const { job } = options;
  const pruned = new PrunedLayers(job.model);
  const missing: PruneRequest[] = [];
  options.steps.setTotal(requests.reduce((sum, { patterns }) => sum + patterns.length, 0));
  for (const { layer, patterns } of requests) {
    const open = patterns.filter((pattern) => !takeStored(options, layer, pattern, 'parallel', pruned));
    if (open.length > 0) {
      missing.push({ layer, patterns: open });
    }
  }
  const pending = new Map(missing.map((request) => [request.layer.name, request]));
  const prune = (layer: Layer, moments: LayerMoments | undefined): void => {
    for (const pattern of pending.get(layer.name)?.patterns ?? []) {
      const outcome = pruneLayer(tiedWith(layer, job.layers), pattern, job.recipe.sparsity, moments);
      store(options, layer, pattern, 'parallel', outcome);
      take(options, layer, pattern, outcome, pruned);
      options.steps.advance(layer.shortName);
      throwIfCancelled(options.signal);
    }
    pending.delete(layer.name);
  };
  if (options.dataset !== undefined && missing.length > 0 && needsMoments(job)) {
    await forEachLayerMoments(
      {
        model: job.model,
        shapes: job.shapes,
        layers: missing.map(({ layer }) => layer),
        dataset: options.dataset,
        samples: options.dataset.samples,
        memoryLimit: job.recipe.quantization.sensitivity.memoryLimit,
        factory: job.factory,
        signal: options.signal,
      },
      ({ layer, moments }) => prune(layer, moments),
    );
  }
  for (const { layer } of [...pending.values()]) {
    prune(layer, undefined);
  }
  return pruned;
}

/**
 * The network with every layer under the one pattern chosen for it. `sequential` fits each layer on what the pruned layers in
 * front of it give, to the outputs of the dense network; `parallel` fits it on the inputs of the dense network.
 */
export async function pruneNetwork(
  options: PruneOptions,
  chosen: ReadonlyMap<string, SparsityChoice>,
): Promise<{ readonly job: PreparedJob; readonly pruned: ReadonlyMap<string, PrunedWeight> }> {
  const { job } = options;
  const requests = job.layers
    .filter((layer) => chosen.has(layer.name))
    .map((layer) => ({ layer, patterns: [chosen.get(layer.name)!] }));
  const isSequential = job.recipe.sparsity.mode === 'sequential' && options.dataset !== undefined && needsMoments(job);
  const layers = isSequential
    ? await pruneInSequence(options, requests, chosen)
    : await pruneInParallel(options, requests);
  const model = job.model.clone();
  const weights = new Map<string, PrunedWeight>();
  for (const [name, pattern] of chosen) {
    const weight = layers.get(name, pattern);
    if (weight !== undefined) {
      weights.set(name, weight);
    }
  }
  setPruned(model, (name) => weights.get(name));
  const shortNames = new Map(job.layers.map((layer) => [layer.name, layer.shortName]));
  return {
    job: {
      ...job,
      model,
      layers: findLayers(model).map((layer) => ({
        ...layer,
        shortName: shortNames.get(layer.name) ?? layer.shortName,
      })),
      shapes: await inferShapes(model, job.factory),
    },
    pruned: weights,
  };
}

async function pruneInSequence(
  options: PruneOptions,
  requests: readonly PruneRequest[],
  chosen: ReadonlyMap<string, SparsityChoice>,
): Promise<PrunedLayers> {
  const { job, dataset } = options;
  const pruned = new PrunedLayers(job.model);
  options.steps.setTotal(requests.length);
  // What a layer becomes depends on all layers in front of it, so all choices are part of the key.
  const sequence = JSON.stringify([...chosen].map(([name, pattern]) => [name, patternKey(pattern)]));
  const known = requests.filter(({ layer, patterns }) => takeStored(options, layer, patterns[0]!, sequence, pruned));
  if (known.length === requests.length) {
    return pruned;
  }
  const stored = new Set(known.map(({ layer }) => layer.name));
  await walkSequential(
    {
      model: job.model,
      shapes: job.shapes,
      layers: requests.map(({ layer }) => layer),
      dataset: dataset!,
      samples: dataset!.samples,
      memoryLimit: job.recipe.quantization.sensitivity.memoryLimit,
      factory: job.factory,
      log: options.log,
      signal: options.signal,
    },
    (group) => {
      const changes = new Map<string, LayerChange>();
      for (const { layer, moments } of group) {
        const pattern = chosen.get(layer.name)!;
        if (!stored.has(layer.name)) {
          const outcome = pruneLayer(tiedWith(layer, job.layers), pattern, job.recipe.sparsity, moments);
          store(options, layer, pattern, sequence, outcome);
          take(options, layer, pattern, outcome, pruned);
          options.steps.advance(layer.shortName);
        }
        const change = pruned.changeOf(layer, pattern);
        if (change !== undefined) {
          changes.set(layer.name, change);
        }
      }
      return changes;
    },
  );
  for (const { layer } of requests) {
    const pattern = chosen.get(layer.name)!;
    if (!stored.has(layer.name) && !pruned.has(layer.name, pattern)) {
      // Not on the way: its input has no moments.
      take(
        options,
        layer,
        pattern,
        pruneLayer(tiedWith(layer, job.layers), pattern, job.recipe.sparsity, undefined),
        pruned,
      );
      options.steps.advance(layer.shortName);
    }
  }
  return pruned;
}

function needsMoments(job: PreparedJob): boolean {
  const { optimizer, score } = job.recipe.sparsity;
  return optimizer !== 'none' || score === 'wanda' || score === 'sparsegpt';
}

/** The layer first, then those that share its weight. */
function tiedWith(layer: Layer, layers: readonly Layer[]): Layer[] {
  return layer.tie === undefined
    ? [layer]
    : [layer, ...layers.filter((other) => other.tie === layer.tie && other.name !== layer.name)];
}

function take(
  options: PruneOptions,
  layer: Layer,
  pattern: SparsityChoice,
  outcome: PruneOutcome,
  pruned: PrunedLayers,
): void {
  if ('refusal' in outcome) {
    options.log(`${layer.shortName} stays dense: ${outcome.refusal}.`);
  } else {
    pruned.add(layer.name, { ...outcome, pattern });
  }
}

function takeStored(
  options: PruneOptions,
  layer: Layer,
  pattern: SparsityChoice,
  sequence: string,
  pruned: PrunedLayers,
): boolean {
  const stored = options.job.cache.get<PruneOutcome>(keyOf(options, layer, pattern, sequence));
  if (stored === undefined) {
    return false;
  }
  take(options, layer, pattern, stored, pruned);
  options.steps.resume(layer.shortName);
  return true;
}

function store(
  options: PruneOptions,
  layer: Layer,
  pattern: SparsityChoice,
  sequence: string,
  outcome: PruneOutcome,
): void {
  options.job.cache.put(keyOf(options, layer, pattern, sequence), outcome);
}

function keyOf(options: PruneOptions, layer: Layer, pattern: SparsityChoice, sequence: string): CacheKey {
  const { recipe } = options.job;
  const { method, score, optimizer } = recipe.sparsity;
  // The order of the channels depends on the seed.
  const permute = recipe.sparsity.permute ? recipe.seed : false;
  return cacheKey({
    ...measurementScope(options.job),
    what: 'pruned',
    data: options.dataset?.hash ?? null,
    layer: layer.name,
    pattern: patternKey(pattern),
    settings: { method, score, optimizer, permute },
    sequence,
  });
}
