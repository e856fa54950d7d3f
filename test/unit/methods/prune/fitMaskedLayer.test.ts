import assert from 'node:assert/strict';
import { LatheError } from '../../../../src/base/errors';
import { seededNormal } from '../../../../src/base/random';
import { fitMaskedLayer, type FitOptions, type FittedLayer, type MaskedLayerInput } from '../../../../src/methods';
import { magnitudeMask, momentsOf, residual } from './layerSamples';

/**
 * One output row of eight weights and 32 columns, with figures known from other tools. Those are for weights in thousandths;
 * here they are whole numbers, which float32 holds exactly, so errors are a million times as large.
 */
function knownRow(): { readonly weight: Float32Array; readonly x: Float64Array; readonly mask: Uint8Array } {
  let state = 5;
  const next = (): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (((state >>> 16) % 2001) - 1000) / 1000;
  };
  const weight = Float32Array.from({ length: 8 }, () => Math.round(1000 * next()));
  const x = Float64Array.from({ length: 256 }, next);
  return { weight, x, mask: Uint8Array.of(0, 1, 1, 1, 0, 1, 0, 0) };
}

function fitKnown(options: FitOptions): FittedLayer {
  const { weight, x, mask } = knownRow();
  return fitMaskedLayer({
    layer: 'known',
    rows: 1,
    columns: 8,
    weight,
    bias: undefined,
    mask,
    rowGroups: 1,
    moments: { fit: [momentsOf(x, 8)], heldOut: undefined },
    options,
  });
}

interface RandomLayer {
  readonly rows: number;
  readonly columns: number;
  readonly kernelSize: number;
  readonly rowGroups: number;
  readonly keep: number;
  readonly group: number;
  readonly count: number;
  readonly sequential: boolean;
  readonly seed: number;
}

interface Made {
  readonly input: MaskedLayerInput;
  /** X and X̂ of each row group, for the fit and held out. */
  readonly fit: readonly (readonly [Float64Array, Float64Array])[];
  readonly heldOut: readonly (readonly [Float64Array, Float64Array])[];
}

/** A layer with correlated inputs of non-zero mean; with `sequential` X̂ differs from X. */
function randomLayer(kind: RandomLayer, options: FitOptions): Made {
  const { rows, columns, count } = kind;
  const normal = seededNormal(kind.seed);
  const mixing = Float64Array.from({ length: columns * columns }, () => normal() / Math.sqrt(columns));
  const draw = (): readonly [Float64Array, Float64Array] => {
    const x = new Float64Array(columns * count);
    for (let k = 0; k < count; k++) {
      const source = Float64Array.from({ length: columns }, normal);
      for (let j = 0; j < columns; j++) {
        let sum = 0.5 + 0.3 * source[j]!;
        for (let i = 0; i < columns; i++) {
          sum += mixing[j * columns + i]! * source[i]!;
        }
        x[j * count + k] = sum;
      }
    }
    return [x, kind.sequential ? x.map((v) => 0.9 * v + 0.1 + 0.2 * normal()) : x];
  };
  const fit = Array.from({ length: kind.rowGroups }, draw);
  const heldOut = Array.from({ length: kind.rowGroups }, draw);
  const weight = Float32Array.from({ length: rows * columns }, normal);
  const input: MaskedLayerInput = {
    layer: 'random',
    rows,
    columns,
    weight,
    bias: Float32Array.from({ length: rows }, normal),
    mask: magnitudeMask(weight, rows, columns, kind.kernelSize, kind.keep, kind.group),
    rowGroups: kind.rowGroups,
    kernelSize: kind.kernelSize,
    moments: {
      fit: fit.map(([x, xHat]) => momentsOf(x, columns, xHat)),
      heldOut: heldOut.map(([x, xHat]) => momentsOf(x, columns, xHat)),
    },
    options: { pattern: { keep: kind.keep, group: kind.group }, ...options },
  };
  return { input, fit, heldOut };
}

