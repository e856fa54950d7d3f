import assert from 'node:assert/strict';
import type { AllocatedLayerView } from '../../../src/protocol/job';
import { barWidths, skylineBars } from '../../../webview/bits/skylineBars';
import { lineObstacles, overlaps, placeLabels, type LabelRequest } from '../../../webview/charts/placeLabels';
import { linearScale, logScale, powerTicks, ticks } from '../../../webview/charts/scale';
import { parseViewState } from '../../../webview/host/editorHost';
import { symmetricLevels } from '../../../webview/inspector/levels';
import { filterRows, type LayerRow } from '../../../webview/layers/layerRow';
import { sortRows, type Column } from '../../../webview/table/column';
import { manyLayers, resnet20Layers, seeded } from '../fixtures/fixtureModel';

const layer = (name: string, parameters: number, weightBits = 4): AllocatedLayerView => ({
  name,
  weightBits,
  activationBits: 8,
  pinned: false,
  parameters,
  sizeBits: parameters * weightBits,
  predictedLoss: 0,
});

describe('webview charts', () => {
  it('scales and inverts, inside the domain', () => {
    const linear = linearScale([0.05, 0.26], [40, 800]);
    assert.equal(linear.at(0.05), 40);
    assert.ok(Math.abs(linear.invert(linear.at(0.13)) - 0.13) < 1e-12);
    assert.equal(linear.invert(-100), 0.05);
    const log = logScale([0.001, 1], [100, 0]);
    assert.ok(Math.abs(log.at(0.01) - 200 / 3) < 1e-9);
    assert.equal(log.at(-5), 100);
  });

  it('puts ticks on round values', () => {
    assert.deepEqual(ticks(0, 0.6, 4), [0, 0.2, 0.4, 0.6]);
    assert.deepEqual(ticks(0.07, 0.26, 4), [0.1, 0.15, 0.2, 0.25]);
    assert.deepEqual(powerTicks(1e-4, 1, 3), [1e-4, 1e-2, 1]);
    assert.deepEqual(ticks(2, 2, 5), [2]);
  });

  it('never lets labels touch each other, a mark or the frame', () => {
    const random = seeded(5);
    const frame = { left: 0, top: 0, right: 400, bottom: 150 };
    for (let round = 0; round < 200; round++) {
      const points = Array.from({ length: 12 }, () => ({ x: random() * 400, y: random() * 150 }));
      const curve = lineObstacles([...points.slice(0, 4)].sort((a, b) => a.x - b.x));
      const requests = points.map((point, index): LabelRequest => ({
        text: String(index),
        ...point,
        width: 20 + random() * 80,
        height: 14,
        gap: 6,
        sides: ['right', 'above', 'left', 'below', 'above-left', 'below-right'],
      }));
      const placed = placeLabels(requests, frame, curve);
      for (const [index, { box }] of placed.entries()) {
        assert.ok(box.left >= 0 && box.right <= 400 && box.top >= 0 && box.bottom <= 150);
        assert.ok(!curve.some((mark) => overlaps(box, mark)));
        assert.ok(!placed.slice(index + 1).some((other) => overlaps(box, other.box)));
      }
    }
  });

  it('makes bars as wide as their parameters, none too narrow to hit', () => {
    const bars = skylineBars([layer('a', 100), layer('b', 10), layer('c', 10_000)], (name) => name);
    const widths = barWidths(bars, 500, 7);
    assert.ok(Math.abs(widths.reduce((sum, width) => sum + width, 0) - 500) < 1e-9);
    assert.deepEqual(widths.slice(0, 2), [7, 7]);
    const many = barWidths(
      skylineBars(
        Array.from({ length: 100 }, (_, index) => layer(`x${index}`, 1 + index)),
        (name) => name,
      ),
      300,
      7,
    );
    assert.ok(
      many.every((width) => Math.abs(width - 3) < 1e-9),
      'where there is no room, all are alike',
    );
  });

  it('groups many layers into blocks of neighbours without losing one', () => {
    const layers = manyLayers(3000).map((summary) => layer(summary.shortName, summary.parameters, 3));
    const bars = skylineBars(layers, (name) => name);
    assert.ok(bars.length <= 150 && bars.length > 75, String(bars.length));
    assert.deepEqual(
      bars.flatMap((bar) => bar.layers.map((member) => member.name)),
      layers.map((member) => member.name),
    );
    assert.equal(bars[0]?.label, 'encoder.0–3');
    assert.ok(bars.every((bar) => Math.abs(bar.weightBits - 3) < 1e-9));
    const blocks = skylineBars(
      Array.from({ length: 300 }, (_, index) => layer(`stage${Math.floor(index / 10)}.conv${index % 10}`, 10)),
      (name) => name,
    );
    assert.equal(blocks.length, 30);
    assert.equal(blocks[1]?.label, 'stage1');
    const nameless = skylineBars(
      Array.from({ length: 1000 }, (_, index) => layer(`Conv_${index}`, 10)),
      (name) => name,
    );
    assert.ok(nameless.length <= 150);
    assert.equal(nameless[0]?.label, 'Conv_0–Conv_6');
  });

  it('puts the levels of a symmetric grid on multiples of its scale', () => {
    assert.deepEqual(symmetricLevels(-1, 1, 2), [-1, 0, 1]);
    assert.equal(symmetricLevels(-0.5, 1, 4).length, 11);
    assert.deepEqual(symmetricLevels(0, 0, 4), []);
  });
});

describe('webview rows', () => {
  const columns: readonly Column<{ name: string; value?: number }>[] = [
    { id: 'name', header: '', explanation: '', align: 'start', value: (row) => row.name, text: (row) => row.name },
    { id: 'value', header: '', explanation: '', align: 'end', value: (row) => row.value, text: () => '' },
  ];

  it('sorts numbers as numbers, names as people count, unknown last', () => {
    const rows = [{ name: 'conv10', value: 2 }, { name: 'conv2' }, { name: 'conv1', value: 10 }];
    const order = (column: string, descending: boolean) =>
      sortRows(rows, columns, { column, descending }).map((row) => row.name);
    assert.deepEqual(order('name', false), ['conv1', 'conv2', 'conv10']);
    assert.deepEqual(order('value', true), ['conv1', 'conv10', 'conv2']);
    assert.deepEqual(order('value', false), ['conv10', 'conv1', 'conv2']);
    assert.deepEqual(order('gone', true), ['conv10', 'conv2', 'conv1']);
  });

  it('filters by words in any order; what looks like a pattern is text', () => {
    const rows: LayerRow[] = resnet20Layers().map((summary) => ({
      layer: summary,
      statistics: undefined,
      measurement: undefined,
      allocated: undefined,
    }));
    const found = (filter: string) => filterRows(rows, filter).map((row) => row.layer.shortName);
    assert.deepEqual(found('gemm'), ['fc']);
    assert.deepEqual(found('stride conv1'), ['layers.3.conv1', 'layers.6.conv1']);
    assert.deepEqual(found('(.*'), []);
    assert.equal(found('').length, 22);
  });

  it('trusts nothing in the kept view state', () => {
    assert.deepEqual(parseViewState(undefined), { version: 1, tab: 'overview' });
    assert.deepEqual(parseViewState({ version: 7, tab: 'bits' }), { version: 1, tab: 'overview' });
    assert.deepEqual(
      parseViewState({
        version: 1,
        tab: 'nowhere',
        sort: { column: 3 },
        filter: 4,
        hiddenColumns: [1],
        scrollTop: NaN,
        budget: { size: 'x', loss: 0.1 },
      }),
      { version: 1, tab: 'overview', budget: { loss: 0.1 } },
    );
  });
});
