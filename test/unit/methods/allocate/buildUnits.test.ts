import assert from 'node:assert/strict';
import { LatheError } from '../../../../src/base/errors';
import { buildUnits, solveAllocation, type AllocationLayer } from '../../../../src/methods/allocate';

const widths = [8, 4, 2];

function layer(name: string, more: Partial<AllocationLayer> = {}): AllocationLayer {
  const candidates = widths.flatMap((weightBits) =>
    [8, 4].map((activationBits) => ({ weightBits, activationBits, loss: 1 / weightBits + 0.1 / activationBits })),
  );
  return { name, parameters: 10, macs: 100, candidates, ...more };
}

function pairs(unit: { choices: readonly { weightBits: number; activationBits: number }[] }): string[] {
  return unit.choices.map((c) => `${c.weightBits}/${c.activationBits}`);
}

describe('buildUnits', () => {
  it('counts size as elements × bits and bit-operations as MACs × both widths', () => {
    const [unit] = buildUnits({ layers: [layer('a')], pairing: 'free' });
    assert.deepEqual(pairs(unit!), ['8/8', '8/4', '4/8', '4/4', '2/8', '2/4']);
    assert.deepEqual(
      unit!.choices.map((c) => [c.sizeBits, c.bitOperations]),
      [
        [80, 6400],
        [80, 3200],
        [40, 3200],
        [40, 1600],
        [20, 1600],
        [20, 800],
      ],
    );
    assert.equal(unit!.pin, undefined);
    assert.equal(unit!.raisedBy, undefined);
  });

  it('ties widths, except where one side cannot be quantised', () => {
    const weightOnly = widths.map((bits) => ({ weightBits: bits, activationBits: 32, loss: 0 }));
    const units = buildUnits({ layers: [layer('a'), layer('b', { candidates: weightOnly })], pairing: 'tied' });
    assert.deepEqual(pairs(units[0]!), ['8/8', '4/4']);
    assert.deepEqual(pairs(units[1]!), ['8/32', '4/32', '2/32']);
  });

  it('pins, restricts and excludes, and keeps what the choices would be', () => {
    const units = buildUnits({
      layers: [
        layer('weight', { pinnedWeight: 4 }),
        layer('activation', { pinnedActivation: 4 }),
        layer('both', { pinnedWeight: 2, pinnedActivation: 8 }),
        layer('list', { allowedWeights: [8, 4], allowedActivations: [8] }),
        layer('out', { excluded: true }),
      ],
      pairing: 'free',
    });
    assert.deepEqual(units.map(pairs), [['4/8', '4/4'], ['8/4', '4/4', '2/4'], ['2/8'], ['8/8', '4/8'], ['32/32']]);
    assert.deepEqual(
      units.map((unit) => unit.pin),
      [
        'weights pinned to 4 bits',
        'activations pinned to 4 bits',
        'weights pinned to 2 bits, activations pinned to 8 bits',
        'weights restricted to 8, 4 bits, activations restricted to 8 bits',
        'excluded',
      ],
    );
    assert.ok(units.every((unit) => unit.unpinned!.length === 6));
    assert.deepEqual(units[4]!.choices[0], {
      weightBits: 32,
      activationBits: 32,
      loss: 0,
      sizeBits: 320,
      bitOperations: 100 * 1024,
    });
  });

  it('lets a pin on both sides override tied widths, and one pin decide both', () => {
    const units = buildUnits({
      layers: [layer('a', { pinnedWeight: 2, pinnedActivation: 8 }), layer('b', { pinnedWeight: 4 })],
      pairing: 'tied',
    });
    assert.deepEqual(units.map(pairs), [['2/8'], ['4/4']]);
  });

  it('keeps the first and the last layer at a width unless the recipe says otherwise', () => {
    const names = ['a', 'b', 'c'];
    const at = (more: Partial<AllocationLayer>[], firstAndLast: number | undefined, edges?: string[]) =>
      buildUnits({
        layers: names.map((name, i) => layer(name, more[i])),
        pairing: 'free',
        firstAndLast,
        edges,
      }).map(pairs);
    const all = ['8/8', '8/4', '4/8', '4/4', '2/8', '2/4'];
    assert.deepEqual(at([], 8), [['8/8'], all, ['8/8']]);
    assert.deepEqual(at([], undefined), [all, all, all]);
    assert.deepEqual(at([], 8, ['b']), [all, ['8/8'], all]);
    assert.deepEqual(at([{ pinnedWeight: 2 }], 8)[0], ['2/8']);
    assert.deepEqual(at([{ allowedWeights: [4, 2], allowedActivations: [4] }], 8)[0], ['4/4', '2/4']);
    // Not measured at 6: the next wider one; wider than all: the widest.
    assert.deepEqual(at([], 6)[0], ['8/8']);
    assert.deepEqual(at([], 16)[0], ['8/8']);
  });

  it('makes one unit of layers that share a weight', () => {
    const units = buildUnits({
      layers: [layer('a', { tie: 'w' }), layer('b'), layer('c', { tie: 'w', macs: 50 })],
      pairing: 'free',
    });
    assert.deepEqual(
      units.map((unit) => [unit.name, unit.members]),
      [
        ['a', ['a', 'c']],
        ['b', ['b']],
      ],
    );
    const [first] = units[0]!.choices;
    assert.equal(first!.sizeBits, 80);
    assert.equal(first!.bitOperations, 150 * 64);
    assert.ok(Math.abs(first!.loss - 2 * (1 / 8 + 0.1 / 8)) < 1e-15);
  });

  it('leaves members of a shared weight without quantisable input at float activations', () => {
    const weightOnly = widths.map((bits) => ({ weightBits: bits, activationBits: 32, loss: 0.5 }));
    const [unit] = buildUnits({
      layers: [layer('embedding', { tie: 'w', candidates: weightOnly, macs: 1 }), layer('head', { tie: 'w' })],
      pairing: 'free',
    });
    assert.deepEqual(pairs(unit!), ['8/8', '8/4', '4/8', '4/4', '2/8', '2/4']);
    assert.equal(unit!.choices[0]!.bitOperations, 8 * 32 + 100 * 64);
    assert.ok(Math.abs(unit!.choices[0]!.loss - (0.5 + 1 / 8 + 0.1 / 8)) < 1e-15);
  });

  it('holds a pin or an exclusion of one member for all, and rejects pins that differ', () => {
    const shared = (a: Partial<AllocationLayer>, b: Partial<AllocationLayer>) =>
      buildUnits({ layers: [layer('a', { tie: 'w', ...a }), layer('b', { tie: 'w', ...b })], pairing: 'free' });
    assert.deepEqual(shared({}, { pinnedWeight: 4 }).map(pairs), [['4/8', '4/4']]);
    const [out] = shared({}, { excluded: true });
    assert.deepEqual(pairs(out!), ['32/32']);
    assert.equal(out!.pin, 'excluded with "b", which shares its weight');
    assert.throws(
      () => shared({ pinnedWeight: 8 }, { pinnedWeight: 4 }),
      (e) => LatheError.is(e, 'allocate/pin-conflict') && e.message.includes('"a" and "b"'),
    );
  });

  it('rejects a pin nothing was measured for, naming layer and widths', () => {
    assert.throws(
      () => buildUnits({ layers: [layer('a', { pinnedWeight: 5 })], pairing: 'free' }),
      (e) =>
        LatheError.is(e, 'allocate/no-candidate') &&
        e.message.includes('"a"') &&
        e.message.includes('weights pinned to 5 bits') &&
        e.message.includes('8/8, 8/4'),
    );
    assert.throws(
      () => buildUnits({ layers: [layer('a', { candidates: [] })], pairing: 'free' }),
      (e) => LatheError.is(e, 'allocate/no-candidate') && e.message.includes('nothing was measured'),
    );
  });

  it('rejects losses that are no finite numbers', () => {
    for (const loss of [NaN, Infinity, -Infinity]) {
      assert.throws(
        () =>
          buildUnits({
            layers: [layer('a', { candidates: [{ weightBits: 8, activationBits: 8, loss }] })],
            pairing: 'free',
          }),
        (e) => LatheError.is(e, 'allocate/bad-loss') && e.details.layer === 'a',
      );
    }
  });

  it('raises losses that fall with fewer bits, and says by how much', () => {
    const losses: [number, number][] = [
      [8, 0.1],
      [4, 0.04],
      [3, 0.3],
      [2, 0.25],
    ];
    const candidates = losses.map(([bits, loss]) => ({ weightBits: bits, activationBits: 8, loss }));
    const [unit] = buildUnits({ layers: [layer('a', { candidates })], pairing: 'free' });
    const raised = unit!.choices.map((c) => c.loss);
    assert.ok(raised[1]! > 0.1 && raised[1]! < 0.1 + 1e-8);
    assert.equal(raised[2], 0.3);
    assert.ok(raised[3]! > 0.3 && raised[3]! < 0.3 + 1e-8);
    assert.ok(Math.abs(unit!.raisedBy! - 0.06) < 1e-8);
  });

  it('makes every grid of widths monotone and changes nothing that already is', () => {
    for (let seed = 0; seed < 50; seed++) {
      let state = seed + 1;
      const draw = () => (state = (Math.imul(state, 48271) >>> 0) % 2147483647) / 2147483647;
      const candidates = [2, 3, 4, 8, 32].flatMap((weightBits) =>
        [4, 8, 32].map((activationBits) => ({ weightBits, activationBits, loss: draw() })),
      );
      const [unit] = buildUnits({ layers: [layer('a', { candidates })], pairing: 'free' });
      for (const a of unit!.choices) {
        for (const b of unit!.choices) {
          if (a.weightBits >= b.weightBits && a.activationBits >= b.activationBits) {
            assert.ok(a.loss <= b.loss);
          }
        }
      }
      unit!.choices.forEach((choice, i) => assert.ok(choice.loss >= candidates[i]!.loss));
      const again = buildUnits({ layers: [layer('a', { candidates: unit!.choices })], pairing: 'free' });
      assert.equal(again[0]!.raisedBy, undefined);
    }
  });

  it('prefers more bits over a noisy gain when the budget allows', async () => {
    const candidates = [
      { weightBits: 8, activationBits: 8, loss: 0.0002 },
      { weightBits: 4, activationBits: 8, loss: 0.0001 },
      { weightBits: 2, activationBits: 8, loss: 0.4 },
    ];
    const units = buildUnits({ layers: [layer('a', { candidates })], pairing: 'free' });
    const rich = await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits: 80 } });
    assert.deepEqual(rich.picks, [0]);
    const poor = await solveAllocation({ units, objective: { minimize: 'loss', maxSizeBits: 79 } });
    assert.deepEqual(poor.picks, [1]);
  });
});
