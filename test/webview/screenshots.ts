/** Pictures of the model editor in every theme, for the documentation: `npx tsx test/webview/screenshots.ts [PART OF A NAME]`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import type { ComparisonName } from './fixtures/fixtureComparison';
import type { FixtureName } from './fixtures/fixtureState';
import { fixtureReview } from './fixtures/fixtureReview';
import type { HistoryFixtureName } from './fixtures/fixtureHistory';
import { CompareSession } from './host/compareSession';
import { EditorSession } from './host/editorSession';
import type { SessionOptions } from './host/viewSession';
import { HistorySession } from './host/historySession';
import { ReviewSession } from './host/reviewSession';
import { buildWebview, launchBrowser, startServer, themeKinds } from './host/webviewPage';

interface Picture {
  readonly name: string;
  readonly fixture: FixtureName;
  readonly tab: 'Overview' | 'Layers' | 'Graph' | 'Bits' | 'Sparsity';
  readonly options: SessionOptions;
  /** Pressed in the Sparsity tab. */
  readonly choice?: { readonly pattern: string; readonly method: string };
  /** Chosen in the Graph tab. */
  readonly measure?: string;
  readonly press?: readonly string[];
  /** Part of the page to picture. */
  readonly only?: string;
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
  ...themeKinds.map((theme): Picture => ({
    name: `graph-${theme}`,
    fixture: 'optimized',
    tab: 'Graph',
    options: { theme },
    measure: 'Weight bits',
  })),
  { name: 'graph-kinds-dark', fixture: 'optimized', tab: 'Graph', options: { theme: 'dark' } },
  {
    name: 'graph-light-narrow',
    fixture: 'optimized',
    tab: 'Graph',
    options: { theme: 'light', width: 640 },
    measure: 'Sensitivity',
  },
  { name: 'graph-5000-nodes', fixture: 'huge', tab: 'Graph', options: { theme: 'light' }, measure: 'Parameters' },
  {
    name: 'graph-5000-nodes-open',
    fixture: 'huge',
    tab: 'Graph',
    options: { theme: 'dark', width: 1600 },
    measure: 'Weight bits',
    press: ['Open all'],
  },
  ...(['Layers', 'Overview'] as const).flatMap((tab) =>
    themeKinds.map((theme): Picture => ({
      name: `${tab.toLowerCase()}-${theme}`,
      fixture: 'analyzed',
      tab,
      options: { theme },
    })),
  ),
  ...themeKinds.map((theme): Picture => ({
    name: `bits-steps-${theme}`,
    fixture: 'optimized',
    tab: 'Bits',
    options: { theme },
    press: ['what each step bought'],
  })),
  ...themeKinds.map((theme): Picture => ({
    name: `inspector-${theme}`,
    fixture: 'optimized',
    tab: 'Layers',
    options: { theme, height: 2240 },
    only: '.inspector',
  })),
  { name: 'bits-dark-narrow', fixture: 'optimized', tab: 'Bits', options: { theme: 'dark', width: 640 } },
  { name: 'bits-3000-layers', fixture: 'huge', tab: 'Bits', options: { theme: 'light' } },
];

/** Of the review panel. */
const reviews: readonly { readonly name: string; readonly options: SessionOptions }[] = [
  ...themeKinds.map((theme) => ({ name: `review-${theme}`, options: { theme, height: 760 } })),
  { name: 'review-light-narrow', options: { theme: 'light', width: 600, height: 760 } },
];

const comparisons: readonly {
  readonly name: string;
  readonly fixture: ComparisonName;
  readonly options: SessionOptions;
}[] = [
  ...themeKinds.map((theme) => ({ name: `compare-${theme}`, fixture: 'compressed' as const, options: { theme } })),
  { name: 'compare-light-narrow', fixture: 'compressed', options: { theme: 'light', width: 640 } },
];

interface HistoryPicture {
  readonly name: string;
  readonly fixture: HistoryFixtureName;
  readonly options: SessionOptions;
}

/** Two runs are selected in each. */
const historyPictures: readonly HistoryPicture[] = [
  ...themeKinds.map((theme): HistoryPicture => ({
    name: `history-${theme}`,
    fixture: 'runs',
    options: { theme, width: 1100, height: 640 },
  })),
  { name: 'history-light-narrow', fixture: 'hundred', options: { theme: 'light', width: 600, height: 700 } },
];

const target = join(__dirname, '../../docs/images/webview');

/** 256 colours are plenty for a theme, and a third of the bytes. */
async function save(part: Page | Locator, name: string): Promise<void> {
  const picture = await part.screenshot();
  await sharp(picture)
    .png({ palette: true, quality: 95, effort: 10 })
    .toFile(join(target, `${name}.png`));
}

async function main(): Promise<void> {
  mkdirSync(target, { recursive: true });
  await buildWebview();
  const browser = await launchBrowser();
  const { server, address } = await startServer();
  const wanted = process.argv[2] ?? '';
  for (const picture of pictures.filter(({ name }) => name.includes(wanted))) {
    const { name, fixture, tab, options, choice, measure, press, only } = picture;
    const editor = await EditorSession.open(browser, address, fixture, options);
    await editor.showTab(tab);
    if (fixture !== 'huge') {
      editor.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
    }
    if (fixture !== 'huge') {
      await editor.page.waitForSelector('.inspector .pixel-pane, .inspector > .inspector-content > .hint');
    }
    await editor.settled();
    if (choice !== undefined) {
      await editor.page.getByRole('radio', { name: choice.pattern, exact: true }).click();
      await editor.page.getByRole('radio', { name: choice.method, exact: true }).click();
    }
    if (measure !== undefined) {
      await editor.page.locator('.graph vscode-dropdown').click();
      await editor.page.locator('.graph vscode-option', { hasText: measure }).first().click();
    }
    for (const button of press ?? []) {
      await editor.page.getByRole('button', { name: button }).click();
    }
    if (tab === 'Graph') {
      await editor.settled();
      await editor.page.waitForSelector('.graph-stage[aria-busy="false"]');
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    await editor.settled();
    await save(only === undefined ? editor.page : editor.page.locator(only), name);
    await editor.close();
  }
  for (const { name, options } of reviews.filter((picture) => picture.name.includes(wanted))) {
    const review = await ReviewSession.open(browser, address, fixtureReview(), options);
    await save(review.page, name);
    await review.close();
  }
  for (const { name, fixture, options } of comparisons.filter((one) => one.name.includes(wanted))) {
    const session = await CompareSession.open(browser, address, fixture, options);
    await session.page.locator('.table-body .table-row').nth(4).locator('[data-column="status"]').click();
    await session.settled();
    await save(session.page, name);
    await session.close();
  }
  for (const { name, fixture, options } of historyPictures.filter((picture) => picture.name.includes(wanted))) {
    const view = await HistorySession.open(browser, address, fixture, options);
    const cell = (row: number) => view.page.locator('.table-body .table-row').nth(row).locator('.table-cell').first();
    await cell(0).click();
    await cell(3).click({ modifiers: ['Control'] });
    await view.settled();
    await save(view.page, name);
    await view.close();
  }
  await browser.close();
  server.close();
}

void main();
