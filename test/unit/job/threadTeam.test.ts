import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { CancelledError } from '../../../src/base/errors';
import { RuntimeProducts } from '../../../src/job/runtimeProducts';
import { ThreadTeam } from '../../../src/job/threadTeam';
import { optimizeLayerBy, type LayerMoments, type OptimizedWeight } from '../../../src/methods';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { gemmLayer, momentsOf } from '../methods/optimize/longRowCases';

const OUT = join(__dirname, '../../../out');

describe('ThreadTeam', function () {
  this.timeout(120_000);
  const n = 800;
  const rows = 170;
  const layer = gemmLayer(n, rows);
  let folder: string;
  let program: string;
  let products: RuntimeProducts;
  before(async () => {
    // Below the packages that it loads.
    mkdirSync(OUT, { recursive: true });
    folder = mkdtempSync(join(OUT, 'team-'));
    program = join(folder, 'fitThread.js');
    await build({
      entryPoints: [join(__dirname, '../../../src/job/fitThread.ts')],
      bundle: true,
      platform: 'node',
      external: ['onnxruntime-node'],
      outfile: program,
      logLevel: 'error',
    });
    products = await RuntimeProducts.open(createOnnxRuntime());
  });
  after(async () => {
    await products.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const made = new Map<number, LayerMoments>();
  function moments(noise: number): LayerMoments {
    const known = made.get(noise) ?? momentsOf(layer, n, 900, noise, 5);
    made.set(noise, known);
    return known;
  }

  async function fitted(threads: number, noise: number, signal?: AbortSignal): Promise<OptimizedWeight> {
    const team = new ThreadTeam({ memoryLimit: 1e9, signal, threads, program });
    let slices = 0;
    const watched: typeof team.fit = (work, all, take) =>
      team.fit(work, all, (found) => {
        slices++;
        take(found);
      });
    try {
      const input = {
        bits: 3,
        granularity: 'per-channel',
        symmetric: true,
        method: 'gram',
        moments: moments(noise),
      } as const;
      const found = await optimizeLayerBy(products, layer, input, { fit: watched });
      assert.equal(slices, threads < 2 ? 0 : 3, 'slices of 64 rows');
      return found;
    } finally {
      await team.close();
    }
  }

  for (const [mode, noise] of [
    ['parallel', 0],
    ['sequential', 0.1],
  ] as const) {
    it(`finds on two and three threads what one finds, to the bit: ${mode}`, async () => {
      const alone = await fitted(1, noise);
      for (const threads of [2, 3]) {
        const found = await fitted(threads, noise);
        assert.deepEqual(found, alone);
      }
    });
  }

  it('starts no threads without memory for their matrices, or without a program', async () => {
    const work = { task: { layout: { columns: n } }, options: {}, moments: moments(0), damping: 0 };
    const slices = [
      { first: 0, end: 64 },
      { first: 64, end: 128 },
    ];
    for (const options of [
      { memoryLimit: 8 * n * n * 7, program },
      { memoryLimit: 1e9, program: undefined },
    ]) {
      const team = new ThreadTeam({ ...options, signal: undefined, threads: 2 });
      assert.equal(await team.fit(work as never, slices, () => assert.fail('nobody fits')), false);
      await team.close();
    }
  });

  it('ends when it is cancelled', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    await assert.rejects(fitted(2, 0.1, controller.signal), CancelledError);
  });

  it('says what ended a thread', async () => {
    const team = new ThreadTeam({ memoryLimit: 1e9, signal: undefined, threads: 2, program });
    const slices = [
      { first: 0, end: 64 },
      { first: 64, end: 128 },
    ];
    const work = { task: { layout: { columns: n } }, options: {}, moments: { fit: [] }, damping: 0 };
    await assert.rejects(
      team.fit(work as never, slices, () => undefined),
      TypeError,
    );
    await team.close();
  });
});
