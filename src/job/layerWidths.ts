import type { Layer } from '../analysis';
import { overrideFor } from './recipe/layerOverrides';
import type { LayerOverride, Recipe } from './recipe/recipe';

/** "Stays float." */
export const FLOAT_BITS = 32;

/** What the recipe wants of one layer: the widths to measure and what is fixed. */
export interface LayerWidths {
  /** Ascending; empty when the weights stay float. */
  readonly weightBits: readonly number[];
  /** Ascending; [32] when the input stays float. */
  readonly activationBits: readonly number[];
  readonly pinnedWeight: number | undefined;
  readonly pinnedActivation: number | undefined;
  readonly allowedWeights: readonly number[] | undefined;
  readonly allowedActivations: readonly number[] | undefined;
  readonly excluded: boolean;
  readonly isEdge: boolean;
  /** Why the allocation does not decide freely; undefined when it does. */
  readonly reason: string | undefined;
}

/** A pin set by hand in the editor; undefined leaves a side to the recipe. */
export interface WidthPin {
  readonly layer: string;
  readonly weightBits?: number | undefined;
  readonly activationBits?: number | undefined;
}

/** The first and the last layer whose weights can be quantised, in running order; embeddings do not count as first. */
export function edgeLayers(layers: readonly Layer[]): ReadonlySet<string> {
  const able = layers.filter((layer) => layer.quantizeWeights.possible && layer.kind !== 'Gather');
  const edges = [able[0], able[able.length - 1]].filter((layer) => layer !== undefined);
  return new Set(edges.map((layer) => layer.name));
}

/** Widths for a layer: the recipe's lists, its overrides (last match wins), the rule for first and last, pins by hand. */
export function layerWidths(recipe: Recipe, layer: Layer, edges: ReadonlySet<string>, pin?: WidthPin): LayerWidths {
  const override = overrideFor(recipe, layer);
  const { quantization } = recipe;
  const { firstAndLast } = quantization;
  const isEdge = firstAndLast !== undefined && edges.has(layer.name);
  const edgeBits = isEdge ? [firstAndLast] : [];
  const weights = sideOf(override?.weights, pin?.weightBits);
  const activations = sideOf(override?.activations, pin?.activationBits);
  const weightBits = ascending([...quantization.weights.bits, ...edgeBits, ...weights.named]);
  const activationBits = layer.quantizeActivations.possible
    ? ascending([...quantization.activations.bits, ...edgeBits, ...activations.named])
    : [FLOAT_BITS];
  const excluded = !quantization.enabled || !layer.quantizeWeights.possible || weights.float;
  return {
    weightBits: excluded ? [] : weightBits.filter((bits) => bits < FLOAT_BITS),
    activationBits: excluded ? [FLOAT_BITS] : activationBits,
    pinnedWeight: weights.pinned,
    pinnedActivation: layer.quantizeActivations.possible ? activations.pinned : undefined,
    allowedWeights: weights.allowed,
    allowedActivations: layer.quantizeActivations.possible ? activations.allowed : undefined,
    excluded,
    isEdge: isEdge && weights.pinned === undefined,
    reason: reasonFor(layer, override, pin, isEdge, firstAndLast),
  };
}

interface Side {
  readonly named: readonly number[];
  readonly pinned: number | undefined;
  readonly allowed: readonly number[] | undefined;
  readonly float: boolean;
}

function sideOf(written: number | readonly number[] | null | undefined, pin: number | undefined): Side {
  const value = pin ?? written;
  if (value === null || value === FLOAT_BITS) {
    return { named: [FLOAT_BITS], pinned: FLOAT_BITS, allowed: undefined, float: true };
  }
  if (typeof value === 'number') {
    return { named: [value], pinned: value, allowed: undefined, float: false };
  }
  return { named: value ?? [], pinned: undefined, allowed: value, float: false };
}

function reasonFor(
  layer: Layer,
  override: LayerOverride | undefined,
  pin: WidthPin | undefined,
  isEdge: boolean,
  edgeBits: number | undefined,
): string | undefined {
  if (!layer.quantizeWeights.possible) {
    return layer.quantizeWeights.reason;
  }
  if (pin?.weightBits !== undefined || pin?.activationBits !== undefined) {
    return 'pinned by hand';
  }
  if (override !== undefined) {
    return override.weights === null ? `excluded by "${override.pattern}"` : `set by "${override.pattern}"`;
  }
  return isEdge ? `first or last layer: ${edgeBits ?? FLOAT_BITS} bits` : undefined;
}

function ascending(bits: readonly number[]): number[] {
  return [...new Set(bits)].sort((a, b) => a - b);
}
