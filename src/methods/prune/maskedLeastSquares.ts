import { invariant } from '../../base/errors';
import {
  choleskyInto,
  choleskySolve,
  invertSymmetric,
  maskedConjugateGradient,
  meanDiagonal,
  multiplyTransposedInto,
  transpose,
} from '../../kernels';
import type { FitMoments } from './centredMoments';

export type MaskedSolver = 'exact' | 'cg';

export interface LeastSquaresFit {
  /** [rows, n], +0 where pruned. */
  readonly weight: Float64Array;
  readonly solver: MaskedSolver;
  /** Steps of the slowest row with 'cg', factorisations with 'exact'. */
  readonly iterations: number;
}

/** Rows that the conjugate gradient takes along at a time: bounds its work space. */
const ROWS_PER_BLOCK = 128;
/** Steps that a damped problem takes, for the choice between the solvers. */
const EXPECTED_STEPS = 60;

/**
 * For each row the weights ŵ on its mask that make the smallest error, with a pull of strength λ towards the weights as they
 * were: (G_SS + λ I) ŵ_S = (w S + λ w)_S. Where the data say nothing (dead inputs, fewer columns than weights) the weights so
 * stay as they were, and an all-ones mask with X̂ = X gives back the row itself. λ = `damping` × mean diagonal of G.
 *
 * `mask` and `weight` are [rows, n]; the mask begins at `maskOffset`.
 */
export function maskedLeastSquares(
  moments: FitMoments,
  rows: number,
  weight: Float64Array,
  mask: Uint8Array,
  maskOffset: number,
  damping: number,
  solver: MaskedSolver | 'auto',
): LeastSquaresFit {
  const n = moments.size;
  const target = new Float64Array(rows * n);
  const cross = moments.cross === moments.gram ? moments.gram : transpose(moments.cross, n, n);
  multiplyTransposedInto(weight, cross, rows, n, n, target);
  const system: System = {
    gram: moments.gram,
    n,
    rows,
    weight,
    target,
    mask,
    maskOffset,
    lambda: damping * meanDiagonal(moments.gram, n),
  };
  const plan = planExact(system);
  const exact = solver === 'exact' || (solver === 'auto' && plan.cost <= EXPECTED_STEPS * rows * n * n);
  return exact ? solveExactly(system, plan) : solveByGradients(system);
}

interface System {
  readonly gram: Float64Array;
  readonly n: number;
  readonly rows: number;
  readonly weight: Float64Array;
  /** w S [rows, n]. */
  readonly target: Float64Array;
  readonly mask: Uint8Array;
  readonly maskOffset: number;
  readonly lambda: number;
}

/** Rows with the same mask, which share a factorisation. */
interface MaskClass {
  readonly rows: number[];
  readonly kept: Int32Array;
  readonly pruned: Int32Array;
}

interface ExactPlan {
  readonly classes: readonly MaskClass[];
  /** Whether (G + λ I)⁻¹ is formed once and classes that prune little are solved for what they prune. */
  readonly inverse: boolean;
  /** Multiply-adds, roughly. */
  readonly cost: number;
}

function planExact(system: System): ExactPlan {
  const classes = classify(system);
  const { n, lambda } = system;
  let direct = 0;
  let viaInverse = (2 * n * n * n) / 3;
  for (const { kept, pruned } of classes) {
    const cost = kept.length ** 3 / 6;
    direct += cost;
    viaInverse += Math.min(cost, pruned.length ** 3 / 6);
  }
  const inverse = lambda > 0 && viaInverse < direct;
  return { classes, inverse, cost: inverse ? viaInverse : direct };
}

function classify({ n, rows, mask, maskOffset }: System): MaskClass[] {
  const classes: MaskClass[] = [];
  const byHash = new Map<number, MaskClass[]>();
  for (let row = 0; row < rows; row++) {
    const at = maskOffset + row * n;
    let hash = 2166136261;
    let count = 0;
    for (let j = 0; j < n; j++) {
      const kept = mask[at + j] === 0 ? 0 : 1;
      count += kept;
      hash = Math.imul(hash ^ (kept + 2 * (j & 127)), 16777619);
    }
    const alike = byHash.get(hash) ?? [];
    const same = alike.find(({ rows: members }) => sameMask(mask, at, maskOffset + members[0]! * n, n));
    if (same !== undefined) {
      same.rows.push(row);
      continue;
    }
    const kept = new Int32Array(count);
    const pruned = new Int32Array(n - count);
    for (let j = 0, k = 0, p = 0; j < n; j++) {
      if (mask[at + j] === 0) {
        pruned[p++] = j;
      } else {
        kept[k++] = j;
      }
    }
    const found = { rows: [row], kept, pruned };
    classes.push(found);
    byHash.set(hash, [...alike, found]);
  }
  return classes;
}

function sameMask(mask: Uint8Array, a: number, b: number, n: number): boolean {
  for (let j = 0; j < n; j++) {
    if ((mask[a + j] === 0) !== (mask[b + j] === 0)) {
      return false;
    }
  }
  return true;
}

