import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';
import { VSCodeWindow } from '../../support/vscode/window';

const pictures = join(root, 'out', 'pictures');

/** The sample under git, with a compressed child beside it and some weights set to zero since the commit. */
function prepare(workspace: string): void {
  const folder = join(workspace, 'sample');
  const model = join(folder, 'resnet20.onnx');
  mkdirSync(join(folder, 'compressed'));
  copyFileSync(join(root, 'test/fixtures/models/resnet20_folded.onnx'), join(folder, 'compressed', 'resnet20.onnx'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: workspace });
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'Add the sample');
  const bytes = readFileSync(model);
  bytes.fill(0, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 4000);
  writeFileSync(model, bytes);
}

describe('Comparison, as a user sees it', function () {
  this.timeout(500_000);
  let window: VSCodeWindow;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ prepare });
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = (this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40);
    await window.page.screenshot({ path: join(pictures, `compare-${name}.png`) });
  });

  it('is one click from the model to its compressed child', async () => {
    const editor = await window.openModelFromView('resnet20.onnx');
    await editor.locator('vscode-button', { hasText: 'Compare' }).click();
    const frame = await window.frameWith('.compare-tables .table-row[data-key]');
    await frame.getByText('Layers 22').first().waitFor();
    assert.equal(await frame.locator('.table-body .table-row').count(), 22);
    assert.match((await frame.locator('.messages').textContent()) ?? '', /batch norms folded/);
    // The child is the same network folded: no weight is far off.
    await frame.getByRole('radio', { name: /^Operators/ }).click();
    await frame.locator('.table-body').getByText('BatchNormalization').waitFor();
  });

  it('opens a layer of the comparison in the model editor', async () => {
    const frame = await window.frameWith('.compare-tables');
    await frame.getByRole('radio', { name: /^Layers/ }).click();
    await frame.getByRole('button', { name: 'layers.5.conv1' }).click();
    const editor = await window.frameWith('.view-layers.is-shown');
    await editor.locator('.layer-title', { hasText: 'layers.5.conv1' }).waitFor();
  });

  it('is what a click on a changed model in Source Control shows', async () => {
    const { page } = window;
    await window.command('View: Close All Editors');
    await page.keyboard.press('Control+Shift+G');
    await page.locator('.scm-view .monaco-list-row', { hasText: 'resnet20.onnx' }).first().click();
    const frame = await window.frameWith('.compare-tables .table-row[data-key]');
    await frame.getByText('resnet20.onnx, index').waitFor();
    await page.getByRole('tab', { name: /resnet20\.onnx \(index\) ↔/ }).waitFor();
    // Behind it are both models.
    await page.getByRole('tab', { name: /Working Tree/ }).waitFor();
  });

  it('compares two models chosen from the palette, by keyboard', async () => {
    await window.command('View: Close All Editors');
    await window.command('Lathe: Compare Models');
    const input = window.page.locator('.quick-input-widget input[type="text"]');
    const row = window.page.locator('.quick-input-list .monaco-list-row');
    await window.page.locator('.quick-input-title', { hasText: 'Compare which model?' }).waitFor();
    await row.filter({ hasText: 'resnet20.onnx' }).first().waitFor();
    await input.press('Enter');
    await window.page.locator('.quick-input-title', { hasText: 'Compare resnet20.onnx with' }).waitFor();
    await input.press('Enter');
    await window.frameWith('.compare-tables .table-row[data-key]');
  });

  it('comes back with the window', async () => {
    const frame = await window.frameWith('.compare-tables');
    await frame.locator('.search').locator('input').fill('layers.7');
    await frame.getByText('2 of 22 layers').waitFor();
    await window.command('Developer: Reload Window');
    await window.page.waitForTimeout(3000);
    const again = await window.frameWith('.compare-tables .table-row[data-key]');
    await again.getByText('2 of 22 layers').waitFor();
  });
});
