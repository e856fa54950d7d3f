import assert from 'node:assert/strict';
import { adamPrune, type Gradient } from '../../../../bench/adamPrune';
import { residual } from './layerSamples';

describe('the Adam fit of the benchmark', () => {
  it('reaches the least squares of a row with known figures', async () => {
    let state = 5;
    const next = (): number => {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      return (((state >>> 16) % 2001) - 1000) / 1000;
    };
    const target = Float64Array.from({ length: 8 }, next);
    const x = Float64Array.from({ length: 256 }, next);
    const gradient = (batch: Int32Array, weight: Float64Array): Gradient => {
      const out = new Float64Array(8);
      for (const k of batch) {
        let error = 0;
        for (let j = 0; j < 8; j++) {
          error += (weight[j]! - target[j]!) * x[j * 32 + k]!;
        }
        for (let j = 0; j < 8; j++) {
          out[j]! += (2 * error * x[j * 32 + k]!) / batch.length;
        }
      }
      return { weight: out, bias: [0] };
    };
    const { weight, bias } = await adamPrune(
      {
        rows: 1,
        columns: 8,
        weight: target,
        bias: [0],
        mask: Uint8Array.of(0, 1, 1, 1, 0, 1, 0, 0),
        samples: 32,
        gradient,
      },
      { batchSize: 32, biasRate: 0 },
    );
    assert.equal(residual(1, 8, x, target, undefined, x, weight, bias).toFixed(9), '0.173831621');
    assert.deepEqual(
      [...weight].map((w) => w.toFixed(4)),
      ['0.0000', '0.9937', '1.0892', '1.1070', '0.0000', '0.3621', '0.0000', '0.0000'],
    );
  });

  it('draws every sample equally often, none twice in a batch', async () => {
    const seen = new Int32Array(10);
    await adamPrune(
      {
        rows: 1,
        columns: 1,
        weight: [1],
        bias: [0],
        mask: Uint8Array.of(1),
        samples: 10,
        gradient: (batch) => {
          assert.equal(new Set(batch).size, 3);
          batch.forEach((sample) => seen[sample]!++);
          return { weight: [0], bias: [0] };
        },
      },
      { batchSize: 3, iterations: 2000 },
    );
    assert.ok(
      seen.every((count) => Math.abs(count - 600) < 80),
      seen.join(),
    );
  });
});
