import assert from 'node:assert/strict';
import type { JobId, JobSnapshot } from '../../src/protocol/job';
import { editorSuite } from './editorSuite';

const running: JobSnapshot = {
  id: 'job-1' as JobId,
  kind: 'run',
  recipePath: '/r',
  modelPath: '/m',
  status: 'running',
  stages: [
    { name: 'float metric', status: 'done', done: 1, total: 1, detail: '' },
    { name: 'measure sensitivity', status: 'running', done: 34, total: 132, detail: 'layers.3.conv2 at 4 bit' },
  ],
  startedAt: 0,
  elapsedSeconds: 20,
  secondsLeft: 41,
  resumedSteps: 12,
};

describe('webview header', () => {
  const suite = editorSuite();

  it('answers the five questions; unknown is a dash with what to do', async () => {
    const editor = await suite.open('opened');
    const answers = await editor.page.locator('.answer').allTextContents();
    assert.deepEqual(answers, [
      'Parameters271,66422 layers',
      'MACs31.0\u00a0Mper sample',
      'Size, nominal–Analyze to see',
      'File1.12\u00a0MBas opened',
      'Accuracy–Analyze to see',
    ]);
    const optimized = await suite.open('optimized');
    assert.deepEqual((await optimized.page.locator('.answer').allTextContents()).slice(2), [
      'Size, nominal13.0\u00a0%of 1.08\u00a0MB',
      'File162\u00a0KBwas 1.11\u00a0MB',
      'Top-191.98\u00a0%was 92.17',
    ]);
  });

  it('starts jobs, and says why a button is off', async () => {
    const editor = await suite.open('opened');
    const button = (name: string) => editor.page.locator('vscode-button', { hasText: name });
    await button('Analyze').click();
    await editor.settled();
    assert.deepEqual(editor.last('job/start'), { kind: 'analyze' });
    await button('Optimize').click();
    await editor.settled();
    assert.deepEqual(editor.last('job/start'), { kind: 'run' });
    assert.equal(await button('Export').getAttribute('title'), 'No compressed model yet: run Optimize');
    assert.equal(await button('Export').locator('button').isDisabled(), true);
  });

  it('shows a running job with time left, cancels it, shows how it ended', async () => {
    const editor = await suite.open('analyzed');
    editor.change({ jobs: [running] });
    await editor.settled();
    const line = editor.page.locator('.job-line');
    assert.match(
      (await line.textContent()) ?? '',
      /measure sensitivity 34 of 132 · layers\.3\.conv2 at 4 bit · 12 steps taken over from an earlier run · about 40\u00a0s left/,
    );
    assert.equal(
      await editor.page.getByRole('progressbar', { name: 'Optimize progress' }).first().getAttribute('aria-valuenow'),
      '33',
    );
    await editor.page.getByRole('button', { name: 'Cancel' }).click();
    await editor.settled();
    assert.deepEqual(editor.last('job/cancel'), { id: 'job-1' });
    editor.change({
      jobs: [
        {
          ...running,
          status: 'failed',
          error: { code: 'data/short', message: 'calibration.npz holds 200 samples, the recipe asks for 512' },
        },
      ],
    });
    await editor.settled();
    assert.match((await line.textContent()) ?? '', /Optimize failed: calibration\.npz holds 200 samples/);
    await line.locator('vscode-button').click();
    await editor.settled();
    assert.equal(await line.textContent(), '');
  });

  it('says what failed and where, in place', async () => {
    const editor = await suite.open('broken');
    assert.match((await editor.page.getByRole('alert').textContent()) ?? '', /ends at byte 4,096 .*Fetch it again/);
    await editor.page.getByRole('button', { name: 'Read again' }).click();
    await editor.settled();
    assert.notEqual(editor.last('model/reload'), undefined);
  });

  it('keeps to inspection in an untrusted workspace', async () => {
    const editor = await suite.open('untrusted');
    assert.match((await editor.page.locator('.messages').textContent()) ?? '', /Restricted mode/);
    await editor.page.getByRole('button', { name: 'Manage trust' }).click();
    await editor.settled();
    assert.notEqual(editor.last('trust/manage'), undefined);
    assert.equal(
      await editor.page.locator('vscode-button', { hasText: 'Analyze' }).getAttribute('title'),
      'Trust this workspace to run models',
    );
  });

  it('moves between tabs with the arrow keys', async () => {
    const editor = await suite.open('analyzed');
    await editor.page.getByRole('tab', { name: 'Overview' }).focus();
    await editor.page.keyboard.press('ArrowRight');
    await editor.settled();
    assert.equal(await editor.page.getByRole('tab', { name: 'Layers' }).getAttribute('aria-selected'), 'true');
    assert.equal(await editor.page.locator('#panel-layers').isVisible(), true);
    editor.run({ type: 'showTab', tab: 'bits' });
    await editor.settled();
    assert.equal(await editor.page.locator('#panel-bits').isVisible(), true);
  });

  it('treats names from the model as text', async () => {
    const editor = await suite.open('analyzed');
    const slot = editor.state.model;
    assert.equal(slot.status, 'ready');
    const name = '<img src=x onerror="window.hit=1">';
    const layers = slot.value.layers.map((layer, index) => (index === 0 ? { ...layer, name, shortName: name } : layer));
    editor.change({
      model: { status: 'ready', value: { ...slot.value, producer: name, layers } },
      selectedLayer: name,
    });
    await editor.settled();
    for (const tab of ['Overview', 'Layers', 'Bits'] as const) {
      await editor.showTab(tab);
    }
    assert.equal(await editor.page.locator('img').count(), 0);
    assert.equal(await editor.page.locator('.layer-title').textContent(), name);
    assert.equal(await editor.page.evaluate(() => 'hit' in window), false);
  });
});
