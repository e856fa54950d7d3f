import type { NmPattern } from '../../analysis';
import type { InputMoments, LayerMoments } from '../moments';
import { absorbMean } from './absorbMean';
import { fitMoments } from './centredMoments';
import { checkLayer } from './checkLayer';
import { maskedLeastSquares, type MaskedSolver } from './maskedLeastSquares';
import { meanOutputs, squaredErrorOfRows, targetRows, type TargetRows } from './outputError';
import { sparseGptSweep } from './sparseGptSweep';

/** How the weights that stay make up for those that go. */
export type PruneMethod = 'none' | 'absorb' | 'adaprune' | 'sparsegpt';

export interface FitOptions {
  readonly method: PruneMethod;
  /** Groups for mean absorption and the sweep; without it there is no absorption. */
  readonly pattern?: NmPattern;
  /** 'auto' takes whichever costs fewer operations. @default 'auto' */
  readonly solver?: MaskedSolver | 'auto';
  /** Pull towards the weights as they were, as a share of the mean diagonal of G. @default 0.01 */
  readonly damping?: number;
  /** Whether the bias is fitted too. A layer without one then gets one. @default true */
  readonly fitBias?: boolean;
  /**
   * 'sparsegpt' only: solve for the kept weights once the sweep has chosen them, instead of taking the sweep's. What is pruned
   * late in the sweep has few columns left to make up for it, so this is a gain at every layer. @default true
   */
  readonly refit?: boolean;
}

export interface MaskedLayerInput {
  /** For messages. */
  readonly layer: string;
  readonly rows: number;
  readonly columns: number;
  /** Row-major [rows, columns], kernel positions innermost: the order of `weightAsMatrix`. */
  readonly weight: Float32Array;
  /** One per row. */
  readonly bias: Float32Array | undefined;
  /** [rows, columns], 1 = kept. Undefined with 'sparsegpt' only, which then chooses it. */
  readonly mask: Uint8Array | undefined;
  /** Sets of adjacent rows that see different inputs: the entries of the moments. */
  readonly rowGroups: number;
  /** Kernel positions: column = channel · kernelSize + position. @default 1 */
  readonly kernelSize?: number;
  readonly moments: LayerMoments;
  readonly options: FitOptions;
}

/** Mean squared error of the layer's output over its power: Σ rows E (y − ŷ)² / Σ rows E (w·x)². */
export interface OutputError {
  readonly fit: number;
  /** On samples the fit has not seen; undefined where none were held out. */
  readonly heldOut: number | undefined;
}

export type FitVariant = 'maskOnly' | 'absorbed' | 'fitted';

export interface FittedLayer {
  /** As the input's; pruned entries are exactly +0. */
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
  /** The mask given, or the one the sweep chose. */
  readonly mask: Uint8Array;
  /** The variant of least error on held-out samples (on the fit's where none are held out), the plainer one on ties. */
  readonly kept: FitVariant;
  readonly errors: {
    readonly maskOnly: OutputError;
    readonly absorbed: OutputError | undefined;
    readonly fitted: OutputError | undefined;
    readonly chosen: OutputError;
  };
  /** What the errors are relative to: mean over rows of E (w·x)². Where it is zero the errors are absolute. */
  readonly power: OutputError;
  /** What made the fitted variant. */
  readonly solver: MaskedSolver | 'sweep' | undefined;
  /** Steps of the slowest row with 'cg', factorisations with 'exact', passes of the sweep. */
  readonly iterations: number;
}

interface Variant {
  readonly name: FitVariant;
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
}

/**
 * Fits the weights of one layer to a mask so that its output moves least: AdaPrune (arXiv 2102.08124) in Gram form, or
 * SparseGPT's sweep. The moments say what the layer reads; with those of a compressed prefix (X̂ ≠ X) the fit makes up for
 * the prefix too. Never worse on held-out samples than the mask alone.
 *
 * @throws LatheError prune/non-finite, prune/shape
 */
export function fitMaskedLayer(input: MaskedLayerInput): FittedLayer {
  checkLayer(input);
  const { rows, columns, options } = input;
  const weight = Float64Array.from(input.weight);
  const bias = Float64Array.from(input.bias ?? new Float32Array(rows));
  const fitBias = options.fitBias ?? true;
  const fitted = fitVariant(input, weight, bias, fitBias);
  const mask = fitted?.mask ?? input.mask!;
  const variants: Variant[] = [{ name: 'maskOnly', weight: masked(weight, mask), bias: input.bias }];
  if (options.method !== 'none' && options.pattern !== undefined) {
    const absorbed = absorbMean(weight, mask, rows, columns, input.kernelSize ?? 1, options.pattern.group);
    variants.push({ name: 'absorbed', weight: masked(absorbed, mask), bias: input.bias });
  }
  if (fitted !== undefined) {
    variants.push({ name: 'fitted', weight: masked(fitted.weight, mask), bias: fitted.bias });
  }
  const measure = errorMeasure(input, weight, bias);
  const errors = new Map(variants.map((variant) => [variant.name, measure.errorOf(variant)]));
  const best = variants.reduce((a, b) => (decisive(errors.get(b.name)!) < decisive(errors.get(a.name)!) ? b : a));
  return {
    weight: best.weight,
    bias: best.bias,
    mask,
    kept: best.name,
    errors: {
      maskOnly: errors.get('maskOnly')!,
      absorbed: errors.get('absorbed'),
      fitted: errors.get('fitted'),
      chosen: errors.get(best.name)!,
    },
    power: measure.power,
    solver: fitted?.solver,
    iterations: fitted?.iterations ?? 0,
  };
}

