import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { findLayers, type Layer } from '../../../src/analysis';
import { openModel } from '../../../src/onnx';
import { USUAL_PATTERNS, type BlockPlace, type LayerSparsity, type MaskMethod } from '../../../src/protocol/sparsity';
import { LayerMasks } from '../../../src/worker/layerMasks';

const sample = join(__dirname, '..', '..', '..', 'samples', 'fmnist-resnet20', 'resnet20.onnx');
const never = new AbortController().signal;

/** A layer's weight by the definition of a Conv or Gemm: output × input at one kernel position. */
function planeOf(layer: Layer, position: number): { rows: number; columns: number; at(o: number, i: number): number } {
  const [rows = 1, columns = 1, ...kernel] = layer.weight.shape;
  const size = kernel.reduce((all, length) => all * length, 1);
  const values = layer.weight.tensor.toFloat32();
  return { rows, columns, at: (o, i) => values[(o * columns + i) * size + position]! };
}

/** Keeps the largest of each group along a line; the smaller index wins a tie. */
function keptOf(line: readonly number[], keep: number, group: number): boolean[] {
  return line.map((value, index) => {
    const start = index - (index % group);
    const better = line
      .slice(start, start + group)
      .filter(
        (other, k) => Math.abs(other) > Math.abs(value) || (Math.abs(other) === Math.abs(value) && start + k < index),
      );
    return better.length < keep;
  });
}