const LAYER: RandomLayer = {
  rows: 6,
  columns: 24,
  kernelSize: 3,
  rowGroups: 1,
  keep: 2,
  group: 4,
  count: 90,
  sequential: false,
  seed: 11,
};

/** Error from the samples themselves, over all row groups. */
function directError(made: Made, samples: Made['fit'], weight: Float32Array, bias: Float32Array | undefined): number {
  const { rows, columns, rowGroups } = made.input;
  const perGroup = rows / rowGroups;
  return samples.reduce((sum, [x, xHat], g) => {
    const first = g * perGroup;
    const part = (values: Float32Array): Float32Array => values.subarray(first * columns, (first + perGroup) * columns);
    const rowsOf = (values: Float32Array | undefined): Float32Array | undefined =>
      values?.subarray(first, first + perGroup);
    const error = residual(
      perGroup,
      columns,
      x,
      part(made.input.weight),
      rowsOf(made.input.bias),
      xHat,
      part(weight),
      rowsOf(bias),
    );
    return sum + error;
  }, 0);
}

function assertNear(found: number, expected: number, relative: number, what = ''): void {
  assert.ok(Math.abs(found - expected) <= relative * Math.abs(expected), `${what} ${found} for ${expected}`);
}

describe('fitMaskedLayer', () => {
  describe('on a row with known figures', () => {
    const pattern = { keep: 4, group: 8 };
    const absolute = (result: FittedLayer, error: { fit: number } | undefined): number =>
      (error!.fit * result.power.fit) / 1e6;

    it('measures the mask alone and mean absorption', () => {
      const result = fitKnown({ method: 'absorb', pattern });
      assert.equal(absolute(result, result.errors.maskOnly).toFixed(9), '0.212018455');
      assert.equal(absolute(result, result.errors.absorbed).toFixed(9), '0.225978072');
      assert.equal(result.kept, 'maskOnly');
      assert.deepEqual(
        [...result.weight].map((w) => w === 0),
        [true, false, false, false, true, false, true, true],
      );
    });

    for (const solver of ['exact', 'cg'] as const) {
      it(`finds the least squares without a bias (${solver})`, () => {
        const result = fitKnown({ method: 'adaprune', pattern, solver, damping: 0, fitBias: false });
        assert.equal(absolute(result, result.errors.fitted).toFixed(9), '0.173831621');
        assert.deepEqual(
          [...result.weight].map((w) => (w / 1000).toFixed(6)),
          ['0.000000', '0.993680', '1.089249', '1.107048', '0.000000', '0.362060', '0.000000', '0.000000'],
        );
        assert.equal(result.bias, undefined);
        assert.equal(result.solver, solver);
        assert.equal(result.kept, 'fitted');
      });

      it(`finds the least squares with a bias (${solver})`, () => {
        const result = fitKnown({ method: 'adaprune', pattern, solver, damping: 0 });
        assert.equal(absolute(result, result.errors.fitted).toFixed(9), '0.172496731');
        const found = [1, 2, 3, 5].map((j) => (result.weight[j]! / 1000).toFixed(6));
        assert.deepEqual(found, ['0.981069', '1.076015', '1.106501', '0.367448']);
        assert.equal((result.bias![0]! / 1000).toFixed(6), '-0.037939');
      });
    }

    it('finds the same by the sweep of a mask that ends in what is kept', () => {
      // With the pruned columns first, the sweep makes up for each of them with everything kept: the least squares itself.
      const { weight, x } = knownRow();
      const order = [0, 4, 6, 7, 1, 2, 3, 5];
      const result = fitMaskedLayer({
        layer: 'known',
        rows: 1,
        columns: 8,
        weight: Float32Array.from(order, (j) => weight[j]!),
        bias: undefined,
        mask: Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1),
        rowGroups: 1,
        moments: {
          fit: [momentsOf(Float64Array.from(order.flatMap((j) => [...x.subarray(32 * j, 32 * j + 32)])), 8)],
          heldOut: undefined,
        },
        options: { method: 'sparsegpt', refit: false, pattern, damping: 0, fitBias: false },
      });
      assert.equal(absolute(result, result.errors.fitted).toFixed(9), '0.173831621');
    });
  });

  const kinds: readonly (readonly [string, Partial<RandomLayer>])[] = [
    ['the same inputs', {}],
    ['inputs of a compressed prefix', { sequential: true }],
    ['two row groups', { rowGroups: 2, sequential: true }],
    ['a tail group', { columns: 21, kernelSize: 3 }],
    ['few pruned weights', { keep: 3, seed: 5 }],
  ];
  for (const [name, change] of kinds) {
    describe(`with ${name}`, () => {
      const kind = { ...LAYER, ...change };

      it('reports the errors that the samples themselves show', () => {
        for (const method of ['absorb', 'adaprune', 'sparsegpt'] as const) {
          const made = randomLayer(kind, { method });
          const { power, errors, weight, bias } = fitMaskedLayer(made.input);
          const rows = kind.rows;
          assertNear(errors.chosen.fit * power.fit * rows, directError(made, made.fit, weight, bias), 1e-9, method);
          const direct = directError(made, made.heldOut, weight, bias);
          assertNear(errors.chosen.heldOut! * power.heldOut! * rows, direct, 1e-9, method);
          const masked = made.input.weight.map((w, i) => (made.input.mask![i] === 0 ? 0 : w));
          assertNear(
            errors.maskOnly.heldOut! * power.heldOut! * rows,
            directError(made, made.heldOut, masked, made.input.bias),
            1e-9,
            'mask only',
          );
          assert.ok(errors.chosen.heldOut! <= errors.maskOnly.heldOut!);
          assert.ok(weight.every((w, i) => made.input.mask![i] !== 0 || Object.is(w, 0)));
        }
      });

      it('is solved alike by factors and by gradients, at a stationary point', () => {
        const made = randomLayer(kind, { method: 'adaprune', damping: 0.003 });
        const solve = (solver: 'exact' | 'cg'): FittedLayer =>
          fitMaskedLayer({ ...made.input, options: { ...made.input.options, solver } });
        const exact = solve('exact');
        const gradients = solve('cg');
        assert.equal(exact.kept, 'fitted');
        for (let i = 0; i < exact.weight.length; i++) {
          assert.ok(Math.abs(exact.weight[i]! - gradients.weight[i]!) < 2e-5, `weight ${i}`);
        }
        assert.ok(gradients.iterations > 1 && gradients.iterations < 60);
        // Finite differences of the sample error plus the pull: flat in every kept weight and in every bias.
        const { rows, columns, rowGroups } = made.input;
        const objective = (weight: Float64Array, bias: Float64Array): number => {
          const perGroup = rows / rowGroups;
          return made.fit.reduce((sum, [x, xHat], g) => {
            const first = g * perGroup;
            const from = first * columns;
            const to = (first + perGroup) * columns;
            const moments = made.input.moments.fit[g]!;
            const centred = Array.from(
              { length: columns },
              (_, j) => moments.gram[j * columns + j]! - moments.mean[j]! ** 2,
            );
            const lambda = (0.003 * centred.reduce((a, b) => a + b, 0)) / columns;
            let pull = 0;
            for (let i = from; i < to; i++) {
              pull += made.input.mask![i] === 0 ? 0 : lambda * (weight[i]! - made.input.weight[i]!) ** 2;
            }
            const error = residual(
              perGroup,
              columns,
              x,
              made.input.weight.subarray(from, to),
              made.input.bias!.subarray(first, first + perGroup),
              xHat,
              weight.subarray(from, to),
              bias.subarray(first, first + perGroup),
            );
            return sum + error + pull;
          }, 0);
        };
        const weight = Float64Array.from(exact.weight);
        const bias = Float64Array.from(exact.bias!);
        const slope = (values: Float64Array, i: number): number => {
          const step = 1e-3;
          const old = values[i]!;
          values[i] = old + step;
          const above = objective(weight, bias);
          values[i] = old - step;
          const below = objective(weight, bias);
          values[i] = old;
          return (above - below) / (2 * step);
        };
        for (let i = 0; i < weight.length; i += 3) {
          if (made.input.mask![i] !== 0) {
            assert.ok(Math.abs(slope(weight, i)) < 1e-5, `slope in weight ${i}: ${slope(weight, i)}`);
          }
        }
        for (let r = 0; r < rows; r++) {
          assert.ok(Math.abs(slope(bias, r)) < 1e-5, `slope in bias ${r}`);
        }
      });
    });
  }

  it('solves for the weights that the sweep keeps, unless told not to', () => {
    const made = randomLayer({ ...LAYER, count: 400 }, { method: 'sparsegpt' });
    const fit = (refit: boolean): FittedLayer =>
      fitMaskedLayer({ ...made.input, mask: undefined, options: { ...made.input.options, refit } });
    const swept = fit(false);
    const solved = fit(true);
    assert.deepEqual(solved.mask, swept.mask);
    assert.equal(swept.solver, 'sweep');
    assert.equal(solved.solver, 'exact');
    assert.ok(solved.errors.fitted!.fit < swept.errors.fitted!.fit);
    assert.ok(swept.weight.every((w, i) => swept.mask[i] === 1 || Object.is(w, 0)));
    const counts = magnitudeMask(swept.weight, LAYER.rows, LAYER.columns, LAYER.kernelSize, LAYER.keep, LAYER.group);
    assert.deepEqual(counts, swept.mask);
  });

  it('makes up for a compressed prefix even without a mask', () => {
    const made = randomLayer({ ...LAYER, sequential: true, count: 400 }, { method: 'adaprune', damping: 1e-9 });
    const mask = new Uint8Array(made.input.weight.length).fill(1);
    const { errors } = fitMaskedLayer({ ...made.input, mask });
    assert.ok(errors.chosen.fit < 0.8 * errors.maskOnly.fit, `${errors.chosen.fit} of ${errors.maskOnly.fit}`);
  });

  it('leaves a row that loses nothing as it is', () => {
    for (const method of ['adaprune', 'sparsegpt'] as const) {
      const made = randomLayer(LAYER, { method });
      const mask = new Uint8Array(made.input.weight.length).fill(1);
      const result = fitMaskedLayer({ ...made.input, mask });
      assert.deepEqual(result.weight, made.input.weight);
      assert.equal(result.errors.chosen.fit, 0);
    }
  });

  it('shares one factorisation between rows of one mask', () => {
    const made = randomLayer(LAYER, { method: 'adaprune', solver: 'exact' });
    const mask = made.input.mask!.slice();
    for (let row = 1; row < 4; row++) {
      mask.copyWithin(row * LAYER.columns, 0, LAYER.columns);
    }
    const shared = fitMaskedLayer({ ...made.input, mask });
    assert.equal(shared.iterations, 3);
    const alone = fitMaskedLayer({
      ...made.input,
      rows: 1,
      weight: made.input.weight.slice(2 * LAYER.columns, 3 * LAYER.columns),
      bias: made.input.bias!.slice(2, 3),
      mask: mask.slice(0, LAYER.columns),
    });
    assert.deepEqual(alone.weight, shared.weight.slice(2 * LAYER.columns, 3 * LAYER.columns));
  });

  it('copes with fewer columns than weights, and with inputs that are always zero', () => {
    for (const method of ['adaprune', 'sparsegpt'] as const) {
      for (const damping of [0, 0.01]) {
        for (const solver of ['exact', 'cg'] as const) {
          const made = randomLayer({ ...LAYER, count: 7 }, { method, damping, solver });
          for (const [x] of made.fit) {
            x.fill(0, 5 * 7, 8 * 7);
          }
          const moments = { fit: made.fit.map(([x]) => momentsOf(x, LAYER.columns)), heldOut: undefined };
          const { weight, bias, errors } = fitMaskedLayer({ ...made.input, moments });
          assert.ok(weight.every(Number.isFinite) && bias!.every(Number.isFinite));
          assert.ok(errors.fitted!.fit < errors.maskOnly.fit);
          for (let row = 0; row < LAYER.rows; row++) {
            for (let j = 5; j < 8; j++) {
              const at = row * LAYER.columns + j;
              const expected = made.input.mask![at] === 0 ? 0 : made.input.weight[at]!;
              assert.ok(Math.abs(weight[at]! - expected) < 1e-5, `dead input ${j}: ${weight[at]} for ${expected}`);
            }
          }
        }
      }
    }
  });

  it('falls back to the mask alone where the fit does not carry over', () => {
    const made = randomLayer({ ...LAYER, count: 4 }, { method: 'adaprune', damping: 0 });
    const opposite = made.heldOut.map(([x]) => x.map((v, i) => (Math.floor(i / 4) % 2 === 0 ? v : -3 * v)));
    const moments = { ...made.input.moments, heldOut: opposite.map((x) => momentsOf(x, LAYER.columns)) };
    const { kept, errors, weight, bias } = fitMaskedLayer({ ...made.input, moments });
    assert.equal(kept, 'maskOnly');
    assert.ok(errors.fitted!.fit < errors.maskOnly.fit && errors.fitted!.heldOut! > errors.maskOnly.heldOut!);
    assert.deepEqual(errors.chosen, errors.maskOnly);
    assert.deepEqual(
      weight,
      made.input.weight.map((w, i) => (made.input.mask![i] === 0 ? 0 : w)),
    );
    assert.equal(bias, made.input.bias);
  });

  it('gives a layer of dead inputs back as masked', () => {
    const made = randomLayer(LAYER, { method: 'adaprune' });
    const dead = momentsOf(new Float64Array(LAYER.columns * 5), LAYER.columns);
    const { weight, errors } = fitMaskedLayer({ ...made.input, moments: { fit: [dead], heldOut: undefined } });
    assert.deepEqual(
      weight,
      made.input.weight.map((w, i) => (made.input.mask![i] === 0 ? 0 : w)),
    );
    assert.equal(errors.chosen.fit, 0);
  });

  it('rejects NaN, infinities and arrays of the wrong length by the name of the layer', () => {
    const made = randomLayer(LAYER, { method: 'adaprune' });
    const { input } = made;
    const broken = (index: number, value: number): Float32Array => {
      const copy = input.weight.slice();
      copy[index] = value;
      return copy;
    };
    const gram = input.moments.fit[0]!.gram.slice();
    gram[3] = Infinity;
    const cases: readonly (readonly [Partial<MaskedLayerInput>, string])[] = [
      [{ weight: broken(7, NaN) }, 'prune/non-finite'],
      [{ weight: broken(0, -Infinity) }, 'prune/non-finite'],
      [{ bias: new Float32Array(LAYER.rows).fill(NaN) }, 'prune/non-finite'],
      [{ moments: { ...input.moments, heldOut: [{ ...input.moments.fit[0]!, gram }] } }, 'prune/non-finite'],
      [{ mask: new Uint8Array(3) }, 'prune/shape'],
      [{ moments: { fit: [momentsOf(new Float64Array(8), 4)], heldOut: undefined } }, 'prune/shape'],
    ];
    for (const [change, code] of cases) {
      assert.throws(
        () => fitMaskedLayer({ ...input, ...change }),
        (error) => LatheError.is(error, code) && error.message.includes('"random"'),
      );
    }
  });
});
