import assert from 'node:assert/strict';
import { reviewSuite } from './editorSuite';
import { fixtureNoGit, fixtureReview, fixtureUneven } from './fixtures/fixtureReview';
import { violations } from './host/axe';
import type { ReviewSession } from './host/reviewSession';
import { themeKinds } from './host/webviewPage';

describe('webview review', function () {
  this.timeout(60_000);
  const suite = reviewSuite();

  const rowsOf = (review: ReviewSession) =>
    review.page
      .locator('.table-body .table-row')
      .evaluateAll((rows) =>
        rows
          .sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
          .map((row) => [...row.querySelectorAll('.table-cell')].map((cell) => cell.textContent)),
      );
  const last = (review: ReviewSession) => review.requests.at(-1);

  it('says the answer first: size, loss, accuracy with its limit, how many layers', async () => {
    const review = await suite.open(fixtureReview());
    const answers = await review.page.locator('.answer').evaluateAll((nodes) => nodes.map((node) => node.textContent));
    assert.equal(answers.length, 5);
    assert.match(answers[0]!, /^Size, nominal[\d.]+ → [\d.]+ %[−+][\d.]+ KB$/);
    assert.match(answers[2]!, /^Loss, measured0\.041 → 0\.055\+0\.014$/);
    assert.match(answers[3]!, /^Accuracy, measured92\.11 → 91\.98 %limit 91\.17 % ✓kept$/);
    assert.match(answers[4]!, /^Layers changed4of 22$/);
    await review.page.getByText('HEAD → working tree').waitFor();
  });

  it('lists the layers that changed with bits, mask, bytes and loss before and after, and why', async () => {
    const review = await suite.open(fixtureReview());
    const rows = await rowsOf(review);
    assert.equal(rows.length, 4);
    const [name, bits, input, mask, size, loss, output, why] = rows[0]!;
    assert.equal(name, '/layers/layers.2/conv1/Conv');
    assert.equal(bits, '8→ to 4');
    assert.equal(input, '8 unchanged');
    assert.equal(mask, '2:4 unchanged');
    assert.equal(size, '−1.15 KB');
    assert.equal(loss, '+0.0028');
    assert.equal(output, '34.0 → 29.4 dB');
    assert.equal(why, 'budget');
    assert.ok(rows.some((row) => row[2] === '8→ to 4' && row[3] === '2:4 → 4:8'));
    assert.equal(await review.page.locator('.is-worse').count(), 3);
    assert.equal(await review.page.locator('.is-better').count(), 1);
  });

  it('shows what did not change on request, and remembers that over a reload', async () => {
    const review = await suite.open(fixtureReview());
    await review.page.getByText('18 layers unchanged').waitFor();
    await review.page.getByRole('button', { name: 'Show unchanged layers' }).press('Enter');
    assert.equal(await review.page.locator('[role="grid"]').getAttribute('aria-rowcount'), '23');
    await review.settled();
    await review.reload();
    assert.equal(await review.page.locator('[role="grid"]').getAttribute('aria-rowcount'), '23');
    const kept = (await review.kept()) as Record<string, unknown>;
    assert.deepEqual([kept.type, kept.revision], ['revision', 'HEAD']);
  });

  it('opens a layer by a click on its name, and by Enter', async () => {
    const review = await suite.open(fixtureReview());
    await review.page.getByRole('button', { name: '/layers/layers.2/conv1/Conv' }).click();
    assert.deepEqual(last(review), { type: 'layer/open', params: { layer: '/layers/layers.2/conv1/Conv' } });
    await review.page.locator('[role="grid"]').focus();
    await review.page.keyboard.press('ArrowDown');
    await review.page.keyboard.press('Enter');
    await review.settled();
    assert.deepEqual(last(review), { type: 'layer/open', params: { layer: '/layers/layers.4/conv2/Conv' } });
  });

  it('sorts by amounts, not by their letters', async () => {
    const review = await suite.open(fixtureReview());
    await review.page.locator('[role="columnheader"][data-column="loss"]').click();
    const losses = (await rowsOf(review)).map((row) => row[5]);
    const amounts = losses.map((text) => Number(text!.replace('−', '-')));
    assert.deepEqual(
      amounts,
      [...amounts].sort((a, b) => (amounts[0]! > amounts.at(-1)! ? b - a : a - b)),
    );
  });

  it('lists the fields of the recipe by their paths, overrides too, and the figures of the report', async () => {
    const review = await suite.open(fixtureReview());
    const fields = await review.page
      .getByRole('table', { name: 'Recipe: fields that changed' })
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.deepEqual(fields, [
      ['allocation.budget.size', '0.15', '0.13'],
      ['layers./layers/layers.8/*.weights', '–', '4'],
      ['layers./layers/layers.8/*.sparsity', '–', 'dense'],
    ]);
    const figures = review.page.getByRole('table', { name: 'Figures' });
    await figures.getByRole('row', { name: /Top-1, deployed.*91\.17 % ✓ kept/ }).waitFor();
  });

  it('says what made the lock stale, and allocates again', async () => {
    const state = fixtureReview();
    const review = await suite.open(state);
    await review.page.getByText(/budget size 0\.15 → 0\.13/).waitFor();
    await review.page.getByRole('button', { name: 'Re-allocate' }).click();
    assert.equal(last(review)!.type, 'lock/allocate');
    review.change({ ...state, stale: [] });
    await review.page.getByRole('button', { name: 'Re-allocate' }).waitFor({ state: 'hidden' });
    review.change({ ...state, stale: ['One.', 'Two.', 'Three.'] });
    await review.page.locator('.message', { hasText: 'Three.' }).waitFor();
  });

  it('copies, and asks what else to compare with', async () => {
    const review = await suite.open(fixtureReview());
    await review.page.getByRole('button', { name: 'Copy as Markdown' }).click();
    assert.equal(last(review)!.type, 'markdown/copy');
    await review.page.getByRole('button', { name: 'Compare with…' }).click();
    assert.equal(last(review)!.type, 'revision/choose');
    await review.page.getByRole('button', { name: 'Open report' }).click();
    assert.deepEqual(last(review), { type: 'file/open', params: { kind: 'report' } });
  });

  it('says that there is no repository, and offers two files', async () => {
    const review = await suite.open(fixtureNoGit());
    await review.page.getByText(/is in no Git repository/).waitFor();
    await review.page.getByRole('button', { name: 'Compare two files' }).click();
    assert.equal(last(review)!.type, 'files/choose');
    assert.equal(await review.page.locator('.answers').isVisible(), false);
  });

  it('says which files are new, cannot be read, or mean the same', async () => {
    const review = await suite.open(fixtureUneven());
    await review.page.getByText('Not in HEAD: it is new.').waitFor();
    await review.page.getByText(/is not a report/).waitFor();
    await review.page.getByText('No difference in meaning.').waitFor();
    const answers = await review.page.locator('.answer').evaluateAll((nodes) => nodes.map((node) => node.textContent));
    assert.match(answers[0]!, /^Size, nominal15\.8 %new$/);
    assert.match(answers[3]!, /^Accuracy, measured–no report$/);
    const layers = review.page.getByRole('region', { name: 'Layers' }).locator('[role=row][data-key]');
    assert.equal(await layers.count(), 22);
    assert.match((await layers.first().textContent())!, /conv1.*added.*8/);
  });

  it('says why a layer cannot be opened', async () => {
    const state = fixtureReview();
    const reason = 'The model of the recipe cannot be found.';
    const review = await suite.open({
      ...state,
      actions: { ...state.actions, openLayer: { enabled: false, reason } },
    });
    await review.page.getByTitle(reason).first().waitFor();
    assert.equal(await review.page.getByRole('button', { name: /layers\.2/ }).count(), 0);
  });

  it('holds three thousand layers', async () => {
    const review = await suite.open(fixtureReview(1500));
    await review.page.getByRole('button', { name: 'Show unchanged layers' }).click();
    assert.equal(await review.page.locator('[role="grid"]').getAttribute('aria-rowcount'), '3001');
    assert.ok((await review.page.locator('.table-body .table-row').count()) < 60);
  });

  for (const width of [600, 860, 1180, 2000]) {
    it(`does not scroll sideways at ${width} pixels`, async () => {
      const review = await suite.open(fixtureReview(), { width });
      const over = await review.page.evaluate(() =>
        [...document.querySelectorAll('body, .review, .title-line, .answers, .section, .section-head')]
          .filter((node) => node.scrollWidth > node.clientWidth + 1)
          .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
      );
      assert.deepEqual(over, []);
    });
  }

  for (const theme of themeKinds) {
    it(`has no violations of accessibility, ${theme}`, async () => {
      const review = await suite.open(fixtureReview(), { theme });
      assert.deepEqual(await violations(review), []);
      await review.page.getByRole('button', { name: 'Show unchanged layers' }).click();
      await review.page.locator('[role="grid"]').focus();
      await review.page.keyboard.press('ArrowDown');
      await review.settled();
      assert.deepEqual(await violations(review), [], 'with a selected row');
      for (const state of [fixtureNoGit(), fixtureUneven(), { ...fixtureNoGit(), status: 'loading' as const }]) {
        review.change(state);
        await review.settled();
        assert.deepEqual(await violations(review), [], state.problem ?? state.status);
      }
    });
  }
});
