import assert from 'node:assert/strict';
import { addStorage, nominalRatio, weightStorage } from '../../../../src/methods';

describe('storage', () => {
  it('gives the nominal ratio of ResNet-18 with first and last layer at 8 bits and the rest at 4', () => {
    const stages: readonly (readonly [number, number])[] = [
      [64, 64],
      [64, 128],
      [128, 256],
      [256, 512],
    ];
    const elements = [3 * 64 * 49];
    for (const [from, to] of stages) {
      elements.push(from * to * 9, to * to * 9, to * to * 9, to * to * 9);
      if (from !== to) {
        elements.push(from * to);
      }
    }
    elements.push(512 * 1000);
    assert.equal(elements.length, 21);
    assert.equal(
      elements.reduce((a, b) => a + b, 0),
      11_678_912,
    );
    const layers = elements.map((n, i) => ({ elements: n, bits: i === 0 || i === 20 ? 8 : 4 }));
    assert.equal((100 * nominalRatio(layers)).toFixed(3), '13.058');
  });

  it('counts a 3-bit layer as 3 in nominal and packed bits and as 4 in the file', () => {
    const symmetric = weightStorage({
      elements: 1001,
      bits: 3,
      containerBits: 4,
      scales: 7,
      zeroPoints: 0,
      storedZeroPoints: 7,
      biasElements: 7,
    });
    assert.deepEqual(symmetric, {
      nominal: 3003,
      packed: 3003 + 7 * 32 + 7 * 32,
      // 501 bytes of codes, 4 of zero points.
      stored: 501 * 8 + 7 * 32 + 7 * 32 + 4 * 8,
    });
    const asymmetric = weightStorage({
      elements: 10,
      bits: 8,
      containerBits: 8,
      scales: 2,
      zeroPoints: 2,
      storedZeroPoints: 2,
      biasElements: 0,
    });
    assert.deepEqual(asymmetric, { nominal: 80, packed: 80 + 64 + 16, stored: 80 + 64 + 16 });
    assert.equal(addStorage(symmetric, asymmetric).nominal, 3083);
  });
});
