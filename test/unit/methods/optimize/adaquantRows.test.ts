import assert from 'node:assert/strict';
import { addRow, descendCodes, rangeGradientsInto, roundHalfEven, scaleGradientInto } from '../../../../src/kernels';
import { adaquantRows, type AdaquantRows } from '../../../../src/methods/optimize/adaquantRows';

/** Two rows of three weights on four columns, inputs on a grid of their own; all numbers worked out independently in float64. */
const W = [
  [0.8, -0.33, 0.12],
  [-0.4, 0.9, 0.55],
];
const B = [0.05, -0.1];
const S = [0.1, 0.12];
const X = [
  [1.03, 0.52, 0, 1.98],
  [0.08, 1.49, 1, 0.55],
  [2.13, 0, 0.41, 0.96],
];
const XQ = X.map((row) => row.map((x) => 0.14 * Math.min(15, Math.max(0, roundHalfEven(x / 0.14)))));
const N = 4;
const LD = 4;

const columns = [...XQ, [1, 1, 1, 1]];
const gram = new Float64Array(LD * LD);
const c = new Float64Array(2 * LD);
const powers = new Float64Array(2);
for (let i = 0; i < LD; i++) {
  for (let j = 0; j < LD; j++) {
    gram[i * LD + j] = columns[i]!.reduce((sum, x, k) => sum + (x * columns[j]![k]!) / N, 0);
  }
}
for (let r = 0; r < 2; r++) {
  for (let k = 0; k < N; k++) {
    const y = B[r]! + W[r]!.reduce((sum, w, j) => sum + w * X[j]![k]!, 0);
    powers[r]! += (y * y) / N;
    columns.forEach((row, j) => (c[r * LD + j]! += (y * row[k]!) / N));
  }
}

function near(actual: number, expected: number, digits: number): void {
  assert.ok(Math.abs(actual - expected) <= 0.51 * 10 ** -digits, `${actual} instead of ${expected}`);
}

/** One row on its own with its own scale, as part of a layer of two. */
function row(r: number): AdaquantRows {
  return {
    size: 3,
    ld: LD,
    count: 1,
    grams: [gram],
    c: c.slice(r * LD, r * LD + LD),
    powers: powers.slice(r, r + 1),
    weights: Float64Array.from(W[r]!),
    biases: Float64Array.of(B[r]!),
    mask: undefined,
    layerRows: 2,
  };
}

const RATES = { weight: 1e-3, bias: 1e-3, scale: 1e-3 };

function quantised(): number[][] {
  return W.map((w, r) => w.map((x) => Math.min(7, Math.max(-7, roundHalfEven(x / S[r]!)))));
}

/** (1/2) Σ u G uᵀ − 2 c uᵀ + t. */
function lossOf(steps: number[][], scales: number[], biases: number[]): number {
  return [0, 1].reduce((sum, r) => sum + rowLoss(r, steps[r]!, scales[r]!, biases[r]!) / 2, 0);
}

function rowLoss(r: number, steps: number[], scale: number, bias: number): number {
  const u = [...steps.map((v) => v * scale), bias];
  let sum = powers[r]!;
  for (let i = 0; i < LD; i++) {
    sum -= 2 * c[r * LD + i]! * u[i]!;
    for (let j = 0; j < LD; j++) {
      sum += u[i]! * gram[i * LD + j]! * u[j]!;
    }
  }
  return sum;
}

