import { findLayers, type Layer } from '../../analysis';
import { openModel } from '../../onnx';
import { lockPathOf, readLock } from '../lock/lockFile';
import type { Lock } from '../lock/lockSchema';
import { loadRecipe } from '../recipe/loadRecipe';
import type { Recipe } from '../recipe/recipe';
import { modelOptConfig } from './modelOptConfig';
import { netronAttachment } from './netronAttachment';
import { tensorQuantOverrides } from './tensorQuantOverrides';

/** What a file for another tool is made from. */
export interface InteropSource {
  readonly lock: Lock;
  /** Layers of the float model by name, as the lock names them. */
  readonly layers: ReadonlyMap<string, Layer>;
  /** Whether outliers of activations were moved: then input grids of the lock are not those of the float model. */
  readonly smoothed: boolean;
  /** Whether weights have one scale per output channel. */
  readonly perChannel: boolean;
}

/** Files other tools read; `suffix` follows the stem of the recipe. */
export const interopFormats = {
  'ort-overrides': {
    about: 'TensorQuantOverrides of ONNX Runtime’s static quantiser, for the float model.',
    suffix: 'ort-overrides.json',
    write: tensorQuantOverrides,
  },
  modelopt: {
    about: 'quant_cfg of NVIDIA ModelOpt, by the names of PyTorch modules.',
    suffix: 'modelopt.json',
    write: modelOptConfig,
  },
  netron: {
    about: 'Attachment for Netron: widths, patterns and losses beside the nodes of the float model.',
    suffix: 'netron.json',
    write: netronAttachment,
  },
} as const satisfies Readonly<
  Record<
    string,
    { readonly about: string; readonly suffix: string; readonly write: (source: InteropSource) => InteropText }
  >
>;

export type InteropFormat = keyof typeof interopFormats;

/** A JSON value, and what the other tool will not do as the lock says. */
export interface InteropText {
  readonly value: unknown;
  readonly notes: readonly string[];
}

export interface InteropResult {
  readonly recipe: Recipe;
  readonly text: string;
  readonly notes: readonly string[];
}

/**
 * The decisions in the lock beside a recipe, in the form of another tool. Reads recipe, lock and the structure of the model;
 * writes nothing.
 *
 * Throws `recipe/*`, `lock/missing`, `lock/damaged`, `onnx/*`.
 */
export function interopFile(recipePath: string, format: InteropFormat): InteropResult {
  const recipe = loadRecipe(recipePath);
  const lock = readLock(lockPathOf(recipe.path));
  const layers = new Map(findLayers(openModel(recipe.modelPath)).map((layer) => [layer.name, layer]));
  const smoothed = recipe.quantization.smoothQuant !== undefined;
  const perChannel = recipe.quantization.weights.granularity === 'per-channel';
  const { value, notes } = interopFormats[format].write({ lock, layers, smoothed, perChannel });
  const { blockSize } = recipe.quantization.weights;
  const lost =
    blockSize === undefined
      ? []
      : [`scales per block of ${blockSize} are left out: this form has one per channel or one per weight`];
  return { recipe, text: `${JSON.stringify(value, null, 2)}\n`, notes: [...notes, ...lost] };
}
