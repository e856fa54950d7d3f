import assert from 'node:assert/strict';
import { violations } from './host/axe';
import { historySuite } from './editorSuite';
import type { HistorySession } from './host/historySession';
import { themeKinds } from './host/webviewPage';

describe('webview history', function () {
  this.timeout(120_000);
  const suite = historySuite();

  const runsOf = ({ state }: HistorySession) => (state.runs.status === 'ready' ? state.runs.value : []);
  const selectedRows = (view: HistorySession) =>
    view.page
      .locator('.table-body [aria-selected="true"]')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-key')).sort());
  const selectedPoints = (view: HistorySession) => view.page.locator('.scatter [role="option"][aria-selected="true"]');
  const button = (view: HistorySession, name: string) => view.page.locator('.toolbar vscode-button', { hasText: name });

  it('lists every run with its figures, newest first', async () => {
    const view = await suite.open('runs');
    const rows = view.page.locator('.table-body .table-row');
    assert.equal(await rows.count(), 9);
    const [newest] = runsOf(view);
    const cells = await view.page
      .locator(`[data-key="${newest!.id}"] .table-cell`)
      .evaluateAll((nodes) => nodes.map((node) => [node.getAttribute('data-column'), node.textContent]));
    const figures = Object.fromEntries(cells) as Record<string, string>;
    assert.equal(figures.time, '2026-11-26 17:30');
    assert.equal(figures.before, '92.17\u00a0%');
    assert.equal(figures.after, `${(newest!.accuracy!.simulated * 100).toFixed(2)}\u00a0%`);
    assert.equal(figures.optimizer, 'advanced: adaquant, sequential');
    assert.equal(figures.took, '1\u00a0min 1\u00a0s');
    assert.equal(figures.notes, 'the present recipe');
    assert.equal(await rows.first().getAttribute('data-key'), newest!.id);
  });

  it('draws each run by size and accuracy, the best joined, other shapes outside a limit', async () => {
    const view = await suite.open('runs');
    assert.equal(await view.page.locator('.scatter [role="option"]').count(), 9);
    assert.equal(await view.page.locator('.scatter [role="option"] .is-outside').count(), 1);
    assert.equal(await view.page.locator('.scatter > .chart path.scatter-front').count(), 1);
    const places = await view.page.locator('.scatter [role="option"]').evaluateAll((nodes) =>
      nodes.map((node) => ({
        x: Number(node.querySelector('rect')?.getAttribute('x')),
        text: node.getAttribute('aria-label') ?? '',
      })),
    );
    assert.deepEqual(
      places.map(({ x }) => x),
      places.map(({ x }) => x).sort((a, b) => a - b),
    );
    assert.match(places[0]!.text, /size 7\.93\s%, Top-1 .*outside a limit/);
    const legend = await view.page.locator('.scatter .legend').textContent();
    assert.match(legend ?? '', /within limits.*outside a limit.*selected.*best at its size.*float model/);
  });

  it('shares the selection between table and picture, by mouse and by keyboard', async () => {
    const view = await suite.open('runs');
    const [first, second, third] = runsOf(view).map(({ id }) => id);
    await view.page.locator(`[data-key="${second}"] .table-cell`).first().click();
    assert.deepEqual(await selectedRows(view), [second]);
    assert.equal(await selectedPoints(view).count(), 1);
    await view.page
      .locator(`[data-key="${first}"] .table-cell`)
      .first()
      .click({ modifiers: ['Control'] });
    assert.deepEqual(await selectedRows(view), [second, first].sort());
    assert.equal(await selectedPoints(view).count(), 2);
    assert.match((await view.page.locator('.toolbar-count').textContent()) ?? '', /size 0\.00\spoints, Top-1 \+0\.03/);
    // In the picture: from the first point to the right, Space adds.
    await view.page.locator('.scatter svg.chart-drawing').focus();
    await view.page.keyboard.press('Home');
    await view.page.keyboard.press('Shift+ArrowRight');
    const smallest = [...runsOf(view)].sort((a, b) => a.size - b.size).slice(0, 2);
    assert.deepEqual(await selectedRows(view), smallest.map(({ id }) => id).sort());
    await view.page.keyboard.press('Space');
    assert.equal((await selectedRows(view)).length, 1);
    // And in the table.
    await view.page.getByRole('grid', { name: 'Runs' }).focus();
    await view.page.keyboard.press('Control+Home');
    await view.page.keyboard.press('ArrowUp');
    await view.page.keyboard.press('ArrowDown');
    await view.page.keyboard.press('Shift+ArrowDown');
    await view.page.keyboard.press('Shift+ArrowDown');
    assert.deepEqual(await selectedRows(view), [first, second, third].sort());
    assert.equal(await selectedPoints(view).count(), 3);
    await view.page.keyboard.press('Control+a');
    assert.equal(await selectedPoints(view).count(), 9);
  });

  it('compares two, re-runs and opens one, deletes some, and says why not otherwise', async () => {
    const view = await suite.open('runs');
    const [first, second] = runsOf(view).map(({ id }) => id);
    const compare = button(view, 'Compare');
    assert.match((await compare.getAttribute('title')) ?? '', /^Select two runs/);
    await view.page.locator(`[data-key="${second}"] .table-cell`).first().click();
    await button(view, 'Open report').click();
    assert.deepEqual(view.last('run/openReport'), { id: second });
    const asked = view.requests.length;
    await view.page.locator(`[data-key="${second}"] .table-cell`).first().click();
    assert.equal(view.requests.length, asked, 'a click on the selected run opens nothing');
    await button(view, 'Re-run').click();
    assert.deepEqual(view.last('run/again'), { id: second });
    await view.page.getByText('/home/ada/models/net-1.lathe.json').waitFor();
    await view.page
      .locator(`[data-key="${first}"] .table-cell`)
      .first()
      .click({ modifiers: ['Control'] });
    assert.match((await button(view, 'Open report').getAttribute('title')) ?? '', /^Select one run/);
    await compare.click();
    assert.deepEqual(view.last('runs/compare'), { ids: [first, second] });
    await button(view, 'Delete').click();
    await view.settled();
    assert.deepEqual(view.last('runs/delete'), { ids: [first, second] });
    assert.equal(await view.page.locator('.table-body .table-row').count(), 7);
    assert.deepEqual(await selectedRows(view), []);
    await view.page.getByRole('grid', { name: 'Runs' }).focus();
    await view.page.keyboard.press('ArrowDown');
    await view.page.keyboard.press('Enter');
    await view.settled();
    assert.deepEqual(view.last('run/openReport'), { id: runsOf(view)[1]!.id });
    await view.page.locator('.table-body .table-cell').first().dblclick();
    await view.settled();
    assert.deepEqual(view.last('run/openReport'), { id: runsOf(view)[0]!.id });
  });

  it('shows failures where they happened', async () => {
    const view = await suite.open('runs');
    await view.page.locator('.table-body .table-cell').first().click();
    view.failure = 'The kept recipe is gone.';
    await button(view, 'Re-run').click();
    await view.page.getByRole('alert').filter({ hasText: 'The kept recipe is gone.' }).waitFor();
    const failed = await suite.open('failed');
    await failed.page.getByText('The background process ended.').waitFor();
  });

  it('comes back with its selection and order after a reload, and keeps up with new runs', async () => {
    const view = await suite.open('runs');
    const [, second, third] = runsOf(view);
    await view.page.locator(`[data-key="${second!.id}"] .table-cell`).first().click();
    await view.page.locator('[role="columnheader"][data-column="size"]').click();
    await view.reload();
    assert.deepEqual(await selectedRows(view), [second!.id]);
    assert.equal(
      await view.page.locator('[role="columnheader"][data-column="size"]').getAttribute('aria-sort'),
      'descending',
    );
    assert.equal(
      await view.page.evaluate(() => (JSON.parse(sessionStorage.getItem('state')!) as { recipe: string }).recipe),
      view.state.recipe.path,
    );
    const fresh = { ...third!, id: 'resnet20-20261127-080000', createdAt: '2026-11-27T08:00:00.000Z' };
    view.change({ runs: { status: 'ready', value: [fresh, ...runsOf(view)] } });
    await view.settled();
    assert.equal(await view.page.locator('.scatter [role="option"]').count(), 10);
    assert.deepEqual(await selectedRows(view), [second!.id]);
  });

  it('draws the loss where nothing else was measured, and counts what has no place', async () => {
    const view = await suite.open('unmeasured');
    assert.equal(await view.page.locator('.scatter [role="option"]').count(), 3);
    await view.page.getByText('1 run not drawn: no loss, relative mse to compare').waitFor();
    assert.equal(await view.page.locator('[role="columnheader"][data-column="after"]').count(), 0);
  });

  it('only shows in a restricted workspace', async () => {
    const view = await suite.open('untrusted');
    await view.page.locator('.table-body .table-cell').first().click();
    for (const name of ['Re-run', 'Delete']) {
      assert.match((await button(view, name).getAttribute('title')) ?? '', /Restricted mode/);
    }
    const run = view.page.locator('.title-line vscode-button');
    assert.match((await run.getAttribute('title')) ?? '', /Restricted mode/);
    await button(view, 'Open report').click();
    assert.ok(view.last('run/openReport') !== undefined);
  });

  for (const theme of themeKinds) {
    it(`has no violations, ${theme}`, async () => {
      for (const name of ['runs', 'none', 'untrusted'] as const) {
        const view = await suite.open(name, { theme, width: name === 'untrusted' ? 600 : 1180 });
        if (name === 'runs') {
          await view.page.getByRole('grid', { name: 'Runs' }).focus();
          await view.page.keyboard.press('ArrowDown');
        }
        assert.deepEqual(await violations(view), [], name);
      }
    });
  }

  it('neither overlaps nor scrolls sideways from 600 to 2,000 pixels, with one run or a hundred', async () => {
    for (const name of ['one', 'runs', 'hundred'] as const) {
      const view = await suite.open(name);
      for (const width of [600, 860, 2000]) {
        await view.resize(width);
        const over = await view.page.evaluate(() =>
          [...document.querySelectorAll('body, .history, .title-line, .toolbar, .history-picture, .history-content')]
            .filter((node) => node.scrollWidth > node.clientWidth + 1)
            .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
        );
        assert.deepEqual(over, [], `${name} at ${width}`);
        const collisions = await view.page.locator('.scatter .chart text').evaluateAll((nodes) => {
          const boxes = nodes.map((node) => node.getBoundingClientRect());
          return nodes.flatMap((node, i) =>
            boxes
              .slice(i + 1)
              .filter((box) => {
                const own = boxes[i]!;
                return (
                  own.left + 1 < box.right &&
                  box.left + 1 < own.right &&
                  own.top + 2 < box.bottom &&
                  box.top + 2 < own.bottom
                );
              })
              .map(() => node.textContent),
          );
        });
        assert.deepEqual(collisions, [], `${name} at ${width}`);
      }
    }
  });
});
