import assert from 'node:assert/strict';
import type { RunView } from '../../../src/protocol/history';
import { sortRows } from '../../../webview/table/column';
import { historyColumns } from '../../../webview/history/historyColumns';
import { parseHistoryState } from '../../../webview/history/historyState';
import { bestAtTheirSize } from '../../../webview/history/runScatter';
import { budgetText, differenceText, optimizerText, timeText } from '../../../webview/history/runText';
import { historyFixture } from '../fixtures/fixtureHistory';

const fixtureRuns = (name: Parameters<typeof historyFixture>[0]): readonly RunView[] => {
  const { runs } = historyFixture(name);
  return runs.status === 'ready' ? runs.value : [];
};

describe('history figures', () => {
  const [run] = fixtureRuns('runs') as [RunView];

  it('keep those that no other beats in size and measure', () => {
    const points = [
      { x: 2, y: 5 },
      { x: 1, y: 3 },
      { x: 3, y: 4 },
      { x: 2, y: 6 },
      { x: 4, y: 6 },
      { x: 5, y: 7 },
    ];
    const shown = (higher: boolean) => bestAtTheirSize(points, higher).map(({ x, y }) => `${x},${y}`);
    assert.deepEqual(shown(true), ['1,3', '2,6', '5,7']);
    assert.deepEqual(shown(false), ['1,3']);
    assert.deepEqual(bestAtTheirSize([], true), []);
  });

  it('say what one run has more or less than another, as far as both have it', () => {
    const worse: RunView = {
      ...run,
      size: run.size + 0.012,
      accuracy: { ...run.accuracy!, simulated: run.accuracy!.simulated - 0.0101 },
      measuredLoss: run.measuredLoss! + 0.02,
    };
    assert.equal(
      differenceText(run, worse).replaceAll('\u00a0', ' '),
      'size +1.20 points, Top-1 −1.01 points, loss +0.020',
    );
    const unmeasured = fixtureRuns('unmeasured')[3]!;
    assert.equal(
      differenceText({ ...unmeasured, size: 0.1 }, { ...run, size: 0.112 }).replaceAll('\u00a0', ' '),
      'size +1.20 points',
    );
  });

  it('name budgets and optimisers as recipes do', () => {
    assert.equal(
      budgetText({ ...run, budget: { size: 0.1, bops: 0.25 } }).replaceAll('\u00a0', ' '),
      'size 10.0 %, bit-ops 25.0 %',
    );
    assert.equal(budgetText({ ...run, minimize: 'size', budget: { loss: 0.05 } }), 'loss 0.050, least size');
    assert.equal(budgetText({ ...run, budget: {} }), 'none');
    assert.equal(optimizerText({ ...run, settings: { optimizer: 'gram, parallel' } }), 'gram, parallel');
    assert.equal(timeText('no time'), '–');
  });

  it('leave out columns that no run has anything for, and sort what is missing last', () => {
    const ids = (name: Parameters<typeof historyFixture>[0]) => historyColumns(fixtureRuns(name)).map(({ id }) => id);
    assert.ok(ids('runs').includes('sparsity') && ids('runs').includes('after'));
    assert.ok(!ids('unmeasured').includes('after'));
    const unmeasured = fixtureRuns('unmeasured');
    const sorted = sortRows(unmeasured, historyColumns(unmeasured), { column: 'measured', descending: false });
    assert.equal(sorted.at(-1)?.measuredLoss, undefined);
  });

  it('take nothing foreign from the state VS Code kept', () => {
    assert.deepEqual(parseHistoryState(undefined), { version: 1, selected: [] });
    assert.deepEqual(parseHistoryState({ version: 2, recipe: '/a' }), { version: 1, selected: [] });
    assert.deepEqual(parseHistoryState({ version: 1, recipe: 3, sort: { column: 1 }, selected: ['a', 2] }), {
      version: 1,
      selected: ['a'],
    });
  });
});
