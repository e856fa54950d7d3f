import assert from 'node:assert/strict';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import {
  choleskyInto,
  correlatedColumns,
  descendCodes,
  descendPairs,
  descendRatio,
  invertSymmetric,
  LANES,
  nearestPlaneInto,
  roundHalfEven,
  rowProductInto,
  symmetricForm,
} from '../../../../src/kernels';

/** G = X Xᵀ / N of correlated columns. */
function gramOf(n: number, seed: number): Float64Array {
  const normal = seededNormal(seed);
  const count = 2 * n;
  const mixing = Float64Array.from({ length: n * n }, normal);
  const g = new Float64Array(n * n);
  const x = new Float64Array(n);
  for (let k = 0; k < count; k++) {
    const z = Float64Array.from({ length: n }, normal);
    for (let i = 0; i < n; i++) {
      x[i] = z[i]!;
      for (let j = 0; j < n; j++) {
        x[i]! += 2 * mixing[i * n + j]! * z[j]!;
      }
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        g[i * n + j]! += (x[i]! * x[j]!) / count;
      }
    }
  }
  return g;
}

function quadratic(e: ArrayLike<number>, g: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      sum += e[i]! * g[i * n + j]! * e[j]!;
    }
  }
  return sum;
}

function near(actual: number, expected: number, relative = 1e-9): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(1e-12, Math.abs(expected)),
    `${actual} instead of ${expected}`,
  );
}

/** Lᵀ of G taken in the given order. */
function factorOf(g: Float64Array, n: number, order: Int32Array): Float64Array {
  const factor = new Float64Array(n * n);
  for (let p = 0; p < n; p++) {
    for (let q = 0; q < n; q++) {
      factor[p * n + q] = g[order[p]! * n + order[q]!]!;
    }
  }
  assert.ok(choleskyInto(factor, n));
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      factor[p * n + q] = factor[q * n + p]!;
    }
  }
  return factor;
}

/** GPTQ as it is usually written: the upper Cholesky factor of G⁻¹, errors pushed into later columns. */
function textbookGptq(
  row: Float64Array,
  g: Float64Array,
  n: number,
  scale: number,
  low: number,
  high: number,
): Float64Array {
  const l = invertSymmetric(g, n)!;
  assert.ok(choleskyInto(l, n));
  const w = row.slice();
  const steps = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    steps[j] = roundHalfEven(Math.min(high, Math.max(low, w[j]! / scale)));
    const error = (w[j]! - scale * steps[j]!) / l[j * n + j]!;
    for (let k = j; k < n; k++) {
      w[k]! -= error * l[k * n + j]!;
    }
  }
  return steps;
}

