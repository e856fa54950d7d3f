import { dirname, resolve } from 'node:path';
import type { DataSpec, Recipe, RecipeSparsity, SparsityChoice } from './recipe';
import type { WrittenRecipe } from './recipeSchema';

const ascending = (bits: readonly number[]): readonly number[] => [...bits].sort((a, b) => a - b);

/** Fills in every default and resolves every path. `written` has passed the schema. */
export function normalizeRecipe(written: WrittenRecipe, recipePath: string): Recipe {
  const folder = dirname(resolve(recipePath));
  const { calibration, evaluation, preprocess } = written.data ?? {};
  const { weights, activations, sensitivity, pairing, firstAndLast, optimizer, smoothQuant } =
    written.quantization ?? {};
  const { minimize, budget, engine, timeLimit, neighbours } = written.allocation ?? {};
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
      enabled: written.quantization !== null,
      weights: {
        bits: ascending(weights?.bits ?? [2, 3, 4, 8]),
        granularity: weights?.granularity ?? 'per-channel',
        symmetric: weights?.symmetric ?? true,
        range: weights?.range ?? 'output-mse',
        percentile: weights?.percentile ?? 99.9,
        power: weights?.power ?? 2.4,
        blockSize: weights?.blockSize ?? undefined,
      },
      activations: {
        bits: ascending(activations?.bits ?? [8]),
        granularity: activations?.granularity ?? 'per-tensor',
        symmetric: activations?.symmetric ?? false,
        range: activations?.range ?? 'mse',
        percentile: activations?.percentile ?? 99.99,
        power: activations?.power ?? 2.4,
        betweenLayers: activations?.betweenLayers ?? undefined,
      },
      pairing: pairing ?? 'free',
      smoothQuant: smoothQuant ?? undefined,
      sensitivity: {
        measure: sensitivity?.measure ?? 'kl',
        samples: sensitivity?.samples ?? 256,
        memoryLimit: sensitivity?.memoryLimit ?? 536870912,
      },
      firstAndLast: firstAndLast === undefined ? 8 : (firstAndLast ?? undefined),
      optimizer: {
        method: optimizer?.method ?? (written.pipeline === 'light' ? 'rtn' : 'gram'),
        mode: optimizer?.mode ?? (written.pipeline === undefined ? 'sequential' : 'parallel'),
        iterations: optimizer?.iterations ?? 1000,
      },
    },
    allocation: {
      minimize: minimize ?? 'loss',
      budget: {
        size: undefined,
        bops: undefined,
        loss: undefined,
        ...(budget ?? { size: written.quantization === null ? 1 : 0.15 }),
      },
      engine: engine ?? 'auto',
      timeLimit: timeLimit ?? 10,
      neighbours: neighbours ?? 3,
    },
    sparsity: sparsityOf(written.sparsity ?? undefined),
    tuning: {
      bias: written.tuning?.bias ?? written.pipeline === 'advanced',
      batchNorm: written.tuning?.batchNorm ?? written.pipeline !== undefined,
      inputRanges: written.tuning?.inputRanges ?? false,
      distillation: written.tuning?.distillation ?? false,
    },
    pipeline: written.pipeline,
    layers: Object.entries(written.layers ?? {}).map(([pattern, override]) => ({
      pattern,
      weights: override.weights,
      activations: override.activations,
      sparsity: overrideSparsity(override.sparsity, written.sparsity?.transposable ?? false),
    })),
    export: {
      directory,
      absoluteDirectory: resolve(folder, directory),
      format: written.export?.format ?? 'qdq',
      containers: written.export?.containers ?? 'packed',
    },
    limits: { accuracyDrop: written.limits?.accuracyDrop ?? undefined },
    seed: written.seed ?? 1,
  };
}

/** Group size that "auto" looks at: that of the published rule. */
const AUTO_GROUP = 8;

function sparsityOf(written: NonNullable<WrittenRecipe['sparsity']> | undefined): RecipeSparsity {
  const transposable = written?.transposable ?? false;
  const pattern = written === undefined ? [] : (written.pattern ?? '2:4');
  const list = typeof pattern === 'string' ? [pattern] : pattern;
  return {
    patterns: list.flatMap((text) =>
      text === 'auto' ? [] : [text === 'dense' ? undefined : choiceOf(text, transposable)],
    ),
    auto: pattern === 'auto' ? { group: AUTO_GROUP, transposable } : undefined,
    method: written?.method ?? 'exact',
    score: written?.score ?? 'magnitude',
    optimizer: written?.optimizer ?? 'adaprune',
    mode: written?.mode ?? 'sequential',
    permute: written?.permute ?? false,
    firstAndLast: written?.firstAndLast ?? false,
  };
}

function overrideSparsity(
  written: string | { readonly pattern: string; readonly transposable?: boolean } | null | undefined,
  transposable: boolean,
): SparsityChoice | null | undefined {
  if (written === null || written === undefined) {
    return written;
  }
  return typeof written === 'string'
    ? choiceOf(written, transposable)
    : choiceOf(written.pattern, written.transposable ?? transposable);
}

/** "2:4" has passed the schema; whether 2 < 4 is checked with all that no single field can be blamed for. */
function choiceOf(pattern: string, transposable: boolean): SparsityChoice {
  const [keep, group] = pattern.split(':').map(Number);
  return { keep: keep!, group: group!, transposable };
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
