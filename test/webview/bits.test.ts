import assert from 'node:assert/strict';
import type { EditorSession } from './host/editorSession';
import { editorSuite } from './editorSuite';

interface Solve {
  readonly budget: { readonly size: number };
  readonly precision: 'hull' | 'exact';
}

describe('webview bits', () => {
  const suite = editorSuite();

  const slider = (editor: EditorSession) => editor.page.getByRole('slider', { name: 'Size budget' });
  const solves = (editor: EditorSession) =>
    editor.requests.filter((request) => request.type === 'allocation/solve').map((request) => request.params as Solve);
  const rest = async (editor: EditorSession) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await editor.settled();
  };
  const heights = (editor: EditorSession) =>
    editor.page.locator('.skyline .bar').evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('height'))));

  it('moves the budget by dragging: bars follow from the hull, the exact answer comes when the slider rests', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const before = await heights(editor);
    const box = await slider(editor).boundingBox();
    assert.ok(box !== null);
    await editor.page.mouse.move(box.x + box.width * 0.4, box.y + 80);
    await editor.page.mouse.down();
    await editor.page.mouse.move(box.x + box.width * 0.2, box.y + 80, { steps: 12 });
    await editor.settled();
    await editor.settled();
    assert.notDeepEqual(await heights(editor), before, 'the bars follow before the slider is let go');
    await editor.page.mouse.up();
    await rest(editor);
    const asked = solves(editor);
    const last = asked.at(-1);
    assert.equal(last?.precision, 'exact');
    const answer = (await editor.page.locator('.answer').nth(2).textContent()) ?? '';
    const shown = Number(/([\d.]+)\u00a0%/.exec(answer)?.[1]);
    assert.ok(
      shown / 100 <= last.budget.size + 1e-4 && shown / 100 > last.budget.size - 0.02,
      `${shown} within ${last.budget.size}`,
    );
    assert.match((await editor.page.locator('.solution-text').textContent()) ?? '', /proven optimal, highs/);
  });

  it('asks at most once a frame and skips what the slider has passed', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const box = await slider(editor).boundingBox();
    assert.ok(box !== null);
    // All moves inside one frame of the page.
    await slider(editor).evaluate(
      (node, { left, width }) => {
        (node as HTMLElement).setPointerCapture = () => undefined;
        for (let step = -1; step <= 50; step++) {
          const type = step < 0 ? 'pointerdown' : step === 50 ? 'pointerup' : 'pointermove';
          const clientX = left + (width * (20 + step)) / 100;
          node.dispatchEvent(new PointerEvent(type, { clientX, clientY: 200, pointerId: 1, bubbles: true }));
        }
      },
      { left: box.x, width: box.width },
    );
    await rest(editor);
    const hull = solves(editor).filter((solve) => solve.precision === 'hull');
    const exact = solves(editor).filter((solve) => solve.precision === 'exact');
    assert.ok(hull.length >= 1 && hull.length <= 3, `${hull.length} hull requests for 51 moves`);
    assert.equal(exact.length, 1);
    assert.equal(hull.at(-1)?.budget.size, exact[0]?.budget.size);
  });

  it('moves the budget from the keyboard and speaks its value', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const handle = slider(editor);
    assert.equal(await handle.getAttribute('aria-valuenow'), '13');
    await handle.focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    assert.equal(await handle.getAttribute('aria-valuenow'), '13.1');
    await editor.page.keyboard.press('PageUp');
    await editor.settled();
    assert.equal(await handle.getAttribute('aria-valuenow'), '14.1');
    await editor.page.keyboard.press('PageDown');
    await editor.page.keyboard.press('ArrowLeft');
    await rest(editor);
    assert.match(
      (await handle.getAttribute('aria-valuetext')) ?? '',
      /^1[23]\.\d\u00a0% of the float size, 1\d\d\u00a0KB, predicted loss 0\.\d{3} nats$/,
    );
    await editor.page.keyboard.press('Home');
    await rest(editor);
    assert.doesNotMatch((await editor.page.locator('.solution-text').textContent()) ?? '', /Nothing fits/);
  });

  it('explains an infeasible budget with the smallest feasible one and the pins behind it', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const box = await slider(editor).boundingBox();
    assert.ok(box !== null);
    await editor.page.mouse.click(box.x + 4, box.y + 80);
    await rest(editor);
    const text = (await editor.page.locator('.solution-text').textContent()) ?? '';
    assert.match(text, /Nothing fits 5\.\d+\u00a0%: the smallest is 6\.3\d\u00a0%\. Held up most by \/fc\/Gemm/);
    await editor.page.getByRole('button', { name: /^Use 6\.3/ }).click();
    await rest(editor);
    assert.match((await editor.page.locator('.solution-text').textContent()) ?? '', /proven optimal/);
    await editor.page.getByRole('button', { name: /^Back to 13/ }).click();
    await editor.settled();
    assert.match((await editor.page.locator('.answer').nth(2).textContent()) ?? '', /13\.0/);
  });

  it('pins a width by click and by Enter, marks it, writes it to the recipe', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const bar = editor.page.getByRole('option', { name: /^layers\.7\.conv2/ });
    await bar.locator('.bar').click();
    const menu = editor.page.getByRole('menu', { name: 'Widths of layers.7.conv2' });
    await menu
      .getByRole('menuitemradio', { name: /^8 bit/ })
      .first()
      .click();
    await editor.settled();
    await editor.settled();
    assert.deepEqual(editor.last('pins/set'), { pins: [{ layer: '/layers/layers.7/conv2/Conv', weightBits: 8 }] });
    assert.match((await bar.getAttribute('aria-label')) ?? '', /weights 8, .*pinned, not written to the recipe$/);
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'layers.7.conv2');

    await editor.page.locator('.skyline svg').focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    assert.equal(await editor.page.locator('.layer-title').textContent(), 'layers.8.conv1');
    await editor.page.keyboard.press('Enter');
    await editor.page.keyboard.press('Home');
    await editor.page.keyboard.press('Enter');
    await editor.settled();
    assert.deepEqual((editor.last('pins/set') as { pins: unknown[] }).pins[1], {
      layer: '/layers/layers.8/conv1/Conv',
      weightBits: 2,
    });
    await editor.page.getByText('Write 2 pins to recipe').click();
    await editor.settled();
    assert.deepEqual(editor.last('recipe/write'), {});
    await editor.settled();
    assert.equal(await editor.page.locator('.pin.is-unwritten').count(), 0);
  });

  it('undoes a pin: its own goes away, one of the recipe is overruled', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    await editor.page.locator('.skyline svg').focus();
    await editor.page.keyboard.press('Home');
    await editor.page.keyboard.press('Enter');
    await editor.page.getByRole('menuitem', { name: 'Leave to the allocation' }).click();
    await editor.settled();
    assert.deepEqual(editor.last('pins/set'), {
      pins: [{ layer: '/conv1/Conv', weightBits: 'free', activationBits: 'free' }],
    });
  });

  it('opens the same menu from the table', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    await editor.page.getByRole('grid', { name: 'Bit widths by layer' }).focus();
    await editor.page.keyboard.press('ArrowDown');
    await editor.page.keyboard.press('Enter');
    assert.equal(await editor.page.getByRole('menu', { name: 'Widths of layers.0.conv1' }).count(), 1);
    await editor.page.keyboard.press('Escape');
    assert.equal(await editor.page.getByRole('menu').count(), 0);
    assert.equal(await editor.page.evaluate(() => document.activeElement?.getAttribute('role')), 'grid');
  });

  it('labels collide with nothing and stay inside the chart, at any width', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    editor.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
    for (const width of [600, 860, 1180, 2000]) {
      await editor.resize(width);
      for (const chart of ['.frontier', '.skyline', '.inspector']) {
        const clashes = await editor.page.locator(`${chart} svg text`).evaluateAll((texts) => {
          const boxes = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
          const found: string[] = [];
          boxes.forEach((a, index) => {
            if (a.box.left < 0 || a.box.right > window.innerWidth) {
              found.push(`${a.text} outside`);
            }
            for (const b of boxes.slice(index + 1)) {
              const apart =
                a.box.right <= b.box.left + 0.5 ||
                b.box.right <= a.box.left + 0.5 ||
                a.box.bottom <= b.box.top + 3 ||
                b.box.bottom <= a.box.top + 3;
              if (!apart) {
                found.push(`${a.text} over ${b.text}`);
              }
            }
          });
          return found;
        });
        assert.deepEqual(clashes, [], `${chart} at ${width}`);
      }
    }
  });

  it('gives every figure of the frontier as a table', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    await editor.page.getByRole('button', { name: 'Budget as table' }).click();
    await editor.settled();
    const table = editor.page.locator('.chart-table table');
    const text = (await table.textContent()) ?? '';
    assert.match(text, /4 bit uniform/);
    assert.match(text, /measured, last run13\.0/);
    assert.equal(await slider(editor).isVisible(), false);
  });

  it('groups three thousand layers into blocks, and opens one', async () => {
    const editor = await suite.open('huge');
    await editor.showTab('Bits');
    const bars = editor.page.locator('.skyline [role="option"]');
    const blocks = await bars.count();
    assert.ok(blocks > 20 && blocks <= 150, `${blocks} bars`);
    await bars.nth(3).locator('.bar').click();
    await editor.settled();
    assert.ok((await bars.count()) < 60);
    assert.match((await bars.first().getAttribute('aria-label')) ?? '', /^encoder\.\d+\.attention\.query: weights \d/);
    await editor.page.getByRole('button', { name: /^Close encoder/ }).click();
    await editor.settled();
    assert.equal(await bars.count(), blocks);
  });

  it('keeps the slider over a reload', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    await slider(editor).focus();
    await editor.page.keyboard.press('PageUp');
    await rest(editor);
    await editor.reload();
    await rest(editor);
    assert.equal(await slider(editor).getAttribute('aria-valuenow'), '14');
  });

  it('shows what each step of the last run bought, and policies predicted against measured', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const run = editor.page.getByRole('region', { name: 'Last run' });
    assert.match((await run.textContent()) ?? '', /predicted 0\.\d{3}, measured 0\.\d{3} nats/);
    const steps = run.getByRole('table', { name: /What each step bought/ });
    assert.equal(await steps.isVisible(), false);
    await run.getByRole('button', { name: 'what each step bought' }).press('Enter');
    assert.ok(await steps.isVisible());
    const rows = await steps
      .locator('tbody tr')
      .evaluateAll((all) => all.map((row) => Array.from(row.querySelectorAll('th, td'), (cell) => cell.textContent)));
    const report = editor.state.report;
    assert.ok(report.status === 'ready');
    const { steps: expected = [], policies = [] } = report.value;
    assert.equal(rows.length, expected.length);
    // The step after an undone one is compared with the one before it.
    const gained = (expected[3]!.loss - expected[1]!.loss).toFixed(3).replace('-', '\u2212');
    assert.deepEqual(rows[3]!.slice(0, 3), ['output biases', expected[3]!.loss.toFixed(3), gained]);
    assert.equal(rows[2]![0], 'channel statistics, undone');
    const kept = run.getByRole('table', { name: /Policies measured/ }).locator('tbody tr.is-present');
    assert.equal(await kept.count(), 1);
    assert.match((await kept.textContent()) ?? '', new RegExp(policies[1]!.measured.toFixed(3)));
  });

  it('has no line of a last run where nothing was run', async () => {
    const editor = await suite.open('analyzed');
    await editor.showTab('Bits');
    assert.equal(await editor.page.getByRole('region', { name: 'Last run' }).count(), 0);
  });
});
