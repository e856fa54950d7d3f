import assert from 'node:assert/strict';
import {
  countTileMasks,
  layerDiversity,
  log10MaskDiversity,
  log10TileCount,
  log10TileEstimate,
  maskDiversity,
  type DiversityFamily,
} from '../../../../src/methods';
import { gemmLayer } from './sparseLayer';

/** Largest masks of a tile counted one by one: at most `keep` ones in every line, as many as any has. */
function bruteCount(rows: number, columns: number, keep: number): number {
  const best = { size: -1, count: 0 };
  for (let code = 0; code < 1 << (rows * columns); code++) {
    const cell = (i: number, j: number): number => (code >> (i * columns + j)) & 1;
    let size = 0;
    let fits = true;
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++) {
        sum += cell(i, j);
      }
      size += sum;
      fits &&= sum <= keep;
    }
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let i = 0; i < rows; i++) {
        sum += cell(i, j);
      }
      fits &&= sum <= keep;
    }
    if (fits && size >= best.size) {
      best.count = size > best.size ? 1 : best.count + 1;
      best.size = size;
    }
  }
  return best.count;
}

describe('mask diversity', () => {
  it('counts square tiles as published', () => {
    const known: [number, number, bigint][] = [
      [2, 1, 2n],
      [4, 1, 24n],
      [4, 2, 90n],
      [4, 3, 24n],
      [6, 3, 297200n],
      [8, 1, 40320n],
      [8, 2, 187530840n],
      [8, 6, 187530840n],
      [8, 3, 24046189440n],
      [8, 4, 116963796250n],
      [16, 2, 36574751938491748341360000n],
      [16, 8, 34812290428176298285394893936773707951192224124239796250n],
    ];
    for (const [group, keep, count] of known) {
      assert.equal(countTileMasks(group, group, keep), count, `${keep}:${group}`);
    }
  }).timeout(60_000);

  it('counts the largest masks of rectangular tiles, compared with all masks of a small tile', () => {
    for (const [rows, columns] of [
      [1, 4],
      [2, 3],
      [3, 4],
      [4, 3],
      [2, 5],
      [4, 4],
      [3, 5],
    ] as const) {
      for (let keep = 1; keep <= 4; keep++) {
        assert.equal(
          Number(countTileMasks(rows, columns, keep)),
          bruteCount(rows, columns, keep),
          `${rows} × ${columns}, keep ${keep}`,
        );
      }
    }
  });

  it('gives the published numbers of masks of 64 weights at half density', () => {
    const known: [DiversityFamily, number, number, bigint, number][] = [
      ['unstructured', 4, 8, 1832624140942590534n, 18.263],
      ['row-wise', 16, 32, 361297635242552100n, 17.558],
      ['row-wise', 8, 16, 27435582641610000n, 16.438],
      ['row-wise', 4, 8, 576480100000000n, 14.761],
      ['row-wise', 2, 4, 2821109907456n, 12.45],
      ['row-wise', 1, 2, 4294967296n, 9.633],
      ['transposable', 4, 8, 116963796250n, 11.068],
      ['transposable', 2, 4, 65610000n, 7.817],
      ['transposable', 1, 2, 65536n, 4.816],
      ['product-form', 4, 8, 17557585920000n, 13.244],
      ['product-form', 2, 4, 429981696n, 8.633],
      ['sequential', 4, 8, 390625n, 5.592],
      ['sequential', 2, 4, 43046721n, 7.634],
      ['row-blocks', 4, 8, 70n, 1.845],
    ];
    for (const [family, keep, group, count, log10] of known) {
      const what = `${family} ${keep}:${group}`;
      assert.equal(maskDiversity(family, { keep, group }, 64), count, what);
      const log = log10MaskDiversity(family, { keep, group }, 64);
      assert.ok(Math.abs(log - log10) < 6e-4, `${what}: 10^${log}`);
    }
  });

  it('estimates tiles too large to count, close to the exact count where both exist', () => {
    const far = log10TileCount(32, 32, 16);
    assert.equal(far.exact, false);
    assert.ok(far.log10 > 4 * log10TileCount(16, 16, 8).log10);
    for (const [group, keep, percent] of [
      [4, 2, 12.5],
      [8, 4, 6.5],
      [16, 8, 3.5],
    ] as const) {
      const short = 1 - 10 ** (log10TileEstimate(group, group, keep) - log10TileCount(group, group, keep).log10);
      assert.ok(short > 0 && 100 * short < percent, `${keep}:${group} is ${100 * short} % low`);
    }
  }).timeout(60_000);

  it('adds up a layer of whole tiles and of tails', () => {
    const whole = layerDiversity(gemmLayer(16, 24, new Float32Array(16 * 24)), { keep: 4, group: 8 });
    assert.ok(Math.abs(whole.log10.transposable - 6 * Math.log10(116963796250)) < 1e-9);
    assert.ok(Math.abs(whole.log10.rowWise - 48 * Math.log10(70)) < 1e-9);
    assert.equal(whole.tile.transposable, '116963796250');
    assert.equal(whole.tile.productForm, '17557585920000');
    assert.ok(whole.exact);
    // 5 × 6 with 2:4: tiles 4×4, 4×2, 1×4, 1×2 and per row a group of four and a dense pair.
    const ragged = layerDiversity(gemmLayer(5, 6, new Float32Array(30)), { keep: 2, group: 4 });
    const tiles = 90 * bruteCount(4, 2, 2) * bruteCount(1, 4, 2) * bruteCount(1, 2, 2);
    assert.ok(Math.abs(ragged.log10.transposable - Math.log10(tiles)) < 1e-9);
    assert.ok(Math.abs(ragged.log10.rowWise - 5 * Math.log10(6)) < 1e-9);
  });
});
