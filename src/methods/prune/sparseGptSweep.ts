import type { NmPattern } from '../../analysis';
import { invariant } from '../../base/errors';
import {
  choleskyInto,
  choleskySolve,
  inverseCholeskyUpper,
  meanDiagonal,
  multiplyTransposedInto,
  transpose,
} from '../../kernels';
import type { FitMoments } from './centredMoments';

/** Columns swept before their errors are carried into the columns behind them: their part of U stays in the cache. */
const BLOCK = 64;

export interface SweptRows {
  /** [rows, n], +0 where pruned. */
  readonly weight: Float64Array;
  /** [rows, n], 1 = kept: the mask given, or the one chosen. */
  readonly mask: Uint8Array;
}

/**
 * SparseGPT (arXiv 2301.00774, algorithm 1): the columns are walked once; what is pruned in a column is made up for by the
 * columns behind it, as the upper factor U of (G + λ I)⁻¹ = Uᵀ U says. Without a mask, each group on its way keeps the `keep`
 * weights of largest w² / U_jj², w being the weight as the errors before the group have left it (first one on ties).
 *
 * Columns are walked with kernel positions outermost and channels innermost, so that a group (`pattern.group` channels at one
 * position; the last may be shorter) is adjacent. Where X̂ ≠ X the sweep starts from the weights that are best without a mask:
 * about them the error is the same quadratic form.
 *
 * @param weight [rows, n] with column = channel · kernelSize + position
 * @param mask [rows, n] from `maskOffset`, or undefined to choose it
 */
export function sparseGptSweep(
  moments: FitMoments,
  rows: number,
  weight: Float64Array,
  pattern: NmPattern,
  kernelSize: number,
  damping: number,
  mask: Uint8Array | undefined,
  maskOffset = 0,
): SweptRows {
  const n = moments.size;
  const order = walkOrder(n, kernelSize);
  const { upper, lambda } = errorFactor(moments, order, damping);
  const start = startingWeights(moments, rows, weight, lambda);
  const w = new Float64Array(rows * n);
  const kept = new Uint8Array(rows * n);
  for (let at = 0; at < rows * n; at += n) {
    for (let j = 0; j < n; j++) {
      w[at + j] = start[at + order[j]!]!;
      kept[at + j] = mask === undefined || mask[maskOffset + at + order[j]!] === 0 ? 0 : 1;
    }
  }
  const errors = new Float64Array(rows * n);
  for (const block of walkBlocks(n, kernelSize, pattern.group)) {
    const blockEnd = block.at(-1)!.end;
    for (let at = 0; at < rows * n; at += n) {
      for (const { from, end } of block) {
        if (mask === undefined) {
          chooseGroup(w, kept, at, from, end, pattern.keep, upper, n);
        }
        for (let j = from; j < end; j++) {
          if (kept[at + j] === 0) {
            errors[at + j] = pruneOne(w, at, j, blockEnd, upper, n);
          }
        }
      }
      carryOn(w, errors, at, block[0]!.from, blockEnd, upper, n);
    }
  }
  const out = { weight: new Float64Array(rows * n), mask: new Uint8Array(rows * n) };
  for (let at = 0; at < rows * n; at += n) {
    for (let j = 0; j < n; j++) {
      out.weight[at + order[j]!] = kept[at + j] === 0 ? 0 : w[at + j]!;
      out.mask[at + order[j]!] = kept[at + j]!;
    }
  }
  return out;
}

/** Column that is walked at each step: (position, channel) instead of (channel, position). */
function walkOrder(n: number, kernelSize: number): Int32Array {
  const channels = n / kernelSize;
  return Int32Array.from({ length: n }, (_, t) => (t % channels) * kernelSize + Math.floor(t / channels));
}

interface Span {
  readonly from: number;
  readonly end: number;
}

