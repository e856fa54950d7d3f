import assert from 'node:assert/strict';
import {
  frontier,
  neighbours,
  policyCost,
  refineFrontier,
  solveAllocation,
  uniformPoints,
} from '../../../../src/methods/allocate';
import { bruteForce, generatedUnits, randomUnits, toyUnits } from './instances';

describe('frontier', () => {
  it('is the lower convex hull of all policies', () => {
    for (let seed = 0; seed < 60; seed++) {
      const units = randomUnits(seed, {
        layers: 4,
        widths: [8, 6, 4, 2],
        activations: seed % 2 === 0 ? [8] : [8, 4],
        coarse: seed % 3 === 0,
      });
      const points = allPolicies(units.map((unit) => unit.choices));
      const hull = frontier(units);
      for (const point of hull) {
        const cost = policyCost(units, point.picks);
        assert.equal(cost.sizeBits, point.sizeBits);
        assert.ok(Math.abs(cost.loss - point.loss) < 1e-12);
        assert.equal(point.kind, 'hull');
        const least = points.filter((p) => p.size <= point.sizeBits).reduce((m, p) => Math.min(m, p.loss), Infinity);
        assert.ok(point.loss <= least + 1e-12, 'optimal at its size');
      }
      for (let i = 1; i < hull.length; i++) {
        const [a, b] = [hull[i - 1]!, hull[i]!];
        assert.ok(a.sizeBits < b.sizeBits && a.loss > b.loss);
        for (const { size, loss } of points) {
          const chord = a.loss + ((size - a.sizeBits) * (b.loss - a.loss)) / (b.sizeBits - a.sizeBits);
          if (size >= a.sizeBits && size <= b.sizeBits) {
            assert.ok(loss >= chord - 1e-9, 'no policy lies below');
          }
        }
      }
    }
  });

  it('refines to the whole exact frontier', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const units = randomUnits(seed, {
        layers: 5,
        widths: [8, 6, 4, 2],
        activations: [8],
        coarse: seed % 2 === 0,
      });
      const exact = await refineFrontier(units);
      const truth: { size: number; loss: number }[] = [];
      for (const point of allPolicies(units.map((u) => u.choices)).sort((a, b) => a.size - b.size || a.loss - b.loss)) {
        if (truth.length === 0 || point.loss < truth[truth.length - 1]!.loss - 1e-12) {
          truth.push(point);
        }
      }
      assert.deepEqual(
        exact.map((point) => point.sizeBits),
        truth.map((point) => point.size),
      );
      exact.forEach((point, i) => assert.ok(Math.abs(point.loss - truth[i]!.loss) < 1e-12));
      assert.ok(exact.every((point) => point.kind === 'exact'));
    }
  });

  it('refines chosen sizes, leaving out what cannot be reached', async () => {
    const { units } = generatedUnits();
    const sizes = [0.05, 0.1, 0.125, 0.15, 0.2].map((fraction) => fraction * 32 * 5376);
    const points = await refineFrontier(units, { sizes });
    assert.deepEqual(
      points.map((point) => point.loss.toFixed(9)),
      ['1.101207835', '0.374014053', '0.126964132', '0.012383967'],
    );
  });

  it('refines under a limit on bit-operations', async () => {
    const units = randomUnits(9, { layers: 5, widths: [8, 4, 2], activations: [8, 4] });
    const maxBitOperations = Math.floor(units.reduce((s, u) => s + u.choices[0]!.bitOperations, 0) * 0.5);
    const full = units.reduce((s, u) => s + u.choices[0]!.sizeBits, 0);
    const points = await refineFrontier(units, { sizes: [full * 0.5, full], maxBitOperations });
    assert.ok(points.length > 0);
    for (const point of points) {
      const truth = bruteForce({
        units,
        objective: { minimize: 'loss', maxSizeBits: point.sizeBits, maxBitOperations },
      });
      assert.ok(Math.abs(point.loss - truth.objective!) < 1e-12);
    }
  });

  it('samples the frontier where it is too large to list', async () => {
    const units = randomUnits(21, { layers: 60, widths: [8, 7, 6, 5, 4, 3, 2], activations: [8] });
    const points = await refineFrontier(units, { timeLimit: 0.6 });
    const hull = frontier(units);
    assert.ok(points.length > 0);
    for (const point of points) {
      const below = hull.filter((h) => h.sizeBits <= point.sizeBits);
      assert.ok(point.loss <= below[below.length - 1]!.loss + 1e-9);
    }
  });

  it('has the single policy of pinned units as its only point', () => {
    const units = toyUnits().map((unit) => ({ ...unit, choices: unit.choices.slice(0, 1) }));
    assert.deepEqual(frontier(units), [{ sizeBits: 56000, loss: 0, picks: [0, 0, 0], kind: 'hull' }]);
    assert.deepEqual(frontier([]), [{ sizeBits: 0, loss: 0, picks: [], kind: 'hull' }]);
  });
});

describe('uniformPoints', () => {
  it('gives each width everywhere, pinned units apart', () => {
    const units = toyUnits();
    const pinned = [{ ...units[0]!, choices: units[0]!.choices.slice(0, 1) }, units[1]!, units[2]!];
    assert.deepEqual(
      uniformPoints(pinned).map(({ weightBits, sizeBits, loss }) => [weightBits, sizeBits, loss]),
      [
        [8, 56000, 0],
        [4, 32000, 0.25],
        [2, 20000, 1.5],
      ],
    );
  });
});

describe('neighbours', () => {
  it('are the best policies that differ in one or two units', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const units = randomUnits(100 + seed, { layers: 5, widths: [8, 4, 3, 2], activations: [8] });
      const full = units.reduce((s, u) => s + Math.max(...u.choices.map((c) => c.sizeBits)), 0);
      const maxSizeBits = Math.floor(full * 0.7);
      const problem = { units, objective: { minimize: 'loss', maxSizeBits } } as const;
      let picks: readonly number[];
      try {
        ({ picks } = await solveAllocation(problem, { engine: 'pareto' }));
      } catch {
        continue;
      }
      const near = neighbours(problem, picks);
      const truth = allPolicies(units.map((u) => u.choices))
        .filter((p) => p.size <= maxSizeBits)
        .filter((p) => {
          const distance = p.picks.filter((pick, u) => pick !== picks[u]).length;
          return distance === 1 || distance === 2;
        })
        .sort((a, b) => a.loss - b.loss)
        .slice(0, 3);
      assert.equal(near.length, truth.length);
      near.forEach((neighbour, i) => {
        assert.ok(Math.abs(neighbour.loss - truth[i]!.loss) < 1e-12);
        assert.ok(neighbour.sizeBits <= maxSizeBits);
        assert.deepEqual(
          neighbour.changed,
          neighbour.picks.flatMap((pick, u) => (pick === picks[u] ? [] : [u])),
        );
      });
    }
  });
});

function allPolicies(
  choices: readonly (readonly { loss: number; sizeBits: number }[])[],
): { size: number; loss: number; picks: number[] }[] {
  let points: { size: number; loss: number; picks: number[] }[] = [{ size: 0, loss: 0, picks: [] }];
  for (const options of choices) {
    points = points.flatMap((point) =>
      options.map((choice, c) => ({
        size: point.size + choice.sizeBits,
        loss: point.loss + choice.loss,
        picks: [...point.picks, c],
      })),
    );
  }
  return points;
}