function decisive(error: OutputError): number {
  return error.heldOut ?? error.fit;
}

interface Fit {
  readonly weight: Float64Array;
  readonly bias: Float32Array | undefined;
  readonly mask: Uint8Array;
  readonly solver: MaskedSolver | 'sweep';
  readonly iterations: number;
}

function fitVariant(
  input: MaskedLayerInput,
  weight: Float64Array,
  bias: Float64Array,
  fitBias: boolean,
): Fit | undefined {
  const { rows, columns, rowGroups, options, moments } = input;
  if (options.method === 'none' || options.method === 'absorb') {
    return undefined;
  }
  const perGroup = rows / rowGroups;
  const out = new Float64Array(rows * columns);
  const outBias = fitBias ? new Float32Array(rows) : undefined;
  const mask = input.mask?.slice() ?? new Uint8Array(rows * columns);
  let solver: Fit['solver'] = 'sweep';
  let iterations = 0;
  for (let group = 0; group < rowGroups; group++) {
    const start = group * perGroup * columns;
    const target = weight.subarray(start, start + perGroup * columns);
    const found = fitGroup(input, moments.fit[group]!, target, mask, start, fitBias);
    solver = found.solver;
    iterations = Math.max(iterations, found.iterations);
    out.set(found.weight, start);
    if (outBias !== undefined) {
      const first = group * perGroup;
      outBias.set(bestBias(moments.fit[group]!, target, found.weight, bias.subarray(first, first + perGroup)), first);
    }
  }
  return { weight: out, bias: outBias ?? input.bias, mask, solver, iterations };
}

/** Fits one row group; writes the mask where the sweep chooses it. */
function fitGroup(
  input: MaskedLayerInput,
  moments: InputMoments,
  weight: Float64Array,
  mask: Uint8Array,
  start: number,
  fitBias: boolean,
): { readonly weight: Float64Array; readonly solver: Fit['solver']; readonly iterations: number } {
  const { options, columns } = input;
  const damping = options.damping ?? 0.01;
  const rows = weight.length / columns;
  const centred = fitMoments(moments, fitBias);
  if (options.method === 'sparsegpt') {
    const pattern = options.pattern ?? { keep: columns, group: columns };
    const given = input.mask === undefined ? undefined : mask;
    const swept = sparseGptSweep(centred, rows, weight, pattern, input.kernelSize ?? 1, damping, given, start);
    mask.set(swept.mask, start);
    if (options.refit === false) {
      return { weight: swept.weight, solver: 'sweep', iterations: 1 };
    }
  }
  return maskedLeastSquares(centred, rows, weight, mask, start, damping, options.solver ?? 'auto');
}

/** b̂ = b + w·x̄ − ŵ·x̂̄: what is best for the weights as they will be stored, in float32. */
function bestBias(moments: InputMoments, target: Float64Array, found: Float64Array, bias: Float64Array): Float32Array {
  const rows = bias.length;
  const wanted = meanOutputs(target, moments.targetMean, rows);
  const got = meanOutputs(Float64Array.from(Float32Array.from(found)), moments.mean, rows);
  return Float32Array.from(bias, (b, r) => b + wanted[r]! - got[r]!);
}

/** Rounded to float32, +0 wherever the mask prunes. */
function masked(weight: Float64Array, mask: Uint8Array): Float32Array {
  const out = new Float32Array(weight.length);
  for (let i = 0; i < out.length; i++) {
    if (mask[i] !== 0) {
      out[i] = weight[i]!;
    }
  }
  return out;
}

/** Measures variants against the float layer, on the fit's samples and on those held out. */
function errorMeasure(
  input: MaskedLayerInput,
  weight: Float64Array,
  bias: Float64Array,
): { readonly power: OutputError; errorOf(variant: Variant): OutputError } {
  const { rows, columns, moments } = input;
  const perGroup = rows / input.rowGroups;
  const targets = (set: readonly InputMoments[]): TargetRows[] =>
    set.map((group, g) => {
      const first = g * perGroup;
      const rowsOf = weight.subarray(first * columns, (first + perGroup) * columns);
      return targetRows(group, perGroup, rowsOf, bias.subarray(first, first + perGroup));
    });
  const fit = targets(moments.fit);
  const heldOut = moments.heldOut === undefined ? undefined : targets(moments.heldOut);
  const powerOf = (set: readonly TargetRows[]): number =>
    set.reduce((sum, { power }) => sum + power.reduce((a, b) => a + b, 0), 0);
  const relative = (set: readonly TargetRows[], w: Float64Array, b: Float64Array): number => {
    const sum = set.reduce((total, target, g) => {
      const first = g * perGroup;
      const rowsOf = w.subarray(first * columns, (first + perGroup) * columns);
      return total + squaredErrorOfRows(target, rowsOf, b.subarray(first, first + perGroup));
    }, 0);
    const power = powerOf(set);
    return power > 0 ? sum / power : sum / rows;
  };
  return {
    power: { fit: powerOf(fit) / rows, heldOut: heldOut && powerOf(heldOut) / rows },
    errorOf: (variant) => {
      const w = Float64Array.from(variant.weight);
      const b = Float64Array.from(variant.bias ?? new Float32Array(rows));
      return { fit: relative(fit, w, b), heldOut: heldOut && relative(heldOut, w, b) };
    },
  };
}
