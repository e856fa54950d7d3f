/**
 * What a person waits for in the editor, in the real VS Code server and Chromium, by the browser's own performance timeline:
 *
 *   - first picture: from the click on a model of 5,000 operators and 100 MB in the Explorer to its painted figures, as the
 *     first webview of a window (the extension starts, the background process is forked), against the same click on a small
 *     PNG in a window of its own; and a copy of the model after that, against a PNG opened as late;
 *   - the Graph tab of that model, from the click to the painted picture;
 *   - scrolling through its table of 2,000 layers: frames that took longer than two of the display's;
 *   - the budget slider of a measured model of 100 layers: from the key to the repainted widths, and to the exact answer;
 *   - activation, as VS Code counts it, beside its own Git extension.
 *
 * Every webview after the first of a window waits one second for VS Code's service worker, whoever shows it.
 *
 *     npm run build && npx tsx bench/editor.ts [rounds]
 *
 * Figures are medians of the rounds. The table goes to stdout, all to bench/results/editor.json.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { setup } from '../scripts/setup.mjs';
import { startServer } from '../scripts/vscodeServer.mjs';
import { openWorkbench } from '../scripts/workbench.mjs';
import { saveModel } from '../src/onnx';
import { layerChain, layeredEncoder, noise } from './networks/generate';
import { npyFile } from './npyFile';

const ROUNDS = Number(process.argv[2] ?? 5);
const root = resolve(__dirname, '..');
const LARGE_OPERATORS = 5000;
/** Of the 2,000 weights: 100 MB in all. */
const LARGE_WIDTH = 112;
const SLIDER_LAYERS = 100;
const SLIDER_WIDTH = 16;
const SAMPLES = 16;
const KEYS = 20;

/** Marks, in every frame, the first paint after what is looked for is there. Runs before anything of the page. */
function watchFrame(): void {
  const marks: Record<string, number> = {};
  Object.assign(globalThis, { latheMarks: marks });
  const now = (): number => performance.timeOrigin + performance.now();
  const pressed = (): void => void (marks.pointer = now());
  const wanted: Record<string, () => boolean> = {
    image: () => document.querySelector<HTMLImageElement>('body.image img')?.complete === true,
    // The strip of answers with a figure in it.
    model: () => /\d/.test(document.querySelector('.answers')?.textContent ?? ''),
    graph: () => document.querySelector('.graph-stage[aria-busy="false"]') !== null,
  };
  const look = (): void => {
    // A webview's document is opened once more after this script ran, and forgets its listeners; adding it twice is no harm.
    addEventListener('pointerdown', pressed, true);
    for (const [name, isThere] of Object.entries(wanted)) {
      if (!(name in marks) && isThere()) {
        marks[name] = NaN;
        // A task after the next frame: that frame has been painted then.
        requestAnimationFrame(() => setTimeout(() => (marks[name] = now())));
      }
    }
    setTimeout(look, 4);
  };
  look();
}

type Marks = Readonly<Record<string, number>>;

async function marksOf(frame: Frame | Page): Promise<Marks> {
  return frame.evaluate(() => ({ ...(globalThis as unknown as { latheMarks: Record<string, number> }).latheMarks }));
}

/** The new frame that has this mark, and when it was set; NaN travels as null until it was painted. */
async function frameWith(page: Page, mark: string, before: ReadonlySet<Frame>): Promise<{ frame: Frame; at: number }> {
  for (;;) {
    for (const frame of page.frames().filter((frame) => !before.has(frame))) {
      const at = (await marksOf(frame).catch((): Marks => ({})))[mark];
      if (at !== undefined && !Number.isNaN(at)) {
        return { frame, at };
      }
    }
    await page.waitForTimeout(50);
  }
}

async function openFromExplorer(page: Page, name: string, mark: string): Promise<{ frame: Frame; ms: number }> {
  const before = new Set(page.frames());
  await page.getByRole('treeitem', { name: new RegExp(`^${name}`) }).click();
  const clicked = (await marksOf(page)).pointer!;
  const { frame, at } = await frameWith(page, mark, before);
  return { frame, ms: at - clicked };
}

async function command(page: Page, title: string): Promise<void> {
  await page.keyboard.press('F1');
  const input = page.locator('.quick-input-widget input[type="text"]');
  await input.fill(`>${title}`);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
  await input.press('Enter');
}

async function graphTab(frame: Frame): Promise<number> {
  await frame.getByRole('tab', { name: 'Graph' }).click();
  const clicked = (await marksOf(frame)).pointer!;
  for (;;) {
    const at = (await marksOf(frame)).graph;
    if (at !== undefined && !Number.isNaN(at)) {
      return at - clicked;
    }
    await frame.waitForTimeout(20);
  }
}

interface Scrolling {
  readonly frames: number;
  /** Longer than two frames of a display of 60 Hz. */
  readonly late: number;
  /** Longest time in scripts within one frame, from the browser's long-animation-frame entries (50 ms and more). */
  readonly longestScriptMs: number;
}

