import { buildWebview, startServer, launchBrowser, themeKinds } from '/work/main/test/webview/host/webviewPage';
import { EditorSession } from '/work/main/test/webview/host/editorSession';
async function main() {
  const only = process.argv[2];
  await buildWebview();
  const { server, address } = await startServer();
  const browser = await launchBrowser();
  const shots: [string, any, any, (s: EditorSession) => Promise<void>][] = [];
  const pick = async (s: EditorSession) => {
    await s.page.evaluate(() => 0);
    s.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
    await s.settled();
  };
  for (const theme of themeKinds)
    for (const [size, w] of [
      ['wide', 1180],
      ['narrow', 640],
    ] as const) {
      shots.push([
        `bits-${theme}-${size}`,
        'optimized',
        { theme, width: w },
        async (s) => {
          await s.showTab('Bits');
          await pick(s);
        },
      ]);
      shots.push([
        `layers-${theme}-${size}`,
        'analyzed',
        { theme, width: w },
        async (s) => {
          await s.showTab('Layers');
          await pick(s);
        },
      ]);
      shots.push([
        `overview-${theme}-${size}`,
        'analyzed',
        { theme, width: w },
        async (s) => {
          await pick(s);
        },
      ]);
    }
  shots.push(['opened-bits-dark-wide', 'opened', {}, async (s) => s.showTab('Bits')]);
  shots.push([
    'opened-layers-light-wide',
    'opened',
    { theme: 'light' },
    async (s) => {
      await s.showTab('Layers');
      await pick(s);
    },
  ]);
  shots.push([
    'tiny-bits-dark-wide',
    'tiny',
    {},
    async (s) => {
      await s.showTab('Bits');
      s.change({ selectedLayer: '/rnn/LSTM' });
      await s.settled();
    },
  ]);
  shots.push([
    'tiny-layers-light-wide',
    'tiny',
    { theme: 'light' },
    async (s) => {
      await s.showTab('Layers');
      s.change({ selectedLayer: '/rnn/LSTM' });
      await s.settled();
    },
  ]);
  shots.push(['huge-bits-dark-wide', 'huge', {}, async (s) => s.showTab('Bits')]);
  shots.push([
    'huge-layers-light-2000',
    'huge',
    { theme: 'light', width: 2000, height: 1000 },
    async (s) => s.showTab('Layers'),
  ]);
  shots.push([
    'bits-light-2000',
    'optimized',
    { theme: 'light', width: 2000, height: 1000 },
    async (s) => {
      await s.showTab('Bits');
      await pick(s);
    },
  ]);
  shots.push(['broken-dark', 'broken', {}, async (s) => s.showTab('Layers')]);
  shots.push(['untrusted-light-narrow', 'untrusted', { theme: 'light', width: 640 }, async () => {}]);
  shots.push([
    'menu-dark',
    'optimized',
    {},
    async (s) => {
      await s.showTab('Bits');
      await pick(s);
      await s.page.locator('.skyline svg').focus();
      await s.page.keyboard.press('Enter');
      await s.settled();
    },
  ]);
  shots.push([
    'columns-light',
    'analyzed',
    { theme: 'light' },
    async (s) => {
      await s.showTab('Layers');
      await s.page.getByRole('button', { name: 'Columns' }).click();
      await s.settled();
    },
  ]);
  shots.push([
    'moved-dark',
    'optimized',
    {},
    async (s) => {
      await s.showTab('Bits');
      await pick(s);
      const b = (await s.page.locator('.frontier-slider').boundingBox())!;
      await s.page.mouse.move(b.x + b.width * 0.2, b.y + 100);
      await s.page.mouse.down();
      await s.page.mouse.move(b.x + b.width * 0.35, b.y + 90);
      await s.page.mouse.up();
      await new Promise((r) => setTimeout(r, 400));
      await s.settled();
    },
  ]);
  shots.push([
    'infeasible-light',
    'optimized',
    { theme: 'light' },
    async (s) => {
      await s.showTab('Bits');
      await pick(s);
      const b = (await s.page.locator('.frontier-slider').boundingBox())!;
      await s.page.mouse.click(b.x + 4, b.y + 100);
      await new Promise((r) => setTimeout(r, 400));
      await s.settled();
    },
  ]);
  shots.push([
    'job-dark',
    'analyzed',
    {},
    async (s) => {
      await s.showTab('Bits');
      s.change({
        jobs: [
          {
            id: 'j' as any,
            kind: 'run',
            recipePath: '',
            modelPath: '',
            status: 'running',
            stages: [
              {
                name: 'measure sensitivity',
                status: 'running',
                done: 34,
                total: 132,
                detail: 'layers.3.conv2 at 4 bit',
              },
            ],
            startedAt: 0,
            elapsedSeconds: 20,
            secondsLeft: 41,
            resumedSteps: 12,
          },
        ],
      });
      await s.settled();
    },
  ]);
  shots.push([
    'failed-hcl',
    'analyzed',
    { theme: 'high-contrast-light' },
    async (s) => {
      await s.showTab('Bits');
      s.change({
        jobs: [
          {
            id: 'j' as any,
            kind: 'run',
            recipePath: '',
            modelPath: '',
            status: 'failed',
            stages: [],
            startedAt: 0,
            elapsedSeconds: 20,
            secondsLeft: undefined,
            resumedSteps: 0,
            error: {
              code: 'x',
              message: 'calibration.npz holds 200 samples, the recipe asks for 512: lower "samples" or give more data',
            },
          },
        ],
      });
      await s.settled();
    },
  ]);
  for (const [name, fix, opts, act] of shots) {
    if (only && !new RegExp(only).test(name)) continue;
    const s = await EditorSession.open(browser, address, fix, opts);
    await act(s);
    await new Promise((r) => setTimeout(r, 120));
    await s.page.screenshot({ path: `/tmp/wv/shots/${name}.png` });
    const p = await s.allProblems();
    if (p.length) console.log(name, p.slice(0, 5));
    await s.close();
  }
  await browser.close();
  server.close();
}
void main();
