import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { root } from '../../../scripts/setup.mjs';
import { VSCodeWindow } from '../../support/vscode/window';
import { violations } from '../../webview/host/axe';

const pictures = join(root, 'out', 'pictures');

/** Few samples and widths, so that the allocation takes seconds. */
const recipe = (size: number) =>
  `${JSON.stringify(
    {
      model: 'resnet20.onnx',
      data: {
        calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 64 },
        preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
      },
      quantization: {
        weights: { bits: [2, 4, 8] },
        activations: { bits: [8] },
        sensitivity: { samples: 32 },
        optimizer: { method: 'rtn' },
      },
      allocation: { minimize: 'loss', budget: { size } },
    },
    null,
    2,
  )}\n`;

/** A repository whose last commit holds recipe and lock of one budget, and a working tree with those of a smaller one. */
function prepare(workspace: string): void {
  const path = join(workspace, 'sample', 'resnet20.lathe.json');
  const lathe = (command: string) =>
    execFileSync(process.execPath, [join(root, 'dist', 'cli.js'), command, path, '--quiet'], { stdio: 'ignore' });
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: workspace });
  writeFileSync(path, recipe(0.2));
  lathe('analyze');
  lathe('allocate');
  git('init', '--quiet', '--initial-branch', 'main');
  git('add', 'sample/resnet20.lathe.json', 'sample/resnet20.lathe.lock.json');
  git('commit', '--quiet', '--message', 'Compress to a fifth');
  writeFileSync(path, recipe(0.15));
  writeFileSync(join(workspace, 'sample', 'other.lathe.json'), recipe(0.3));
  lathe('allocate');
}

describe('Review, as a user sees it', function () {
  this.timeout(300_000);
  let window: VSCodeWindow;
  let frame: Frame;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ prepare });
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = `review-${(this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40)}`;
    await window.page.screenshot({ path: join(pictures, `${name}.png`) });
  });

  const lockPath = () => join(window.workspace, 'sample', 'resnet20.lathe.lock.json');
  const changed = () => frame.locator('.answer', { hasText: 'Layers changed' }).locator('.answer-value');

  it('opens from the line above a recipe', async () => {
    const { page } = window;
    await page.locator('.activitybar .action-label[aria-label^="Lathe"]').click();
    const model = page.getByRole('treeitem', { name: /resnet20\.onnx/ }).first();
    await model.waitFor();
    const file = page.getByRole('treeitem', { name: /resnet20\.lathe\.json/ }).first();
    if (!(await file.isVisible())) {
      await model.locator('.monaco-tl-twistie').click();
    }
    await file.click();
    const lens = page.getByText('Changes since HEAD', { exact: true }).first();
    await lens.waitFor();
    // VS Code draws the line anew while a file opens: a click in that moment is lost.
    await page.waitForTimeout(2000);
    await lens.click();
    frame = await window.frameWith('.review .table-body .table-row');
    await frame.getByRole('heading', { name: 'resnet20.lathe.json' }).waitFor();
    await frame.getByText('HEAD → working tree').waitFor();
    assert.ok(Number(await changed().textContent()) > 0);
    assert.ok((await frame.locator('.table-body .bit-chip').count()) >= 2);
    await frame.getByRole('row', { name: /allocation\.budget\.size 0\.2 0\.15/ }).waitFor();
  });

  it('has no violations of accessibility in VS Code itself', async () => {
    // The page of VS Code around the view is not ours.
    assert.deepEqual(await violations({ page: frame }), []);
  });

  it('copies what it shows as Markdown', async () => {
    await frame.getByRole('button', { name: 'Copy as Markdown' }).click();
    await window.page
      .locator('.statusbar-item', { hasText: /Copied changes as Markdown/ })
      .first()
      .waitFor();
  });

  it('offers branches and commits to compare with', async () => {
    await frame.getByRole('button', { name: 'Compare with…' }).press('Enter');
    const list = window.page.locator('.quick-input-list');
    await list.getByText('Compress to a fifth').waitFor();
    await list.getByText('Two files…').waitFor();
    await window.page.locator('.quick-input-widget input[type="text"]').fill('main');
    await window.page.keyboard.press('Enter');
    await frame.getByText('main → working tree').waitFor();
  });

  it('follows the files', async () => {
    const before = await changed().textContent();
    const lock = readFileSync(lockPath(), 'utf8');
    writeFileSync(lockPath(), lock.replace(/"weights": \{ "bits": \d/g, '"weights": { "bits": 3'));
    await frame.waitForFunction(
      (old) =>
        [...document.querySelectorAll('.answer')].some(
          (node) => /Layers changed/.test(node.textContent) && node.querySelector('.answer-value')?.textContent !== old,
        ),
      before,
    );
    writeFileSync(lockPath(), lock);
    await frame.waitForFunction(
      (old) =>
        [...document.querySelectorAll('.answer')].some(
          (node) => /Layers changed/.test(node.textContent) && node.querySelector('.answer-value')?.textContent === old,
        ),
      before,
    );
  });

  it('comes back after a reload of the window, compared with the same', async () => {
    await frame.waitForTimeout(1500);
    await window.command('Developer: Reload Window');
    await window.page.waitForTimeout(3000);
    frame = await window.frameWith('.review .table-body .table-row');
    await frame.getByText('main → working tree').waitFor();
  });

  it('opens a layer in its model by the keyboard', async () => {
    const name = await frame.locator('.table-body .table-row .link').first().textContent();
    await frame.locator('[role="grid"]').focus();
    await window.page.keyboard.press('ArrowDown');
    await window.page.keyboard.press('ArrowUp');
    const first = frame.locator('.table-body .table-row[aria-selected="true"] .link');
    const selected = (await first.textContent()) ?? name!;
    await window.page.keyboard.press('Enter');
    const editor = await window.frameWith('.inspector');
    const short = selected.split('/').at(-2)!;
    await editor.locator('.inspector').getByText(new RegExp(short)).first().waitFor();
  });

  it('compares two files selected in the explorer', async () => {
    const { page } = window;
    await page.locator('.activitybar .action-label[aria-label^="Explorer"]').click();
    const item = (name: string) => page.locator('.explorer-folders-view').getByRole('treeitem', { name }).first();
    await item('sample').waitFor();
    // VS Code opens the folder of the file in front by itself, a moment later.
    await page.waitForTimeout(2000);
    if ((await item('sample').getAttribute('aria-expanded')) === 'false') {
      await item('sample').click();
    }
    const both = page.getByRole('tab', { name: /Changes: resnet20\.lathe\.json/ });
    const before = await both.count();
    // The tree draws itself anew when git has looked at the files, and forgets what was selected in that moment.
    for (let i = 0; i < 5 && (await both.count()) === before; i++) {
      await item('other.lathe.json').click();
      await item('resnet20.lathe.json').click({ modifiers: ['Control'] });
      if ((await page.locator('.explorer-folders-view .monaco-list-row.selected').count()) !== 2) {
        continue;
      }
      await item('resnet20.lathe.json').click({ button: 'right' });
      // VS Code ignores the click that comes at once with the menu; the key it takes.
      await page.getByRole('menuitem', { name: 'Review Changes' }).hover();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Review Changes' }).waitFor({ state: 'hidden' });
      await both
        .nth(before)
        .waitFor({ timeout: 10_000 })
        .catch(() => undefined);
    }
    const shown = 'sample/other.lathe.json → sample/resnet20.lathe.json';
    const frameOfBoth = await window.frameWith(`.facts[title="${shown}"]`);
    await frameOfBoth.getByRole('row', { name: /allocation\.budget\.size 0\.3 0\.15/ }).waitFor();
  });
});
