// Pictures of the model editor in the real VS Code, for README and docs, in a light, a dark and a high contrast theme.
//   node scripts/screenshots.mjs     (after `npm start`, so that there is something to show)
// Lathe is installed from its package: an extension development window does not take its theme from the user's settings.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { root, setup } from './setup.mjs';

setup({ vscode: true });
const { startServer } = await import('./vscodeServer.mjs');
const { openWorkbench } = await import('./workbench.mjs');
const { buildPackage } = await import('./package.mjs');

const themes = {
  light: 'Default Light Modern',
  dark: 'Default Dark Modern',
  hc: 'Default High Contrast',
};
const vsix = buildPackage();
const folder = join(root, 'docs', 'images');
mkdirSync(folder, { recursive: true });
const workspace = mkdtempSync(join(tmpdir(), 'lathe-pictures-'));
cpSync(join(root, 'samples'), workspace, { recursive: true });
// The measurements came along and are taken from there; that they belong to this copy is for Lathe to say.
const recipe = join(workspace, 'fmnist-resnet20', 'resnet20.lathe.json');
spawnSync(process.execPath, [join(root, 'dist', 'cli.js'), 'analyze', recipe, '--quiet'], { stdio: 'inherit' });

for (const [name, theme] of Object.entries(themes)) {
  const server = await startServer({ install: vsix, settings: { 'workbench.colorTheme': theme } });
  const address = server.url(workspace, [['skipWelcome', 'true']]);
  const colorScheme = name === 'light' ? 'light' : 'dark';
  const { browser, page } = await openWorkbench(address, { width: 1500, height: 940, colorScheme });
  try {
    await page.locator('.activitybar .action-label[aria-label^="Lathe"]').click();
    await page
      .getByRole('treeitem', { name: /resnet20\.onnx/ })
      .nth(1)
      .click();
    const frame = await editorFrame(page);
    for (const tab of ['Overview', 'Layers', 'Bits']) {
      await frame.getByRole('tab', { name: tab }).click();
      if (tab === 'Layers') {
        await frame.locator('.view-layers .table-body').getByText('layers.7.conv2', { exact: true }).click();
      }
      await delay(2500);
      // 256 colours are plenty for a theme, and a third of the bytes.
      await sharp(await page.screenshot())
        .png({ palette: true, quality: 95, effort: 10 })
        .toFile(join(folder, `${tab.toLowerCase()}-${name}.png`));
    }
  } finally {
    await browser.close();
    await server.stop();
  }
}

rmSync(workspace, { recursive: true, force: true });

/** The frame of the model editor, once it shows layers. Webviews are nested frames. */
async function editorFrame(page) {
  for (let i = 0; i < 480; i++) {
    for (const frame of page.frames()) {
      if (
        (await frame
          .getByRole('tab', { name: 'Layers' })
          .count()
          .catch(() => 0)) > 0
      ) {
        return frame;
      }
    }
    await delay(250);
  }
  throw new Error('The model editor did not appear.');
}
