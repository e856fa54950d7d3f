import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { choleskyInto, choleskySolve } from '../../../../src/kernels';
import { GroupProblem } from '../../../../src/methods/optimize/groupProblem';
import { momentsOf } from './tinyMoments';

describe('GroupProblem', () => {
  const n = 7;
  const normal = seededNormal(1);
  const float = Array.from({ length: n }, (_, i) => Array.from({ length: 60 }, () => 0.3 * i + normal()));
  const compressed = float.map((row) => row.map((x) => x + 0.1 * normal()));
  const weight = Float32Array.from({ length: n }, normal);

  for (const masked of [false, true]) {
    it(`finds the best weights for compressed columns${masked ? ' under a mask' : ''}`, () => {
      const mask = masked ? Uint8Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1)) : undefined;
      const problem = new GroupProblem(momentsOf(float, compressed), { centred: true, damp: 0, actOrder: true });
      const c = new Float64Array(n);
      const centre = new Float64Array(n);
      problem.linearTerms(weight, weight, 0, 1, mask, c, centre, 0);
      // The normal equations of centred data, on the kept columns alone.
      const kept = Array.from({ length: n }, (_, i) => i).filter((i) => mask?.[i] !== 0);
      const centred = (row: readonly number[]): number[] => {
        const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
        return row.map((x) => x - mean);
      };
      const [x, xq] = [float.map(centred), compressed.map(centred)];
      const y = x[0]!.map((_, k) => x.reduce((sum, row, i) => sum + weight[i]! * row[k]!, 0));
      const g = new Float64Array(kept.length ** 2);
      const solution = new Float64Array(kept.length);
      kept.forEach((i, p) => {
        solution[p] = y.reduce((sum, value, k) => sum + value * xq[i]![k]!, 0);
        kept.forEach((j, q) => {
          g[p * kept.length + q] = xq[i]!.reduce((sum, value, k) => sum + value * xq[j]![k]!, 0);
        });
      });
      assert.ok(choleskyInto(g, kept.length));
      choleskySolve(g, kept.length, solution);
      kept.forEach((i, p) => assert.ok(Math.abs(centre[i]! - solution[p]!) < 1e-4, `${centre[i]} ${solution[p]}`));
      assert.ok(centre.every((u, i) => kept.includes(i) || u === 0));
    });
  }
});
