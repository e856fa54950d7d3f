import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { resnet20Layers } from './fixtures/fixtureModel';
import { editorSuite } from './editorSuite';

describe('webview layers', () => {
  const suite = editorSuite();

  const names = (page: Page) =>
    page.locator('.view-layers .table-body .table-row').evaluateAll((rows) =>
      rows
        .map((row) => ({
          index: Number(row.getAttribute('aria-rowindex')),
          name: row.firstElementChild?.textContent ?? '',
        }))
        .sort((a, b) => a.index - b.index)
        .map((row) => row.name),
    );

  it('lists every layer in network order with its figures', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    const layers = resnet20Layers();
    assert.deepEqual(
      await names(editor.page),
      layers.map((layer) => layer.shortName),
    );
    const grid = editor.page.getByRole('grid', { name: 'Layers' });
    assert.equal(await grid.getAttribute('aria-rowcount'), String(layers.length + 1));
    const row = editor.page.locator('.view-layers [data-key="/layers/layers.7/conv2/Conv"]');
    assert.equal(await row.locator('[data-column="parameters"]').textContent(), '36,864');
    assert.equal(await row.locator('[data-column="macs"]').textContent(), '1.81\u00a0M');
    assert.equal(await row.locator('[data-column="size"]').textContent(), '147\u00a0KB');
  });

  it('sorts by any column, both ways, by mouse and by keyboard', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    const byParameters = [...resnet20Layers()]
      .sort((a, b) => b.parameters - a.parameters)
      .map((layer) => layer.shortName);
    const header = editor.page.locator('.view-layers [role="columnheader"][data-column="parameters"]');
    await header.click();
    await editor.settled();
    assert.equal(await header.getAttribute('aria-sort'), 'descending');
    assert.deepEqual(await names(editor.page), byParameters);
    await header.click();
    await editor.settled();
    assert.equal(await header.getAttribute('aria-sort'), 'ascending');
    assert.equal((await names(editor.page))[0], 'conv1');

    await editor.page.getByRole('grid', { name: 'Layers' }).focus();
    await editor.page.keyboard.press('Control+Home');
    await editor.page.keyboard.press('ArrowUp');
    await editor.page.keyboard.press('Enter');
    await editor.settled();
    const byName = editor.page.locator('.view-layers [role="columnheader"][data-column="name"]');
    assert.equal(await byName.getAttribute('aria-sort'), 'ascending');
  });

  it('filters by words and wildcards, and says how many are left', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    const field = editor.page.locator('.view-layers .search').locator('input');
    await field.fill('shortcut');
    await editor.settled();
    assert.deepEqual(await names(editor.page), ['layers.3.shortcut.0', 'layers.6.shortcut.0']);
    assert.match((await editor.page.locator('.view-layers .toolbar-count').textContent()) ?? '', /^2 of 22 layers/);
    await field.fill('layers.7*conv2');
    await editor.settled();
    assert.deepEqual(await names(editor.page), ['layers.7.conv2']);
    await field.fill('nothing like it');
    await editor.settled();
    assert.match((await editor.page.locator('.view-layers .table-empty').textContent()) ?? '', /No layer matches/);
  });

  it('walks rows with the arrow keys and shares the selection with inspector and other views', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    const grid = editor.page.getByRole('grid', { name: 'Layers' });
    await grid.focus();
    await editor.page.keyboard.press('ArrowDown');
    await editor.page.keyboard.press('ArrowDown');
    await editor.settled();
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/layers/layers.0/conv2/Conv' });
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'layers.0.conv2');
    const active = await grid.getAttribute('aria-activedescendant');
    assert.equal(await editor.page.locator(`#${active ?? ''}`).textContent(), 'layers.0.conv2');
    await editor.page.keyboard.press('Control+End');
    await editor.settled();
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'fc');
    await editor.showTab('Bits');
    assert.equal(
      await editor.page.locator('.bits-table-section [aria-selected="true"]').getAttribute('data-key'),
      '/fc/Gemm',
    );
    await editor.showTab('Overview');
    assert.equal(await editor.page.locator('.overview .is-selected .link').textContent(), 'fc');
  });

  it('copies the rows and columns on show as CSV, with exact numbers', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    await editor.page.locator('.view-layers .search').locator('input').fill('shortcut');
    await editor.settled();
    await editor.page.getByRole('button', { name: 'Copy as CSV' }).click();
    await editor.settled();
    const copied = editor.last('clipboard/write') as { text: string; what: string };
    assert.equal(copied.what, '2 layers');
    const [head, first, second, rest] = copied.text.split('\r\n');
    assert.match(head ?? '', /^name,Layer,Kind,Weight,Parameters,MACs,Size,W,A,/);
    assert.match(
      first ?? '',
      /^\/layers\/layers\.3\/shortcut\.0\/Conv,layers\.3\.shortcut\.0,"Conv 1×1, stride 2",32×16×1×1,512,100352,2048,/,
    );
    assert.match(second ?? '', /^\/layers\/layers\.6/);
    assert.equal(rest, '');
    editor.run({ type: 'copyLayersCsv' });
    await editor.settled();
    assert.equal(editor.requests.filter((request) => request.type === 'clipboard/write').length, 2);
  });

  it('shows and hides columns, and keeps the choice over a reload with tab, sort, filter and selection', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Layers');
    const columns = () =>
      editor.page
        .locator('.view-layers [role="columnheader"]')
        .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-column')));
    assert.ok(!(await columns()).includes('nm-8-16'));
    await editor.page.getByRole('button', { name: 'Columns' }).click();
    const dialog = editor.page.getByRole('dialog', { name: 'Columns' });
    await dialog.getByRole('checkbox', { name: '8:16' }).click();
    await dialog.getByRole('checkbox', { name: 'MACs' }).click();
    await editor.page.keyboard.press('Escape');
    await editor.settled();
    assert.equal(await dialog.count(), 0);
    assert.ok((await columns()).includes('nm-8-16'));
    assert.ok(!(await columns()).includes('macs'));
    await editor.page.locator('.view-layers [role="columnheader"][data-column="size"]').click();
    await editor.page.locator('.view-layers .search').locator('input').fill('layers.5');
    await editor.settled();
    await editor.page.locator('.view-layers .table-body .table-cell').first().click();
    await new Promise((resolve) => setTimeout(resolve, 200));

    await editor.reload();
    assert.equal(await editor.page.getByRole('tab', { name: 'Layers' }).getAttribute('aria-selected'), 'true');
    assert.ok((await columns()).includes('nm-8-16'));
    assert.equal(
      await editor.page.locator('[data-column="size"][role="columnheader"]').getAttribute('aria-sort'),
      'descending',
    );
    assert.deepEqual(await names(editor.page), ['layers.5.conv1', 'layers.5.conv2']);
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'layers.5.conv1');
  });

  it('says why a layer cannot be quantised, in the table and in the inspector', async () => {
    const editor = await suite.open('tiny');
    await editor.showTab('Layers');
    const cell = editor.page.locator('.view-layers [data-key="/rnn/LSTM"] [data-column="notes"]');
    assert.match((await cell.textContent()) ?? '', /weights stay float: LSTM has no integer form/);
    await cell.click();
    await editor.settled();
    assert.match(
      (await editor.page.locator('.inspector').textContent()) ?? '',
      /no sparsity: the four gates share one weight/,
    );
  });

  it('draws only the rows in sight of three thousand', async () => {
    const editor = await suite.open('huge');
    await editor.showTab('Layers');
    const grid = editor.page.getByRole('grid', { name: 'Layers' });
    assert.equal(await grid.getAttribute('aria-rowcount'), '3001');
    assert.ok((await editor.page.locator('.view-layers .table-body .table-row').count()) < 80);
    await grid.focus();
    await editor.page.keyboard.press('Control+End');
    await editor.settled();
    assert.equal(
      await editor.page.locator('.view-layers [aria-selected="true"]').getAttribute('aria-rowindex'),
      '3001',
    );
    const box = await editor.page.locator('.view-layers [aria-selected="true"]').boundingBox();
    assert.ok(box !== null && box.y + box.height <= 830, 'the last row is in sight');
    await editor.page.keyboard.press('PageUp');
    await editor.settled();
    assert.ok((await editor.page.locator('.view-layers .table-body .table-row').count()) < 80);
  });
});
