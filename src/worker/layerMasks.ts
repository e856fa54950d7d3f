import { setImmediate as nextTurn } from 'node:timers/promises';
import { weightAsMatrix, type Layer } from '../analysis';
import { CancelledError } from '../base/errors';
import { maskBlock } from '../job/maskBlock';
import {
  checkPattern,
  log10MaskDiversity,
  countTileMasks,
  maskScores,
  measureSparsity,
  weightPlanes,
} from '../methods';
import type {
  BlockPlace,
  LayerSparsity,
  MaskBlock,
  PatternDiversity,
  PatternName,
  PatternSparsity,
} from '../protocol/sparsity';
import { HeldWeights, layerNamed } from './heldWeights';
import { toWireError } from './wireErrors';

/** Weights that diversity is given for: one 8 × 8 tile. */
const DIVERSITY_WEIGHTS = 64;
/** Weights looked at for the end of the colour ramp. */
const SCALE_SAMPLES = 65_536;
const SCALE_QUANTILE = 0.99;

/** A weight that was found to be finite, and where its colours end. */
interface CheckedWeight {
  readonly layer: Layer;
  readonly scale: number;
}

/**
 * Answers about N:M masks. Figures are held as long as the model they belong to is; of weights, those of one layer, so
 * that a window can be moved over it without reading it anew.
 */
export class LayerMasks {
  private readonly measured = new WeakMap<readonly Layer[], Map<string, LayerSparsity>>();
  private checked: CheckedWeight | undefined;

  constructor(private readonly weights = new HeldWeights()) {}

  /**
   * Measures every layer with every pattern, those that are known at once. `send` gets each layer and pattern as it is
   * done; what adds up to one layer has the same name.
   */
  async stream(
    layers: readonly Layer[],
    patterns: readonly PatternName[],
    signal: AbortSignal,
    send: (layer: LayerSparsity) => void,
  ): Promise<void> {
    patterns.forEach(checkPattern);
    let known = this.measured.get(layers);
    if (known === undefined) {
      known = new Map();
      this.measured.set(layers, known);
    }
    for (const layer of layers) {
      const before = known.get(layer.name);
      if (before !== undefined) {
        send(before);
      }
      const missing = patterns.filter((pattern) => !has(before, pattern));
      if (before?.failure === undefined && missing.length > 0) {
        await this.measure(layer, missing, known, signal, send);
      }
    }
  }

  /** What a pattern admits on any layer, in the order asked. */
  diversity(patterns: readonly PatternName[]): readonly PatternDiversity[] {
    patterns.forEach(checkPattern);
    return patterns.map((pattern) => ({
      keep: pattern.keep,
      group: pattern.group,
      rows: log10MaskDiversity('row-wise', pattern, DIVERSITY_WEIGHTS),
      exact: log10MaskDiversity('transposable', pattern, DIVERSITY_WEIGHTS),
      product: log10MaskDiversity('product-form', pattern, DIVERSITY_WEIGHTS),
      ...(countTileMasks(pattern.group, pattern.group, pattern.keep) === undefined && { estimated: true }),
    }));
  }

  /** Throws `worker/no-layer`, `sparsity/non-finite-weight`, `analysis/no-weight-values`. */
  block(layers: readonly Layer[], place: BlockPlace, pattern: PatternName): MaskBlock {
    const layer = layerNamed(layers, place.layer);
    const { weights, scale } = this.weightOf(layer);
    const block = maskBlock(layer, weights, place, pattern);
    const { planes, positions } = weightPlanes(layer);
    const [plane] = planes;
    const masks = Object.entries(block.masks).map(([method, mask]) => [method, Array.from(mask).join('')] as const);
    return {
      layer: layer.name,
      rowGroup: block.rowGroup,
      position: block.position,
      row: block.row,
      column: block.column,
      rows: block.rows,
      columns: block.columns,
      keep: pattern.keep,
      group: pattern.group,
      plane: {
        rows: plane?.rows ?? 0,
        columns: plane?.columns ?? 0,
        rowGroups: planes.length / positions,
        kernel: positions > 1 ? layer.weight.shape.slice(2) : [],
      },
      scale,
      // Five digits are more than any screen shows of a weight.
      values: Array.from(block.values, (value) => Number(value.toPrecision(5))),
      masks: Object.fromEntries(masks),
    };
  }

