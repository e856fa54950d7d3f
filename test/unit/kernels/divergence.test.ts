import assert from 'node:assert/strict';
import {
  countTopK,
  crossEntropyRowsInto,
  crossEntropySum,
  klDivergenceRowsInto,
  klDivergenceSum,
  logSumExp,
  logSumExpRowsInto,
  softmaxRowsInto,
} from '../../../src/kernels';
import { seededNormal } from '../../../src/base/random';

const close = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected)), `${actual} is not ${expected}`);

/** Softmax of small numbers without any shift: independent of the kernel's form. */
function softmax(row: readonly number[]): number[] {
  const exps = row.map((v) => Math.exp(v));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((v) => v / sum);
}

describe('divergences of rows', () => {
  const normal = seededNormal(5);
  const rows = 6;
  const classes = 5;
  const p = Float32Array.from({ length: 1 + rows * classes }, () => normal());
  const q = Float32Array.from({ length: 2 + rows * classes }, () => normal());
  const labels = Int32Array.from([9, 0, 4, 2, 1, 3, 0]);

  it('agree with their definitions', () => {
    const kl = new Float64Array(rows);
    const ce = new Float64Array(rows);
    const lse = new Float64Array(rows);
    const probabilities = new Float64Array(rows * classes);
    klDivergenceRowsInto(p, 1, q, 2, rows, classes, kl, 0);
    crossEntropyRowsInto(p, 1, rows, classes, labels, 1, ce, 0);
    logSumExpRowsInto(p, 1, rows, classes, lse, 0);
    softmaxRowsInto(p, 1, rows, classes, probabilities, 0);
    let klSum = 0;
    let ceSum = 0;
    for (let r = 0; r < rows; r++) {
      const a = softmax(Array.from(p.subarray(1 + r * classes, 1 + (r + 1) * classes)));
      const b = softmax(Array.from(q.subarray(2 + r * classes, 2 + (r + 1) * classes)));
      const expected = a.reduce((sum, v, i) => sum + v * Math.log(v / b[i]!), 0);
      close(kl[r]!, expected);
      close(ce[r]!, -Math.log(a[labels[1 + r]!]!));
      a.forEach((v, i) => close(probabilities[r * classes + i]!, v));
      close(
        lse[r]!,
        Math.log(Array.from(p.subarray(1 + r * classes, 1 + (r + 1) * classes)).reduce((s, v) => s + Math.exp(v), 0)),
      );
      klSum += expected;
      ceSum += ce[r]!;
    }
    close(klDivergenceSum(p, 1, q, 2, rows, classes), klSum);
    close(crossEntropySum(p, 1, rows, classes, labels, 1), ceSum);
  });

  it('is zero between equal rows and survives large logits', () => {
    assert.equal(klDivergenceSum(p, 1, p, 1, rows, classes), 0);
    const big = Float32Array.of(10000, 9999, -10000);
    close(logSumExp(big, 0, 3), 10000 + Math.log(1 + Math.exp(-1)));
    assert.equal(klDivergenceSum(big, 0, big, 0, 1, 3), 0);
  });

  it('treats −Infinity as probability 0 and passes NaN on', () => {
    const a = Float32Array.of(0, 0, -Infinity);
    const b = Float32Array.of(0, 0, 0);
    close(klDivergenceSum(a, 0, b, 0, 1, 3), Math.log(1.5));
    assert.equal(klDivergenceSum(b, 0, a, 0, 1, 3), Infinity);
    assert.ok(Number.isNaN(klDivergenceSum(Float32Array.of(NaN, 0), 0, b, 0, 1, 2)));
    assert.ok(Number.isNaN(klDivergenceSum(b, 0, Float32Array.of(NaN, 0), 0, 1, 2)));
    assert.ok(Number.isNaN(klDivergenceSum(Float32Array.of(-Infinity, 0), 0, Float32Array.of(NaN, 0), 0, 1, 2)));
  });
});

describe('countTopK', () => {
  it('agrees with a stable descending sort, ties included', () => {
    const x = Float32Array.of(1, 3, 3, 0, 5, 5, 5, 5, 2, NaN, 1, 0);
    for (let k = 1; k <= 4; k++) {
      for (let label = 0; label < 4; label++) {
        let expected = 0;
        for (let r = 0; r < 3; r++) {
          const row = Array.from(x.subarray(r * 4, r * 4 + 4));
          const order = row.map((_, i) => i).filter((i) => !Number.isNaN(row[i]!));
          order.sort((a, b) => row[b]! - row[a]! || a - b);
          expected += order.slice(0, k).includes(label) ? 1 : 0;
        }
        assert.equal(countTopK(x, 0, 3, 4, Int32Array.of(label, label, label), 0, k), expected);
      }
    }
  });
});