/** The groups in walking order, gathered into blocks of about {@link BLOCK} columns. */
function walkBlocks(n: number, kernelSize: number, group: number): Span[][] {
  const channels = n / kernelSize;
  const blocks: Span[][] = [];
  let block: Span[] = [];
  for (let first = 0; first < n; first += channels) {
    for (let c = 0; c < channels; c += group) {
      block.push({ from: first + c, end: first + Math.min(c + group, channels) });
      if (block.at(-1)!.end - block[0]!.from >= BLOCK) {
        blocks.push(block);
        block = [];
      }
    }
  }
  return block.length > 0 ? [...blocks, block] : blocks;
}

/** U of (G + λ I)⁻¹ in walking order. λ = damping × mean diagonal, raised where G is singular and that is not enough. */
function errorFactor(
  { gram, size: n }: FitMoments,
  order: Int32Array,
  damping: number,
): { readonly upper: Float64Array; readonly lambda: number } {
  const scale = meanDiagonal(gram, n);
  const permuted = new Float64Array(n * n);
  for (let lambda = damping * scale; lambda < Infinity; lambda = Math.max(10 * lambda, 1e-12 * scale || 1)) {
    for (let i = 0; i < n; i++) {
      const from = order[i]! * n;
      for (let j = 0; j < n; j++) {
        permuted[i * n + j] = gram[from + order[j]!]!;
      }
      permuted[i * n + i]! += lambda;
    }
    const upper = inverseCholeskyUpper(permuted, n);
    if (upper !== undefined) {
      return { upper, lambda };
    }
  }
  invariant(false, 'no damping makes the moments definite');
}

/** The weights that are best without a mask, (w S + λ w)(G + λ I)⁻¹: w itself where X̂ = X. */
function startingWeights(moments: FitMoments, rows: number, weight: Float64Array, lambda: number): Float64Array {
  const { size: n, gram, cross } = moments;
  if (cross === gram) {
    return weight;
  }
  const factor = gram.slice();
  for (let i = 0; i < n; i++) {
    factor[i * n + i]! += lambda;
  }
  invariant(choleskyInto(factor, n), 'damped moments are definite');
  const start = new Float64Array(rows * n);
  multiplyTransposedInto(weight, transpose(cross, n, n), rows, n, n, start);
  for (let i = 0; i < start.length; i++) {
    start[i]! += lambda * weight[i]!;
  }
  for (let row = 0; row < rows; row++) {
    choleskySolve(factor, n, start, row * n);
  }
  return start;
}

/** Marks the `keep` weights of the group whose removal would cost most. */
function chooseGroup(
  w: Float64Array,
  kept: Uint8Array,
  at: number,
  from: number,
  end: number,
  keep: number,
  upper: Float64Array,
  n: number,
): void {
  for (let k = 0; k < keep && k < end - from; k++) {
    let best = -1;
    let most = -1;
    for (let j = from; j < end; j++) {
      const scaled = w[at + j]! / upper[j * n + j]!;
      if (kept[at + j] === 0 && scaled * scaled > most) {
        most = scaled * scaled;
        best = j;
      }
    }
    kept[at + best] = 1;
  }
}

/** Zeroes one weight and moves its error into the columns behind it, up to the block's end. Returns the error. */
function pruneOne(w: Float64Array, at: number, j: number, blockEnd: number, upper: Float64Array, n: number): number {
  const row = j * n;
  const error = w[at + j]! / upper[row + j]!;
  for (let c = j + 1; c < blockEnd; c++) {
    w[at + c]! -= error * upper[row + c]!;
  }
  w[at + j] = 0;
  return error;
}

/** Carries the errors of a finished block into all columns behind it. */
function carryOn(
  w: Float64Array,
  errors: Float64Array,
  at: number,
  from: number,
  end: number,
  upper: Float64Array,
  n: number,
): void {
  for (let j = from; j < end; j++) {
    const error = errors[at + j]!;
    if (error !== 0) {
      const row = j * n;
      for (let c = end; c < n; c++) {
        w[at + c]! -= error * upper[row + c]!;
      }
    }
  }
}
