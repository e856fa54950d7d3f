import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { root } from '../../../scripts/setup.mjs';
import { quickSampleRecipe } from '../../support/quickSampleRecipe';
import { VSCodeWindow } from '../../support/vscode/window';

const pictures = join(root, 'out', 'pictures');

describe('History, as a user sees it', function () {
  this.timeout(300_000);
  let window: VSCodeWindow;
  let frame: Frame;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ recipe: quickSampleRecipe() });
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = `history-${(this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40)}`;
    await window.page.screenshot({ path: join(pictures, `${name}.png`) });
  });

  const rows = () => frame.locator('.table-body .table-row');
  const toFront = () =>
    window.page
      .getByRole('tab', { name: /^History of/ })
      .first()
      .click();
  const recipePath = () => join(window.workspace, 'sample', 'resnet20.lathe.json');

  it('opens above a recipe, and says that there are no runs yet', async () => {
    await window.page.locator('.activitybar .action-label[aria-label^="Lathe"]').click();
    await window.page
      .getByRole('treeitem', { name: /resnet20\.lathe\.json/ })
      .first()
      .click();
    await window.page.locator('.codelens-decoration a', { hasText: 'History' }).first().click();
    frame = await window.editorFrame();
    await frame.getByText('No runs yet').waitFor();
  });

  it('runs the recipe from its button, and shows each run once it ended', async () => {
    const run = frame.locator('.title-line vscode-button');
    await run.click();
    await rows().first().waitFor({ timeout: 120_000 });
    writeFileSync(recipePath(), quickSampleRecipe({ allocation: { minimize: 'loss', budget: { size: 0.15 } } }));
    await frame.locator('.title-line vscode-button:not([disabled])').waitFor();
    await run.click();
    await rows().nth(1).waitFor({ timeout: 120_000 });
    assert.equal(await frame.locator('.scatter [role="option"]').count(), 2);
  });

  it('compares two runs that were selected with the keyboard', async () => {
    await frame.getByRole('grid', { name: 'Runs' }).focus();
    await frame.getByRole('grid', { name: 'Runs' }).press('Control+a');
    await frame.getByText(/newer against older: size −/).waitFor();
    await frame.locator('.toolbar vscode-button', { hasText: 'Compare' }).click();
    await window.page
      .locator('.tabs-container .tab.active')
      .filter({ hasNotText: /^History of/ })
      .first()
      .waitFor();
    await window.page.waitForTimeout(2000);
    await window.page.screenshot({ path: join(pictures, 'history-comparison.png') });
    await toFront();
  });

  it('comes back with its selection after a reload of the window', async () => {
    frame = await window.editorFrame();
    await frame.waitForTimeout(1500);
    await window.command('Developer: Reload Window');
    await frame.waitForTimeout(3000).catch(() => undefined);
    frame = await window.editorFrame();
    await rows().nth(1).waitFor();
    await frame.locator('.table-body [aria-selected="true"]').nth(1).waitFor();
  });

  it('brings the older recipe back into a file of its own', async () => {
    const older = rows().filter({ hasText: 'size 20.0' });
    await older.locator('.table-cell').first().click();
    await frame.locator('.toolbar vscode-button', { hasText: 'Re-run' }).click();
    const tab = window.page.getByRole('tab', { name: /^resnet20-\d{8}-\d{6}\.lathe\.json/ }).first();
    await tab.waitFor();
    const name = /resnet20-\d{8}-\d{6}\.lathe\.json/.exec((await tab.getAttribute('aria-label')) ?? '')?.[0];
    assert.equal(readFileSync(join(window.workspace, 'sample', name ?? ''), 'utf8'), quickSampleRecipe());
    await toFront();
  });

  it('asks before it deletes', async () => {
    frame = await window.editorFrame();
    await frame.locator('.toolbar vscode-button', { hasText: 'Delete' }).click();
    const dialog = window.page.getByRole('dialog').filter({ hasText: 'from the history?' });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await rows().count(), 2);
    await frame.locator('.toolbar vscode-button', { hasText: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await rows().nth(1).waitFor({ state: 'detached' });
    assert.equal(await rows().count(), 1);
  });

  it('breaks no rule of its content security policy', () => {
    const violations = window.messages.filter((message) => /Content Security Policy/.test(message));
    assert.deepEqual(violations, []);
  });
});
