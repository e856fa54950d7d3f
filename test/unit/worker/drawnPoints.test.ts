import assert from 'node:assert/strict';
import { drawnPoints } from '../../../src/worker/drawnPoints';

describe('drawnPoints', () => {
  // A convex curve with bumps above it: every tenth point is on the hull.
  const points = Array.from({ length: 1001 }, (_, i) => ({
    sizeBits: i,
    loss: (1001 - i) ** 2 + (i % 10 === 0 ? 0 : 500),
  }));

  it('keeps the hull, both ends and the order, and no more points than asked', () => {
    const drawn = drawnPoints(points);
    assert.equal(drawn.length, 200);
    assert.deepEqual(
      points.filter((_, i) => i % 10 === 0).filter((point) => !drawn.includes(point)),
      [],
    );
    assert.deepEqual(
      drawn,
      [...drawn].sort((a, b) => a.sizeBits - b.sizeBits),
    );
  });

  it('spreads the others over the whole curve', () => {
    const others = drawnPoints(points).filter(({ sizeBits }) => sizeBits % 10 !== 0);
    const gaps = others.slice(1).map(({ sizeBits }, i) => sizeBits - others[i]!.sizeBits);
    assert.ok(Math.max(...gaps) <= 20, String(Math.max(...gaps)));
  });

  it('leaves a short frontier as it is', () => {
    assert.deepEqual(drawnPoints(points.slice(0, 150)), points.slice(0, 150));
  });
});
