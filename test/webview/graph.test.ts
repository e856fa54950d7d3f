import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { editorSuite } from './editorSuite';
import type { EditorSession } from './host/editorSession';
import { themeKinds } from './host/webviewPage';

const axeSource = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');

/** WCAG 2.2 relative luminance of "#rrggbb". */
function luminance(color: string): number {
  const part = (at: number) => {
    const c = parseInt(color.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe('webview graph', function () {
  this.timeout(180_000);
  const suite = editorSuite();

  /** The layout is back from its thread and drawn. */
  async function laidOut(editor: EditorSession): Promise<void> {
    await editor.settled();
    await editor.page.waitForSelector('.graph-stage[aria-busy="false"]', { state: 'attached' });
    await editor.settled();
    // Moves take 160 ms.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await editor.settled();
  }

  async function open(...parameters: Parameters<typeof suite.open>): Promise<EditorSession> {
    const editor = await suite.open(...parameters);
    await editor.showTab('Graph');
    await laidOut(editor);
    return editor;
  }

  const status = async (editor: EditorSession) => (await editor.page.locator('.graph-status').textContent()) ?? '';

  async function press(editor: EditorSession, ...keys: readonly string[]): Promise<void> {
    await editor.page.locator('.graph-canvas').focus();
    for (const key of keys) {
      await editor.page.keyboard.press(key);
    }
    await laidOut(editor);
  }

  /** Where the mouse is over a box whose text begins like this, as its tooltip says. */
  async function find(editor: EditorSession, text: string): Promise<{ readonly x: number; readonly y: number }> {
    const found = await editor.page.evaluate((wanted) => {
      const canvas = document.querySelector('.graph-canvas') as HTMLCanvasElement;
      const box = canvas.getBoundingClientRect();
      for (let y = box.top + 4; y < box.bottom; y += 8) {
        for (let x = box.left + 4; x < box.right; x += 12) {
          canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: x, clientY: y }));
          if (canvas.title.startsWith(wanted)) {
            return { x, y };
          }
        }
      }
      return undefined;
    }, text);
    assert.ok(found !== undefined, `no box "${text}" in sight`);
    return found;
  }

  async function color(editor: EditorSession, label: string): Promise<void> {
    await editor.page.locator('.graph vscode-dropdown').click();
    await editor.page.locator('.graph vscode-option', { hasText: label }).first().click();
    await laidOut(editor);
  }

  it('walks along the edges with the arrow keys and says where it is', async () => {
    const editor = await open('optimized');
    assert.match(await status(editor), /^73 operators in 17 boxes/);
    await press(editor, 'Home');
    assert.match(await status(editor), /^input input · batch × 1 × 28 × 28 · to Conv/);
    await press(editor, 'ArrowDown');
    assert.match(await status(editor), /^Conv 3×3 conv1 · .*from input · to BatchNormalization · 2 constants/);
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/conv1/Conv' });
    await press(editor, 'ArrowDown', 'ArrowDown', 'ArrowDown');
    assert.match(await status(editor), /^layers\.0 · block of 7 operators · 2 layers · same structure as 6 others/);
    await press(editor, 'ArrowUp');
    assert.match(await status(editor), /^Relu \/Relu · .*to Conv, Add/);
    await press(editor, 'End');
    assert.match(await status(editor), /^output logits · batch × 10 · from Gemm/);
  });

  it('opens and closes blocks by keyboard, and nothing else moves into or out of them', async () => {
    const editor = await open('optimized');
    await press(editor, 'Home', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter');
    assert.match(await status(editor), /^Conv 3×3 layers\.0\.conv1/);
    await press(editor, 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown');
    assert.match(await status(editor), /^Add \/layers\/layers\.0\/Add · .*from BatchNormalization, Relu/);
    await press(editor, 'Escape');
    assert.match(await status(editor), /^layers\.0 · block of 7/);
    await press(editor, 'Escape');
    assert.match(await status(editor), /^layers · block of 67 operators · 9 blocks · 20 layers/);
  });

  it('opens a block by its sign, closes it by its heading, and keeps it where it was', async () => {
    const editor = await open('optimized');
    const block = await find(editor, 'layers.1');
    // The sign is at the left edge, where the search from the left meets the box.
    await editor.page.mouse.click(block.x + 8, block.y + 8);
    await laidOut(editor);
    assert.match(await status(editor), /^Conv 3×3 layers\.1\.conv1/);
    const first = await find(editor, 'Conv 3×3\nlayers.1.conv1');
    assert.ok(Math.abs(first.y - block.y) < 80, 'what was opened begins where it stood');
    await editor.page.mouse.click(first.x + 30, first.y - 36);
    await laidOut(editor);
    assert.match(await status(editor), /^layers\.1 · block of 7/);
    const again = await find(editor, 'layers.1');
    assert.ok(Math.abs(again.y - block.y) <= 16);
  });

  it('shares the selection: a click selects the layer, a layer selected elsewhere comes into sight', async () => {
    const editor = await open('optimized');
    const conv = await find(editor, 'Conv 3×3\nconv1');
    await editor.page.mouse.click(conv.x + 20, conv.y + 10);
    await laidOut(editor);
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/conv1/Conv' });
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'conv1');
    editor.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
    await laidOut(editor);
    assert.match(await status(editor), /^Conv 3×3 layers\.7\.conv2/);
    await find(editor, 'Conv 3×3\nlayers.7.conv2');
    await editor.showTab('Layers');
    const grid = editor.page.getByRole('grid', { name: 'Layers' });
    await grid.focus();
    await editor.page.keyboard.press('Control+End');
    await editor.settled();
    await editor.showTab('Graph');
    await laidOut(editor);
    assert.match(await status(editor), /^Gemm fc/);
  });

  it('finds nodes, also in closed blocks, and steps from match to match', async () => {
    const editor = await open('optimized');
    await press(editor, '/');
    await editor.page.keyboard.type('conv2');
    await editor.settled();
    const counted = editor.page.locator('.graph .toolbar-count');
    assert.match((await counted.textContent()) ?? '', /^9 found/);
    await editor.page.keyboard.press('Enter');
    await editor.page.keyboard.press('Enter');
    await laidOut(editor);
    assert.match((await counted.textContent()) ?? '', /^2 of 9/);
    assert.match(await status(editor), /^Conv 3×3 layers\.1\.conv2/);
    await find(editor, 'Conv 3×3\nlayers.1.conv2');
    await editor.page.keyboard.press('Shift+Enter');
    await editor.page.keyboard.press('Shift+Enter');
    await laidOut(editor);
    assert.match((await counted.textContent()) ?? '', /^9 of 9/);
    await editor.page.getByRole('button', { name: 'Next match' }).click();
    assert.match((await counted.textContent()) ?? '', /^1 of 9/);
    await editor.page.locator('.graph .search input').fill('no such thing');
    await editor.settled();
    assert.equal(await counted.textContent(), 'no match');
    await editor.page.keyboard.press('Escape');
    await editor.settled();
    assert.ok(await editor.page.evaluate(() => document.activeElement?.classList.contains('graph-canvas')));
  });

  it('opens sub-graphs and leads back', async () => {
    const editor = await open('tiny');
    await press(editor, 'Home', 'ArrowDown', 'ArrowDown', 'ArrowDown');
    assert.match(await status(editor), /^If \/If .*then_branch: 3 operators · else_branch: 1 operator/);
    await editor.page.keyboard.press('Enter');
    await editor.page.getByRole('menuitem', { name: 'then_branch' }).click();
    await laidOut(editor);
    assert.deepEqual(editor.last('graph/read'), { graph: 1 });
    const path = editor.page.getByRole('navigation', { name: 'Graphs' });
    assert.match((await path.textContent()) ?? '', /tiny›If \/If, then_branch/);
    assert.match(await status(editor), /^3 operators in 5 boxes/);
    await press(editor, 'Home');
    assert.match(await status(editor), /^value from outside rnn_output · to ReduceMax/);
    await press(editor, 'Escape');
    assert.match(await status(editor), /^If \/If/);
    assert.ok(await path.isHidden());
    const branches = await find(editor, 'If');
    await editor.page.mouse.click(branches.x + 8, branches.y + 8);
    await editor.page.getByRole('menuitem', { name: 'else_branch' }).click();
    await laidOut(editor);
    await path.getByRole('button', { name: 'tiny' }).click();
    await laidOut(editor);
    assert.ok(await path.isHidden());
  });

  it('colours by every measure, prints its figure, explains it, and keeps the choice', async () => {
    const editor = await open('optimized');
    const legend = editor.page.locator('.graph-legend');
    assert.match((await legend.textContent()) ?? '', /weights.*normalisation.*activation/);
    await color(editor, 'Weight bits');
    assert.match((await legend.textContent()) ?? '', /\d.*bits of the weights/);
    await press(editor, 'Home', 'ArrowDown');
    assert.match(await status(editor), /weight bits \d$/);
    for (const [label, text] of [
      ['Sensitivity at 2 bit', /loss in nats/],
      ['Predicted loss', /predicted/],
      ['Output SQNR', /dB.*measured/],
      ['Zeros', /%.*exactly zero/],
      ['Parameters', /k.*weights/],
      ['MACs', /M.*one sample/],
    ] as const) {
      await color(editor, label);
      assert.match((await legend.textContent()) ?? '', text, label);
      assert.match(await status(editor), new RegExp(`${label.toLowerCase()} \\S`), label);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    await editor.reload();
    await laidOut(editor);
    assert.match((await legend.textContent()) ?? '', /one sample/);
  });

  it('says how to get figures that are not there', async () => {
    const editor = await open('opened');
    await color(editor, 'Weight bits');
    assert.equal(await editor.page.locator('.graph-legend').textContent(), 'Not measured yet: run Analyze');
  });

  it('zooms and pans by keyboard and mouse, and comes back to the whole', async () => {
    const editor = await open('optimized', { reducedMotion: true });
    await press(editor, '0');
    const whole = await find(editor, 'layers.3');
    const apart = (await find(editor, 'layers.4')).y - whole.y;
    await find(editor, 'logits');
    await press(editor, '+', '+', '+');
    const near = await find(editor, 'layers.3');
    assert.ok((await find(editor, 'layers.4')).y - near.y > apart * 1.5);
    await editor.page.mouse.move(near.x, near.y);
    await editor.page.mouse.wheel(0, 120);
    await laidOut(editor);
    const scrolled = await find(editor, 'layers.3');
    assert.ok(near.y - scrolled.y >= 104 && near.y - scrolled.y <= 136, `${near.y} → ${scrolled.y}`);
    await editor.page.mouse.move(40, 400);
    await editor.page.mouse.down();
    await editor.page.mouse.move(120, 440, { steps: 4 });
    await editor.page.mouse.up();
    await laidOut(editor);
    const dragged = await find(editor, 'layers.3');
    assert.ok(Math.abs(dragged.x - scrolled.x - 80) <= 24 && Math.abs(dragged.y - scrolled.y - 40) <= 16);
    await editor.page.getByRole('button', { name: 'Show all' }).click();
    await laidOut(editor);
    const again = await find(editor, 'layers.3');
    assert.ok(Math.abs(again.y - whole.y) <= 8);
  });

  it('lists the same nodes as a table, which leads to the graph', async () => {
    const editor = await open('optimized');
    await editor.page.getByRole('button', { name: 'Show as table' }).click();
    await editor.settled();
    const grid = editor.page.getByRole('grid', { name: 'Nodes of the graph' });
    assert.equal(await grid.getAttribute('aria-rowcount'), '76');
    const row = editor.page.locator('.graph .table-body [data-key="4"]');
    assert.match((await row.textContent()) ?? '', /^layers\.0\.conv1Convlayers\.0.*\/Relu/);
    await row.locator('[role="gridcell"]').first().click();
    await editor.settled();
    assert.deepEqual(editor.last('view/selectLayer'), { layer: '/layers/layers.0/conv1/Conv' });
    await editor.page.keyboard.press('Enter');
    await laidOut(editor);
    await find(editor, 'Conv 3×3\nlayers.0.conv1');
    await editor.page.locator('.graph .search input').fill('shortcut');
    await editor.page.getByRole('button', { name: 'Show as table' }).click();
    await editor.settled();
    assert.equal(await grid.getAttribute('aria-rowcount'), '5');
  });

  it('takes five thousand nodes: gathered blocks at first, all of them when opened, drawn within a frame or few', async () => {
    const editor = await open('huge');
    assert.match(await status(editor), /^5,000 operators in (\d\d) boxes/);
    await editor.page.getByRole('button', { name: 'Open all' }).click();
    await laidOut(editor);
    assert.match(await status(editor), /^5,000 operators in 5,003 boxes/);
    await press(editor, 'End');
    assert.match(await status(editor), /^output encoded/);
    await find(editor, 'encoded');
    await press(editor, 'ArrowUp', 'ArrowUp');
    assert.match(await status(editor), /encoder\.499\.attention\.down/);
    // From afar and from near, as often as a person can.
    await press(editor, '0', '+', '+', '+', '+', '+', '+', 'PageUp', 'PageUp', 'Home');
    assert.match(await status(editor), /^input attention_mask/);
    await editor.page.locator('.graph .search input').fill('encoder.250 query');
    await editor.page.keyboard.press('Enter');
    await laidOut(editor);
    await find(editor, 'MatMul\nencoder.250.attention.query');
    await editor.page.getByRole('button', { name: 'Close all' }).click();
    await laidOut(editor);
    assert.match(await status(editor), /block of/);
  });

  it('moves at once under reduced motion', async () => {
    const editor = await suite.open('optimized', { reducedMotion: true });
    await editor.showTab('Graph');
    await laidOut(editor);
    await editor.page.locator('.graph-canvas').focus();
    await editor.page.keyboard.press('End');
    await editor.settled();
    await find(editor, 'logits');
  });

  it('says why there is no graph', async () => {
    const editor = await suite.open('broken');
    await editor.showTab('Graph');
    assert.match((await editor.page.locator('.graph').textContent()) ?? '', /ends at byte 4,096/);
    assert.ok(await editor.page.locator('.graph-stage').isHidden());
  });

  for (const theme of themeKinds) {
    it(`can be read and is accessible, ${theme}`, async () => {
      const editor = await open('optimized', { theme });
      editor.change({ selectedLayer: '/layers/layers.3/conv2/Conv' });
      await editor.page.locator('.graph .search input').fill('relu');
      await laidOut(editor);
      for (const view of ['graph', 'table']) {
        await editor.page.evaluate(axeSource);
        const found = await editor.page.evaluate(async () => {
          const axe = (window as unknown as { axe: { run(options: object): Promise<{ violations: unknown[] }> } }).axe;
          return (await axe.run({ resultTypes: ['violations'] })).violations;
        });
        assert.deepEqual(found, [], view);
        await editor.page.getByRole('button', { name: 'Show as' }).click();
        await editor.settled();
      }
      // Text on every colour of the ramps: at least 4.5 to 1.
      const fills = await editor.page.evaluate(() => {
        const style = getComputedStyle(document.querySelector('.graph') ?? document.body);
        return [1, 2, 3, 4, 5, 6, 7].map((step) => style.getPropertyValue(`--graph-step-${step}`).trim());
      });
      const weakest = Math.min(...fills.map((fill) => contrast(fill, luminance(fill) > 0.22 ? '#06192b' : '#ffffff')));
      assert.ok(weakest >= 4.5, `contrast ${weakest}`);
    });
  }
});
