import assert from 'node:assert/strict';
import { USUAL_PATTERNS, type BlockPlace, type PatternName } from '../../src/protocol/sparsity';
import { resnet20Layers } from './fixtures/fixtureModel';
import { blockOf, sparsityOf } from './fixtures/fixtureSparsity';
import type { EditorSession } from './host/editorSession';
import { editorSuite } from './editorSuite';

const layers = resnet20Layers();
const layerName = '/layers/layers.7/conv2/Conv';

describe('webview sparsity', () => {
  const suite = editorSuite();

  async function open(name: 'analyzed' | 'tiny' = 'analyzed'): Promise<EditorSession> {
    // High enough for all rows of the table.
    const editor = await suite.open(name, { height: 1400 });
    if (name === 'analyzed') {
      editor.change({ selectedLayer: layerName });
    }
    await editor.showTab('Sparsity');
    await editor.settled();
    return editor;
  }

  const cell = (editor: EditorSession, layer: string, column: string) =>
    editor.page.locator(`.view-sparsity [data-key="${layer}"] [data-column="${column}"]`);
  const radio = (editor: EditorSession, name: string) => editor.page.getByRole('radio', { name, exact: true });
  const readout = (editor: EditorSession) => editor.page.locator('.block-readout');
  const asked = (editor: EditorSession, type: string) => editor.requests.filter((request) => request.type === type);
  const lastBlock = (editor: EditorSession) =>
    editor.last('sparsity/block') as { place: BlockPlace; pattern: PatternName };

  it('measures when the tab is first shown, and not before or again', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    assert.equal(asked(editor, 'sparsity/measure').length, 0);
    await editor.showTab('Sparsity');
    await editor.showTab('Bits');
    await editor.showTab('Sparsity');
    assert.deepEqual(
      asked(editor, 'sparsity/measure').map(({ params }) => params),
      [{ patterns: USUAL_PATTERNS }],
    );
  });

  it('lists what a pattern keeps of every layer, and why some have no mask', async () => {
    const editor = await open();
    const [expected] = sparsityOf(layers, [{ keep: 2, group: 4 }]).filter((entry) => entry.name === layerName);
    const masks = expected!.patterns[0]!.masks!;
    const percent = (value: number) => `${(value * 100).toFixed(1)}\u00a0%`;
    for (const method of ['rows', 'exact', 'greedy', 'intersection'] as const) {
      assert.equal(
        await cell(editor, layerName, `kept-${method}`).textContent(),
        percent(masks.methods[method]!.retained),
      );
    }
    assert.equal(await cell(editor, layerName, 'dropped').textContent(), percent(masks.dropped));
    assert.equal(
      await cell(editor, layerName, 'diversityExact').textContent(),
      `10${String(Math.round(masks.diversity.exact)).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!)}`,
    );
    assert.equal(await cell(editor, '/conv1/Conv', 'kept-rows').textContent(), '–');
    assert.match((await cell(editor, '/conv1/Conv', 'why').textContent()) ?? '', /no whole groups/);
    const section = editor.page.locator('.sparsity-table-section .section-note');
    assert.match((await section.textContent()) ?? '', /21 of 22 layers eligible · 1 not, why/);
    await editor.page.getByRole('button', { name: '1 not, why' }).click();
    const dialog = editor.page.getByRole('dialog', { name: 'Layers without a mask' });
    assert.match((await dialog.textContent()) ?? '', /conv1the reduction axis has 1 elements/);
    await dialog.getByRole('button', { name: 'conv1' }).click();
    await editor.settled();
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/conv1/Conv' });
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'conv1');
  });

  it('flips patterns and methods by mouse and keyboard, and keeps the choice over a reload', async () => {
    const editor = await open();
    assert.equal(await radio(editor, '2:4').getAttribute('aria-checked'), 'true');
    await radio(editor, '4:8').click();
    await editor.settled();
    assert.deepEqual(lastBlock(editor).pattern, { keep: 4, group: 8 });
    const before = asked(editor, 'sparsity/block').length;
    await radio(editor, 'row-wise').focus();
    for (const name of ['transposable', 'greedy', 'intersection']) {
      await editor.page.keyboard.press('ArrowRight');
      await editor.settled();
      assert.equal(await radio(editor, name).getAttribute('aria-checked'), 'true');
    }
    assert.equal(asked(editor, 'sparsity/block').length, before, 'all masks of a block come at once');
    const block = blockOf(layers, lastBlock(editor).place, { keep: 4, group: 8 });
    const kept = block.masks.intersection!.replaceAll('0', '').length;
    assert.match((await readout(editor).textContent()) ?? '', new RegExp(`^${kept} of 1,024 in sight kept`));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await editor.reload();
    assert.equal(await radio(editor, '4:8').getAttribute('aria-checked'), 'true');
    assert.equal(await radio(editor, 'intersection').getAttribute('aria-checked'), 'true');
  });

  it('draws kept cells as squares, pruned ones as dots, and the lines around groups or tiles', async () => {
    const editor = await open();
    const shapes = () =>
      editor.page.evaluate(() => ({
        kept: [...document.querySelectorAll('.block-drawing .kept')]
          .map((path) => (path.getAttribute('d') ?? '').split('M').length - 1)
          .reduce((all, one) => all + one, 0),
        pruned: (document.querySelector('.block-drawing .pruned')?.getAttribute('d') ?? '').split('M').length - 1,
        lines: (document.querySelector('.block-drawing .group-line')?.getAttribute('d') ?? '').split('M').length - 1,
        rows: (document.querySelector('.block-drawing .row-line')?.getAttribute('d') ?? '').split('M').length - 1,
      }));
    assert.deepEqual(await shapes(), { kept: 512, pruned: 512, lines: 7, rows: 31 });
    await radio(editor, 'transposable').click();
    await editor.settled();
    const tiled = await shapes();
    assert.equal(tiled.kept + tiled.pruned, 1024);
    assert.deepEqual([tiled.lines, tiled.rows], [14, 0]);
    await radio(editor, 'dense').click();
    await editor.settled();
    assert.deepEqual(await shapes(), { kept: 1024, pruned: 0, lines: 0, rows: 0 });
  });

  it('says the value under the cursor, and walks the whole plane from the keyboard', async () => {
    const editor = await open();
    const pane = editor.page.getByRole('application', { name: /^Weight block/ });
    await pane.focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.page.keyboard.press('ArrowDown');
    await editor.settled();
    const { place, pattern } = lastBlock(editor);
    const block = blockOf(layers, place, pattern);
    const text = await readout(editor).textContent();
    const value = Math.abs(block.values[33]!).toPrecision(2).slice(0, 4);
    assert.ok(text?.startsWith('out 1, in 1: ') === true && text.includes(value.slice(0, 3)), text ?? '');
    assert.ok(text.endsWith(block.masks.rows![33] === '1' ? ', kept' : ', pruned'), text);
    await editor.page.keyboard.press('Control+End');
    await editor.settled();
    await editor.settled();
    assert.deepEqual([lastBlock(editor).place.row, lastBlock(editor).place.column], [32, 32]);
    assert.match((await readout(editor).textContent()) ?? '', /^out 63, in 63: /);
    assert.match((await pane.getAttribute('aria-label')) ?? '', /out 32–63 of 64, in 32–63 of 64, 2:4 row-wise$/);
    await editor.page.mouse.move(0, 0);
    const box = (await editor.page.locator('.block-drawing').boundingBox())!;
    await editor.page.mouse.move(box.x + 30 + 5, box.y + 18 + 5);
    await editor.settled();
    assert.match((await readout(editor).textContent()) ?? '', /^out 32, in 32: /);
  });

  it('moves the window with its scroll bars and the kernel position with its stepper', async () => {
    const editor = await open();
    await editor.page.locator('.block-pane').evaluate((pane) => pane.scrollTo(80, 0));
    await editor.settled();
    await editor.settled();
    assert.equal(lastBlock(editor).place.column, 8);
    await editor.page.locator('.block-pane').evaluate((pane) => pane.scrollTo(9999, 9999));
    await editor.settled();
    await editor.settled();
    assert.deepEqual([lastBlock(editor).place.row, lastBlock(editor).place.column], [32, 32]);
    const stepper = editor.page.getByRole('spinbutton', { name: 'Kernel position' });
    assert.equal(await stepper.textContent(), 'kernel 0, 0');
    await stepper.focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.page.keyboard.press('ArrowRight');
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    assert.equal(lastBlock(editor).place.position, 3);
    assert.equal(await stepper.textContent(), 'kernel 1, 0');
    await editor.page.locator('.stepper', { has: stepper }).locator('.stepper-button').last().click();
    await editor.settled();
    assert.equal(await stepper.textContent(), 'kernel 1, 1');
  });

  it('has the block and both charts as tables', async () => {
    const editor = await open();
    await editor.page.getByRole('button', { name: 'Weight block as table' }).click();
    await editor.settled();
    const { place, pattern } = lastBlock(editor);
    const block = blockOf(layers, place, pattern);
    const rows = editor.page.locator('.block-table tbody tr');
    assert.equal(await rows.count(), 32);
    const cells = await rows.first().locator('td').allTextContents();
    assert.equal(cells.length, 32);
    cells.forEach((text, index) => assert.equal(text.endsWith(' pruned'), block.masks.rows![index] === '0', text));
    await editor.page.getByRole('button', { name: 'Magnitude kept as table' }).click();
    await editor.page.getByRole('button', { name: 'Mask diversity as table' }).click();
    await editor.settled();
    const magnitude = editor.page.getByRole('region', { name: 'Magnitude kept' }).locator('tbody tr');
    assert.deepEqual(await magnitude.locator('th').allTextContents(), ['1:2', '2:4', '4:8', '8:16', '1:4']);
    const diversity = editor.page.getByRole('region', { name: 'Mask diversity' }).locator('tbody tr');
    assert.deepEqual(await diversity.nth(2).locator('td').allTextContents(), [
      '5.76 × 10¹⁴',
      '1.17 × 10¹¹',
      '1.76 × 10¹³',
    ]);
    assert.equal(await diversity.nth(1).locator('td').first().textContent(), '2.82 × 10¹²');
  });

  it('shows that 4:8 transposable is less diverse than 2:4, and what the product form says', async () => {
    const editor = await open();
    const text = (await editor.page.locator('.truth').textContent()) ?? '';
    assert.match(text, /^4:8 transposable admits 1\.17 × 10¹¹ masks on an 8 × 8 tile: 24 times fewer than 2:4/);
    assert.match(text, /2\.82 × 10¹². The product form, 1\.76 × 10¹³/);
    // In the lane of 4:8 the exact count lies left of the line that 2:4 casts, the product form right of it.
    const places = await editor.page.evaluate(() => {
      const chart = document.querySelector('[aria-label="Mask diversity"] .chart-drawing')!;
      const lane = chart.querySelector('[data-lane="4:8"]')!.getBoundingClientRect();
      const marks = [...chart.querySelectorAll('.mark')]
        .map((node) => ({ claim: node.classList.contains('is-claim'), box: node.getBoundingClientRect() }))
        .filter(({ box }) => box.top >= lane.top && box.bottom <= lane.bottom)
        .map(({ claim, box }) => ({ claim, at: box.left + box.width / 2 }));
      const guide = chart.querySelector('.guide')!.getBoundingClientRect();
      return { marks, guide: guide.left };
    });
    const exact = Math.min(...places.marks.filter(({ claim }) => !claim).map(({ at }) => at));
    assert.ok(exact < places.guide, JSON.stringify(places));
    assert.ok(places.marks.find(({ claim }) => claim)!.at > places.guide, JSON.stringify(places));
  });

  it('copies the table as CSV with exact numbers', async () => {
    const editor = await open();
    await editor.page.locator('.view-sparsity').getByRole('button', { name: 'Copy as CSV' }).click();
    await editor.settled();
    const copied = editor.last('clipboard/write') as { text: string; what: string };
    assert.equal(copied.what, '22 layers');
    const lines = copied.text.split('\r\n');
    assert.match(lines[0] ?? '', /^name,pattern,Layer,Weight,Zeros,W is 2:4,Wᵀ is 2:4,"?\|w\| kept, row-wise"?,/);
    const line = lines.find((one) => one.startsWith(layerName)) ?? '';
    const expected = sparsityOf(layers, [{ keep: 2, group: 4 }]).find((entry) => entry.name === layerName)!;
    assert.ok(line.includes(String(expected.patterns[0]!.masks!.methods.exact!.retained)), line);
    assert.equal(lines.length, 24);
  });

  it('takes any pattern that is typed, and says what is wrong with others', async () => {
    const editor = await open();
    await editor.page.getByRole('button', { name: 'N:M…' }).click();
    const dialog = editor.page.getByRole('dialog', { name: 'Other pattern' });
    const field = dialog.locator('input');
    await field.fill('8:3');
    await editor.page.keyboard.press('Enter');
    assert.match((await dialog.getByRole('alert').textContent()) ?? '', /the first smaller/);
    await field.fill('3:8');
    await editor.page.keyboard.press('Enter');
    await editor.settled();
    assert.equal(await dialog.count(), 0);
    assert.equal(await radio(editor, '3:8').getAttribute('aria-checked'), 'true');
    assert.deepEqual(editor.last('sparsity/measure'), { patterns: [...USUAL_PATTERNS, { keep: 3, group: 8 }] });
    assert.match((await cell(editor, layerName, 'kept-rows').textContent()) ?? '', /^\d\d\.\d\u00a0%$/);
  });

  it('shares the selection with the other views, and shows masks in the inspector', async () => {
    const editor = await open();
    await cell(editor, '/fc/Gemm', 'name').click();
    await editor.settled();
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/fc/Gemm' });
    assert.equal(lastBlock(editor).place.layer, '/fc/Gemm');
    const inspector = (await editor.page.locator('.inspector').textContent()) ?? '';
    assert.match(inspector, /rows keep/);
    assert.equal(await editor.page.getByRole('button', { name: 'What masks keep' }).count(), 0);
    await editor.showTab('Layers');
    assert.equal(await editor.page.locator('.view-layers [aria-selected="true"]').getAttribute('data-key'), '/fc/Gemm');
  });

  it('compares all layers, with their range', async () => {
    const editor = await open();
    assert.equal(await editor.page.locator('.dot-spread').count(), 0);
    await radio(editor, 'all layers').click();
    await editor.settled();
    assert.equal(await editor.page.locator('.dot-spread').count(), 20);
  });

  it('shows a layer without a mask as it is', async () => {
    const editor = await open('tiny');
    editor.change({ selectedLayer: '/rnn/LSTM' });
    await editor.settled();
    await editor.settled();
    assert.match((await readout(editor).textContent()) ?? '', /weights in sight/);
    assert.match((await cell(editor, '/rnn/LSTM', 'why').textContent()) ?? '', /the four gates share one weight/);
  });

  it('says when measuring failed, and tries again', async () => {
    const editor = await open();
    const before = asked(editor, 'sparsity/measure').length;
    editor.change({
      sparsity: { status: 'failed', layers: [], diversity: [], failure: 'The background process ended' },
    });
    await editor.settled();
    await editor.settled();
    assert.match((await editor.page.locator('.sparsity .message').textContent()) ?? '', /The background process ended/);
    await editor.page.getByRole('button', { name: 'Try again' }).click();
    await editor.settled();
    assert.equal(asked(editor, 'sparsity/measure').length, before + 1);
  });
});
