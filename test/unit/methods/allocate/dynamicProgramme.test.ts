import assert from 'node:assert/strict';
import { seededRandom } from '../../../../src/base/random';
import { solveAllocation, type AllocationUnit, type EngineName } from '../../../../src/methods/allocate';

/** Textbook dynamic programme over sizes: least[c] is the least loss within c units of size. */
function leastLoss(units: readonly AllocationUnit[], capacity: number): Float64Array {
  let least = new Float64Array(capacity + 1);
  for (const unit of units) {
    const next = new Float64Array(capacity + 1).fill(Infinity);
    for (const { sizeBits, loss } of unit.choices) {
      for (let c = sizeBits; c <= capacity; c++) {
        next[c] = Math.min(next[c]!, least[c - sizeBits]! + loss);
      }
    }
    least = next;
  }
  return least;
}

function layers(count: number, seed: number): AllocationUnit[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, u) => {
    const parameters = 1 + Math.floor(40 * random() ** 2);
    const sensitivity = 10 ** (-2 * random());
    return {
      name: `layer${u}`,
      members: [`layer${u}`],
      choices: [8, 7, 6, 5, 4, 3, 2].map((bits) => ({
        weightBits: bits,
        activationBits: 8,
        loss: sensitivity * 4 ** (4 - bits) * (0.6 + 0.8 * random()),
        sizeBits: parameters * bits,
        bitOperations: 1,
      })),
    };
  });
}

describe('allocation against a dynamic programme', () => {
  for (const [count, engines] of [
    [50, ['javascript-lp-solver', 'highs', 'pareto', 'auto']],
    [75, ['highs', 'pareto']],
    [100, ['pareto', 'auto']],
  ] as [number, (EngineName | 'auto')[]][]) {
    for (const engine of engines) {
      it(`${engine} finds the optimum of ${count} layers`, async () => {
        const units = layers(count, count);
        const full = units.reduce((sum, unit) => sum + unit.choices[0]!.sizeBits, 0);
        const least = leastLoss(units, full);
        for (const fraction of [0.35, 0.5, 0.8]) {
          const budget = Math.floor(full * fraction);
          const solution = await solveAllocation(
            { units, objective: { minimize: 'loss', maxSizeBits: budget } },
            { engine, timeLimit: 60 },
          );
          assert.equal(solution.proven, true);
          assert.ok(solution.sizeBits <= budget);
          const expected = least[budget]!;
          assert.ok(Math.abs(solution.loss - expected) <= 1e-9 * expected, `${solution.loss} for ${expected}`);
          // The smallest size with that loss, from the same table.
          const smallest = least.findIndex((loss) => loss <= expected * (1 + 1e-9));
          const dual = await solveAllocation(
            { units, objective: { minimize: 'size', maxLoss: expected * (1 + 1e-9) } },
            { engine, timeLimit: 60 },
          );
          assert.equal(dual.sizeBits, smallest);
        }
      });
    }
  }
});
