import { basename, relative, sep } from 'node:path';

export interface InitialRecipeOptions {
  /** Folder the recipe goes to; the model and data are named relative to it. */
  readonly folder: string;
  /** Path of the schema file, where one stays reachable from the recipe: editors without the extension complete by it. */
  readonly schema?: string;
  /** Model input names, in order. */
  readonly inputs: readonly string[];
  readonly data?: {
    readonly path: string;
    /** Source for judging the result; the same one unless given. */
    readonly evaluationPath?: string;
    /** Arrays found in the source: name of the one that feeds the first input, and of the labels, where known. */
    readonly input?: string;
    readonly labels?: string;
    /** Samples in the source, where known. */
    readonly count?: number;
    /** Whether the source carries labels of its own (image folders, IDX). */
    readonly hasLabels?: boolean;
    /** Whether samples are bytes 0…255, which models expect scaled. */
    readonly isBytes?: boolean;
  };
}

/** Text of a first recipe: what most people want to change is written out, the rest is left to the defaults. */
export function initialRecipe(modelPath: string, options: InitialRecipeOptions): string {
  const { data, folder, inputs } = options;
  const written = (path: string): string => relative(folder, path).split(sep).join('/') || basename(path);
  const source = data === undefined ? undefined : written(data.path);
  const evaluationSource = data?.evaluationPath === undefined ? source : written(data.evaluationPath);
  const firstInput = inputs[0];
  const mapping =
    firstInput !== undefined && data?.input !== undefined && data.input !== firstInput
      ? { inputs: { [firstInput]: data.input } }
      : {};
  const labels = data?.labels === undefined ? {} : { labels: data.labels };
  const judged = data?.labels !== undefined || data?.hasLabels === true;
  const recipe = {
    ...(options.schema === undefined ? {} : { $schema: written(options.schema) }),
    model: written(modelPath),
    ...(source === undefined
      ? {}
      : {
          data: {
            calibration: { source, ...mapping, samples: Math.min(512, data?.count ?? 512) },
            evaluation: { source: evaluationSource, ...mapping, ...labels, metric: judged ? 'top1' : 'mse' },
            preprocess: { scale: data?.isBytes === true ? 0.00392156862745098 : 1, mean: [0], std: [1] },
          },
        }),
    quantization: {
      weights: { bits: [2, 3, 4, 8], granularity: 'per-channel', symmetric: true, range: 'output-mse' },
      activations: { bits: [8], symmetric: false, range: 'mse' },
    },
    allocation: { minimize: 'loss', budget: { size: 0.15 } },
    layers: {},
    export: { directory: 'compressed' },
    limits: { accuracyDrop: 0.01 },
    seed: 1,
  };
  return formatShortJson(recipe) + '\n';
}

/** JSON with small objects and lists on one line each, as people write recipes. */
function formatShortJson(value: unknown, indent = ''): string {
  const line = formatLine(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return line;
  }
  if (indent !== '' && depth(value) <= 2 && indent.length + line.length <= 110) {
    return line;
  }
  const inner = `${indent}  `;
  const fields = Object.entries(value).map(([k, v]) => `${inner}${JSON.stringify(k)}: ${formatShortJson(v, inner)}`);
  return `{\n${fields.join(',\n')}\n${indent}}`;
}

function formatLine(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(formatLine).join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${formatLine(v)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

function depth(value: unknown): number {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? 1 + Math.max(0, ...Object.values(value).map(depth))
    : 0;
}