describe('the quadratic form of a layer', () => {
  it('has the moments worked out by hand', () => {
    const expected = [
      [1.2789, 0.5243, 0.9947, 0.875],
      [0.5243, 0.9163, 0.3136, 0.805],
      [0.9947, 0.3136, 1.3867, 0.875],
      [0.875, 0.805, 0.875, 1],
    ].flat();
    expected.forEach((x, i) => near(gram[i]!, x, 10));
    const crosses = [1.034859, 0.1916495, 0.9390325, 0.6036, 0.3880275, 0.692895, 0.52381, 0.73025];
    crosses.forEach((x, i) => near(c[i]!, x, 10));
    near(powers[0]!, 0.932165665, 9);
    near(powers[1]!, 0.667748125, 9);
    assert.deepEqual(quantised(), [
      [7, -3, 1],
      [-3, 7, 5],
    ]);
    near(lossOf(quantised(), S, B), 0.017935035, 9);
  });

  it('has the gradients of the loss', () => {
    const steps = quantised();
    const dW = [
      [0, -0.0279195, -0.1544025],
      [0.1013005, 0, 0.126042],
    ];
    const db = [-0.0951, 0.05595];
    const ds = [-1.05338835, 0.0562473333];
    for (let r = 0; r < 2; r++) {
      const u = [...steps[r]!.map((v) => v * S[r]!), B[r]!];
      const upstream = Float64Array.from({ length: LD }, (_, j) =>
        u.reduce((sum, x, i) => sum + x * gram[i * LD + j]!, -c[r * LD + j]!),
      );
      const gradient = new Float64Array(3);
      const forScale = scaleGradientInto(Float64Array.from(W[r]!), 0, 3, S[r]!, -7, 7, upstream, 0, gradient, 0);
      dW[r]!.forEach((x, j) => near(gradient[j]!, x, 7));
      near(upstream[3]!, db[r]!, 7);
      near(forScale, ds[r]!, r === 0 ? 8 : 10);
    }
  });

  it('gives the first step of Adam, and the losses along its way', () => {
    const after = [0, 1].map((r) => {
      const rows = row(r);
      adaquantRows(rows, { symmetric: true, levels: 14, scale: S[r]!, minimum: 0 }, RATES, 1);
      return rows;
    });
    const weights = [
      [0.8, -0.3290000003582, 0.1209999999352],
      [-0.4009999999013, 0.9, 0.5490000000793],
    ];
    weights.forEach((row, r) => row.forEach((w, j) => near(after[r]!.weights[j]!, w, 12)));
    near(after[0]!.biases[0]!, 0.0509999998948, 12);
    near(after[1]!.biases[0]!, -0.1009999998213, 12);

    const runs = [0, 1].map((r) =>
      adaquantRows(row(r), { symmetric: true, levels: 14, scale: S[r]!, minimum: 0 }, RATES, 200),
    );
    const loss = (step: number): number => runs[0]!.losses[step]! + runs[1]!.losses[step]!;
    for (const [step, value, digits] of [
      [0, 0.017935035, 9],
      [1, 0.0164158914686, 13],
      [2, 0.0151027298371, 13],
      [10, 0.0046380943114, 13],
      [50, 0.00122648, 8],
      [100, 0.00059603, 8],
      [200, 0.00262784, 8],
    ] as const) {
      near(loss(step), value, digits);
    }
    const all = Array.from({ length: 201 }, (_, i) => loss(i));
    assert.equal(all.indexOf(Math.min(...all)), 21);
    near(loss(21), 0.000552196, 9);
    // Each row keeps its own best.
    runs.forEach((run) => assert.equal(run.loss, Math.min(...run.losses)));
    assert.ok(runs[0]!.loss + runs[1]!.loss <= loss(21));
  });

  it('keeps a result that has the loss it says', () => {
    for (let r = 0; r < 2; r++) {
      const run = adaquantRows(row(r), { symmetric: true, levels: 14, scale: S[r]!, minimum: 0 }, RATES, 60);
      near(rowLoss(r, [...run.steps], run.scale, run.biases[0]!) / 2, run.loss, 12);
    }
  });

  it('learns range and minimum of an asymmetric grid by the same gradients', () => {
    const [w, range, minimum] = [Float64Array.from(W[1]!), 1.2, -0.35];
    const rows = row(1);
    const run = adaquantRows(rows, { symmetric: false, levels: 15, scale: range / 15, minimum }, RATES, 1);
    const scale = range / 15;
    const z = roundHalfEven(-minimum / scale);
    const steps = [...w].map((x) => Math.min(15 - z, Math.max(-z, roundHalfEven(x / scale))));
    near(run.losses[0]!, rowLoss(1, steps, scale, B[1]!) / 2, 12);
    // The gradient's sign decides Adam's first step.
    const u = [...steps.map((v) => v * scale), B[1]!];
    const upstream = Float64Array.from({ length: LD }, (_, j) =>
      u.reduce((sum, x, i) => sum + x * gram[i * LD + j]!, -c[LD + j]!),
    );
    const gradient = new Float64Array(3);
    const sums = new Float64Array(2);
    rangeGradientsInto(w, 0, 3, range, minimum, 15, upstream, 0, gradient, 0, sums);
    gradient.forEach((g, j) => near(rows.weights[j]!, w[j]! - (g === 0 ? 0 : 1e-3 * Math.sign(g)), 7));
    const long = adaquantRows(row(1), { symmetric: false, levels: 15, scale, minimum }, RATES, 200);
    assert.ok(long.loss < 0.5 * long.losses[0]!);
    near(rowLoss(1, [...long.steps], long.scale, long.biases[0]!) / 2, long.loss, 12);
  });

  for (const symmetric of [true, false]) {
    it(`takes a pruned weight out of the problem on ${symmetric ? 'a symmetric' : 'an asymmetric'} grid, whatever its value`, () => {
      const start = { symmetric, levels: symmetric ? 14 : 15, scale: 0.12, minimum: symmetric ? 0 : -0.65 };
      const kept = [0, 2, 3];
      const without: AdaquantRows = {
        ...row(1),
        size: 2,
        ld: 3,
        grams: [Float64Array.from(kept.flatMap((i) => kept.map((j) => gram[i * LD + j]!)))],
        c: Float64Array.from(kept, (j) => c[LD + j]!),
        weights: Float64Array.of(W[1]![0]!, W[1]![2]!),
      };
      const expected = adaquantRows(without, start, RATES, 200);
      for (const value of [0, 0.31, 2]) {
        const masked: AdaquantRows = {
          ...row(1),
          weights: Float64Array.of(W[1]![0]!, value, W[1]![2]!),
          mask: Uint8Array.of(1, 0, 1),
        };
        const run = adaquantRows(masked, start, RATES, 200);
        assert.deepEqual([...run.steps], [expected.steps[0]!, 0, expected.steps[1]!]);
        near(run.scale, expected.scale, 12);
        near(run.loss, expected.loss, 12);
        assert.equal(masked.weights[1], value);
      }
    });
  }

  it('descends code by code and then by the bias, to known codes', () => {
    const codes = quantised();
    const moves: number[] = [];
    const biases: number[] = [];
    for (let r = 0; r < 2; r++) {
      const steps = Float64Array.from(codes[r]!);
      const products = new Float64Array(LD);
      steps.forEach((v, j) => addRow(v, gram, j * LD, LD, products, 0));
      let bias = B[r]!;
      for (let sweep = 0; sweep < 2; sweep++) {
        // The bias is a coordinate of its own: its part of u G moves into c.
        const rest = Float64Array.from({ length: LD }, (_, j) => c[r * LD + j]! - bias * gram[3 * LD + j]!);
        moves[sweep] =
          (moves[sweep] ?? 0) + descendCodes(steps, 0, 3, S[r]!, -7, 7, gram, LD, rest, 0, products, 0, undefined, 0);
        if (sweep === 0) {
          bias -= S[r]! * products[3]! + bias - c[r * LD + 3]!;
        }
      }
      codes[r] = [...steps];
      biases[r] = bias;
    }
    assert.deepEqual(moves, [2, 0]);
    assert.deepEqual(codes, [
      [7, -3, 2],
      [-4, 7, 5],
    ]);
    near(biases[0]!, 0.0576, 10);
    near(biases[1]!, -0.05095, 10);
    near(lossOf(codes, S, biases), 0.00524847375, 11);
  });
});
