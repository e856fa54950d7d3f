import assert from 'node:assert/strict';
import { findLayers, type Layer } from '../../../../src/analysis';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import { measureSparsity, maskLayer, weightCompliance } from '../../../../src/methods';
import { LAYER_CASES, weightValues } from '../quantize/layerCases';
import { lcgMatrix } from './lcgMatrix';
import { gemmLayer, layerOf } from './sparseLayer';

const PATTERNS = [
  { keep: 2, group: 4 },
  { keep: 4, group: 8 },
];

describe('measureSparsity', () => {
  it('gives the published sums of matrix C', () => {
    const values = lcgMatrix(8, 8, 2021, 1000);
    const total = values.reduce((a, b) => a + b, 0);
    const [two, four] = measureSparsity(gemmLayer(8, 8, values), PATTERNS).patterns;
    const sum = (share: number): number => Math.round(share * total);
    assert.equal(sum(two!.rowWise.retainedMagnitude), 23277);
    assert.equal(sum(two!.transposable.retainedMagnitude), 21929);
    assert.equal(sum(four!.rowWise.retainedMagnitude), 24386);
    assert.equal(sum(four!.transposable.retainedMagnitude), 23458);
    assert.equal(sum(four!.greedy.retainedMagnitude), 22983);
    assert.equal(four!.greedy.density, 31 / 64);
    assert.equal(four!.intersection.density, 24 / 64);
    assert.equal(four!.diversity.tile.transposable, '116963796250');
  });

  it('keeps the published shares of normal weights', () => {
    const normal = seededNormal(5);
    const layer = gemmLayer(160, 160, Float32Array.from({ length: 160 * 160 }, normal));
    const [two, four] = measureSparsity(layer, PATTERNS).patterns;
    const near = (value: number, expected: number): void =>
      assert.ok(Math.abs(value - expected) < 0.006, `${value} is not ${expected}`);
    near(four!.rowWise.retainedMagnitude, 0.7684);
    near(two!.rowWise.retainedMagnitude, 0.7452);
    near(four!.transposable.retainedMagnitude, 0.7434);
    near(two!.transposable.retainedMagnitude, 0.704);
    near(four!.greedy.retainedMagnitude, 0.7343);
    near(four!.intersection.retainedMagnitude, 0.686);
    near(four!.greedy.retainedMagnitude / four!.transposable.retainedMagnitude, 0.9876);
  });

  it('counts what converting a sparse weight drops, near what chance predicts', () => {
    const random = seededRandom(8);
    const normal = seededNormal(9);
    const values = Float32Array.from({ length: 256 * 256 }, () => (random() < 0.7 ? 0 : normal()));
    const measure = measureSparsity(gemmLayer(256, 256, values), PATTERNS);
    assert.equal(measure.zeroCount, values.filter((v) => v === 0).length);
    for (const p of measure.patterns) {
      assert.ok(Math.abs(p.forward.compliance - p.expectedCompliance) < 0.01);
      assert.ok(Math.abs(p.backward.compliance - p.expectedCompliance) < 0.01);
      assert.equal(p.rowWise.dropped, p.forward.excess);
      assert.ok(Math.abs(p.rowWise.droppedShare - p.expectedDropShare) < 0.005);
      assert.ok(p.rowWise.droppedMagnitude < p.rowWise.droppedShare);
      assert.ok(p.transposable.dropped > p.rowWise.dropped);
    }
  });

  it('says that its own masks comply, and masks for the wrong axis do not', () => {
    const layer = gemmLayer(64, 64, weightValues([64, 64], 3));
    const pattern = { keep: 4, group: 8 };
    const masked = (mask: Uint8Array): Float32Array => Float32Array.from(mask);
    const rowWise = weightCompliance(layer, masked(maskLayer(layer, { pattern }).mask), pattern);
    assert.equal(rowWise.forward.compliance, 1);
    assert.ok(rowWise.backward.compliance > 0.5 && rowWise.backward.compliance < 0.75);
    const both = weightCompliance(layer, masked(maskLayer(layer, { pattern, transposable: true }).mask), pattern);
    assert.equal(both.forward.compliance, 1);
    assert.equal(both.backward.compliance, 1);
  });

  it('counts groups inside convolution groups and at kernel positions', () => {
    // 2 groups of 3 output and 4 input channels, 2 positions: backward groups of 3 channels never cross to the next 3.
    const values = new Float32Array(6 * 4 * 2).fill(1);
    const layer = layerOf({ opType: 'Conv', dims: [6, 4, 2], values, attributes: { group: 2 } });
    const { forward, backward } = weightCompliance(layer, values, { keep: 2, group: 4 });
    assert.deepEqual([forward.groups, forward.compliant, forward.excess], [12, 0, 24]);
    assert.deepEqual([backward.groups, backward.compliant, backward.excess], [16, 0, 16]);
  });

  it('measures layers that stay dense too, with the reason', () => {
    for (const c of LAYER_CASES) {
      const layer: Layer = findLayers(c.build(17, weightValues(c.dims, 2), new Float32Array(c.biasLength)))[0]!;
      const measure = measureSparsity(layer, PATTERNS);
      assert.equal(measure.elements, layer.parameters);
      for (const p of measure.patterns) {
        assert.ok(p.transposable.retainedMagnitude <= p.rowWise.retainedMagnitude + 1e-12);
        assert.ok(layer.sparsify.possible || !p.eligible.possible);
        assert.ok(p.eligible.possible || !p.eligibleTransposable.possible);
      }
    }
    const head = measureSparsity(gemmLayer(10, 64, weightValues([10, 64], 1)), [{ keep: 8, group: 16 }]).patterns[0]!;
    assert.deepEqual(head.eligible, { possible: true });
    assert.deepEqual(head.eligibleTransposable, {
      possible: false,
      reason: 'the layer has 10 output channels, fewer than a tile of 16',
    });
  }).timeout(30_000);
});
