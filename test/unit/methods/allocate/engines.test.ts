import assert from 'node:assert/strict';
import { LatheError } from '../../../../src/base/errors';
import { seededRandom } from '../../../../src/base/random';
import {
  relaxationBound,
  solveAllocation,
  verifySolution,
  type AllocationProblem,
  type EngineName,
  type Objective,
} from '../../../../src/methods/allocate';
import { bruteForce, randomUnits } from './instances';

const engines: readonly (EngineName | 'auto')[] = ['javascript-lp-solver', 'highs', 'pareto', 'auto'];

function smallProblem(seed: number): AllocationProblem {
  const random = seededRandom(1000 + seed);
  const units = randomUnits(seed, {
    layers: 1 + Math.floor(random() * 5),
    widths: random() < 0.5 ? [8, 4, 2] : [8, 6, 4, 3],
    activations: random() < 0.5 ? [8] : [8, 4],
    coarse: random() < 0.5,
  });
  const range = (amount: 'sizeBits' | 'bitOperations' | 'loss'): number => {
    const low = units.reduce((sum, u) => sum + Math.min(...u.choices.map((c) => c[amount])), 0);
    const high = units.reduce((sum, u) => sum + Math.max(...u.choices.map((c) => c[amount])), 0);
    return low + (high - low) * (random() * 1.1 - 0.05);
  };
  const kind = Math.floor(random() * 5);
  const whole = (value: number): number => Math.max(0, Math.floor(value));
  const objectives: Objective[] = [
    { minimize: 'loss', maxSizeBits: whole(range('sizeBits')) },
    { minimize: 'loss', maxBitOperations: whole(range('bitOperations')) },
    { minimize: 'loss', maxSizeBits: whole(range('sizeBits')), maxBitOperations: whole(range('bitOperations')) },
    { minimize: 'size', maxLoss: range('loss') },
    { minimize: 'size', maxLoss: range('loss'), maxBitOperations: whole(range('bitOperations')) },
  ];
  return { units, objective: objectives[kind]! };
}

