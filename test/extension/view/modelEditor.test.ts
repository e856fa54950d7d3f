import { strict as assert } from 'node:assert';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { root } from '../../../scripts/setup.mjs';
import { quickSampleRecipe } from '../../support/quickSampleRecipe';
import { VSCodeWindow } from '../../support/vscode/window';

const pictures = join(root, 'out', 'pictures');

describe('Model editor, as a user sees it', function () {
  this.timeout(500_000);
  let window: VSCodeWindow;
  let frame: Frame;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ recipe: quickSampleRecipe() });
    frame = await window.openModelFromView('resnet20.onnx');
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = (this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40);
    await window.page.screenshot({ path: join(pictures, `${name}.png`) });
  });

  const tab = (name: string) => frame.getByRole('tab', { name });
  const layer = (name: string) => frame.locator('.view-layers .table-body').getByText(name, { exact: true });

  it('says the answer first: parameters, MACs, file, and what is not known yet', async () => {
    await frame.getByText('273,658').first().waitFor();
    await frame.getByText('31.0 M').first().waitFor();
    await frame.getByText('1.11 MB').first().waitFor();
    await frame
      .getByText(/Analyze to see/)
      .first()
      .waitFor();
  });

  it('lists the layers, and sorts them by a column', async () => {
    await tab('Layers').click();
    await layer('layers.0.conv1').waitFor();
    const header = frame.locator('.view-layers [role="columnheader"][data-column="parameters"]');
    await header.click();
    await frame.locator('[role="columnheader"][aria-sort="descending"][data-column="parameters"]').waitFor();
    const cells = frame.locator('.view-layers .table-body .table-row');
    const shown = await cells.evaluateAll((rows) =>
      rows
        .map((row) => ({
          index: Number(row.getAttribute('aria-rowindex')),
          parameters: Number(row.querySelector('[data-column="parameters"]')?.textContent.replaceAll(',', '')),
        }))
        .sort((one, other) => one.index - other.index)
        .map((row) => row.parameters),
    );
    assert.ok(shown.length > 10);
    assert.deepEqual(
      shown,
      [...shown].sort((one, other) => other - one),
    );
    assert.equal(shown[0], 36864);
  });

  it('filters layers by text', async () => {
    const field = frame.locator('.view-layers .search').locator('input');
    await field.fill('down');
    await layer('layers.0.conv1').waitFor({ state: 'detached' });
    await layer('layers.3.down.0').waitFor();
    await field.fill('');
    await layer('layers.0.conv1').waitFor();
  });

  it('shows the selected layer beside every tab', async () => {
    await layer('layers.6.conv2').click();
    const inspector = frame.locator('.inspector');
    await inspector.getByText('layers.6.conv2').first().waitFor();
    await inspector
      .getByText(/Conv 3×3/)
      .first()
      .waitFor();
    await tab('Overview').click();
    assert.ok(await inspector.getByText('layers.6.conv2').first().isVisible());
  });

  it('copies the layers as CSV by a command of the palette', async () => {
    await tab('Layers').click();
    await window.command('Lathe: Copy Layers as CSV');
    await window.page
      .locator('.statusbar-item', { hasText: /Copied 22 layers/ })
      .first()
      .waitFor();
  });

  it('runs Optimize from its button and shows size and accuracy, before and after', async () => {
    await frame.locator('vscode-button, button').filter({ hasText: 'Optimize' }).first().click();
    const job = window.page.getByRole('treeitem', { name: /Optimize resnet20/ }).first();
    await job.waitFor();
    // The file cell of the strip says what it was only when a smaller one has been written.
    await frame
      .getByText(/was 1[.,]1/)
      .first()
      .waitFor({ timeout: 400_000 });
    await frame
      .getByText(/was 9\d\.\d/)
      .first()
      .waitFor();
    await window.page
      .getByRole('treeitem', { name: /Optimize resnet20.*done in/ })
      .first()
      .waitFor();
  });

  it('draws the weight of a layer, and opens the lock at its entry', async () => {
    await tab('Layers').click();
    await layer('layers.6.conv2').click();
    const picture = frame.locator('.inspector .pixel-pane');
    await picture.waitFor();
    await picture.focus();
    await picture.press('End');
    await frame.getByText(/^out 63, kernel 2, 2: /).waitFor();
    await frame.getByRole('radio', { name: 'Zeros' }).click();
    await frame.locator('.inspector').getByText('No exact zeros').waitFor();
    await frame
      .locator('.inspector')
      .getByRole('button', { name: /^resnet20\.lathe\.lock\.json:\d+$/ })
      .click();
    await window.page
      .getByRole('tab', { name: /resnet20\.lathe\.lock\.json/ })
      .first()
      .waitFor();
    await window.page.locator('.view-line', { hasText: '/layers/layers.6/conv2/Conv' }).first().waitFor();
    await window.page
      .getByRole('tab', { name: /^resnet20\.lathe\.lock\.json/ })
      .first()
      .click({ button: 'middle' });
  });

  it('moves the budget with the keyboard, and the allocation follows', async () => {
    await tab('Bits').click();
    const slider = frame.getByRole('slider', { name: 'Size budget' });
    await slider.waitFor();
    const before = Number(await slider.getAttribute('aria-valuenow'));
    await slider.focus();
    for (let i = 0; i < 3; i++) {
      await slider.press('ArrowLeft');
    }
    await frame.waitForTimeout(500);
    const after = Number(await slider.getAttribute('aria-valuenow'));
    assert.ok(after < before, `${before} → ${after}`);
    assert.equal(await frame.locator('.skyline .bar').count(), 22);
  });

  it('breaks no rule of its content security policy', () => {
    const violations = window.messages.filter((message) => /Content Security Policy/.test(message));
    assert.deepEqual(violations, []);
  });

  it('comes back on the same tab after a reload of the window', async () => {
    await tab('Layers').click();
    await frame.waitForTimeout(1500);
    // Reloading as VS Code does it: it saves its own state first.
    await window.command('Developer: Reload Window');
    await frame.waitForTimeout(3000).catch(() => undefined);
    frame = await window.editorFrame();
    await frame.getByRole('tab', { name: 'Layers', selected: true }).waitFor();
    await layer('layers.0.conv1').waitFor();
  });
});
