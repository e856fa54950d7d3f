import { multiplyTransposedInto } from './multiply';

export interface ConjugateGradientOptions {
  /** A row is done when its residual, in the norm of the preconditioner, is this share of its right-hand side's. @default 1e-6 */
  readonly tolerance?: number;
  /** @default 200 */
  readonly maxIterations?: number;
}

/**
 * Solves A_SS x_S = b_S for every row of B at once, each row with its own set S: A symmetric positive semi-definite [n, n],
 * `mask`, `x` and `b` [rows, n] row-major (mask 1 = in S). `x` holds the start on entry and the solution on return; entries
 * outside S are ignored and come back zero. Conjugate gradients with the diagonal of A as preconditioner; one product of all
 * unfinished rows with A a step. Rows do not touch each other, so the result is that of each row alone.
 *
 * @returns the most steps any row took
 */
export function maskedConjugateGradient(
  a: Float64Array,
  n: number,
  rows: number,
  mask: Uint8Array,
  maskOffset: number,
  b: Float64Array,
  x: Float64Array,
  options: ConjugateGradientOptions = {},
): number {
  const tolerance = options.tolerance ?? 1e-6;
  const limit = options.maxIterations ?? 200;
  const scale = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    const diagonal = a[j * n + j]!;
    scale[j] = diagonal > 0 ? 1 / diagonal : 0;
  }
  for (let i = 0; i < rows * n; i++) {
    if (mask[maskOffset + i] === 0) {
      x[i] = 0;
    }
  }
  const residual = new Float64Array(rows * n);
  multiplyTransposedInto(x, a, rows, n, n, residual);
  const active: number[] = [];
  // Row q of direction and product belongs to row active[q].
  const direction = new Float64Array(rows * n);
  const product = new Float64Array(rows * n);
  const energy = new Float64Array(rows);
  const target = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const at = row * n;
    const to = active.length * n;
    let size = 0;
    let rho = 0;
    for (let j = 0; j < n; j++) {
      // A variable that A does not know (a zero diagonal, hence a zero row) stays where it started.
      const inside = mask[maskOffset + at + j] !== 0 && scale[j]! > 0;
      const r = inside ? b[at + j]! - residual[at + j]! : 0;
      residual[at + j] = r;
      const z = scale[j]! * r;
      direction[to + j] = z;
      rho += r * z;
      size += inside ? scale[j]! * b[at + j]! * b[at + j]! : 0;
    }
    energy[row] = rho;
    target[row] = tolerance * tolerance * size;
    if (rho > target[row]!) {
      active.push(row);
    }
  }
  let steps = 0;
  while (active.length > 0 && steps < limit) {
    steps++;
    multiplyTransposedInto(direction, a, active.length, n, n, product);
    for (let q = active.length - 1; q >= 0; q--) {
      const row = active[q]!;
      if (!step(row, q)) {
        const last = active.length - 1;
        direction.copyWithin(q * n, last * n, last * n + n);
        active[q] = active[last]!;
        active.pop();
      }
    }
  }
  return steps;

  /** One step of one row; false when it is done. */
  function step(row: number, q: number): boolean {
    const at = row * n;
    const from = q * n;
    let curvature = 0;
    for (let j = 0; j < n; j++) {
      curvature += direction[from + j]! * product[from + j]!;
    }
    if (!(curvature > 0)) {
      return false;
    }
    const alpha = energy[row]! / curvature;
    let rho = 0;
    for (let j = 0; j < n; j++) {
      const p = direction[from + j]!;
      if (mask[maskOffset + at + j] !== 0) {
        x[at + j]! += alpha * p;
        const r = residual[at + j]! - alpha * product[from + j]!;
        residual[at + j] = scale[j]! > 0 ? r : 0;
        rho += scale[j]! * r * r;
      }
    }
    const beta = rho / energy[row]!;
    energy[row] = rho;
    if (!(rho > target[row]!)) {
      return false;
    }
    for (let j = 0; j < n; j++) {
      direction[from + j] = scale[j]! * residual[at + j]! + beta * direction[from + j]!;
    }
    return true;
  }
}
