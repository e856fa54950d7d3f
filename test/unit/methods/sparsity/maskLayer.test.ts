import assert from 'node:assert/strict';
import { findLayers, readWeight, weightAsMatrix, type Layer, type NmPattern } from '../../../../src/analysis';
import { LatheError } from '../../../../src/base/errors';
import { seededNormal } from '../../../../src/base/random';
import {
  applyMask,
  MASK_METHODS,
  maskLayer,
  maskWeight,
  type InputMoments,
  type LayerMoments,
  type MaskMethod,
} from '../../../../src/methods';
import { LAYER_CASES, weightValues } from '../quantize/layerCases';
import { lcgMatrix } from './lcgMatrix';
import { gemmLayer, layerOf } from './sparseLayer';

/**
 * Non-zeros of the fullest group along one axis of a weight, element by element from the definition: groups of
 * consecutive indices of that axis inside one convolution group, everything else fixed.
 */
function fullestGroup(layer: Layer, values: Float32Array, axis: number, group: number): number {
  const { shape, outAxis, inAxis } = layer.weight;
  const counts = new Map<string, number>();
  const split = { Conv: outAxis, ConvTranspose: inAxis } as const;
  const groupedAxis = layer.kind === 'Conv' || layer.kind === 'ConvTranspose' ? split[layer.kind] : -1;
  for (let at = 0; at < values.length; at++) {
    const index: number[] = [];
    for (let rest = at, a = shape.length - 1; a >= 0; a--) {
      index[a] = rest % shape[a]!;
      rest = Math.floor(rest / shape[a]!);
    }
    const perGroup = groupedAxis === axis ? shape[axis]! / layer.groups : shape[axis]!;
    const convGroup = Math.floor(index[axis]! / perGroup);
    const key = [
      ...index.map((i, a) => (a === axis ? '' : i)),
      convGroup,
      Math.floor((index[axis]! % perGroup) / group),
    ];
    counts.set(key.join(), (counts.get(key.join()) ?? 0) + (values[at] === 0 ? 0 : 1));
  }
  return Math.max(...counts.values());
}

function moments(groups: number, size: number, seed: number): LayerMoments {
  const normal = seededNormal(seed);
  const count = 4 * size;
  const fit = Array.from({ length: groups }, (): InputMoments => {
    const gram = new Float64Array(size * size);
    for (let n = 0; n < count; n++) {
      const x = Float64Array.from({ length: size }, (_, i) => normal() * (1 + (i % 5)));
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          gram[i * size + j]! += (x[i]! * x[j]!) / count;
        }
      }
    }
    const mean = new Float64Array(size);
    return { size, count, gram, cross: gram, power: gram, mean, targetMean: mean };
  });
  return { fit, heldOut: undefined };
}

const kinds: [string, Layer][] = LAYER_CASES.filter(({ name }) => !/depthwise|Gather/.test(name)).map((c) => [
  c.name,
  findLayers(c.build(17, weightValues(c.dims, 7), new Float32Array(c.biasLength)))[0]!,
]);
const wide: [string, Layer][] = [
  [
    'Conv grouped, wide',
    layerOf({
      opType: 'Conv',
      dims: [12, 10, 3, 2],
      values: weightValues([12, 10, 3, 2], 1),
      attributes: { group: 2 },
    }),
  ],
  [
    'ConvTranspose grouped, wide',
    layerOf({
      opType: 'ConvTranspose',
      dims: [20, 7, 2, 3],
      values: weightValues([20, 7, 2, 3], 2),
      attributes: { group: 2 },
    }),
  ],
  ['Conv 3-D, wide', layerOf({ opType: 'Conv', dims: [9, 11, 2, 1, 2], values: weightValues([9, 11, 2, 1, 2], 3) })],
  ['Conv 1-D, wide', layerOf({ opType: 'Conv', dims: [8, 16, 3], values: weightValues([8, 16, 3], 4) })],
  ['Gemm, wide', layerOf({ opType: 'Gemm', dims: [18, 13], values: weightValues([18, 13], 5) })],
  ['MatMul left, wide', layerOf({ opType: 'MatMul', dims: [11, 17], values: weightValues([11, 17], 6), left: true })],
  ['MatMul stacked, wide', layerOf({ opType: 'MatMul', dims: [3, 12, 9], values: weightValues([3, 12, 9], 7) })],
  [
    'MatMul stacked left, wide',
    layerOf({ opType: 'MatMul', dims: [3, 12, 9], values: weightValues([3, 12, 9], 8), left: true }),
  ],
];
const maskable = [...kinds, ...wide].filter(([, layer]) => layer.sparsify.possible);

