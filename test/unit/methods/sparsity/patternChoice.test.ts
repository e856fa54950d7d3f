import assert from 'node:assert/strict';
import { choosePattern, expectedCompliance, expectedDropShare } from '../../../../src/methods';

const PATTERNS = [
  { keep: 1, group: 2 },
  { keep: 2, group: 4 },
  { keep: 4, group: 8 },
  { keep: 8, group: 16 },
];

describe('pattern choice', () => {
  it('gives the published chance of compliance and share of dropped weights', () => {
    const rows = [
      [0.5, 0.75, 0.6875, 0.6367, 0.5982, 0.1875, 0.1367, 0.0982],
      [0.6, 0.84, 0.8208, 0.8263, 0.8577, 0.128, 0.0727, 0.0353],
      [0.7, 0.91, 0.9163, 0.942, 0.9743, 0.0765, 0.0294, 0.0072],
      [0.8, 0.96, 0.9728, 0.9896, 0.9985, 0.036, 0.0073, 0.0005],
      [0.9, 0.99, 0.9963, 0.9996, 1, 0.0095, 0.0006, 0],
    ];
    for (const [zeros, ...expected] of rows) {
      const found = [
        ...PATTERNS.map((pattern) => expectedCompliance(zeros!, pattern)),
        ...PATTERNS.slice(1).map((pattern) => expectedDropShare(zeros!, pattern)),
      ];
      found.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]!) <= 5.1e-5, `${zeros}, column ${i}: ${value}`);
      });
    }
  });

  it('keeps what the authors’ rule keeps of groups of eight', () => {
    const kept = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9].map((zeros) => choosePattern(zeros, 8).keep);
    assert.deepEqual(kept, [6, 5, 5, 4, 3, 2]);
  });

  it('handles dense and empty layers', () => {
    assert.deepEqual(choosePattern(0, 4), { keep: 4, group: 4 });
    assert.deepEqual(choosePattern(1, 4), { keep: 1, group: 4 });
    assert.equal(expectedCompliance(0, { keep: 2, group: 4 }), 0);
    assert.equal(expectedCompliance(1, { keep: 2, group: 4 }), 1);
    assert.equal(expectedDropShare(0, { keep: 2, group: 4 }), 0.5);
    assert.equal(expectedDropShare(1, { keep: 2, group: 4 }), 0);
  });
});
