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

  it('counts what cross-entropy and top-1 lose against labels, beyond what the float network loses', () => {
    const entropyOf = (rows: number[][]) =>
      -rows.reduce((sum, row, i) => sum + Math.log(softmax(row)[labels[i]!]!), 0) / 2;
    const entropy = new NetworkLoss('cross-entropy', false);
    const loss = meanLoss(entropy.measureBatch(outputs(before), outputs(after), labels));
    assert.ok(Math.abs(loss - (entropyOf(after) - entropyOf(before))) < 1e-12);
    assert.equal(meanLoss(entropy.measureBatch(outputs(before), outputs(before), labels)), 0);
    const top1 = new NetworkLoss('top1', false);
    // Both rows of `before` are right but the second of `after` is not; with other labels the change helps.
    assert.deepEqual(top1.measureBatch(outputs(before), outputs(after), labels), { sum: 1, weight: 2 });
    assert.deepEqual(top1.measureBatch(outputs(before), outputs(after), Int32Array.of(0, 0)), { sum: -1, weight: 2 });
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