  private async measure(
    layer: Layer,
    patterns: readonly PatternName[],
    known: Map<string, LayerSparsity>,
    signal: AbortSignal,
    send: (layer: LayerSparsity) => void,
  ): Promise<void> {
    let weights: Float32Array | undefined;
    for (const pattern of patterns) {
      // Between two patterns a question is answered and an abort is heard.
      await nextTurn();
      if (signal.aborted) {
        throw new CancelledError();
      }
      let found: LayerSparsity;
      try {
        weights ??= weightAsMatrix(layer).data;
        found = measurePattern(layer, pattern, weights);
      } catch (error) {
        found = { name: layer.name, failure: toWireError(error).message, zeros: 0, patterns: [] };
      }
      const before = known.get(layer.name)?.patterns ?? [];
      known.set(layer.name, { ...found, patterns: [...before, ...found.patterns] });
      send(found);
      if (found.failure !== undefined) {
        return;
      }
    }
  }

  private weightOf(layer: Layer): { readonly weights: Float32Array; readonly scale: number } {
    const weights = this.weights.of(layer);
    if (this.checked?.layer !== layer) {
      this.checked = undefined;
      // Names the layer when a weight is NaN or infinite.
      maskScores(layer, weightPlanes(layer).layout, weights, 'magnitude', undefined);
      this.checked = { layer, scale: scaleOf(weights) };
    }
    return { weights, scale: this.checked.scale };
  }
}

function measurePattern(layer: Layer, pattern: PatternName, weights: Float32Array): LayerSparsity {
  const { zeros, patterns } = measureSparsity(layer, [pattern], weights);
  return {
    name: layer.name,
    zeros,
    patterns: patterns.map((found): PatternSparsity => {
      const share = ({ retainedMagnitude, density }: (typeof found)['rowWise']) => ({
        retained: retainedMagnitude,
        density,
      });
      const { eligible, eligibleTransposable, diversity } = found;
      return {
        keep: pattern.keep,
        group: pattern.group,
        eligible: verdict(eligible),
        eligibleTransposable: verdict(eligibleTransposable),
        forward: found.forward.compliance,
        backward: found.backward.compliance,
        ...(eligible.possible && {
          masks: {
            dropped: found.rowWise.droppedShare,
            methods: {
              rows: share(found.rowWise),
              ...(eligibleTransposable.possible && {
                exact: share(found.transposable),
                greedy: share(found.greedy),
                intersection: share(found.intersection),
              }),
            },
            diversity: {
              rows: diversity.log10.rowWise,
              exact: diversity.log10.transposable,
              product: diversity.log10.productForm,
              ...(!diversity.exact && { estimated: true }),
            },
          },
        }),
      };
    }),
  };
}

function verdict(given: Layer['sparsify']): PatternSparsity['eligible'] {
  return given.possible ? { possible: true } : { possible: false, reason: given.reason };
}

function has(layer: LayerSparsity | undefined, { keep, group }: PatternName): boolean {
  return layer?.patterns.some((entry) => entry.keep === keep && entry.group === group) === true;
}

/** The magnitude that 99 % of the weights, evenly spread over the layer, stay at or below; the largest where that is 0. */
function scaleOf(weights: Float32Array): number {
  const step = Math.max(1, Math.floor(weights.length / SCALE_SAMPLES));
  const sample = new Float32Array(Math.ceil(weights.length / step));
  let largest = 0;
  for (let i = 0; i < weights.length; i++) {
    const magnitude = Math.abs(weights[i]!);
    largest = Math.max(largest, magnitude);
    if (i % step === 0) {
      sample[i / step] = magnitude;
    }
  }
  sample.sort();
  const scale = sample[Math.floor((sample.length - 1) * SCALE_QUANTILE)] ?? 0;
  return scale > 0 ? scale : largest > 0 ? largest : 1;
}
