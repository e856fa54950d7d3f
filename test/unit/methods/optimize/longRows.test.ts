import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { RuntimeProducts } from '../../../../src/job/runtimeProducts';
import { choleskyInto } from '../../../../src/kernels';
import { optimizeLayer, optimizeLayerBy } from '../../../../src/methods';
import { choleskyBy } from '../../../../src/methods/optimize/longRows';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';
import { gemmLayer, momentsOf } from './longRowCases';

describe('optimizeLayerBy', function () {
  this.timeout(120_000);
  let products: RuntimeProducts;
  before(async () => {
    products = await RuntimeProducts.open(createOnnxRuntime());
  });
  after(() => products.close());

  it('factorises as the plain factorisation does, and refuses what is not positive definite', async () => {
    const n = 300;
    const normal = seededNormal(1);
    const rows = Array.from({ length: n + 20 }, () => Float64Array.from({ length: n }, normal));
    const gram = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        gram[i * n + j] = rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0);
      }
    }
    const [plain, blocked] = [gram.slice(), gram.slice()];
    assert.ok(choleskyInto(plain, n));
    assert.ok(await choleskyBy(products, blocked, n));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const [a, b] = [plain[i * n + j]!, blocked[i * n + j]!];
        assert.ok(Math.abs(a - b) <= 1e-9 * (1 + Math.abs(a)), `${i}, ${j}: ${a}, ${b}`);
      }
    }
    gram[200 * n + 200] = -1;
    assert.equal(await choleskyBy(products, gram, n), false);
  });

  const n = 400;
  const rows = 9;
  const layer = gemmLayer(n, rows);
  const mask = Uint8Array.from({ length: n * rows }, (_, i) => (i % 4 < 2 ? 1 : 0));
  const target = Float32Array.from({ length: n * rows }, (_, i) => Math.sin(i));
  for (const method of ['rtn', 'gptq', 'gram'] as const) {
    for (const mode of ['parallel', 'sequential'] as const) {
      for (const [what, options] of [
        ['symmetric', { symmetric: true }],
        ['asymmetric', { symmetric: false }],
        ['under a mask', { symmetric: true, mask, weight: target.map((v, i) => v * mask[i]!), target }],
        ['with its bias kept', { symmetric: true, refitBias: false }],
      ] as const) {
        it(`gives what the fit row by row gives: ${method}, ${mode}, ${what}`, async () => {
          const moments = momentsOf(layer, n, 700, mode === 'parallel' ? 0 : 0.1, 5);
          const input = { bits: 3, granularity: 'per-channel', method, moments, ...options } as const;
          const plain = optimizeLayer(layer, input);
          const found = await optimizeLayerBy(products, layer, input);
          const differing = found.weight.codes.filter((code, i) => code !== plain.weight.codes[i]).length;
          // Sums in another order may settle a tie otherwise.
          assert.ok(differing <= 4, `${differing} codes differ`);
          for (const part of ['fit', 'heldOut'] as const) {
            for (const which of ['rtn', 'result'] as const) {
              const [a, b] = [plain.errors[part]![which], found.errors[part]![which]];
              assert.ok(Math.abs(a / b - 1) < (differing === 0 ? 1e-6 : 1e-3), `${part} ${which}: ${a}, ${b}`);
            }
          }
          found.bias?.forEach((value, i) => assert.ok(Math.abs(value - plain.bias![i]!) < 1e-3));
          assert.equal(found.bias === undefined, plain.bias === undefined);
          assert.equal(found.method, plain.method);
        });
      }
    }
  }

  it('settles the damping of very long rows on the first of them too', async () => {
    const long = gemmLayer(1040, 18);
    const moments = momentsOf(long, 1040, 1300, 0, 5);
    const input = { bits: 4, granularity: 'per-channel', symmetric: true, method: 'gram', moments } as const;
    const plain = optimizeLayer(long, input);
    const found = await optimizeLayerBy(products, long, input);
    assert.ok(Math.abs(found.errors.heldOut!.result / plain.errors.heldOut!.result - 1) < 1e-3);
    assert.ok(found.errors.heldOut!.result < found.errors.heldOut!.rtn);
  });
});