describe('LayerMasks', () => {
  const layers = findLayers(openModel(sample, { followExternalData: true }));
  const layer = layers.find(({ shortName }) => shortName === 'layers.7.conv2')!;

  async function measure(masks: LayerMasks, patterns: LayerSparsity['patterns'] | typeof USUAL_PATTERNS) {
    const found = new Map<string, LayerSparsity>();
    let sent = 0;
    await masks.stream(layers, patterns, never, (one) => {
      sent++;
      const before = found.get(one.name)?.patterns ?? [];
      found.set(one.name, { ...one, patterns: [...before, ...one.patterns] });
    });
    return { found, sent };
  }

  it('measures what a row-wise mask keeps, as computed from the definition', async () => {
    const { found } = await measure(new LayerMasks(), [{ keep: 2, group: 4 }]);
    assert.equal(found.size, layers.length);
    let kept = 0;
    let total = 0;
    for (let position = 0; position < 9; position++) {
      const plane = planeOf(layer, position);
      for (let o = 0; o < plane.rows; o++) {
        const line = Array.from({ length: plane.columns }, (_, i) => plane.at(o, i));
        keptOf(line, 2, 4).forEach((one, i) => {
          total += Math.abs(line[i]!);
          kept += one ? Math.abs(line[i]!) : 0;
        });
      }
    }
    const figures = found.get(layer.name)!.patterns[0]!;
    assert.ok(Math.abs(figures.masks!.methods.rows!.retained - kept / total) < 1e-9);
    assert.equal(figures.masks!.methods.rows!.density, 0.5);
    assert.ok(figures.masks!.methods.exact!.retained < figures.masks!.methods.rows!.retained);
    assert.ok(figures.masks!.methods.greedy!.retained <= figures.masks!.methods.exact!.retained);
  });

  it('says in words why a layer has no mask, and gives it no figures', async () => {
    const { found } = await measure(new LayerMasks(), [{ keep: 2, group: 4 }]);
    const first = found.get('/conv1/Conv')!.patterns[0]!;
    assert.equal(first.masks, undefined);
    assert.ok(!first.eligible.possible && first.eligible.reason.length > 10);
  });

  it('measures nothing twice, and only what is missing', async () => {
    const masks = new LayerMasks();
    const first = await measure(masks, [{ keep: 2, group: 4 }]);
    assert.equal(first.sent, layers.length);
    const again = await measure(masks, [{ keep: 2, group: 4 }]);
    assert.equal(again.sent, layers.length);
    assert.deepEqual(again.found, first.found);
    const more = await measure(masks, [
      { keep: 2, group: 4 },
      { keep: 1, group: 4 },
    ]);
    assert.equal(more.sent, 2 * layers.length);
    assert.equal(more.found.get(layer.name)!.patterns.length, 2);
  });

  it('stops between two patterns when it is cancelled', async () => {
    const cancel = new AbortController();
    let sent = 0;
    await assert.rejects(
      new LayerMasks().stream(layers, USUAL_PATTERNS, cancel.signal, () => {
        sent++;
        cancel.abort();
      }),
      { name: 'CancelledError' },
    );
    assert.equal(sent, 1);
  });

  it('counts masks exactly: 4:8 transposable has fewer than 2:4', () => {
    const [two, four] = new LayerMasks().diversity([
      { keep: 2, group: 4 },
      { keep: 4, group: 8 },
    ]);
    assert.ok(Math.abs(10 ** two!.rows / 2821109907456 - 1) < 1e-9);
    assert.ok(Math.abs(10 ** four!.exact / 116963796250 - 1) < 1e-9);
    assert.ok(Math.abs(10 ** four!.product / 17557585920000 - 1) < 1e-9);
    assert.equal(four!.estimated, undefined);
  });

  it('cuts a window out of the weights, with the mask of the whole plane on it', () => {
    const masks = new LayerMasks();
    const place: BlockPlace = {
      layer: layer.name,
      rowGroup: 0,
      position: 5,
      row: 13,
      column: 27,
      rows: 32,
      columns: 32,
    };
    const block = masks.block(layers, place, { keep: 4, group: 8 });
    assert.deepEqual(block.plane, { rows: 64, columns: 64, rowGroups: 1, kernel: [3, 3] });
    assert.equal(block.values.length, 1024);
    const plane = planeOf(layer, 5);
    const whole = masks.block(layers, { ...place, row: 0, column: 0, rows: 64, columns: 64 }, { keep: 4, group: 8 });
    const methods: MaskMethod[] = ['rows', 'exact', 'greedy', 'intersection'];
    for (let r = 0; r < 32; r++) {
      const kept = keptOf(
        Array.from({ length: 64 }, (_, i) => plane.at(13 + r, i)),
        4,
        8,
      );
      for (let c = 0; c < 32; c++) {
        const value = plane.at(13 + r, 27 + c);
        assert.ok(Math.abs(block.values[r * 32 + c]! - value) <= Math.abs(value) * 1e-4);
        assert.equal(block.masks.rows![r * 32 + c] === '1', kept[27 + c]);
        for (const method of methods) {
          assert.equal(block.masks[method]![r * 32 + c], whole.masks[method]![(13 + r) * 64 + 27 + c], method);
        }
      }
    }
    // Every tile line of the transposable mask holds at most four, in both directions.
    for (let line = 0; line < 64; line++) {
      for (let start = 0; start < 64; start += 8) {
        const across = [...Array(8).keys()].filter((k) => whole.masks.exact![line * 64 + start + k] === '1');
        const down = [...Array(8).keys()].filter((k) => whole.masks.exact![(start + k) * 64 + line] === '1');
        assert.ok(across.length <= 4 && down.length <= 4);
      }
    }
  });

  it('keeps a window inside the plane and masks only what may be masked', () => {
    const masks = new LayerMasks();
    const far = masks.block(
      layers,
      { layer: '/conv1/Conv', rowGroup: 9, position: 99, row: 400, column: 7, rows: 32, columns: 32 },
      { keep: 2, group: 4 },
    );
    assert.deepEqual([far.rowGroup, far.position, far.row, far.column, far.rows, far.columns], [0, 8, 15, 0, 1, 1]);
    assert.deepEqual(far.masks, {});
    assert.throws(() => masks.block(layers, { ...far, layer: 'gone' }, { keep: 2, group: 4 }), /has no layer "gone"/);
  });
});
