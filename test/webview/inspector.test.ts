import assert from 'node:assert/strict';
import type { EditorSession } from './host/editorSession';
import { editorSuite } from './editorSuite';

const LAYER = '/layers/layers.7/conv2/Conv';

describe('webview inspector', () => {
  const suite = editorSuite();

  async function inspected(fixture: Parameters<typeof suite.open>[0]): Promise<EditorSession> {
    const editor = await suite.open(fixture);
    await editor.showTab('Layers');
    editor.change({ selectedLayer: LAYER });
    await editor.settled();
    return editor;
  }
  const measurementOf = (editor: EditorSession) => {
    const { measurements } = editor.state;
    assert.ok(measurements.status === 'ready');
    const found = measurements.value.layers.find(({ name }) => name === LAYER);
    assert.ok(found !== undefined);
    return found;
  };

  it('draws the inputs with the levels of the chosen grid that lie in their range', async () => {
    const editor = await inspected('optimized');
    const measurement = measurementOf(editor);
    const { allocation } = editor.state;
    assert.ok(allocation.status === 'ready');
    const layers = allocation.value.layers.map((layer) =>
      layer.name === LAYER ? { ...layer, activationBits: 4 } : layer,
    );
    editor.change({ allocation: { status: 'ready', value: { ...allocation.value, layers } } });
    await editor.settled();
    const picture = editor.page.getByRole('img', { name: /^Histogram of the inputs/ });
    assert.equal(await picture.locator('.quantisation-level').count(), 16);
    const grid = measurement.activation?.grids.find(({ bits }) => bits === 4);
    assert.ok(grid !== undefined && grid.low === 0);
    // The picture spans the inputs' range: the last level is at the grid's end.
    const { width, last } = await picture.evaluate((svg) => ({
      width: Number(svg.getAttribute('width')),
      last: Number(Array.from(svg.querySelectorAll('.quantisation-level')).at(-1)?.getAttribute('x1')),
    }));
    assert.ok(Math.abs(last / width - grid.high / measurement.activationMax!) < 0.01);
    assert.match((await editor.page.locator('.inspector').textContent()) ?? '', /Inputs and 4-bit grid/);
  });

  it('lists output errors before and after the optimiser, at the chosen width marked', async () => {
    const editor = await inspected('optimized');
    const errors = measurementOf(editor).outputErrors ?? [];
    const table = editor.page.locator('.inspector').getByRole('table', { name: /Mean squared error of the output/ });
    assert.equal(await table.locator('tbody tr').count(), errors.length);
    const row = await table.locator('tbody tr').first().locator('th, td').allTextContents();
    assert.deepEqual(row.map(Number), [
      2,
      Number(errors[0]!.rounded.toPrecision(3)),
      Number(errors[0]!.optimized.toPrecision(3)),
    ]);
    assert.equal(await table.locator('tr.is-present').count(), 1);
  });

  it('says how to get the histogram where an analysis kept none, and shows no inputs before one', async () => {
    const editor = await inspected('optimized');
    const { measurements } = editor.state;
    assert.ok(measurements.status === 'ready');
    const layers = measurements.value.layers.map(({ name, candidates, activationMin, activationMax }) => ({
      name,
      candidates,
      activationMin,
      activationMax,
    }));
    editor.change({ measurements: { status: 'ready', value: { ...measurements.value, layers } } });
    await editor.settled();
    const text = (await editor.page.locator('.inspector').textContent()) ?? '';
    assert.match(text, /No histogram was kept of them: run Analyze/);
    assert.doesNotMatch(text, /Output error by bits/);
    const opened = await inspected('opened');
    assert.doesNotMatch((await opened.page.locator('.inspector').textContent()) ?? '', /Inputs/);
  });
});
