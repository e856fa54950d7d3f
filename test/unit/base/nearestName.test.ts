import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { editDistance, nearestName } from '../../../src/base/nearestName';

/** The definition itself, by recursion. */
function slowDistance(a: string, b: string): number {
  if (a === '' || b === '') {
    return a.length + b.length;
  }
  let best = Math.min(
    slowDistance(a.slice(1), b) + 1,
    slowDistance(a, b.slice(1)) + 1,
    slowDistance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
  );
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) {
    best = Math.min(best, slowDistance(a.slice(2), b.slice(2)) + 1);
  }
  return best;
}

describe('editDistance', () => {
  it('equals its recursive definition', () => {
    const words = ['', 'a', 'ab', 'ba', 'abc', 'acb', 'bits', 'btis', 'seed', 'size', 'sedes'];
    for (const a of words) {
      for (const b of words) {
        assert.equal(editDistance(a, b), slowDistance(a, b), `${a} ${b}`);
      }
    }
  });
});

describe('nearestName', () => {
  it('finds the name meant, and nothing when all are far', () => {
    assert.equal(nearestName('Wieghts', ['activations', 'weights']), 'weights');
    assert.equal(nearestName('zzzz', ['activations', 'weights']), undefined);
    assert.equal(nearestName('bits', []), undefined);
  });
});