describe('rounding against a Gram matrix', () => {
  const n = 13;
  const g = gramOf(n, 1);
  const normal = seededNormal(2);
  const u = Float64Array.from({ length: n }, normal);

  it('multiplies rows and takes quadratic forms', () => {
    const out = new Float64Array(n + 2);
    for (let size = 1; size <= n; size++) {
      const small = gramOf(size, size);
      rowProductInto(u, 0, size, small, out, 1);
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let i = 0; i < size; i++) {
          sum += u[i]! * small[i * size + j]!;
        }
        near(out[1 + j]!, sum);
      }
      near(symmetricForm(u, 0, size, small), quadratic(u, small, size));
    }
  });

  it('rounds as GPTQ does with the inverse, on four grids at once', () => {
    // The last place is rounded first.
    const order = Int32Array.from({ length: n }, (_, i) => n - 1 - i);
    const factor = factorOf(g, n, order);
    const scales = Float64Array.of(0.5, 0.4, 0.3, 0.25);
    const lows = Float64Array.of(-3, -7, -2, 0);
    const highs = Float64Array.of(3, 7, 5, 15);
    const steps = new Float64Array(LANES * n);
    const errors = new Float64Array(LANES);
    const scratch = new Float64Array(LANES * n);
    nearestPlaneInto(u, 0, n, order, factor, scales, lows, highs, undefined, 0, steps, errors, scratch);
    for (let lane = 0; lane < LANES; lane++) {
      const own = steps.slice(lane * n, lane * n + n);
      assert.deepEqual(own, textbookGptq(u, g, n, scales[lane]!, lows[lane]!, highs[lane]!));
      near(
        errors[lane]!,
        quadratic(
          own.map((v, i) => scales[lane]! * v - u[i]!),
          g,
          n,
        ),
        1e-8,
      );
    }
  });

  it('leaves masked columns at zero', () => {
    const order = Int32Array.from({ length: n }, (_, i) => (i * 5) % n);
    const mask = Uint8Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1));
    const steps = new Float64Array(LANES * n);
    const fill = (x: number): Float64Array => new Float64Array(LANES).fill(x);
    const errors = fill(0);
    const factor = factorOf(g, n, order);
    const scratch = new Float64Array(LANES * n);
    nearestPlaneInto(u, 0, n, order, factor, fill(0.3), fill(-7), fill(7), mask, 0, steps, errors, scratch);
    assert.ok(mask.every((kept, i) => kept === 1 || steps[i] === 0));
    assert.ok(mask.some((kept, i) => kept === 1 && steps[i] !== 0));
  });

  it('finds the columns that are most correlated', () => {
    const partners = correlatedColumns(g, n, 4);
    for (let j = 0; j < n; j++) {
      const strength = (k: number): number => Math.abs(g[j * n + k]!) / Math.sqrt(g[j * n + j]! * g[k * n + k]!);
      const expected = Array.from({ length: n }, (_, k) => k)
        .filter((k) => k !== j)
        .sort((a, b) => strength(b) - strength(a))
        .slice(0, 4);
      assert.deepEqual([...partners.slice(4 * j, 4 * j + 4)], expected);
    }
    assert.deepEqual([...correlatedColumns(Float64Array.of(1, 0.5, 0.5, 1), 2, 3)], [1, -1, -1, 0, -1, -1]);
  });

  describe('descent', () => {
    const c = new Float64Array(n);
    rowProductInto(u, 0, n, g, c, 0);
    const loss = (steps: Float64Array, scale: number): number =>
      scale * scale * quadratic(steps, g, n) - 2 * scale * steps.reduce((sum, v, i) => sum + v * c[i]!, 0);
    const start = (scale: number): { steps: Float64Array; products: Float64Array } => {
      const steps = u.map((x) => Math.max(-7, Math.min(7, Math.round(x / scale))));
      const products = new Float64Array(n);
      rowProductInto(steps, 0, n, g, products, 0);
      return { steps, products };
    };
    const checkProducts = (steps: Float64Array, products: Float64Array): void => {
      const fresh = new Float64Array(n);
      rowProductInto(steps, 0, n, g, fresh, 0);
      fresh.forEach((x, i) => assert.ok(Math.abs(x - products[i]!) < 1e-9));
    };

    it('on codes lowers the error in every sweep, to a point where no code can move', () => {
      const scale = 0.3;
      const { steps, products } = start(scale);
      let before = loss(steps, scale);
      const first = before;
      while (descendCodes(steps, 0, n, scale, -7, 7, g, n, c, 0, products, 0, undefined, 0) > 0) {
        const now = loss(steps, scale);
        assert.ok(now < before);
        before = now;
      }
      assert.ok(before < first);
      checkProducts(steps, products);
      for (let j = 0; j < n; j++) {
        for (const d of [-2, -1, 1, 2]) {
          const moved = steps.slice();
          moved[j]! += d;
          assert.ok(Math.abs(moved[j]!) > 7 || loss(moved, scale) >= before - 1e-12);
        }
      }
      let pairMoves = 0;
      const partners = correlatedColumns(g, n, n - 1);
      for (;;) {
        const moves = descendPairs(steps, 0, n, scale, -7, 7, g, c, 0, products, 0, undefined, 0, partners, n - 1);
        if (moves === 0) {
          break;
        }
        pairMoves += moves;
        const now = loss(steps, scale);
        assert.ok(now < before);
        before = now;
      }
      checkProducts(steps, products);
      assert.ok(pairMoves > 0, 'the case is meant to have pairs to move');
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < j; k++) {
          for (const [p, q] of [
            [1, 1],
            [1, -1],
            [-1, 1],
            [-1, -1],
          ] as const) {
            const moved = steps.slice();
            moved[j]! += p;
            moved[k]! += q;
            const outside = Math.abs(moved[j]!) > 7 || Math.abs(moved[k]!) > 7;
            assert.ok(outside || loss(moved, scale) >= before - 1e-12);
          }
        }
      }
    });

    it('on codes and scale together lowers the error at the best scale', () => {
      const { steps, products } = start(0.5);
      const ratio = (v: Float64Array): number => v.reduce((sum, x, i) => sum + x * c[i]!, 0) ** 2 / quadratic(v, g, n);
      const sums = Float64Array.of(
        steps.reduce((sum, v, i) => sum + v * c[i]!, 0),
        quadratic(steps, g, n),
      );
      let before = ratio(steps);
      const first = before;
      while (descendRatio(steps, 0, n, -7, 7, g, c, 0, products, 0, undefined, 0, sums) > 0) {
        const now = ratio(steps);
        assert.ok(now > before);
        near((sums[0]! * sums[0]!) / sums[1]!, now);
        before = now;
      }
      assert.ok(before > first);
      checkProducts(steps, products);
    });

    it('does not touch masked codes', () => {
      const random = seededRandom(3);
      const mask = Uint8Array.from({ length: n }, () => (random() < 0.5 ? 0 : 1));
      const { steps, products } = start(0.3);
      mask.forEach((kept, i) => (steps[i]! *= kept));
      rowProductInto(steps, 0, n, g, products, 0);
      descendCodes(steps, 0, n, 0.3, -7, 7, g, n, c, 0, products, 0, mask, 0);
      descendPairs(steps, 0, n, 0.3, -7, 7, g, c, 0, products, 0, mask, 0, correlatedColumns(g, n, 5), 5);
      const sums = Float64Array.of(
        steps.reduce((sum, v, i) => sum + v * c[i]!, 0),
        quadratic(steps, g, n),
      );
      descendRatio(steps, 0, n, -7, 7, g, c, 0, products, 0, mask, 0, sums);
      assert.ok(mask.every((kept, i) => kept === 1 || steps[i] === 0));
    });
  });
});
