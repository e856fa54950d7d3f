import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import {
  choleskyInto,
  choleskySolve,
  dampedCholesky,
  dampedInverse,
  inverseCholeskyUpper,
  invertLowerInto,
  invertSymmetric,
  meanDiagonal,
  multiplyTransposedInto,
  multiplyVectorInto,
  solveLower,
  transpose,
} from '../../../../src/kernels';

/** A Aᵀ of a random n × rank matrix: singular where rank < n. */
function semidefinite(n: number, rank: number, seed: number): Float64Array {
  const next = seededNormal(seed);
  const a = Float64Array.from({ length: n * rank }, next);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < rank; k++) {
        out[i * n + j]! += (a[i * rank + k]! * a[j * rank + k]!) / rank;
      }
    }
  }
  return out;
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) {
        out[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
      }
    }
  }
  return out;
}

function assertClose(found: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  assert.equal(found.length, expected.length, what);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(found[i]! - expected[i]!) <= tolerance, `${what}: ${found[i]} for ${expected[i]} at ${i}`);
  }
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
}

describe('Cholesky factorisation', () => {
  for (const n of [1, 2, 3, 4, 5, 7, 8, 13, 32, 41]) {
    it(`of ${n} × ${n}: L Lᵀ is the matrix, and inverses and solves agree with it`, () => {
      const a = semidefinite(n, 2 * n + 3, n);
      const l = a.slice();
      assert.equal(choleskyInto(l, n), true);
      for (let i = 0; i < n; i++) {
        for (let j = i + 1; j < n; j++) {
          assert.equal(l[i * n + j], a[i * n + j], 'above the diagonal nothing is written');
          l[i * n + j] = 0;
        }
      }
      assertClose(product(l, transpose(l, n, n), n), a, 1e-12, 'L Lᵀ');

      const b = Float64Array.from({ length: n + 2 }, seededNormal(100 + n));
      const x = b.slice();
      choleskySolve(l, n, x, 2);
      const back = new Float64Array(n);
      multiplyVectorInto(a, x.subarray(2), n, n, back);
      assertClose(back, b.slice(2), 1e-10, 'A x');
      assert.deepEqual([x[0], x[1]], [b[0], b[1]]);

      const y = b.slice(0, n);
      solveLower(l, n, y);
      const forward = new Float64Array(n);
      multiplyVectorInto(l, y, n, n, forward);
      assertClose(forward, b.slice(0, n), 1e-10, 'L y');

      const inverse = invertSymmetric(a, n);
      assert.ok(inverse !== undefined);
      assertClose(product(inverse, a, n), identity(n), 1e-9, 'A⁻¹ A');
      assertClose(transpose(inverse, n, n), inverse, 0, 'symmetry of the inverse');

      const u = inverseCholeskyUpper(a, n);
      assert.ok(u !== undefined);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) {
          assert.equal(u[i * n + j], 0);
        }
      }
      assertClose(product(transpose(u, n, n), u, n), inverse, 1e-9, 'Uᵀ U');

      const inverted = l.slice();
      invertLowerInto(inverted, n);
      assertClose(product(inverted, l, n), identity(n), 1e-9, 'L⁻¹ L');
    });
  }

  it('fails on indefinite, NaN and infinite matrices', () => {
    assert.equal(choleskyInto(Float64Array.of(1, 2, 2, 1), 2), false);
    assert.equal(choleskyInto(Float64Array.of(0), 1), false);
    assert.equal(choleskyInto(Float64Array.of(NaN), 1), false);
    assert.equal(choleskyInto(Float64Array.of(Infinity), 1), false);
    assert.equal(invertSymmetric(Float64Array.of(1, 2, 2, 1), 2), undefined);
    assert.equal(inverseCholeskyUpper(Float64Array.of(1, 2, 2, 1), 2), undefined);
    assert.equal(dampedInverse(Float64Array.of(NaN, 0, 0, 1), 2, 0.01), undefined);
    assert.equal(dampedInverse(Float64Array.of(1, NaN, NaN, 1), 2, 0.01), undefined);
  });

  it('damps by a share of the mean diagonal', () => {
    const a = semidefinite(6, 20, 3);
    const damped = dampedCholesky(a, 6, 0.01);
    assert.equal(damped?.lambda, 0.01 * meanDiagonal(a, 6));
    const shifted = a.slice();
    for (let i = 0; i < 6; i++) {
      shifted[i * 7]! += damped.lambda;
    }
    const inverse = dampedInverse(a, 6, 0.01);
    assertClose(product(inverse!, shifted, 6), identity(6), 1e-10, '(A + λI)⁻¹ (A + λI)');
  });

  it('raises the damping of a singular matrix until it can be factorised', () => {
    const a = semidefinite(12, 3, 5);
    const damped = dampedCholesky(a, 12, 0);
    assert.ok(damped !== undefined && damped.lambda > 0 && damped.lambda < 1e-6 * meanDiagonal(a, 12));
    assert.equal(dampedCholesky(new Float64Array(9), 3, 0.01)?.lambda, 1);
    assert.deepEqual(dampedInverse(new Float64Array(4), 2, 0.01), Float64Array.of(1, 0, 0, 1));
  });

  it('multiplies rectangles', () => {
    const [m, k, n] = [5, 7, 6];
    const next = seededNormal(8);
    const a = Float64Array.from({ length: m * k }, next);
    const b = Float64Array.from({ length: k * n }, next);
    const c = new Float64Array(m * n).fill(3);
    multiplyTransposedInto(a, transpose(b, k, n), m, k, n, c);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          sum += a[i * k + p]! * b[p * n + j]!;
        }
        assert.ok(Math.abs(c[i * n + j]! - sum) < 1e-12);
      }
    }
  });
});
