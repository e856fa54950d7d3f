import { dirname, resolve } from 'node:path';
import type { DataSpec, Recipe } from './recipe';
import type { WrittenRecipe } from './recipeSchema';

const ascending = (bits: readonly number[]): readonly number[] => [...bits].sort((a, b) => a - b);

/** Fills in every default and resolves every path. `written` has passed the schema. */
export function normalizeRecipe(written: WrittenRecipe, recipePath: string): Recipe {
  const folder = dirname(resolve(recipePath));
  const { calibration, evaluation, preprocess } = written.data ?? {};
  const { weights, activations, sensitivity, pairing, firstAndLast } = written.quantization ?? {};
  const { minimize, budget, engine, timeLimit } = written.allocation ?? {};
  const directory = written.export?.directory ?? 'compressed';
  return {
    path: resolve(recipePath),
    modelPath: resolve(folder, written.model),
    model: written.model,
    data: {
      calibration: calibration === undefined ? undefined : dataSpec(calibration, folder),
      evaluation:
        evaluation === undefined ? undefined : { ...dataSpec(evaluation, folder), metric: evaluation.metric ?? 'top1' },
      preprocess: {
        scale: preprocess?.scale ?? 1,
        mean: preprocess?.mean ?? [0],
        std: preprocess?.std ?? [1],
      },
    },
    quantization: {
      weights: {
        bits: ascending(weights?.bits ?? [2, 3, 4, 8]),
        granularity: weights?.granularity ?? 'per-channel',
        symmetric: weights?.symmetric ?? true,
        range: weights?.range ?? 'output-mse',
      },
      activations: {
        bits: ascending(activations?.bits ?? [8]),
        granularity: activations?.granularity ?? 'per-tensor',
        symmetric: activations?.symmetric ?? false,
        range: activations?.range ?? 'mse',
        percentile: activations?.percentile ?? 99.99,
      },
      pairing: pairing ?? 'free',
      sensitivity: {
        measure: sensitivity?.measure ?? 'kl',
        samples: sensitivity?.samples ?? 256,
        memoryLimit: sensitivity?.memoryLimit ?? 536870912,
      },
      firstAndLast: firstAndLast === undefined ? 8 : (firstAndLast ?? undefined),
    },
    allocation: {
      minimize: minimize ?? 'loss',
      budget: { size: undefined, bops: undefined, loss: undefined, ...(budget ?? { size: 0.15 }) },
      engine: engine ?? 'auto',
      timeLimit: timeLimit ?? 10,
    },
    layers: Object.entries(written.layers ?? {}).map(([pattern, override]) => ({
      pattern,
      weights: override.weights,
      activations: override.activations,
    })),
    export: {
      directory,
      absoluteDirectory: resolve(folder, directory),
      format: written.export?.format ?? 'qdq',
    },
    limits: { accuracyDrop: written.limits?.accuracyDrop ?? undefined },
    seed: written.seed ?? 1,
  };
}

interface WrittenDataSpec {
  readonly source: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly labels?: string;
  readonly samples?: number;
}

function dataSpec(written: WrittenDataSpec, folder: string): DataSpec {
  return {
    path: resolve(folder, written.source),
    source: written.source,
    inputs: new Map(Object.entries(written.inputs ?? {})),
    labels: written.labels,
    samples: written.samples,
  };
}
