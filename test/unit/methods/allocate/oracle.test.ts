import assert from 'node:assert/strict';
import { frontier, relaxationBound, solveAllocation, type EngineName } from '../../../../src/methods/allocate';
import { generatedUnits, toyUnits } from './instances';

const engines: readonly (EngineName | 'auto')[] = ['javascript-lp-solver', 'highs', 'pareto', 'auto'];

describe('allocation on worked examples', () => {
  for (const engine of engines) {
    describe(engine, () => {
      it('solves the three-layer example at every size', async () => {
        const units = toyUnits();
        const expected: [number, number[], number][] = [
          [0.25, [8, 8, 8], 0],
          [0.2, [8, 4, 8], 0.05],
          [0.15, [8, 4, 4], 0.25],
          [0.14, [4, 4, 4], 0.55],
          [0.1, [4, 2, 4], 1.1],
          [0.08, [4, 2, 2], 1.8],
          [0.0625, [2, 2, 2], 3.5],
        ];
        for (const [fraction, widths, loss] of expected) {
          const objective = { minimize: 'loss', maxSizeBits: fraction * 32 * 7000 } as const;
          const solution = await solveAllocation({ units, objective }, { engine });
          assert.deepEqual(
            solution.picks.map((pick, u) => units[u]!.choices[pick]!.weightBits),
            widths,
            `at ${fraction}`,
          );
          assert.ok(Math.abs(solution.loss - loss) < 1e-12);
          assert.equal(solution.proven, true);
          assert.equal(solution.bound, solution.loss);
        }
      });

      it('solves the three-layer example under bit-operations', async () => {
        const units = toyUnits();
        const all8 = 14000 * 64;
        const expected: [number, number[], number][] = [
          [0.5, [4, 4, 8], 0.35],
          [0.3, [4, 4, 4], 0.55],
          [0.2, [4, 2, 4], 1.1],
        ];
        for (const [fraction, widths, loss] of expected) {
          const objective = { minimize: 'loss', maxBitOperations: fraction * all8 } as const;
          const solution = await solveAllocation({ units, objective }, { engine });
          assert.deepEqual(
            solution.picks.map((pick, u) => units[u]!.choices[pick]!.weightBits),
            widths,
            `at ${fraction}`,
          );
          assert.ok(Math.abs(solution.loss - loss) < 1e-12);
        }
      });

      it('solves the ten-layer example', async () => {
        const { units } = generatedUnits();
        const expected: [number, number[], number][] = [
          [0.2, [8, 7, 7, 6, 7, 6, 6, 7, 6, 6], 0.012383966521],
          [0.15, [6, 5, 5, 5, 5, 5, 4, 5, 4, 5], 0.126964131722],
          [0.125, [8, 4, 5, 3, 4, 4, 4, 4, 4, 4], 0.374014053303],
          [0.1, [6, 3, 4, 3, 4, 3, 3, 3, 3, 3], 1.101207834511],
        ];
        for (const [fraction, widths, loss] of expected) {
          const objective = { minimize: 'loss', maxSizeBits: fraction * 32 * 5376 } as const;
          const solution = await solveAllocation({ units, objective }, { engine });
          assert.deepEqual(
            solution.picks.map((pick, u) => units[u]!.choices[pick]!.weightBits),
            widths,
          );
          assert.equal(solution.loss.toFixed(12), loss.toFixed(12));
          // The same optimum seen from the other side: no smaller size has so little loss.
          const dual = await solveAllocation(
            { units, objective: { minimize: 'size', maxLoss: loss + 1e-11 } },
            { engine },
          );
          assert.ok(dual.sizeBits <= solution.sizeBits);
          assert.equal(dual.proven, true);
        }
      });
    });
  }

  it('draws the ten layers as stated', () => {
    const { sizes, sensitivities } = generatedUnits();
    assert.deepEqual(sizes, [32, 640, 320, 496, 640, 800, 880, 480, 240, 848]);
    assert.equal(sensitivities[0]!.toFixed(10), '0.6727010427');
  });

  it('bounds the ten layers by the linear relaxation and walks the hull greedily', () => {
    const { units } = generatedUnits();
    const hull = frontier(units);
    const expected: [number, string, string][] = [
      [0.2, '0.01216323', '0.01409008'],
      [0.15, '0.12296485', '0.13075582'],
      [0.125, '0.35680686', '0.46231168'],
      [0.1, '1.09072992', '1.13000844'],
    ];
    for (const [fraction, bound, greedy] of expected) {
      const maxSizeBits = fraction * 32 * 5376;
      assert.equal(relaxationBound({ units, objective: { minimize: 'loss', maxSizeBits } }).toFixed(8), bound);
      const within = hull.filter((point) => point.sizeBits <= maxSizeBits);
      assert.equal(within[within.length - 1]!.loss.toFixed(8), greedy);
    }
  });

  it('bounds the three layers by the linear relaxation', () => {
    const objective = { minimize: 'loss', maxSizeBits: 31360 } as const;
    assert.equal(relaxationBound({ units: toyUnits(), objective }).toFixed(6), '0.294000');
  });
});