describe('maskLayer', () => {
  it('covers every kind of layer that can be masked', () => {
    assert.ok(maskable.length >= 14, maskable.map(([name]) => name).join());
  });

  for (const [name, layer] of maskable) {
    it(`keeps to the axes of a layer: ${name}`, () => {
      const { inAxis, outAxis } = layer.weight;
      const original = readWeight(layer);
      for (const pattern of [
        { keep: 2, group: 4 },
        { keep: 1, group: 4 },
        { keep: 3, group: 5 },
        { keep: 4, group: 8 },
      ]) {
        const rowWise = maskWeight(layer, { pattern });
        assert.ok(fullestGroup(layer, rowWise.values, inAxis, pattern.group) <= pattern.keep);
        for (const method of MASK_METHODS) {
          const { values, mask } = maskWeight(layer, { pattern, transposable: true, method });
          assert.ok(fullestGroup(layer, values, inAxis, pattern.group) <= pattern.keep, `forward ${method}`);
          assert.ok(fullestGroup(layer, values, outAxis, pattern.group) <= pattern.keep, `backward ${method}`);
          assert.ok(mask.retainedMagnitude <= rowWise.mask.retainedMagnitude + 1e-12);
          values.forEach((value, i) => assert.ok(value === original[i] || Object.is(value, 0)));
        }
        assert.equal(rowWise.values.filter((v) => v !== 0).length, rowWise.mask.kept);
      }
    });
  }

  it('keeps the largest of each group by a sort of each group', () => {
    const layer = wide[0]![1];
    const pattern = { keep: 2, group: 4 };
    const { data, rows, columns } = weightAsMatrix(layer);
    const { mask, retainedMagnitude, density } = maskLayer(layer, { pattern });
    let kept = 0;
    let total = 0;
    for (let row = 0; row < rows; row++) {
      for (let p = 0; p < 6; p++) {
        for (let start = 0; start < 10; start += 4) {
          const group = [0, 1, 2, 3].filter((i) => start + i < 10).map((i) => row * columns + (start + i) * 6 + p);
          const sorted = [...group].sort((a, b) => Math.abs(data[b]!) - Math.abs(data[a]!));
          sorted.forEach((at, i) => assert.equal(mask[at], i < 2 ? 1 : 0));
          kept += sorted.slice(0, 2).reduce((sum, at) => sum + Math.abs(data[at]!), 0);
          total += sorted.reduce((sum, at) => sum + Math.abs(data[at]!), 0);
        }
      }
    }
    assert.ok(Math.abs(retainedMagnitude - kept / total) < 1e-12);
    assert.equal(density, 0.6);
  });

  const oracles: [string, number, number, number, number, number, Partial<Record<MaskMethod | 'rows', number>>][] = [
    ['B', 4, 4, 1, 100, 2, { rows: 617, exact: 568, 'exactly-k': 568, greedy: 567, intersection: 487 }],
    ['C', 8, 8, 2021, 1000, 4, { rows: 24386, exact: 23458, 'exactly-k': 23458, greedy: 22983, intersection: 19844 }],
    ['D', 8, 8, 7, 10, 4, { rows: 225, exact: 216, 'exactly-k': 216, greedy: 212, intersection: 187 }],
    ['E2', 8, 8, 11, 1000, 2, { rows: 12583, exact: 11538, 'exactly-k': 11538, greedy: 11182, intersection: 9470 }],
    ['E4', 8, 8, 11, 1000, 4, { rows: 21546, exact: 20006, 'exactly-k': 20006, greedy: 19806, intersection: 17716 }],
    ['E6', 8, 8, 11, 1000, 6, { rows: 26856, exact: 25636, 'exactly-k': 25590, greedy: 25602, intersection: 25008 }],
    ['F', 16, 16, 2024, 1000, 8, { rows: 93280, exact: 91715, 'exactly-k': 91715, greedy: 90825, intersection: 85165 }],
    ['G', 8, 8, 9, 1000, 4, { rows: 23320, exact: 22051, 'exactly-k': 22051, greedy: 21576, intersection: 19221 }],
    ['H', 4, 4, 40, 100, 2, { rows: 520, exact: 487, 'exactly-k': 485, greedy: 487, intersection: 435 }],
    ['I', 5, 6, 3, 100, 4, { exact: 1306, 'exactly-k': 1306 }],
  ];
  for (const [name, rows, columns, seed, modulus, keep, sums] of oracles) {
    it(`finds the published sums of matrix ${name}`, () => {
      const values = lcgMatrix(rows, columns, seed, modulus);
      const layer = gemmLayer(rows, columns, values);
      const total = values.reduce((a, b) => a + b, 0);
      const pattern: NmPattern = { keep, group: name === 'I' ? 8 : rows };
      for (const [method, sum] of Object.entries(sums)) {
        const options = method === 'rows' ? {} : { transposable: true, method: method as MaskMethod };
        const { retainedMagnitude } = maskLayer(layer, { pattern, ...options });
        assert.equal(Math.round(retainedMagnitude * total), sum, method);
      }
    });
  }

  it('weights by input norms, each row group by its own', () => {
    const layer = wide[0]![1];
    const { data, rows, columns } = weightAsMatrix(layer);
    const known = moments(2, columns, 5);
    const pattern = { keep: 2, group: 4 };
    const found = maskLayer(layer, { pattern, score: 'wanda', moments: known });
    const scaled = data.map((w, at) => {
      const row = Math.floor(at / columns);
      const { gram, count } = known.fit[row < rows / 2 ? 0 : 1]!;
      return Math.abs(w) * Math.sqrt(gram[(at % columns) * (columns + 1)]! * count);
    });
    assert.deepEqual(found.mask, maskLayer(layer, { pattern, weights: scaled }).mask);
    assert.notDeepEqual(found.mask, maskLayer(layer, { pattern }).mask);
  });

  it('scores by what losing a weight costs when the others make up for it', () => {
    const size = 6;
    const layer = gemmLayer(1, size, Float32Array.of(0.5, -1, 0.8, 0.3, 1.2, -0.4));
    const known = moments(1, size, 9);
    const { gram } = known.fit[0]!;
    const data = weightAsMatrix(layer).data;
    const lambda =
      (0.01 / size) * Array.from({ length: size }, (_, i) => gram[i * (size + 1)]!).reduce((a, b) => a + b);
    // Minimum over all other weights of the quadratic error when weight j is zero, by Gauss-Seidel sweeps.
    const cost = Array.from({ length: size }, (_, j) => {
      const d = new Float64Array(size);
      d[j] = -data[j]!;
      for (let sweep = 0; sweep < 4000; sweep++) {
        for (let i = 0; i < size; i++) {
          if (i !== j) {
            let sum = 0;
            for (let c = 0; c < size; c++) {
              sum += c === i ? 0 : gram[i * size + c]! * d[c]!;
            }
            d[i] = -sum / (gram[i * (size + 1)]! + lambda);
          }
        }
      }
      let error = 0;
      for (let a = 0; a < size; a++) {
        for (let b = 0; b < size; b++) {
          error += d[a]! * d[b]! * (gram[a * size + b]! + (a === b ? lambda : 0));
        }
      }
      return error;
    });
    const order = cost.map((_, i) => i).sort((a, b) => cost[b]! - cost[a]!);
    for (let keep = 1; keep < size; keep++) {
      const { mask, retainedScore } = maskLayer(layer, {
        pattern: { keep, group: size },
        score: 'sparsegpt',
        moments: known,
      });
      const best = order.slice(0, keep);
      best.forEach((i) => assert.equal(mask[i], 1));
      const share = best.reduce((sum, i) => sum + cost[i]!, 0) / cost.reduce((a, b) => a + b);
      assert.ok(Math.abs(retainedScore - share) < 1e-6, `${retainedScore} ${share}`);
    }
  });

  it('rejects NaN and infinities with the name of the layer', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const layer = gemmLayer(2, 4, Float32Array.of(1, 2, bad, 4, 5, 6, 7, 8));
      for (const score of ['magnitude', 'squared'] as const) {
        assert.throws(
          () => maskLayer(layer, { pattern: { keep: 2, group: 4 }, score }),
          (error) => LatheError.is(error, 'sparsity/non-finite-weight') && error.message.includes('"layer"'),
        );
      }
    }
  });

  it('rejects what does not fit', () => {
    const layer = gemmLayer(4, 8, weightValues([4, 8], 1));
    const pattern = { keep: 2, group: 4 };
    const code = (expected: string) => (error: unknown) => LatheError.is(error, expected);
    for (const bad of [
      { keep: 0, group: 4 },
      { keep: 5, group: 4 },
      { keep: 2, group: 33 },
      { keep: 1.5, group: 4 },
    ]) {
      assert.throws(() => maskLayer(layer, { pattern: bad }), code('sparsity/pattern'));
    }
    assert.throws(() => maskLayer(layer, { pattern, score: 'wanda' }), code('sparsity/moments'));
    assert.throws(
      () => maskLayer(layer, { pattern, score: 'wanda', moments: moments(1, 7, 1) }),
      code('sparsity/moments'),
    );
    assert.throws(() => maskLayer(layer, { pattern, weights: new Float32Array(3) }), code('sparsity/size'));
    assert.throws(() => applyMask(layer, new Uint8Array(3)), code('sparsity/size'));
    const broken = moments(1, 8, 1);
    broken.fit[0]!.gram[0] = NaN;
    for (const score of ['wanda', 'sparsegpt'] as const) {
      assert.throws(() => maskLayer(layer, { pattern, score, moments: broken }), code('sparsity/moments'));
    }
    const depthwise = layerOf({
      opType: 'Conv',
      dims: [8, 1, 3, 3],
      values: new Float32Array(72),
      attributes: { group: 8 },
    });
    assert.throws(() => maskLayer(depthwise, { pattern }), code('sparsity/layer'));
  });

  it('masks zeros and constants', () => {
    for (const value of [0, 2]) {
      const layer = gemmLayer(9, 10, new Float32Array(90).fill(value));
      const { mask, retainedMagnitude } = maskLayer(layer, { pattern: { keep: 4, group: 8 }, transposable: true });
      assert.equal(mask.length, 90);
      assert.ok(value === 0 ? retainedMagnitude === 1 : retainedMagnitude > 0.5);
    }
  });
});
