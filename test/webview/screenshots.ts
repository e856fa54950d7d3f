/** Pictures of the model editor in every theme, for the documentation: `npx tsx test/webview/screenshots.ts [PART OF A NAME]`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FixtureName } from './fixtures/fixtureState';
import { EditorSession, type SessionOptions } from './host/editorSession';
import { buildWebview, launchBrowser, startServer, themeKinds } from './host/webviewPage';

interface Picture {
  readonly name: string;
  readonly fixture: FixtureName;
  readonly tab: 'Overview' | 'Layers' | 'Bits' | 'Sparsity';
  readonly options: SessionOptions;
  /** Pressed in the Sparsity tab. */
  readonly choice?: { readonly pattern: string; readonly method: string };
}

const pictures: readonly Picture[] = [
  ...themeKinds.map((theme): Picture => ({
    name: `bits-${theme}`,
    fixture: 'optimized',
    tab: 'Bits',
    options: { theme },
  })),
  ...themeKinds.map((theme): Picture => ({
    name: `sparsity-${theme}`,
    fixture: 'optimized',
    tab: 'Sparsity',
    options: { theme },
    choice: { pattern: '4:8', method: 'transposable' },
  })),
  {
    name: 'sparsity-light-narrow',
    fixture: 'optimized',
    tab: 'Sparsity',
    options: { theme: 'light', width: 640, height: 1100 },
    choice: { pattern: '2:4', method: 'row-wise' },
  },
  { name: 'sparsity-wide-dark', fixture: 'optimized', tab: 'Sparsity', options: { theme: 'dark', width: 2000 } },
  { name: 'layers-light', fixture: 'analyzed', tab: 'Layers', options: { theme: 'light' } },
  { name: 'layers-dark', fixture: 'analyzed', tab: 'Layers', options: { theme: 'dark' } },
  { name: 'overview-dark', fixture: 'analyzed', tab: 'Overview', options: { theme: 'dark' } },
  { name: 'bits-dark-narrow', fixture: 'optimized', tab: 'Bits', options: { theme: 'dark', width: 640 } },
  { name: 'bits-3000-layers', fixture: 'huge', tab: 'Bits', options: { theme: 'light' } },
];

async function main(): Promise<void> {
  const target = join(__dirname, '../../docs/images/webview');
  mkdirSync(target, { recursive: true });
  await buildWebview();
  const browser = await launchBrowser();
  const { server, address } = await startServer();
  const wanted = process.argv[2] ?? '';
  for (const { name, fixture, tab, options, choice } of pictures.filter((picture) => picture.name.includes(wanted))) {
    const editor = await EditorSession.open(browser, address, fixture, options);
    await editor.showTab(tab);
    if (fixture !== 'huge') {
      editor.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
    }
    await editor.settled();
    if (choice !== undefined) {
      await editor.page.getByRole('radio', { name: choice.pattern, exact: true }).click();
      await editor.page.getByRole('radio', { name: choice.method, exact: true }).click();
    }
    await editor.settled();
    await editor.page.screenshot({ path: join(target, `${name}.png`) });
    await editor.close();
  }
  await browser.close();
  server.close();
}

void main();
