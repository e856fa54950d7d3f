import assert from 'node:assert/strict';
import { absorbMean } from '../../../../src/methods';

describe('absorbMean', () => {
  it('shares what is pruned among what is kept, group by group along the channels', () => {
    // Two kernel positions side by side: channels 0 to 4 at position 0 are the even entries.
    const weight = Float64Array.of(1, 10, 2, 20, 3, 30, 4, 40, 5, 50);
    const mask = Uint8Array.of(1, 0, 0, 0, 1, 1, 0, 0, 0, 1);
    const out = absorbMean(weight, mask, 1, 10, 2, 4);
    // Position 0 keeps 1 and 3 of the first group, and nothing of the tail {5}; position 1 keeps 30, and 50 of its tail.
    assert.deepEqual(out, Float64Array.of(1 + 3, 0, 0, 0, 3 + 3, 30 + 70, 0, 0, 0, 50));
  });

  it('keeps the answer to a constant input wherever a group keeps something', () => {
    const weight = Float64Array.from({ length: 42 }, (_, i) => Math.sin(i + 1));
    const mask = Uint8Array.from(weight, (w, i) => (w > 0 || i % 5 === 0 ? 1 : 0));
    const out = absorbMean(weight, mask, 2, 21, 1, 4);
    for (let row = 0; row < 2; row++) {
      for (let first = 0; first < 21; first += 4) {
        const span = [row * 21 + first, row * 21 + Math.min(first + 4, 21)] as const;
        const sum = (values: Float64Array): number => values.subarray(...span).reduce((a, b) => a + b, 0);
        const keepsSome = mask.subarray(...span).some((m) => m === 1);
        assert.ok(Math.abs(sum(out) - (keepsSome ? sum(weight) : 0)) < 1e-12);
      }
    }
    assert.ok(out.every((w, i) => mask[i] === 1 || Object.is(w, 0)));
  });
});
