import { accumulateCrossProduct, mirrorUpperTriangle } from '../gram';
import { choleskyInto, invertLowerInto } from './cholesky';

/** Mean of the diagonal of an n × n matrix: the scale that damping is relative to. */
export function meanDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += a[i * n + i]!;
  }
  return n === 0 ? 0 : sum / n;
}

/** A⁻¹ of a symmetric positive definite matrix (row-major n × n), both triangles; undefined where it is not one. */
export function invertSymmetric(a: Float64Array, n: number): Float64Array | undefined {
  const l = a.slice(0, n * n);
  if (!choleskyInto(l, n)) {
    return undefined;
  }
  invertLowerInto(l, n);
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      upper[j * n + i] = l[i * n + j]!;
    }
  }
  // A⁻¹ = L⁻ᵀ L⁻¹; rows of L⁻ᵀ start at their diagonal, so a block needs the columns from its own on.
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i += 4) {
    const rows = Math.min(4, n - i);
    for (let j = i; j < n; j += 4) {
      const at = j * n + j;
      accumulateCrossProduct(upper, i * n + j, rows, n, upper, at, Math.min(4, n - j), n, n - j, inverse, i * n + j, n);
    }
  }
  mirrorUpperTriangle(inverse, n, n);
  return inverse;
}

export interface DampedFactor {
  /** L of A + λ I in the lower triangle, row-major n × n; above the diagonal A itself. */
  readonly factor: Float64Array;
  /** λ: what was added to the diagonal. */
  readonly lambda: number;
}

/**
 * Cholesky factor of A + λ I with λ = `relative` × mean diagonal. Where that is not enough to make the matrix positive
 * definite, λ grows tenfold until it is, so a finite symmetric A ≥ 0 always has one; a zero matrix gets λ = 1.
 * Undefined for a matrix that holds NaN or infinities.
 */
export function dampedCholesky(a: Float64Array, n: number, relative: number): DampedFactor | undefined {
  const scale = meanDiagonal(a, n);
  if (!Number.isFinite(scale)) {
    return undefined;
  }
  const unit = scale > 0 ? scale : 1;
  const factor = new Float64Array(n * n);
  let lambda = scale > 0 ? relative * scale : 1;
  for (let attempt = 0; attempt < 24; attempt++) {
    factor.set(a.subarray(0, n * n));
    for (let i = 0; i < n; i++) {
      factor[i * n + i]! += lambda;
    }
    if (choleskyInto(factor, n)) {
      return { factor, lambda };
    }
    lambda = Math.max(10 * lambda, 1e-12 * unit);
  }
  return undefined;
}

/** (A + λ I)⁻¹, λ as in {@link dampedCholesky}: row-major n × n, both triangles. Undefined for NaN or infinities. */
export function dampedInverse(a: Float64Array, n: number, relative: number): Float64Array | undefined {
  const damped = dampedCholesky(a, n, relative);
  if (damped === undefined) {
    return undefined;
  }
  const matrix = a.slice(0, n * n);
  for (let i = 0; i < n; i++) {
    matrix[i * n + i]! += damped.lambda;
  }
  return invertSymmetric(matrix, n);
}

/**
 * U with A⁻¹ = Uᵀ U, U upper triangular (row-major n × n, zeros below the diagonal): row i says how an error in variable
 * i is best made up by the variables after it. By the Cholesky factor of A with its variables in reverse order, whose
 * inverse, reversed back, is U: A⁻¹ itself is never formed. Undefined where A is not positive definite.
 */
export function inverseCholeskyUpper(a: Float64Array, n: number): Float64Array | undefined {
  const reversed = new Float64Array(n * n);
  const last = n * n - 1;
  for (let at = 0; at <= last; at++) {
    reversed[at] = a[last - at]!;
  }
  if (!choleskyInto(reversed, n)) {
    return undefined;
  }
  invertLowerInto(reversed, n);
  return reversed.reverse();
}
