import assert from 'node:assert/strict';
import { violations } from './host/axe';
import type { CompareSession } from './host/compareSession';
import { themeKinds } from './host/webviewPage';
import { compareSuite, editorSuite } from './editorSuite';
import { fixtureComparison } from './fixtures/fixtureComparison';

describe('webview comparison', function () {
  this.timeout(60_000);
  const suite = compareSuite();
  const editors = editorSuite();

  const names = (session: CompareSession) =>
    session.page.locator('.table-body .table-row').evaluateAll((rows) =>
      rows
        .map((row) => ({
          index: Number(row.getAttribute('aria-rowindex')),
          name: row.firstElementChild?.textContent ?? '',
        }))
        .sort((a, b) => a.index - b.index)
        .map((row) => row.name),
    );
  const grid = (session: CompareSession) => session.page.getByRole('grid', { name: 'Comparison' });
  const cell = (session: CompareSession, row: string, column: string) =>
    session.page
      .locator('.table-body .table-row', { has: session.page.getByText(row, { exact: true }) })
      .locator(`[data-column="${column}"]`);

  it('answers for the whole: files, weights, accuracy, latency, layers', async () => {
    const session = await suite.open('compressed');
    assert.deepEqual(await session.page.locator('.answer').allTextContents(), [
      'File1.11\u00a0MB → 222\u00a0KB−80.1\u00a0%',
      'Weights of layers1.08\u00a0MB → 182\u00a0KB−83.2\u00a0%',
      'Top-192.17\u00a0% → 91.98\u00a0%−0.19 points',
      'Latency0.772 → 1.39\u00a0ms1.8 × slower',
      'Layers that differ22of 23',
    ]);
    assert.match((await session.page.locator('.messages').textContent()) ?? '', /21 norms of the other folded too/);
    const plain = await suite.open('plain');
    assert.match((await plain.page.locator('.answer').nth(2).textContent()) ?? '', /–not measured/);
  });

  it('shows both sides of a layer and how far they are apart', async () => {
    const session = await suite.open('compressed');
    const row = 'layers.0.conv1';
    assert.equal(await cell(session, row, 'size-before').textContent(), '9.22\u00a0KB');
    assert.equal(await cell(session, row, 'weightBits-before').textContent(), 'float');
    assert.match((await cell(session, row, 'saved').textContent()) ?? '', /^−\d/);
    assert.match((await cell(session, row, 'relative').textContent()) ?? '', /\d\s%$/);
    assert.equal(await cell(session, 'layers.0.conv2', 'relative').textContent(), '–');
    assert.match((await cell(session, 'layers.0.conv2', 'relative').getAttribute('title')) ?? '', /ConvInteger/);
    assert.equal(await cell(session, 'old', 'status').textContent(), 'removed');
    assert.equal(await cell(session, 'old', 'size-after').textContent(), '');
  });

  it('sorts, filters, and shows only what differs', async () => {
    const session = await suite.open('compressed');
    assert.equal((await names(session)).length, 23);
    await session.page.getByRole('checkbox', { name: 'Only what differs' }).click();
    await session.settled();
    assert.equal((await names(session)).length, 22);
    assert.ok(!(await names(session)).includes('conv1'));
    assert.match((await session.page.locator('.toolbar-count').textContent()) ?? '', /^22 of 23 layers/);
    await session.page.locator('.search').locator('input').fill('shortcut');
    await session.settled();
    assert.deepEqual(await names(session), ['layers.3.shortcut.0', 'layers.6.shortcut.0']);
    await session.page.locator('[role="columnheader"][data-column="size-after"]').click();
    await session.settled();
    assert.equal((await names(session))[0], 'layers.6.shortcut.0');
    await session.page.locator('.search').locator('input').fill('nothing');
    await session.settled();
    assert.equal(await session.page.locator('.table-empty').textContent(), 'Nothing matches "nothing"');
  });

  it('lists operator types and nodes', async () => {
    const session = await suite.open('compressed');
    await session.page.getByRole('radio', { name: /^Operators/ }).click();
    await session.settled();
    assert.deepEqual(await names(session), ['DequantizeLinear', 'BatchNormalization', 'QuantizeLinear']);
    assert.equal(await cell(session, 'BatchNormalization', 'change').textContent(), '−21');
    await session.page.getByRole('radio', { name: /^Operators/ }).press('ArrowRight');
    await session.settled();
    assert.equal((await names(session)).length, 3);
    assert.equal(await cell(session, '/pool/AveragePool', 'operator').textContent(), 'AveragePool → GlobalAveragePool');
  });

  it('opens a layer with a click, with the keyboard, and in either model', async () => {
    const session = await suite.open('compressed');
    await session.page.getByRole('button', { name: 'layers.0.conv1' }).click();
    await session.settled();
    assert.deepEqual(session.last('layer/open'), { side: 'after', layer: '/layers/layers.0/conv1/Conv' });
    await grid(session).focus();
    await session.page.keyboard.press('Control+Home');
    await session.page.keyboard.press('ArrowDown');
    await session.page.keyboard.press('Enter');
    await session.page.getByRole('menuitem', { name: /\.$/ }).click();
    await session.settled();
    assert.deepEqual(session.last('layer/open'), { side: 'before', layer: '/layers/layers.0/conv1/Conv' });
    await session.page.getByRole('button', { name: 'old', exact: true }).click();
    await session.settled();
    assert.deepEqual(session.last('layer/open'), { side: 'before', layer: '/old/Conv' });
    await session.page.getByRole('button', { name: 'resnet20.onnx, compressed' }).click();
    await session.settled();
    assert.deepEqual(session.last('model/open'), { side: 'after' });
  });

  it('copies what is on show as CSV, swaps sides, opens the report', async () => {
    const session = await suite.open('compressed');
    await session.page.locator('.search').locator('input').fill('shortcut');
    await session.settled();
    await session.page.getByRole('button', { name: 'Copy as CSV' }).click();
    await session.page.locator('vscode-button', { hasText: 'Swap sides' }).click();
    await session.page.getByRole('button', { name: 'Open report' }).click();
    await session.settled();
    const { text, what } = session.last('clipboard/write') as { text: string; what: string };
    assert.equal(what, '2 rows');
    assert.match(text, /^Layer,Status,W before,W after,A before,A after,Size before,Size after,Size Δ/);
    assert.ok(session.requests.some(({ type }) => type === 'sides/swap'));
    assert.deepEqual(session.last('report/open'), { side: 'before' });
  });

  it('comes back as it was after a reload, and keeps which files it compares', async () => {
    const session = await suite.open('compressed');
    await session.page.getByRole('checkbox', { name: 'Only what differs' }).click();
    await session.page.locator('[role="columnheader"][data-column="relative"]').click();
    await session.page.locator('.search').locator('input').fill('layers.5');
    await session.settled();
    await session.reload();
    assert.equal(
      await session.page.locator('[role="columnheader"][data-column="relative"]').getAttribute('aria-sort'),
      'descending',
    );
    assert.deepEqual((await names(session)).sort(), ['layers.5.conv1', 'layers.5.conv2']);
    const state = await session.page.evaluate(() => JSON.parse(sessionStorage.getItem('state') ?? '{}') as object);
    const { before, after } = fixtureComparison('compressed');
    assert.deepEqual(
      { ...state, sort: undefined },
      {
        version: 1,
        view: 'layers',
        onlyDifferent: true,
        filter: 'layers.5',
        sort: undefined,
        before: before.uri,
        after: after.uri,
      },
    );
  });

  it('says that it compares, why it could not, and that nothing differs', async () => {
    const session = await suite.open('loading');
    assert.match((await session.page.locator('.messages').textContent()) ?? '', /Comparing the weights/);
    session.change(fixtureComparison('failed'));
    await session.settled();
    assert.match((await session.page.locator('.messages').textContent()) ?? '', /cut short/);
    await session.page.getByRole('button', { name: 'Compare again' }).click();
    await session.settled();
    assert.equal(session.last('compare/again'), null);
    session.change(fixtureComparison('same'));
    await session.settled();
    assert.equal((await names(session)).length, 22);
    await session.page.getByRole('checkbox', { name: 'Only what differs' }).click();
    await session.settled();
    assert.equal(await session.page.locator('.table-empty').textContent(), 'No layer differs');
  });

  it('draws only the rows in sight of three thousand', async () => {
    const session = await suite.open('huge');
    assert.equal(await grid(session).getAttribute('aria-rowcount'), '3002');
    assert.ok((await session.page.locator('.table-body .table-row').count()) < 80);
  });

  for (const theme of themeKinds) {
    it(`has no accessibility violations, ${theme}`, async () => {
      const session = await suite.open('compressed', { theme });
      assert.deepEqual(await violations(session), [], 'layers');
      for (const view of [/^Operators/, /^Nodes/]) {
        await session.page.getByRole('radio', { name: view }).click();
        await session.settled();
        assert.deepEqual(await violations(session), [], String(view));
      }
      session.change(fixtureComparison('failed'));
      await session.settled();
      assert.deepEqual(await violations(session), [], 'failed');
    });
  }

  it('never scrolls sideways as a whole, from 600 to 2,000 pixels', async () => {
    const session = await suite.open('compressed');
    for (const width of [600, 860, 1180, 2000]) {
      await session.page.setViewportSize({ width, height: 830 });
      await session.settled();
      const over = await session.page.evaluate(() =>
        [...document.querySelectorAll('body, .editor, .title-line, .answers, .toolbar, .messages')]
          .filter((node) => node.scrollWidth > node.clientWidth + 1)
          .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
      );
      assert.deepEqual(over, [], String(width));
    }
  });

  it('is one click away in the model editor: from child, float parent, and a diff', async () => {
    const editor = await editors.open('optimized');
    const button = editor.page.locator('vscode-button', { hasText: 'Compare' });
    assert.equal(await button.getAttribute('title'), 'Compare with its compressed model, compressed/resnet20.onnx');
    await button.click();
    await editor.settled();
    assert.deepEqual(editor.last('model/compare'), { relation: 'compressed' });
    editor.change({ related: [{ relation: 'diff', name: 'resnet20.onnx (HEAD)' }] });
    await editor.settled();
    assert.equal(await button.isVisible(), false);
    assert.match((await editor.page.locator('.messages').textContent()) ?? '', /Shown beside resnet20\.onnx \(HEAD\)/);
    await editor.page.getByRole('button', { name: 'Compare with the other side' }).click();
    await editor.settled();
    assert.deepEqual(editor.last('model/compare'), { relation: 'diff' });
    editor.change({
      document: { path: '/home/ada/models/resnet20.onnx', name: 'resnet20.onnx (HEAD)', version: 'HEAD' },
    });
    await editor.settled();
    assert.equal(await editor.page.locator('vscode-button', { hasText: 'Analyze' }).isVisible(), false);
    editor.change({ related: [{ relation: 'float', name: 'resnet20.onnx' }] });
    await editor.settled();
    await button.click();
    await editor.settled();
    assert.deepEqual(editor.last('model/compare'), { relation: 'float' });
  });
});