async function scrollLayers(page: Page, frame: Frame): Promise<Scrolling> {
  await frame.getByRole('tab', { name: 'Layers' }).click();
  const table = frame.locator('.view-layers [role="grid"]');
  await table.waitFor();
  await frame.waitForTimeout(1000);
  const box = (await table.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await frame.evaluate(() => {
    const times: number[] = [];
    const scripts: number[] = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { scripts?: { duration: number }[] })[]) {
        scripts.push((entry.scripts ?? []).reduce((sum, { duration }) => sum + duration, 0));
      }
    }).observe({ type: 'long-animation-frame' });
    const tick = (at: number): void => {
      times.push(at);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    Object.assign(globalThis, { latheScroll: { times, scripts } });
  });
  for (let i = 0; i < 60; i++) {
    await page.mouse.wheel(0, 240);
    await frame.waitForTimeout(16);
  }
  return frame.evaluate(() => {
    const { times, scripts } = (globalThis as unknown as { latheScroll: { times: number[]; scripts: number[] } })
      .latheScroll;
    const gaps = times.slice(1).map((at, i) => at - times[i]!);
    return {
      frames: gaps.length,
      late: gaps.filter((gap) => gap > 34).length,
      longestScriptMs: Math.max(0, ...scripts),
    };
  });
}

interface Slider {
  readonly bars: number;
  /** From the key to the frame with the new widths. */
  readonly firstMs: number;
  /** From the key to the exact answer, the rest of the slider that it waits for taken off. */
  readonly exactMs: number;
}

async function slide(frame: Frame): Promise<Slider> {
  await frame.getByRole('tab', { name: 'Bits' }).click();
  const slider = frame.getByRole('slider', { name: 'Size budget' });
  await slider.waitFor();
  await frame.waitForTimeout(3000);
  await slider.focus();
  await frame.evaluate(() => {
    const seen = { key: 0, changes: [] as number[] };
    addEventListener('keydown', () => Object.assign(seen, { key: performance.now(), changes: [] }), true);
    new MutationObserver(() => {
      requestAnimationFrame(() => setTimeout(() => seen.changes.push(performance.now() - seen.key)));
    }).observe(document.querySelector('.skyline')!, { subtree: true, childList: true, attributes: true });
    Object.assign(globalThis, { latheSlider: seen });
  });
  const first: number[] = [];
  const exact: number[] = [];
  const bars = await frame.locator('.skyline .bar').count();
  for (let i = 0; i < KEYS; i++) {
    await slider.press('ArrowLeft');
    await frame.waitForTimeout(900);
    const changes = await frame.evaluate(
      () => (globalThis as unknown as { latheSlider: { changes: number[] } }).latheSlider.changes,
    );
    if (changes.length > 0) {
      first.push(changes[0]!);
      exact.push(Math.max(changes[0]!, changes[changes.length - 1]! - 150));
    }
  }
  return { bars, firstMs: median(first), exactMs: median(exact) };
}

