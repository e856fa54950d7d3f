import assert from 'node:assert/strict';
import type { WeightPictureQuestion } from '../../src/protocol/weights';
import { violations } from './host/axe';
import type { EditorSession } from './host/editorSession';
import { editorSuite } from './editorSuite';
import { themeKinds } from './host/webviewPage';

const LAYER = '/layers/layers.7/conv2/Conv';

describe('webview inspector', () => {
  const suite = editorSuite();

  async function inspected(fixture: Parameters<typeof suite.open>[0]): Promise<EditorSession> {
    const editor = await suite.open(fixture);
    await editor.showTab('Layers');
    editor.change({ selectedLayer: LAYER });
    await editor.settled();
    return editor;
  }
  const measurementOf = (editor: EditorSession) => {
    const { measurements } = editor.state;
    assert.ok(measurements.status === 'ready');
    const found = measurements.value.layers.find(({ name }) => name === LAYER);
    assert.ok(found !== undefined);
    return found;
  };

  it('draws the inputs with the levels of the chosen grid that lie in their range', async () => {
    const editor = await inspected('optimized');
    const measurement = measurementOf(editor);
    const { allocation } = editor.state;
    assert.ok(allocation.status === 'ready');
    const layers = allocation.value.layers.map((layer) =>
      layer.name === LAYER ? { ...layer, activationBits: 4 } : layer,
    );
    editor.change({ allocation: { status: 'ready', value: { ...allocation.value, layers } } });
    await editor.settled();
    const picture = editor.page.getByRole('img', { name: /^Histogram of the inputs/ });
    assert.equal(await picture.locator('.quantisation-level').count(), 16);
    const grid = measurement.activation?.grids.find(({ bits }) => bits === 4);
    assert.ok(grid !== undefined && grid.low === 0);
    // The picture spans the inputs' range: the last level is at the grid's end.
    const { width, last } = await picture.evaluate((svg) => ({
      width: Number(svg.getAttribute('width')),
      last: Number(Array.from(svg.querySelectorAll('.quantisation-level')).at(-1)?.getAttribute('x1')),
    }));
    assert.ok(Math.abs(last / width - grid.high / measurement.activationMax!) < 0.01);
    assert.match((await editor.page.locator('.inspector').textContent()) ?? '', /Inputs and 4-bit grid/);
  });

  it('lists output errors before and after the optimiser, at the chosen width marked', async () => {
    const editor = await inspected('optimized');
    const errors = measurementOf(editor).outputErrors ?? [];
    const table = editor.page.locator('.inspector').getByRole('table', { name: /Mean squared error of the output/ });
    assert.equal(await table.locator('tbody tr').count(), errors.length);
    const row = await table.locator('tbody tr').first().locator('th, td').allTextContents();
    assert.deepEqual(row.map(Number), [
      2,
      Number(errors[0]!.rounded.toPrecision(3)),
      Number(errors[0]!.optimized.toPrecision(3)),
    ]);
    assert.equal(await table.locator('tr.is-present').count(), 1);
  });

  it('says how to get the histogram where an analysis kept none, and shows no inputs before one', async () => {
    const editor = await inspected('optimized');
    const { measurements } = editor.state;
    assert.ok(measurements.status === 'ready');
    const layers = measurements.value.layers.map(({ name, candidates, activationMin, activationMax }) => ({
      name,
      candidates,
      activationMin,
      activationMax,
    }));
    editor.change({ measurements: { status: 'ready', value: { ...measurements.value, layers } } });
    await editor.settled();
    const text = (await editor.page.locator('.inspector').textContent()) ?? '';
    assert.match(text, /No histogram was kept of them: run Analyze/);
    assert.doesNotMatch(text, /Output error by bits/);
    const opened = await inspected('opened');
    assert.doesNotMatch((await opened.page.locator('.inspector').textContent()) ?? '', /Inputs/);
  });

  const picture = (editor: EditorSession) => editor.page.locator('.inspector .pixel-pane');
  const readout = (editor: EditorSession) => editor.page.locator('.inspector .pixel-readout');
  /** The pane is there before the weight it draws has come. */
  const drawn = (editor: EditorSession) => editor.page.locator('.inspector .pixel-readout:not(:empty)').waitFor();
  const text = async (editor: EditorSession) => (await editor.page.locator('.inspector').textContent()) ?? '';
  const question = (editor: EditorSession) =>
    (editor.last('weight/picture') as { question: WeightPictureQuestion }).question;

  it('draws a kernel for each output channel, walked with the keyboard', async () => {
    const editor = await inspected('optimized');
    await drawn(editor);
    assert.match(
      (await picture(editor).getAttribute('aria-label')) ?? '',
      /^Kernels of layers\.7\.conv2, out 0–63 of 64, mean over the inputs$/,
    );
    assert.equal(await readout(editor).textContent(), '64 kernels of 3 × 3');
    await picture(editor).focus();
    await editor.page.keyboard.press('End');
    assert.match((await readout(editor).textContent()) ?? '', /^out 63, kernel 2, 2: [−0]/);
    await editor.page.keyboard.press('Home');
    for (let step = 0; step < 3; step++) {
      await editor.page.keyboard.press('ArrowRight');
    }
    // After three columns the next kernel begins.
    assert.match((await readout(editor).textContent()) ?? '', /^out 1, kernel 0, 0: /);
    await editor.page.keyboard.press('Control+ArrowLeft');
    assert.match((await readout(editor).textContent()) ?? '', /^out 0, kernel 0, 0: /);
    const colours = await picture(editor)
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        const colors = new Set<string>();
        for (let at = 0; at < data.length; at += 4) {
          colors.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
        }
        return colors.size;
      });
    assert.ok(colours > 20, `${colours} colours`);
    assert.match(await text(editor), /−0\.20000\.200/);
  });

  it('steps through the input channels without losing the keyboard', async () => {
    const editor = await inspected('optimized');
    await drawn(editor);
    assert.equal(question(editor).input, 'mean');
    const stepper = editor.page.getByRole('spinbutton', { name: 'Input channel' });
    await stepper.focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    await editor.settled();
    assert.equal(question(editor).input, 1);
    assert.equal(await stepper.textContent(), 'input 1 of 64');
    assert.equal(await stepper.evaluate((node) => node === document.activeElement), true);
  });

  it('shows block means of a matrix, and which channels a block covers', async () => {
    const editor = await suite.open('tiny');
    await editor.showTab('Layers');
    editor.change({ selectedLayer: '/embed/Gather' });
    await drawn(editor);
    assert.equal(await editor.page.getByRole('radio', { name: 'Kernels' }).count(), 0);
    assert.equal(await readout(editor).textContent(), '1,000 out × 32 in in blocks of 16 × 1');
    await picture(editor).focus();
    await editor.page.keyboard.press('End');
    assert.match((await readout(editor).textContent()) ?? '', /^out 992–999, in 31: mean /);
  });

  it('shows where the zeros are, with the patterns that hold', async () => {
    const editor = await inspected('optimized');
    await editor.page.getByRole('radio', { name: 'Zeros' }).click();
    await editor.page.getByText(/zeros100/).waitFor();
    assert.equal(question(editor).kind, 'blocks');
    const { layers } = editor.state.statistics;
    const pruned = layers.map((layer) =>
      layer.name === LAYER
        ? { ...layer, zeros: 0.5, nm: layer.nm.map((entry) => ({ ...entry, compliance: entry.keep === 1 ? 0.4 : 1 })) }
        : layer,
    );
    editor.change({ statistics: { layers: pruned, complete: true } });
    await editor.settled();
    const shown = await text(editor);
    assert.match(shown, /Complies with 2:4, 4:8, 8:16/);
    await editor.page.getByRole('spinbutton', { name: 'Kernel position' }).focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    await editor.settled();
    assert.equal(question(editor).position, 0);
    await editor.page.getByRole('button', { name: 'Weights with their masks' }).click();
    await editor.page.getByRole('tab', { name: 'Sparsity', selected: true }).waitFor();
  });

  it('says how far the grids of the channels reach, and draws the grid of one on its own values', async () => {
    const editor = await inspected('optimized');
    await editor.page.getByText('narrowest grid').waitFor();
    assert.match(await text(editor), /Weights, 64 grids of 4 bit.*widest grid±0\.240, step 0\.0343/);
    const histogram = editor.page.getByRole('img', { name: /^Histogram of the weights/ });
    assert.equal(await histogram.locator('.quantisation-level').count(), 0);
    assert.equal(await histogram.locator('.grid-extent').count(), 2);
    await editor.page.getByRole('spinbutton', { name: 'Output channel' }).focus();
    await editor.page.keyboard.press('End');
    await editor.page.getByText('Channel 63 and its 4-bit grid').waitFor();
    assert.deepEqual(editor.last('weight/channels'), { layer: LAYER, channel: 63 });
    assert.equal(await histogram.locator('.grid-extent').count(), 0);
    // 15 levels over ±0.14, of which those from −0.1 on lie in the values' range.
    assert.equal(await histogram.locator('.quantisation-level').count(), 13);
    const { recipe } = editor.state;
    editor.change({ recipe: { ...recipe!, weightGranularity: 'per-tensor' } });
    await editor.page.getByText('Weights and 4-bit grid', { exact: true }).waitFor();
    // The lowest of 15 lies below the least weight.
    assert.equal(await histogram.locator('.quantisation-level').count(), 14);
  });

  it('opens the recipe at the rule and the lock at the layer', async () => {
    const editor = await inspected('optimized');
    const inspector = editor.page.locator('.inspector');
    await inspector.getByRole('button', { name: 'resnet20.lathe.json:24' }).click();
    assert.deepEqual(editor.last('recipe/open'), { line: 24 });
    const lock = inspector.getByRole('button', { name: /^resnet20\.lathe\.lock\.json:\d+$/ });
    await lock.click();
    assert.deepEqual(editor.last('lock/open'), { layer: LAYER });
    assert.match(await text(editor), /mask(2:4|dense).*64 scales0\.00123 … 0\.0221/);
    editor.change({ recipe: { ...editor.state.recipe!, lock: 'stale' } });
    await inspector.getByText(/^Stale: /).waitFor();
    editor.change({ recipe: { ...editor.state.recipe!, lock: 'missing' } });
    await inspector.getByText('No lock yet: run Optimize').waitFor();
  });

  it('does without a recipe, and says what cannot be read', async () => {
    const editor = await suite.open('untrusted');
    await editor.showTab('Layers');
    editor.withoutRecipe();
    editor.failures.set('weight/picture', 'The file weights.bin is not opened in restricted mode.');
    editor.change({ selectedLayer: LAYER });
    await editor.page.locator('.inspector').getByText('The file weights.bin is not opened').waitFor();
    const shown = await text(editor);
    assert.doesNotMatch(shown, /Lock|Recipe|grid/);
    assert.equal(editor.last('lock/entry'), undefined);
    assert.equal(editor.last('weight/channels'), undefined);
  });

  for (const theme of themeKinds) {
    it(`has no violations with any of its pictures, ${theme}`, async () => {
      const editor = await suite.open('optimized', { theme, width: 600 });
      await editor.showTab('Layers');
      editor.change({ selectedLayer: LAYER });
      for (const kind of ['Kernels', 'Blocks', 'Zeros']) {
        await editor.page.getByRole('radio', { name: kind }).click();
        await drawn(editor);
        assert.deepEqual(await violations(editor), [], kind);
      }
    });
  }

  it('neither overlaps nor scrolls sideways at any width', async () => {
    for (const [fixture, layer] of [
      ['optimized', LAYER],
      ['optimized', '/conv1/Conv'],
      ['tiny', '/embed/Gather'],
      ['tiny', '/rnn/LSTM'],
    ] as const) {
      const editor = await suite.open(fixture);
      await editor.showTab('Layers');
      editor.change({ selectedLayer: layer });
      await editor.settled();
      await drawn(editor);
      for (const width of [600, 700, 1180]) {
        await editor.resize(width);
        for (const kind of ['Blocks', 'Zeros'] as const) {
          await editor.page.getByRole('radio', { name: kind }).click();
          await editor.settled();
          const over = await editor.page.evaluate(() =>
            [...document.querySelectorAll('.inspector, .inspector section, .pixel-pane, .pixel-steps, .segments')]
              .filter((node) => node.scrollWidth > node.clientWidth + 1)
              .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
          );
          assert.deepEqual(over, [], `${layer} ${kind} at ${width}`);
          const page = await editor.page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight);
          assert.equal(page, 0, `the page scrolls: ${layer} ${kind} at ${width}`);
        }
      }
    }
  });
});