function solveExactly(system: System, plan: ExactPlan): LeastSquaresFit {
  const { n, rows } = system;
  const out = new Float64Array(rows * n);
  const free = plan.inverse ? solveFreely(system) : undefined;
  // One work space for all classes.
  const largest = plan.classes.reduce((most, { kept }) => Math.max(most, kept.length), 0);
  const space = new Float64Array(largest * largest);
  for (const members of plan.classes) {
    const done = free !== undefined && members.pruned.length < members.kept.length;
    if (!(done && removePruned(system, members, free, space, out))) {
      solveKept(system, members, space, out);
    }
  }
  return { weight: out, solver: 'exact', iterations: plan.classes.length };
}

/** Factorises G_SS + λ I and solves all rows of the class. */
function solveKept(system: System, { rows, kept }: MaskClass, space: Float64Array, out: Float64Array): void {
  const { gram, n, weight, target } = system;
  const m = kept.length;
  if (m === 0) {
    return;
  }
  const least = 1e-12 * meanDiagonal(gram, n) || 1;
  let lambda = system.lambda;
  gather(gram, n, kept, lambda, space);
  while (!choleskyInto(space, m)) {
    // A singular G without damping: just enough to factorise.
    lambda = Math.max(10 * lambda, least);
    invariant(lambda < Infinity, 'no damping makes the system definite');
    gather(gram, n, kept, lambda, space);
  }
  const x = new Float64Array(m);
  for (const row of rows) {
    const at = row * n;
    for (let k = 0; k < m; k++) {
      const j = at + kept[k]!;
      x[k] = target[j]! + lambda * weight[j]!;
    }
    choleskySolve(space, m, x);
    for (let k = 0; k < m; k++) {
      out[at + kept[k]!] = x[k]!;
    }
  }
}

/** The lower triangle of matrix[indices, indices] + λ I, packed m × m. */
function gather(matrix: Float64Array, n: number, indices: Int32Array, lambda: number, out: Float64Array): void {
  const m = indices.length;
  for (let i = 0; i < m; i++) {
    const from = indices[i]! * n;
    const to = i * m;
    for (let j = 0; j <= i; j++) {
      out[to + j] = matrix[from + indices[j]!]!;
    }
    out[to + i]! += lambda;
  }
}

interface FreeSolution {
  /** B = (G + λ I)⁻¹. */
  readonly inverse: Float64Array;
  /** (w S + λ w) B: the best weights without a mask [rows, n]. */
  readonly weight: Float64Array;
}

function solveFreely({ gram, n, rows, weight, target, lambda }: System): FreeSolution | undefined {
  const damped = gram.slice();
  for (let i = 0; i < n; i++) {
    damped[i * n + i]! += lambda;
  }
  const inverse = invertSymmetric(damped, n);
  if (inverse === undefined) {
    return undefined;
  }
  const right = target.slice();
  for (let i = 0; i < right.length; i++) {
    right[i]! += lambda * weight[i]!;
  }
  const free = new Float64Array(rows * n);
  multiplyTransposedInto(right, inverse, rows, n, n, free);
  return { inverse, weight: free };
}

/**
 * From the best weights without a mask to the best with it: ŵ = w* − w*_D (B_DD)⁻¹ B_D, D being what is pruned. Cheaper than
 * {@link solveKept} where D is the smaller part. False where B_DD cannot be factorised.
 */
function removePruned(
  { n }: System,
  { rows, kept, pruned }: MaskClass,
  free: FreeSolution,
  space: Float64Array,
  out: Float64Array,
): boolean {
  const m = pruned.length;
  gather(free.inverse, n, pruned, 0, space);
  if (!choleskyInto(space, m)) {
    return false;
  }
  const x = new Float64Array(m);
  const row64 = new Float64Array(n);
  for (const row of rows) {
    const at = row * n;
    for (let k = 0; k < m; k++) {
      x[k] = free.weight[at + pruned[k]!]!;
    }
    choleskySolve(space, m, x);
    row64.set(free.weight.subarray(at, at + n));
    for (let k = 0; k < m; k++) {
      const factor = x[k]!;
      const from = pruned[k]! * n;
      for (let j = 0; j < n; j++) {
        row64[j]! -= factor * free.inverse[from + j]!;
      }
    }
    for (const j of kept) {
      out[at + j] = row64[j]!;
    }
  }
  return true;
}

function solveByGradients(system: System): LeastSquaresFit {
  const { gram, n, rows, weight, target, mask, maskOffset, lambda } = system;
  const damped = gram.slice();
  for (let i = 0; i < n; i++) {
    damped[i * n + i]! += lambda;
  }
  const right = target.slice();
  for (let i = 0; i < right.length; i++) {
    right[i]! += lambda * weight[i]!;
  }
  const out = weight.slice(0, rows * n);
  let iterations = 0;
  for (let first = 0; first < rows; first += ROWS_PER_BLOCK) {
    const end = Math.min(rows, first + ROWS_PER_BLOCK);
    const steps = maskedConjugateGradient(
      damped,
      n,
      end - first,
      mask,
      maskOffset + first * n,
      right.subarray(first * n, end * n),
      out.subarray(first * n, end * n),
    );
    iterations = Math.max(iterations, steps);
  }
  return { weight: out, solver: 'cg', iterations };
}
