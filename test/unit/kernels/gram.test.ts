import assert from 'node:assert/strict';
import { accumulateCrossProduct, accumulateGram, mirrorUpperTriangle, scaleMatrix } from '../../../src/kernels';
import { seededNormal } from '../../../src/base/random';

describe('Gram matrices', () => {
  it('equal plain double sums for sizes around the block of four, in two batches, with offsets and leading dimensions', () => {
    const normal = seededNormal(1);
    for (const n of [1, 2, 3, 4, 5, 7, 8, 9, 13]) {
      for (const columns of [1, 3, 10]) {
        const ldx = columns + 2;
        const ldg = n + 1;
        const x = Float64Array.from({ length: 3 + n * ldx }, () => normal());
        const g = new Float64Array(n * ldg);
        const first = Math.floor(columns / 2);
        accumulateGram(x, 3, n, first, ldx, g, ldg);
        accumulateGram(x, 3 + first, n, columns - first, ldx, g, ldg);
        mirrorUpperTriangle(g, n, ldg);
        scaleMatrix(g, n, n, ldg, 0.5);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            let expected = 0;
            for (let k = 0; k < columns; k++) {
              expected += 0.5 * x[3 + i * ldx + k]! * x[3 + j * ldx + k]!;
            }
            assert.ok(Math.abs(g[i * ldg + j]! - expected) < 1e-12);
          }
          assert.equal(g[i * ldg + n], 0, 'the leading dimension beyond n stays untouched');
        }
      }
    }
  });

  it('cross products equal plain double sums', () => {
    const normal = seededNormal(2);
    const [m, n, columns] = [6, 9, 11];
    const y = Float64Array.from({ length: m * columns }, () => normal());
    const x = Float64Array.from({ length: n * columns }, () => normal());
    const c = new Float64Array(2 + m * n);
    accumulateCrossProduct(y, 0, m, columns, x, 0, n, columns, columns, c, 2, n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let expected = 0;
        for (let k = 0; k < columns; k++) {
          expected += y[i * columns + k]! * x[j * columns + k]!;
        }
        assert.ok(Math.abs(c[2 + i * n + j]! - expected) < 1e-12);
      }
    }
  });
});
