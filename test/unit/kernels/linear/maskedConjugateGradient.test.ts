import assert from 'node:assert/strict';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import { choleskyInto, choleskySolve, maskedConjugateGradient } from '../../../../src/kernels';

/** A Aᵀ / 40 of a random n × 40 matrix with one strong common direction. */
function positive(n: number, seed: number): Float64Array {
  const normal = seededNormal(seed);
  const a = Float64Array.from({ length: n * 40 }, (_, i) => normal() + (i % 40 === 0 ? 3 : 0));
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < 40; k++) {
        out[i * n + j]! += (a[i * 40 + k]! * a[j * 40 + k]!) / 40;
      }
    }
  }
  return out;
}

describe('maskedConjugateGradient', () => {
  const n = 23;
  const rows = 7;
  const a = positive(n, 1);
  const random = seededRandom(2);
  const mask = Uint8Array.from({ length: rows * n + 3 }, () => (random() < 0.5 ? 0 : 1));
  const b = Float64Array.from({ length: rows * n }, seededNormal(3));

  it('solves every row on its own set', () => {
    const x = Float64Array.from({ length: rows * n }, seededNormal(4));
    const steps = maskedConjugateGradient(a, n, rows, mask, 3, b, x, { tolerance: 1e-12 });
    assert.ok(steps > 2 && steps <= 40, `${steps} steps`);
    for (let row = 0; row < rows; row++) {
      const kept = Array.from({ length: n }, (_, j) => j).filter((j) => mask[3 + row * n + j] === 1);
      const sub = Float64Array.from(kept.flatMap((i) => kept.map((j) => a[i * n + j]!)));
      assert.ok(choleskyInto(sub, kept.length));
      const expected = Float64Array.from(kept, (j) => b[row * n + j]!);
      choleskySolve(sub, kept.length, expected);
      for (let j = 0; j < n; j++) {
        const k = kept.indexOf(j);
        if (k < 0) {
          assert.equal(x[row * n + j], 0);
        } else {
          assert.ok(Math.abs(x[row * n + j]! - expected[k]!) < 1e-9, `row ${row}, variable ${j}`);
        }
      }
    }
  });

  it('gives a row the same result alone as among others', () => {
    const together = new Float64Array(rows * n);
    maskedConjugateGradient(a, n, rows, mask, 3, b, together);
    for (let row = 0; row < rows; row++) {
      const alone = new Float64Array(n);
      maskedConjugateGradient(a, n, 1, mask, 3 + row * n, b.subarray(row * n, (row + 1) * n), alone);
      assert.deepEqual(alone, together.slice(row * n, (row + 1) * n));
    }
  });

  it('takes no step from the solution, and stops at the limit', () => {
    const x = new Float64Array(rows * n);
    maskedConjugateGradient(a, n, rows, mask, 3, b, x, { tolerance: 1e-12 });
    assert.equal(maskedConjugateGradient(a, n, rows, mask, 3, b, x.slice(), { tolerance: 1e-9 }), 0);
    assert.equal(maskedConjugateGradient(a, n, rows, mask, 3, b, new Float64Array(rows * n), { maxIterations: 2 }), 2);
  });

  it('leaves variables that the matrix does not know', () => {
    const gap = a.slice();
    for (let j = 0; j < n; j++) {
      gap[4 * n + j] = 0;
      gap[j * n + 4] = 0;
    }
    const x = new Float64Array(n).fill(0.5);
    maskedConjugateGradient(gap, n, 1, new Uint8Array(n).fill(1), 0, new Float64Array(n), x, { tolerance: 1e-9 });
    assert.equal(x[4], 0.5);
    assert.ok(x.every((v) => Number.isFinite(v)));
  });
});
