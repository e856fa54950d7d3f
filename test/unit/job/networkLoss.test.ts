import assert from 'node:assert/strict';
import type { TensorData } from '../../../src/analysis';
import { DataType } from '../../../src/onnx';
import { EMPTY_LOSS, NetworkLoss, addLoss, meanLoss } from '../../../src/job/networkLoss';

function outputs(rows: number[][]): Map<string, TensorData> {
  const data = Float32Array.from(rows.flat());
  return new Map([['logits', { type: DataType.FLOAT, dims: [rows.length, rows[0]!.length], data }]]);
}

function softmax(row: number[]): number[] {
  const exponents = row.map((x) => Math.exp(x));
  const sum = exponents.reduce((a, b) => a + b);
  return exponents.map((x) => x / sum);
}

const before = [
  [1, 2, 0.5],
  [-1, 0, 3],
];
const after = [
  [0.75, 2.5, 0.5],
  [2, 0, 1],
];
const labels = Int32Array.of(1, 2);

describe('NetworkLoss', () => {
  it('is the KL divergence of the softmax, by its definition', () => {
    let expected = 0;
    before.forEach((row, i) => {
      const p = softmax(row);
      const q = softmax(after[i]!);
      p.forEach((x, c) => (expected += x * Math.log(x / q[c]!)));
    });
    const loss = new NetworkLoss('kl', false).measureBatch(outputs(before), outputs(after), undefined);
    assert.ok(Math.abs(meanLoss(loss) - expected / 2) < 1e-12);
  });

  it('reads probabilities as such when the network ends in a softmax', () => {
    const p = before.map(softmax);
    const q = after.map(softmax);
    const direct = new NetworkLoss('kl', true).measureBatch(outputs(p), outputs(q), undefined);
    const logits = new NetworkLoss('kl', false).measureBatch(outputs(before), outputs(after), undefined);
    assert.ok(Math.abs(meanLoss(direct) - meanLoss(logits)) < 1e-6);
  });

  it('counts cross-entropy and top-1 against labels', () => {
    const entropy = new NetworkLoss('cross-entropy', false).measureBatch(outputs(before), outputs(after), labels);
    const expected = -(Math.log(softmax(after[0]!)[1]!) + Math.log(softmax(after[1]!)[2]!)) / 2;
    assert.ok(Math.abs(meanLoss(entropy) - expected) < 1e-12);
    const top = new NetworkLoss('top1', false).measureBatch(outputs(before), outputs(after), labels);
    assert.deepEqual(top, { sum: 1, weight: 2 });
  });

  it('relates squared errors to the energy of the float outputs', () => {
    const loss = new NetworkLoss('mse', false).measureBatch(outputs(before), outputs(after), undefined);
    const flat = (rows: number[][]) => rows.flat();
    const error = flat(before).reduce((sum, x, i) => sum + (x - flat(after)[i]!) ** 2, 0);
    const energy = flat(before).reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(meanLoss(loss) - error / energy) < 1e-12);
  });

  it('adds up over batches to the mean over all samples', () => {
    const loss = new NetworkLoss('kl', false);
    const parts = before.map((row, i) => loss.measureBatch(outputs([row]), outputs([after[i]!]), undefined));
    const whole = loss.measureBatch(outputs(before), outputs(after), undefined);
    assert.ok(Math.abs(meanLoss(parts.reduce(addLoss, EMPTY_LOSS)) - meanLoss(whole)) < 1e-15);
  });
});
