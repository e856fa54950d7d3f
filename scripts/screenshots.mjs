// Pictures of the model editor in the real VS Code, for README and docs, in VS Code's light theme.
//   node scripts/screenshots.mjs     (after `npm start`, so that there is something to show)
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root, setup } from './setup.mjs';

setup({ vscode: true });
const { startServer } = await import('./vscodeServer.mjs');
const { openWorkbench } = await import('./workbench.mjs');

const themes = { light: 'Default Light Modern' };
const folder = join(root, 'docs', 'images');
mkdirSync(folder, { recursive: true });
// An extension development window takes its theme from the workspace only.
const workspace = mkdtempSync(join(tmpdir(), 'lathe-pictures-'));
cpSync(join(root, 'samples'), workspace, { recursive: true });
mkdirSync(join(workspace, '.vscode'));

for (const [name, theme] of Object.entries(themes)) {
  writeFileSync(join(workspace, '.vscode', 'settings.json'), JSON.stringify({ 'workbench.colorTheme': theme }));
  const server = await startServer();
  const address = server.url(workspace, [
    ['extensionDevelopmentPath', server.remote(root)],
    ['skipWelcome', 'true'],
  ]);
  const { browser, page } = await openWorkbench(address, { width: 1500, height: 940 });
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
      await page.screenshot({ path: join(folder, `${tab.toLowerCase()}-${name}.png`) });
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
