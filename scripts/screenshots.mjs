// Pictures of the model editor in the real VS Code, for README and docs: every view in dark, light and high contrast.
//   node scripts/screenshots.mjs     (after `npm start`, so that there is something to show)
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root, setup } from './setup.mjs';

setup({ vscode: true });
const { startServer } = await import('./vscodeServer.mjs');
const { openWorkbench } = await import('./workbench.mjs');

const themes = {
  dark: 'Default Dark Modern',
  light: 'Default Light Modern',
  'high-contrast': 'Default High Contrast',
};
const folder = join(root, 'docs', 'images');
mkdirSync(folder, { recursive: true });
const samples = join(root, 'samples');

for (const [name, theme] of Object.entries(themes)) {
  const server = await startServer({
    settings: { 'workbench.colorTheme': theme, 'workbench.activityBar.location': 'default' },
  });
  const address = server.url(samples, [
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
    await page.locator('.monaco-workbench[class*="theme-defaults"]').waitFor();
    const frame = await editorFrame(page);
    for (const tab of ['Overview', 'Layers', 'Bits']) {
      await frame.getByRole('tab', { name: tab }).click();
      if (tab === 'Layers') {
        await frame.getByText('layers.7.conv2').first().click();
      }
      await delay(2500);
      await page.screenshot({ path: join(folder, `${tab.toLowerCase()}-${name}.png`) });
    }
  } finally {
    await browser.close();
    await server.stop();
  }
}

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