describe('allocation engines', () => {
  for (const engine of engines) {
    describe(engine, () => {
      it('agree with brute force on small random problems', async () => {
        let infeasible = 0;
        for (let seed = 0; seed < 250; seed++) {
          const problem = smallProblem(seed);
          const truth = bruteForce(problem);
          if (truth.objective === undefined) {
            infeasible++;
            await assert.rejects(solveAllocation(problem, { engine }), (e) => LatheError.is(e, 'allocate/infeasible'));
            continue;
          }
          const solution = await solveAllocation(problem, { engine });
          const value = problem.objective.minimize === 'loss' ? solution.loss : solution.sizeBits;
          assert.ok(Math.abs(value - truth.objective) < 1e-9, `seed ${seed}: ${value} for ${truth.objective}`);
          assert.ok(
            truth.optima.some((picks) => picks.every((pick, u) => pick === solution.picks[u])),
            `seed ${seed}: not among the optima`,
          );
          assert.equal(solution.proven, true);
          assert.ok(relaxationBound(problem) <= value + 1e-9);
          verifySolution(problem, solution.picks);
        }
        assert.ok(infeasible > 5, 'some problems must be infeasible');
      });

      it('break ties by fewer bits', async () => {
        const choice = (loss: number, sizeBits: number) => ({
          weightBits: sizeBits,
          activationBits: 8,
          loss,
          sizeBits,
          bitOperations: sizeBits,
        });
        const units = [
          { name: 'a', members: ['a'], choices: [choice(0, 8), choice(0, 6), choice(1, 4)] },
          { name: 'b', members: ['b'], choices: [choice(0, 8), choice(1, 3)] },
          { name: 'c', members: ['c'], choices: [choice(1, 2), choice(0, 8)] },
        ];
        const solve = async (maxSizeBits: number) =>
          await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits } }, { engine });
        assert.deepEqual((await solve(100)).picks, [1, 0, 1]);
        // Loss 1 can be had by a (20 bits), b (17) or c (16).
        const tied = await solve(21);
        assert.equal(tied.loss, 1);
        assert.equal(tied.sizeBits, 16);
      });

      it('take single-choice units and no units at all', async () => {
        const [unit] = randomUnits(3, { layers: 1, widths: [8], activations: [8] });
        const only = await solveAllocation(
          { units: [unit!], objective: { minimize: 'loss', maxSizeBits: unit!.choices[0]!.sizeBits } },
          { engine },
        );
        assert.deepEqual(only.picks, [0]);
        assert.equal(only.proven, true);
        const none = await solveAllocation({ units: [], objective: { minimize: 'loss', maxSizeBits: 0 } }, { engine });
        assert.deepEqual([none.picks, none.loss, none.sizeBits], [[], 0, 0]);
      });

      it('need no budget', async () => {
        const units = randomUnits(11, { layers: 6, widths: [8, 4, 2], activations: [8, 4] });
        const { loss } = await solveAllocation({ units, objective: { minimize: 'loss' } }, { engine });
        const least = units.reduce((sum, unit) => sum + Math.min(...unit.choices.map((c) => c.loss)), 0);
        assert.ok(Math.abs(loss - least) < 1e-12);
      });

      it('do not depend on the units of measurement', async () => {
        for (const [lossScale, sizeScale] of [
          [1e-6, 1],
          [1e6, 1],
          [1e-9, 1e6],
          [1, 1e9],
        ] as const) {
          for (let seed = 0; seed < 5; seed++) {
            const units = randomUnits(500 + seed, { layers: 8, widths: [8, 6, 4, 3, 2], activations: [8] });
            const budget = Math.floor(units.reduce((sum, u) => sum + u.choices[0]!.sizeBits, 0) * 0.6);
            const plain = await solveAllocation(
              { units, objective: { minimize: 'loss', maxSizeBits: budget } },
              { engine: 'pareto' },
            );
            const scaled = units.map((unit) => ({
              ...unit,
              choices: unit.choices.map((c) => ({ ...c, loss: c.loss * lossScale, sizeBits: c.sizeBits * sizeScale })),
            }));
            const solution = await solveAllocation(
              { units: scaled, objective: { minimize: 'loss', maxSizeBits: budget * sizeScale } },
              { engine },
            );
            assert.deepEqual(solution.picks, plain.picks);
            assert.equal(solution.proven, true);
          }
        }
      });
    });
  }

  it('survive one absurd loss', async () => {
    const units = randomUnits(42, { layers: 8, widths: [8, 6, 4, 2], activations: [8] }).map((unit, u) =>
      u === 2 && unit.choices.length > 1
        ? { ...unit, choices: unit.choices.map((c, i) => (i === 3 ? { ...c, loss: 1e30 } : c)) }
        : unit,
    );
    const problem = {
      units,
      objective: { minimize: 'loss', maxSizeBits: units.reduce((s, u) => s + u.choices[0]!.sizeBits, 0) * 0.6 },
    } as const;
    const truth = bruteForce(problem);
    for (const engine of engines) {
      const solution = await solveAllocation(problem, { engine });
      assert.ok(Math.abs(solution.loss - truth.objective!) < 1e-12);
    }
  });

  it('take negative losses', async () => {
    const units = randomUnits(8, { layers: 5, widths: [8, 4, 2], activations: [8] }).map((unit) => ({
      ...unit,
      choices: unit.choices.map((c) => ({ ...c, loss: c.loss - 0.2 })),
    }));
    for (const objective of [
      { minimize: 'loss', maxSizeBits: 5e5 },
      { minimize: 'size', maxLoss: -0.5 },
    ] as const) {
      const truth = bruteForce({ units, objective });
      for (const engine of engines) {
        const solution = await solveAllocation({ units, objective }, { engine });
        assert.ok(truth.optima.some((picks) => picks.join() === solution.picks.join()));
      }
    }
  });
});
