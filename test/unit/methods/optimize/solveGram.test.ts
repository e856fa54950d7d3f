import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { roundHalfEven } from '../../../../src/kernels';
import { GridSearch } from '../../../../src/methods/optimize/gridSearch';
import { GroupProblem } from '../../../../src/methods/optimize/groupProblem';
import { bestBias, rowError, targetRow } from '../../../../src/methods/optimize/rowErrors';
import type { RowSet } from '../../../../src/methods/optimize/rowSet';
import { descend, effortFor, solveGram } from '../../../../src/methods/optimize/solveGram';
import { momentsOf } from './tinyMoments';

const W = [
  [0.8, -0.33, 0.12],
  [-0.4, 0.9, 0.55],
];
const B = [0.05, -0.1];
const S = [0.1, 0.12];
const X = [
  [1.03, 0.52, 0, 1.98],
  [0.08, 1.49, 1, 0.55],
  [2.13, 0, 0.41, 0.96],
];
const XQ = X.map((row) => row.map((x) => 0.14 * Math.min(15, Math.max(0, roundHalfEven(x / 0.14)))));
const moments = momentsOf(X, XQ);

function near(actual: number, expected: number, digits: number): void {
  assert.ok(Math.abs(actual - expected) <= 0.51 * 10 ** -digits, `${actual} instead of ${expected}`);
}

function setOf(problem: GroupProblem, row: ArrayLike<number>): RowSet {
  const size = row.length;
  const weight = Float32Array.from(row);
  const c = new Float64Array(size);
  const centre = new Float64Array(size);
  problem.linearTerms(weight, weight, 0, 1, undefined, c, centre, 0);
  return { size, count: 1, problems: [problem], centre, c, mask: undefined };
}

describe('solveGram', () => {
  it('refits scale and bias in closed form', () => {
    const steps = [
      [7, -3, 2],
      [-4, 7, 5],
    ];
    const scales = [0.10779815789, 0.11130031478];
    const biases = [0.01502205794, 0.00568495077];
    let loss = 0;
    const problem = new GroupProblem(moments, { centred: true, damp: 0, actOrder: true });
    for (let r = 0; r < 2; r++) {
      const start = {
        grid: { scale: S[r]!, zeroPoint: 0, low: -7, high: 7 },
        steps: Float64Array.from(steps[r]!),
      };
      const set = setOf(problem, W[r]!);
      const fitted = descend(set, start, { sweeps: 0, partners: 0 });
      // Weights and scales are float32 on the way.
      near(fitted.grid.scale, scales[r]!, 7);
      const weight = Float64Array.from(steps[r]!, (v) => v * scales[r]!);
      const target = targetRow(moments, Float64Array.from(W[r]!), B[r]!);
      near(bestBias(moments, target, weight), biases[r]!, 10);
      loss += rowError(moments, target, weight, biases[r]!) / 2;
    }
    near(loss, 0.00337172304, 11);
  });

  it('measures errors that exhaustive search at the first scales agrees with', () => {
    const expected = [
      { codes: [7, -5, 1], loss: 0.003999855 },
      { codes: [-3, 7, 4], loss: 0.0014153025 },
    ];
    for (let r = 0; r < 2; r++) {
      const target = targetRow(moments, Float64Array.from(W[r]!), B[r]!);
      let best = { codes: [0, 0, 0], loss: Infinity };
      for (let a = -7; a <= 7; a++) {
        for (let b = -7; b <= 7; b++) {
          for (let c = -7; c <= 7; c++) {
            const weight = Float64Array.of(a * S[r]!, b * S[r]!, c * S[r]!);
            const loss = rowError(moments, target, weight, bestBias(moments, target, weight));
            if (loss < best.loss) {
              best = { codes: [a, b, c], loss };
            }
          }
        }
      }
      assert.deepEqual(best.codes, expected[r]!.codes);
      near(best.loss, expected[r]!.loss, 9);
    }
  });

  it('measures the same error as the residuals themselves', () => {
    for (const compressed of [X, XQ]) {
      const own = momentsOf(X, compressed);
      const weight = [0.7, -0.4, 0.2];
      const target = targetRow(own, Float64Array.from(W[0]!), B[0]!);
      let direct = 0;
      let power = 0;
      for (let k = 0; k < 4; k++) {
        const y = B[0]! + W[0]!.reduce((sum, w, j) => sum + w * X[j]![k]!, 0);
        const z = 0.02 + weight.reduce((sum, w, j) => sum + w * compressed[j]![k]!, 0);
        direct += (y - z) ** 2 / 4;
        power += (y * y) / 4;
      }
      near(rowError(own, target, Float64Array.from(weight), 0.02), direct, 13);
      near(target.power, power, 13);
    }
  });

  it('comes close to exhaustive search over codes, scale being free', () => {
    const normal = seededNormal(5);
    const size = 4;
    let found = 0;
    for (let trial = 0; trial < 20; trial++) {
      const columns = Array.from({ length: size }, () => Array.from({ length: 30 }, normal));
      for (let i = 1; i < size; i++) {
        columns[i] = columns[i]!.map((x, k) => 0.4 * x + columns[0]![k]!);
      }
      const problem = new GroupProblem(momentsOf(columns), { centred: true, damp: 0, actOrder: true });
      const set = setOf(problem, Array.from({ length: size }, normal));
      const loss = (steps: ArrayLike<number>): number => {
        let a = 0;
        let b = 0;
        for (let i = 0; i < size; i++) {
          a += set.c[i]! * steps[i]!;
          for (let j = 0; j < size; j++) {
            b += steps[i]! * problem.gram[i * size + j]! * steps[j]!;
          }
        }
        return a > 0 ? -(a * a) / b : 0;
      };
      let best = 0;
      const codes = new Float64Array(size);
      for (let at = 0; at < 7 ** size; at++) {
        for (let i = 0, rest = at; i < size; i++, rest = Math.floor(rest / 7)) {
          codes[i] = (rest % 7) - 3;
        }
        best = Math.min(best, loss(codes));
      }
      const solution = solveGram(set, new GridSearch(set, 3, true), effortFor(size, 20));
      const reached = loss(solution.steps);
      assert.ok(reached >= best - 1e-9 * Math.abs(best));
      found += reached <= best + 1e-9 * Math.abs(best) ? 1 : 0;
      const full = set.c.reduce((sum, x, i) => sum + x * set.centre[i]!, 0);
      assert.ok(full + reached <= 4 * (full + best) + 1e-9, 'a bad optimum');
    }
    assert.ok(found >= 10, `${found} of 20 optima found`);
  });
});
