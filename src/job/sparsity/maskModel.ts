import { findLayers } from '../../analysis';
import type { Layer, NmPattern } from '../../analysis';
import { LATHE_VERSION } from '../../base/version';
import { exportModel } from '../../export/exportModel';
import { applyMask, maskTiedLayers, setLayerWeight } from '../../methods';
import type { LayerMask, MaskMethod, MaskScore } from '../../methods';
import { modelHash, openModel } from '../../onnx';
import { foldBatchNorm, foldConstants } from '../../passes';
import { noMaskableLayers } from '../errors';
import { edgeLayers } from '../layerWidths';
import { matchesLayer } from '../recipe/layerOverrides';
import { eligiblePatterns } from './layerPatterns';
import { patternBroken } from './patternCompliance';

export interface MaskModelOptions {
  readonly pattern: NmPattern;
  readonly transposable: boolean;
  readonly method: MaskMethod;
  readonly score: Extract<MaskScore, 'magnitude' | 'squared'>;
  /** Batch norms are folded first, so that masks are found on the weights that inference uses. */
  readonly fold: boolean;
  /** Names or globs of the layers to mask; empty: all that can be, but for the first and the last. */
  readonly layers: readonly string[];
  readonly overwrite: boolean;
}

export interface MaskedLayer {
  readonly name: string;
  readonly shortName: string;
  readonly parameters: number;
  /** Share of the weights that stay, 0…1; 1 for a dense layer. */
  readonly density: number;
  /** Share of Σ|w| that stays, 0…1. */
  readonly retained: number;
  /** Why the layer stays dense; undefined where it was masked. */
  readonly reason: string | undefined;
}

export interface MaskModelResult {
  readonly path: string;
  readonly bytes: number;
  readonly pattern: NmPattern;
  readonly transposable: boolean;
  readonly layers: readonly MaskedLayer[];
  /** Of all layers: zeros / weights. */
  readonly zeros: number;
}

/**
 * Writes a copy of a model whose layers hold an N:M pattern: dense tensors with exact zeros, by magnitude, without data.
 * Nothing else changes; with `fold`, batch norms go into the layers first.
 *
 * Throws `onnx/*`, `export/*`, `sparsity/*`, `job/no-maskable-layers`.
 */
export function maskModel(modelPath: string, outPath: string, options: MaskModelOptions): MaskModelResult {
  const original = openModel(modelPath);
  const model = original.clone();
  if (options.fold) {
    foldConstants(model);
    foldBatchNorm(model);
    model.graph.sortTopologically();
  }
  const layers = findLayers(model);
  const reasons = new Map<string, string>();
  const wanted = layers.filter((layer) => {
    const reason = denseReason(layer, layers, options);
    if (reason !== undefined) {
      reasons.set(layer.name, reason);
    }
    return reason === undefined;
  });
  const masks = new Map<string, LayerMask>();
  for (const group of tiedGroups(wanted, layers)) {
    const found = maskTiedLayers(group, options);
    if ('applied' in found) {
      group.forEach((layer) => reasons.set(layer.name, found.reason));
      continue;
    }
    group.forEach((layer, i) => masks.set(layer.name, found[i]!));
    // Once for all that share the weight.
    setLayerWeight(group[0]!, applyMask(group[0]!, found[0]!.mask));
  }
  if (masks.size === 0) {
    throw noMaskableLayers(
      modelPath,
      layers.map((layer) => `${layer.name}: ${reasons.get(layer.name) ?? 'not asked for'}`),
    );
  }
  const { keep, group } = options.pattern;
  const written = exportModel({
    source: original,
    model,
    quantization: undefined,
    path: outPath,
    overwrite: options.overwrite,
    provenance: {
      version: LATHE_VERSION,
      sourceSha256: modelHash(original),
      sparsity: JSON.stringify(
        Object.fromEntries(
          [...masks.keys()].map((name) => [name, `${keep}:${group}${options.transposable ? 'T' : ''}`]),
        ),
      ),
    },
  });
  for (const layer of findLayers(written.model)) {
    const broken = masks.has(layer.name)
      ? patternBroken(layer, { keep, group, transposable: options.transposable })
      : undefined;
    if (broken !== undefined) {
      throw new Error(`Internal error: ${broken}`);
    }
  }
  return {
    path: written.path,
    bytes: written.bytes,
    pattern: options.pattern,
    transposable: options.transposable,
    layers: layers.map((layer) => describe(layer, masks.get(layer.name), reasons.get(layer.name))),
    zeros: zeroShare(layers, masks),
  };
}

function denseReason(layer: Layer, layers: readonly Layer[], options: MaskModelOptions): string | undefined {
  if (options.layers.length > 0 && !options.layers.some((pattern) => matchesLayer(pattern, layer))) {
    return 'not asked for';
  }
  if (options.layers.length === 0 && edgeLayers(layers).has(layer.name)) {
    return 'first or last layer: dense';
  }
  const { patterns, reason } = eligiblePatterns(
    layer,
    [{ ...options.pattern, transposable: options.transposable }],
    undefined,
  );
  return patterns[0] === undefined ? (reason ?? 'dense') : undefined;
}

/** Layers that share a weight are masked together, those that were not asked for too. */
function tiedGroups(wanted: readonly Layer[], layers: readonly Layer[]): Layer[][] {
  const groups = new Map<string, Layer[]>();
  for (const layer of wanted) {
    const key = layer.tie === undefined ? `layer ${layer.name}` : `tie ${layer.tie}`;
    if (!groups.has(key)) {
      groups.set(key, layer.tie === undefined ? [layer] : layers.filter((other) => other.tie === layer.tie));
    }
  }
  return [...groups.values()];
}

function describe(layer: Layer, mask: LayerMask | undefined, reason: string | undefined): MaskedLayer {
  return {
    name: layer.name,
    shortName: layer.shortName,
    parameters: layer.parameters,
    density: mask?.density ?? 1,
    retained: mask?.retainedMagnitude ?? 1,
    reason: mask === undefined ? (reason ?? 'dense') : undefined,
  };
}

function zeroShare(layers: readonly Layer[], masks: ReadonlyMap<string, LayerMask>): number {
  let zeros = 0;
  let all = 0;
  const counted = new Set<string>();
  for (const layer of layers) {
    if (layer.tie !== undefined && counted.has(layer.tie)) {
      continue;
    }
    counted.add(layer.tie ?? layer.name);
    all += layer.parameters;
    zeros += layer.parameters * (1 - (masks.get(layer.name)?.density ?? 1));
  }
  return all === 0 ? 0 : zeros / all;
}
