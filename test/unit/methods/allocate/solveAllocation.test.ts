import assert from 'node:assert/strict';
import { CancelledError, LatheError } from '../../../../src/base/errors';
import {
  refineFrontier,
  solveAllocation,
  verifySolution,
  type AllocationProblem,
  type AllocationUnit,
} from '../../../../src/methods/allocate';
import { randomUnits, toyUnits } from './instances';

function withLoss(loss: number): AllocationUnit[] {
  return toyUnits().map((unit, u) =>
    u === 1 ? { ...unit, choices: unit.choices.map((c, i) => (i === 1 ? { ...c, loss } : c)) } : unit,
  );
}

/** Two budgets that pull apart on many layers: takes every engine longer than a moment. */
function hardProblem(layers: number): AllocationProblem {
  const units = randomUnits(77, { layers, widths: [8, 7, 6, 5, 4, 3], activations: [8, 7, 6, 5, 4, 3] });
  const total = (amount: 'sizeBits' | 'bitOperations'): number =>
    units.reduce((sum, unit) => sum + Math.max(...unit.choices.map((c) => c[amount])), 0);
  return {
    units,
    objective: {
      minimize: 'loss',
      maxSizeBits: Math.floor(0.6 * total('sizeBits')),
      maxBitOperations: Math.floor(0.4 * total('bitOperations')),
    },
  };
}

describe('solveAllocation', () => {
  it('rejects losses that are no finite numbers and names the layer', async () => {
    for (const loss of [NaN, Infinity, -Infinity]) {
      await assert.rejects(
        solveAllocation({ units: withLoss(loss), objective: { minimize: 'loss', maxSizeBits: 30000 } }),
        (e) => LatheError.is(e, 'allocate/bad-loss') && e.message.includes('"B"') && e.details.layer === 'B',
      );
    }
  });

  it('rejects sizes that cannot be counted', async () => {
    for (const sizeBits of [-8, 0.5, NaN, Infinity]) {
      const units = toyUnits().map((unit) => ({ ...unit, choices: unit.choices.map((c) => ({ ...c, sizeBits })) }));
      await assert.rejects(solveAllocation({ units, objective: { minimize: 'loss' } }), (e) =>
        LatheError.is(e, 'allocate/bad-size'),
      );
    }
  });

  it('rejects budgets that are no numbers', async () => {
    for (const objective of [
      { minimize: 'loss', maxSizeBits: NaN },
      { minimize: 'loss', maxSizeBits: -1 },
      { minimize: 'loss', maxBitOperations: NaN },
      { minimize: 'size', maxLoss: NaN },
    ] as const) {
      await assert.rejects(
        solveAllocation({ units: toyUnits(), objective }),
        (e) => LatheError.is(e, 'allocate/bad-budget') && e.category === 'usage',
      );
    }
  });

  it('hands over when an engine runs out of time, and says so', async () => {
    const problem = hardProblem(40);
    const solution = await solveAllocation(problem, { timeLimit: 0.001 });
    verifySolution(problem, solution.picks);
    const tried = solution.attempts.map((attempt) => attempt.engine);
    assert.deepEqual(tried, ['javascript-lp-solver', 'highs', 'pareto']);
    assert.ok(solution.attempts.slice(0, 2).every((attempt) => attempt.outcome !== 'proven'));
    assert.equal(solution.proven, false);
    assert.ok(solution.bound > 0 && solution.bound < solution.loss);
  });

  it('starts with HiGHS when many layers are open', async () => {
    const units = randomUnits(5, { layers: 100, widths: [8, 7, 6, 5, 4, 3], activations: [8] });
    const full = units.reduce((sum, unit) => sum + unit.choices[0]!.sizeBits, 0);
    const maxSizeBits = Math.floor(0.6 * full);
    const solution = await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits } });
    const open = solution.attempts[0]!;
    assert.ok(open.engine === 'highs' || open.engine === 'javascript-lp-solver');
    assert.equal(solution.proven, true);
    const own = await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits } }, { engine: 'pareto' });
    assert.deepEqual(solution.picks, own.picks);
  });

  it('says why a named engine gave nothing', async () => {
    try {
      const solution = await solveAllocation(hardProblem(60), { engine: 'highs', timeLimit: 1e-9 });
      // A rounding of the relaxation is an answer, but none with proof.
      assert.equal(solution.proven, false);
    } catch (error) {
      assert.ok(LatheError.is(error, 'allocate/engine-failed'));
      assert.match(error.message, /highs.*time limit/);
    }
  });

  it('stops when asked, before and in the middle', async () => {
    const aborted = AbortSignal.abort();
    for (const engine of ['auto', 'javascript-lp-solver', 'highs', 'pareto'] as const) {
      await assert.rejects(
        solveAllocation(hardProblem(10), { engine, signal: aborted }),
        (e) => e instanceof CancelledError,
      );
    }
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(
      solveAllocation(hardProblem(120), { engine: 'pareto', timeLimit: 60, signal: controller.signal }),
      (e) => e instanceof CancelledError,
    );
    await assert.rejects(refineFrontier(toyUnits(), { signal: aborted }), (e) => e instanceof CancelledError);
  });

  it('gives the same answer again', async () => {
    const problem = hardProblem(12);
    const first = await solveAllocation(problem);
    for (const engine of ['auto', 'javascript-lp-solver', 'highs', 'pareto'] as const) {
      assert.deepEqual((await solveAllocation(problem, { engine })).picks, first.picks);
    }
  });

  it('counts sizes beyond 32 bits exactly', async () => {
    const unit = (name: string, parameters: number): AllocationUnit => ({
      name,
      members: [name],
      choices: [8, 4].map((bits) => ({
        weightBits: bits,
        activationBits: 8,
        loss: bits === 8 ? 0 : parameters,
        sizeBits: parameters * bits,
        bitOperations: parameters * bits * 8,
      })),
    });
    const units = [unit('a', 3_000_000_001), unit('b', 3_000_000_000)];
    const maxSizeBits = 3_000_000_001 * 8 + 3_000_000_000 * 4;
    for (const engine of ['javascript-lp-solver', 'highs', 'pareto'] as const) {
      assert.deepEqual(
        (await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits } }, { engine })).picks,
        [0, 1],
      );
      const less = { minimize: 'loss', maxSizeBits: maxSizeBits - 1 } as const;
      assert.deepEqual((await solveAllocation({ units, objective: less }, { engine })).picks, [1, 0]);
    }
  });

  it('verifies policies', () => {
    const problem = { units: toyUnits(), objective: { minimize: 'loss', maxSizeBits: 31360 } } as const;
    assert.deepEqual(verifySolution(problem, [1, 1, 1]), {
      loss: 0.3 + 0.05 + 0.2,
      sizeBits: 28000,
      bitOperations: 14000 * 16,
    });
    assert.throws(() => verifySolution(problem, [0, 0, 0]), /over its size budget/);
    assert.throws(() => verifySolution(problem, [1, 1]), /2 picks for 3 units/);
    assert.throws(() => verifySolution(problem, [1, 1, 3]), /none of its choices/);
    assert.throws(() => verifySolution(problem, [1, 1, 0.5]), /none of its choices/);
  });
});
