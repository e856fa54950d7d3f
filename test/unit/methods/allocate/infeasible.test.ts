import assert from 'node:assert/strict';
import { LatheError } from '../../../../src/base/errors';
import {
  buildUnits,
  solveAllocation,
  type AllocationProblem,
  type PolicyCost,
  type UnreachableBudget,
} from '../../../../src/methods/allocate';
import { bruteForce, randomUnits, toyUnits } from './instances';

async function explain(problem: AllocationProblem): Promise<{
  message: string;
  budgets: readonly UnreachableBudget[];
  smallest: PolicyCost;
}> {
  try {
    await solveAllocation(problem);
  } catch (error) {
    assert.ok(LatheError.is(error, 'allocate/infeasible'));
    assert.equal(error.category, 'usage');
    const { budgets, smallest } = error.details as { budgets: UnreachableBudget[]; smallest: PolicyCost };
    return { message: error.message, budgets, smallest };
  }
  assert.fail('expected the budget to be out of reach');
}

describe('an unreachable budget', () => {
  it('is answered with the smallest feasible size', async () => {
    const { message, budgets, smallest } = await explain({
      units: toyUnits(),
      objective: { minimize: 'loss', maxSizeBits: 13999 },
    });
    assert.match(message, /size budget of 13999 bits .*smallest feasible size is 14000 bits \(1750 bytes\)/);
    assert.deepEqual(budgets, [{ what: 'size', requested: 13999, smallest: 14000, pins: [] }]);
    assert.deepEqual(smallest, { loss: 0, sizeBits: 14000, bitOperations: 14000 * 4 });
  });

  it('of zero is answered too', async () => {
    const { budgets } = await explain({ units: toyUnits(), objective: { minimize: 'loss', maxSizeBits: 0 } });
    assert.equal(budgets[0]!.smallest, 14000);
  });

  it('names the pins in the way, largest first', async () => {
    const candidates = [8, 4, 2].map((bits) => ({ weightBits: bits, activationBits: 8, loss: 1 / bits }));
    const layer = (name: string, parameters: number, more: object = {}) => ({
      name,
      parameters,
      macs: parameters,
      candidates,
      ...more,
    });
    const units = buildUnits({
      layers: [
        layer('a', 100),
        layer('b', 1000, { pinnedWeight: 8 }),
        layer('c', 500, { excluded: true }),
        layer('d', 300, { allowedWeights: [8, 4] }),
      ],
      pairing: 'free',
    });
    const { message, budgets } = await explain({ units, objective: { minimize: 'loss', maxSizeBits: 10000 } });
    const [size] = budgets;
    assert.equal(size!.smallest, 100 * 2 + 1000 * 8 + 500 * 32 + 300 * 4);
    assert.equal(size!.smallestWithoutPins, 1900 * 2);
    assert.deepEqual(size!.pins, [
      { unit: 'c', pin: 'excluded', saves: 500 * 30 },
      { unit: 'b', pin: 'weights pinned to 8 bits', saves: 1000 * 6 },
      { unit: 'd', pin: 'weights restricted to 8, 4 bits', saves: 300 * 2 },
    ]);
    assert.match(message, /"c" \(excluded\), "b" \(weights pinned to 8 bits\)/);
    assert.match(message, /without pins and exclusions 3800 bits/);
  });

  it('of loss is answered with the smallest loss', async () => {
    const units = toyUnits();
    const { budgets, message } = await explain({
      units,
      objective: { minimize: 'size', maxLoss: 0.2, maxBitOperations: 0.3 * 14000 * 64 },
    });
    const loss = budgets.find((budget) => budget.what === 'loss')!;
    assert.ok(Math.abs(loss.smallest - 0.55) < 1e-12);
    assert.match(message, /loss budget of 0\.2 .*smallest feasible loss is 0\.55/);
  });

  it('of two that only together cannot be met says what each allows under the other', async () => {
    let found = 0;
    for (let seed = 0; seed < 200 && found < 12; seed++) {
      // Narrow weights only with wide activations and the other way round: size and bit-operations pull apart.
      const units = randomUnits(seed, { layers: 4, widths: [8, 2], activations: [8, 2] }).map((unit) => ({
        ...unit,
        choices:
          unit.choices.length > 1
            ? unit.choices
                .filter((c) => c.weightBits !== c.activationBits)
                .map((c) => ({ ...c, bitOperations: c.bitOperations * c.activationBits }))
            : unit.choices,
      }));
      const least = (amount: 'sizeBits' | 'bitOperations') =>
        units.reduce((sum, u) => sum + Math.min(...u.choices.map((c) => c[amount])), 0);
      const maxSizeBits = Math.floor(least('sizeBits') * 1.3);
      const maxBitOperations = Math.floor(least('bitOperations') * 1.3);
      const problem = { units, objective: { minimize: 'loss', maxSizeBits, maxBitOperations } } as const;
      if (bruteForce(problem).objective !== undefined) {
        continue;
      }
      found++;
      const { budgets } = await explain(problem);
      const truth = bruteForce({ units, objective: { minimize: 'size', maxLoss: Infinity, maxBitOperations } });
      const size = budgets.find((budget) => budget.what === 'size');
      assert.equal(size?.smallest, truth.objective);
      assert.ok(budgets.some((budget) => budget.what === 'bitOperations' && budget.smallest > maxBitOperations));
    }
    assert.ok(found >= 3);
  });
});
