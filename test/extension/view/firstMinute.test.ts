import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { root } from '../../../scripts/setup.mjs';
import { quickSampleRecipe } from '../../support/quickSampleRecipe';
import { VSCodeWindow } from '../../support/vscode/window';

const pictures = join(root, 'out', 'pictures');
let storage: string;

/** The sample's own recipe runs for minutes: a quick one is there already, and is kept as a user's own would be. */
function prepare(userData: string): void {
  storage = join(userData, 'globalStorage', 'lathe.lathe', 'fmnist-resnet20');
  mkdirSync(storage, { recursive: true });
  writeFileSync(join(storage, 'resnet20.lathe.json'), quickSampleRecipe());
}

describe('First minute, as a new user sees it', function () {
  this.timeout(500_000);
  // Each step stands on the one before.
  this.bail(true);
  let window: VSCodeWindow;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ empty: true, prepare });
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = `first-${(this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40)}`;
    await window.page.screenshot({ path: join(pictures, `${name}.png`) });
  });

  /** A step of the walkthrough, opened by its title. */
  const step = async (title: string): Promise<Locator> => {
    await window.page.getByRole('tab', { name: /^Walkthrough: Lathe/ }).click();
    const found = window.page.locator('.getting-started-step', { hasText: title });
    await found.click();
    return found;
  };
  /** Waits for the text beside the steps, a webview of VS Code's own. */
  const textBeside = async (text: string): Promise<void> => {
    for (let waited = 0; waited < 150; waited++) {
      for (const frame of window.page.frames()) {
        if (
          (await frame
            .getByText(text)
            .count()
            .catch(() => 0)) > 0
        ) {
          return;
        }
      }
      await window.page.waitForTimeout(200);
    }
    assert.fail(`"${text}" does not come`);
  };
  const job = (name: RegExp) => window.page.getByRole('treeitem', { name }).first();

  it('offers a folder, the sample and the walkthrough in a window without a folder', async () => {
    const { page } = window;
    await page.locator('.activitybar .action-label[aria-label^="Lathe"]').click();
    for (const name of ['Open Folder', 'Open Sample Model']) {
      await page.locator('.welcome-view').getByRole('button', { name }).waitFor();
    }
    await page.locator('.welcome-view').getByText('Nothing has run yet.').waitFor();
    await page.locator('.welcome-view a', { hasText: 'Follow the walkthrough' }).press('Enter');
    await page.getByRole('heading', { name: 'Compress a model with Lathe' }).waitFor();
    assert.equal(await page.locator('.getting-started-step').count(), 4);
    // The text beside the steps.
    await textBeside('A model is an editor of its own.');
  });

  it('opens the sample from the first step', async () => {
    const open = await step('Open the sample model');
    await open.getByRole('button', { name: 'Open Sample Model' }).press('Enter');
    const editor = await window.frameWith('.view-overview.is-shown');
    await editor.getByText('273,658').first().waitFor();
    await editor.getByRole('button', { name: 'resnet20.lathe.json' }).first().waitFor();
    assert.ok(existsSync(join(storage, 'evaluation.npz')));
  });

  it('analyzes the model that is open behind the walkthrough', async () => {
    const analyze = await step('Analyze it');
    await analyze.getByRole('button', { name: 'Analyze', exact: true }).press('Enter');
    await job(/Analyze resnet20.*done in/).waitFor({ timeout: 300_000 });
    await window.page
      .locator('.getting-started-step', { hasText: 'Analyze it' })
      .locator('.codicon-getting-started-step-checked')
      .waitFor();
  });

  it('opens its recipe for the budget', async () => {
    const budget = await step('Set a budget');
    await budget.getByRole('button', { name: 'Open Recipe' }).press('Enter');
    await window.page.locator('.view-line', { hasText: '"model": "resnet20.onnx"' }).first().waitFor();
    await window.page.getByText('Allocate', { exact: true }).first().waitFor();
  });

  it('optimizes it, and shows the smaller model', async () => {
    const optimize = await step('Optimize and read the report');
    await optimize.getByRole('button', { name: 'Optimize', exact: true }).press('Enter');
    await job(/Optimize resnet20.*done in/).waitFor({ timeout: 400_000 });
    await window.page.getByRole('tab', { name: /^resnet20\.onnx/ }).click();
    const editor = await window.frameWith('.view-overview.is-shown');
    await editor
      .getByText(/was 1[.,]1/)
      .first()
      .waitFor();
    assert.ok(existsSync(join(storage, 'compressed', 'resnet20.onnx')));
  });

  it('compares both from the closing message, and writes the report elsewhere', async () => {
    const { page } = window;
    const toast = page.locator('.notification-toast', { hasText: 'resnet20.lathe.json' });
    for (const name of ['Open Report', 'Reveal in Explorer']) {
      await toast.getByRole('button', { name }).waitFor();
    }
    await toast.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('tab', { name: 'resnet20.onnx ↔ resnet20.onnx' }).waitFor();
    const comparison = await window.frameWith('.compare-tables .table-row[data-key]');
    await comparison.getByText('layers.0.conv1').first().waitFor();
    await page.getByRole('tab', { name: /^resnet20\.lathe\.json/ }).click();
    await window.command('Lathe: Export As…');
    const rows = page.locator('.quick-input-list .monaco-list-row');
    await rows.filter({ hasText: 'Report as HTML' }).waitFor();
    for (const name of ['Compressed ONNX model', 'Report as Markdown', 'ONNX Runtime tensor overrides', 'Netron']) {
      assert.equal(await rows.filter({ hasText: name }).count(), 1, name);
    }
    await page.keyboard.press('Escape');
  });

  it('writes the model in another form, and compares it from the message that says so', async () => {
    const { page } = window;
    await window.command('Lathe: Export As…');
    const rows = page.locator('.quick-input-list .monaco-list-row');
    await rows.filter({ hasText: 'Float model with these weights' }).click();
    await page.getByRole('button', { name: 'OK', exact: true }).click();
    const toast = page.locator('.notification-toast', { hasText: 'Exported resnet20.float.onnx' });
    await toast.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('tab', { name: 'resnet20.onnx ↔ resnet20.float.onnx' }).waitFor();
    assert.ok(existsSync(join(storage, 'compressed', 'resnet20.float.onnx')));
  });
});
