import assert from 'node:assert/strict';
import { themeKinds } from './host/webviewPage';
import { violations } from './axe';
import { editorSuite } from './editorSuite';

describe('webview accessibility', function () {
  // The checker looks at every element of five states of the window.
  this.timeout(180_000);
  const suite = editorSuite();

  for (const theme of themeKinds) {
    it(`has no violations in any view, ${theme}`, async () => {
      const editor = await suite.open('optimized', { theme });
      editor.change({ selectedLayer: '/layers/layers.7/conv2/Conv' });
      for (const tab of ['Overview', 'Layers', 'Graph', 'Bits', 'Sparsity'] as const) {
        await editor.showTab(tab);
        assert.deepEqual(await violations(editor.page), [], tab);
      }
      await editor.page.locator('.skyline svg').focus();
      await editor.page.keyboard.press('Enter');
      assert.deepEqual(await violations(editor.page), [], 'menu');
      await editor.page.keyboard.press('Escape');
      await editor.showTab('Sparsity');
      await editor.page.locator('.block-pane').focus();
      await editor.page.keyboard.press('ArrowDown');
      for (const name of ['Weight block as table', 'Magnitude kept as table', 'Mask diversity as table']) {
        await editor.page.getByRole('button', { name }).click();
      }
      await editor.settled();
      assert.deepEqual(await violations(editor.page), [], 'tables of the sparsity view');
      await editor.showTab('Layers');
      await editor.page.getByRole('button', { name: 'Columns' }).click();
      await editor.settled();
      assert.deepEqual(await violations(editor.page), [], 'columns');
    });
  }

  for (const name of ['opened', 'broken', 'untrusted', 'tiny'] as const) {
    it(`has no violations at 600 pixels, ${name}`, async () => {
      const editor = await suite.open(name, { width: 600 });
      for (const tab of ['Overview', 'Layers', 'Graph', 'Bits', 'Sparsity'] as const) {
        await editor.showTab(tab);
        assert.deepEqual(await violations(editor.page), [], tab);
      }
    });
  }

  it('reaches everything with the Tab key and shows where the focus is', async () => {
    const editor = await suite.open('optimized');
    await editor.showTab('Bits');
    const seen: string[] = [];
    await editor.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    for (let step = 0; step < 30; step++) {
      await editor.page.keyboard.press('Tab');
      seen.push(
        await editor.page.evaluate(() => {
          const node = document.activeElement;
          return `${node?.getAttribute('role') ?? node?.tagName.toLowerCase() ?? ''} ${node?.getAttribute('aria-label') ?? node?.textContent ?? ''}`;
        }),
      );
    }
    for (const wanted of [
      /^vscode-button Analyze/,
      /^tab Bits/,
      /^slider Size budget/,
      /^listbox Bit widths/,
      /^grid Bit widths/,
      /^aside Layer/,
    ]) {
      assert.ok(
        seen.some((entry) => wanted.test(entry)),
        `${wanted} among ${seen.join(' | ').slice(0, 2000)}`,
      );
    }
  });

  it('moves nothing under reduced motion', async () => {
    const editor = await suite.open('optimized', { reducedMotion: true });
    await editor.showTab('Bits');
    const moving = await editor.page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
  });

  it('never scrolls sideways as a whole, from 600 to 2,000 pixels', async () => {
    const editor = await suite.open('optimized');
    for (const width of [600, 640, 860, 1180, 2000]) {
      await editor.resize(width);
      for (const tab of ['Overview', 'Layers', 'Graph', 'Bits', 'Sparsity'] as const) {
        await editor.showTab(tab);
        const over = await editor.page.evaluate(() =>
          [
            ...document.querySelectorAll(
              'body, .editor, .overview, .graph, .bits, .sparsity, .title-line, .answers, .tabs, .toolbar, .inspector',
            ),
          ]
            .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'none')
            .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
        );
        assert.deepEqual(over, [], `${tab} at ${width}`);
      }
    }
  });
});