/** Milliseconds VS Code counted for loading and activating, by extension. */
async function activationTimes(page: Page): Promise<{ lathe: number; git: number }> {
  await command(page, 'Developer: Show Running Extensions');
  const rows = page.locator('.runtime-extensions-editor .monaco-list-row');
  await rows.first().waitFor();
  const times = await rows.evaluateAll((all) => all.map((row) => row.textContent));
  const of = (name: RegExp): number => {
    const text = times.find((row) => name.test(row)) ?? '';
    return Number(/(?:Activation|Startup)[^\d]*(\d+)\s*ms/.exec(text)?.[1] ?? NaN);
  };
  return { lathe: of(/^lathe/i), git: of(/^Git(?!Hub)/) };
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

async function main(): Promise<void> {
  setup({ vscode: true });
  const workspace = mkdtempSync(join(tmpdir(), 'lathe-editor-bench-'));
  try {
    for (const name of ['first.png', 'second.png']) {
      cpSync(join(root, 'media/icon.png'), join(workspace, name));
    }
    saveModel(layeredEncoder(LARGE_OPERATORS, LARGE_WIDTH), join(workspace, 'large.onnx'));
    cpSync(join(workspace, 'large.onnx'), join(workspace, 'large-too.onnx'));
    saveModel(layerChain(SLIDER_LAYERS, SLIDER_WIDTH), join(workspace, 'chain.onnx'));
    const samples = Buffer.from(noise(SAMPLES * SLIDER_WIDTH, 99).buffer);
    writeFileSync(join(workspace, 'samples.npy'), npyFile('<f4', [SAMPLES, SLIDER_WIDTH], samples));
    const recipe = {
      model: 'chain.onnx',
      data: { calibration: { source: 'samples.npy', samples: SAMPLES } },
      quantization: {
        weights: { bits: [2, 3, 4, 5, 6, 8] },
        activations: { bits: [8] },
        optimizer: { method: 'rtn' },
        sensitivity: { measure: 'mse', samples: SAMPLES },
      },
      allocation: { budget: { size: 0.14 } },
    };
    writeFileSync(join(workspace, 'chain.lathe.json'), JSON.stringify(recipe, null, 2));
    const analyzed = spawnSync(process.execPath, [
      join(root, 'dist/cli.js'),
      'analyze',
      join(workspace, 'chain.lathe.json'),
    ]);
    if (analyzed.status !== 0) {
      throw new Error(`lathe analyze: ${analyzed.stderr.toString()}`);
    }
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) {
      rounds.push(await round(workspace));
      console.error(JSON.stringify(rounds[i]));
    }
    report(rounds);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

type Round = Awaited<ReturnType<typeof round>>;

async function round(workspace: string) {
  const server = await startServer({ settings: { 'workbench.editor.enablePreview': false } });
  const address = server.url(workspace, [
    ['extensionDevelopmentPath', server.remote(root)],
    ['skipWelcome', 'true'],
  ]);
  try {
    const image = await inWindow(address, async (page) => (await openFromExplorer(page, 'first.png', 'image')).ms);
    return await inWindow(address, async (page) => {
      const cold = await openFromExplorer(page, 'large.onnx', 'model');
      const nextImage = await openFromExplorer(page, 'second.png', 'image');
      const warm = await openFromExplorer(page, 'large-too.onnx', 'model');
      const graph = await graphTab(warm.frame);
      const scrolling = await scrollLayers(page, warm.frame);
      const chain = await openFromExplorer(page, 'chain.onnx', 'model');
      const slider = await slide(chain.frame);
      const activation = await activationTimes(page);
      return { image, cold: cold.ms, nextImage: nextImage.ms, warm: warm.ms, graph, scrolling, slider, activation };
    });
  } finally {
    await server.stop();
  }
}

async function inWindow<Result>(address: string, work: (page: Page) => Promise<Result>): Promise<Result> {
  const { browser, page } = await openWorkbench('about:blank', { width: 1400, height: 860 });
  try {
    // tsx wraps named functions in a helper of its own, which the page does not have.
    await page.context().addInitScript({ content: 'globalThis.__name = (named) => named;' });
    await page.context().addInitScript(watchFrame);
    await page.goto(address);
    await page.getByRole('treeitem', { name: /^first\.png/ }).waitFor();
    // The window settles: VS Code's own extensions start.
    await page.waitForTimeout(4000);
    return await work(page);
  } finally {
    await browser.close();
  }
}

function report(rounds: readonly Round[]): void {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const ms = (pick: (round: Round) => number): string => `${of(pick).toFixed(0)} ms`;
  const against = (pick: (round: Round) => number, base: (round: Round) => number): string =>
    median(rounds.map((round) => pick(round) / base(round))).toFixed(2);
  const frame = (): number => 1000 / 60;
  const rows: [string, string, string][] = [
    ["first webview of a window: VS Code's image preview", ms(({ image }) => image), '1'],
    [
      'first webview of a window: the large model',
      ms(({ cold }) => cold),
      against(
        ({ cold }) => cold,
        ({ image }) => image,
      ),
    ],
    ["later webview: VS Code's image preview", ms(({ nextImage }) => nextImage), '1'],
    [
      'later webview: a copy of the large model',
      ms(({ warm }) => warm),
      against(
        ({ warm }) => warm,
        ({ nextImage }) => nextImage,
      ),
    ],
    [
      'Graph tab of the large model',
      ms(({ graph }) => graph),
      against(
        ({ graph }) => graph,
        ({ image }) => image,
      ),
    ],
    [
      `slider, ${SLIDER_LAYERS} layers: widths redrawn (against a frame)`,
      ms(({ slider }) => slider.firstMs),
      against(({ slider }) => slider.firstMs, frame),
    ],
    [
      `slider, ${SLIDER_LAYERS} layers: exact answer (against a frame)`,
      ms(({ slider }) => slider.exactMs),
      against(({ slider }) => slider.exactMs, frame),
    ],
    ["activation: VS Code's Git", ms(({ activation }) => activation.git), '1'],
    [
      'activation: Lathe',
      ms(({ activation }) => activation.lathe),
      against(
        ({ activation }) => activation.lathe,
        ({ activation }) => activation.git,
      ),
    ],
    [
      'scrolling 2,000 layers: frames later than two of the display',
      `${of(({ scrolling }) => scrolling.late)} of ${of(({ scrolling }) => scrolling.frames)}`,
      '',
    ],
  ];
  console.log('| what | median | ratio |\n| --- | ---: | ---: |');
  for (const row of rows) {
    console.log(`| ${row.join(' | ')} |`);
  }
  mkdirSync(join(__dirname, 'results'), { recursive: true });
  writeFileSync(join(__dirname, 'results/editor.json'), JSON.stringify({ rounds }, null, 2));
}

void main();
