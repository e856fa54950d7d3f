import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import type { ReviewPanel } from '../../../src/extension/reviewPanel';
import { parseTarget } from '../../../src/extension/reviewTarget';
import type { ReviewPart, ReviewState } from '../../../src/protocol/review';
import {
  activateLathe,
  closeAll,
  EXTENSION_ID,
  eventually,
  mend,
  openModel,
  quickRecipe,
  readText,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

/** A real repository in the workspace, made while its window is open. */
describe('Review', function () {
  this.timeout(300_000);
  let api: LatheApi;
  const recipe = () => scratchFile('reviewed.lathe.json');
  const lock = () => scratchFile('reviewed.lathe.lock.json');
  const root = () => vscode.workspace.workspaceFolders![0]!.uri.fsPath;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
      cwd: root(),
      encoding: 'utf8',
    });

  before(async () => {
    api = await activateLathe();
    await writeText(recipe(), quickRecipe());
    await allocate();
  });
  after(async () => {
    await closeAll();
    rmSync(join(root(), '.git'), { recursive: true, force: true });
  });

  async function allocate(): Promise<void> {
    const id = await vscode.commands.executeCommand<string>('lathe.allocate', recipe());
    const job = api.jobs.all.find((candidate) => candidate.snapshot.id === id);
    assert.equal((await job!.done).status, 'done');
  }

  async function review(file: vscode.Uri, selection?: readonly vscode.Uri[]): Promise<ReviewPanel> {
    await vscode.commands.executeCommand('lathe.reviewChanges', file, selection);
    const type = selection === undefined ? 'revision' : 'files';
    return eventually('a panel', () =>
      api.reviews.all.find(
        ({ target }) => target.type === type && (target.type === 'revision' || target.afterPath === file.fsPath),
      ),
    );
  }

  const ready = (view: ReviewPanel, what: string, look: (state: ReviewState) => boolean) =>
    eventually(what, () => (view.state.status === 'ready' && look(view.state) ? view.state : undefined)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(view.state).slice(0, 3000)}`);
      },
    );
  const partOf = (state: ReviewState, kind: ReviewPart['kind']) => state.parts.find((part) => part.kind === kind);
  const diffOf = (state: ReviewState, kind: ReviewPart['kind']) => {
    const outcome = partOf(state, kind)?.outcome;
    return outcome?.status === 'compared' ? outcome.diff : undefined;
  };

  it('says that there is no repository, until there is one', async () => {
    const view = await review(recipe());
    const state = await ready(view, 'the reason', ({ problem }) => problem !== undefined);
    assert.match(state.problem!, /no Git repository/);
    assert.equal(state.actions.copyMarkdown.enabled, false);
    git('init', '--initial-branch', 'main');
    git('add', 'scratch/reviewed.lathe.json');
    git('commit', '--quiet', '--message', 'Add a recipe');
    git('add', 'scratch/reviewed.lathe.lock.json');
    git('commit', '--quiet', '--message', 'Add its lock');
    await ready(
      view,
      'a comparison',
      (now) => diffOf(now, 'lock')?.same === true && diffOf(now, 'recipe')?.same === true,
    );
    assert.equal(api.reviews.all.length, 1);
  });

  it('follows the recipe on disk, and says what makes the lock stale', async () => {
    const view = await review(recipe());
    await writeText(recipe(), (await readText(recipe())).replace('"size": 0.2', '"size": 0.15'));
    const state = await ready(
      view,
      'the budget',
      (now) => diffOf(now, 'recipe')?.same === false && now.stale.length > 0,
    );
    assert.deepEqual(diffOf(state, 'recipe')!.fields, [
      { field: 'allocation.budget.size', before: '0.2', after: '0.15' },
    ]);
    assert.match(state.stale.join(' '), /budget size 0\.2 → 0\.15/);
    assert.equal(diffOf(state, 'lock')!.same, true);
  });

  it('shows a stale lock in its file, where it says what it was made from, and allocates again', async () => {
    const document = await vscode.workspace.openTextDocument(lock());
    await vscode.window.showTextDocument(document);
    const stale = await eventually('the stale lock', () =>
      vscode.languages.getDiagnostics(lock()).find(({ code }) => code === 'lock/stale'),
    );
    assert.equal(stale.severity, vscode.DiagnosticSeverity.Warning);
    assert.equal(document.getText(stale.range), '"objective"');
    assert.match(stale.message, /0\.2 → 0\.15/);
    const inRecipe = await vscode.workspace.openTextDocument(recipe());
    const twin = await eventually('the same in the recipe', () =>
      vscode.languages.getDiagnostics(recipe()).find(({ code }) => code === 'recipe/stale-lock'),
    );
    assert.match(inRecipe.getText(twin.range), /^\{\s*"size": 0\.15\s*\}$/);
    await mend(document, stale, 'Allocate again');
    await eventually('a current lock', () => vscode.languages.getDiagnostics(lock()).length === 0);
  });

  it('shows bits, bytes and loss of the layers that the new budget moved, and why', async () => {
    const view = await review(lock());
    const state = await ready(view, 'layers', (now) => (diffOf(now, 'lock')?.layers[0]?.status ?? 'same') !== 'same');
    const diff = diffOf(state, 'lock')!;
    const size = diff.figures.find(({ key }) => key === 'size')!;
    assert.match(size.change, /^−[\d.]+ KB$/);
    const moved = diff.layers.filter(({ status }) => status === 'changed');
    assert.ok(moved.length > 0 && moved.length + diff.unchangedLayers === 22);
    const narrower = moved.find(({ before, after }) => before?.W === '8' && after?.W === '4');
    assert.match(narrower?.changes.size ?? '', /^−/);
    assert.match(narrower?.why ?? '', /budget/);
    assert.deepEqual(state.stale, []);
    assert.equal(partOf(state, 'report'), undefined);
  });

  it('copies exactly what the command line prints', async () => {
    const view = await review(recipe());
    await ready(view, 'a comparison', (now) => now.parts.length === 2);
    const folder = mkdtempSync(join(tmpdir(), 'lathe-review-'));
    const cli = join(vscode.extensions.getExtension(EXTENSION_ID)!.extensionPath, 'dist', 'cli.js');
    try {
      const printed = ['scratch/reviewed.lathe.json', 'scratch/reviewed.lathe.lock.json'].map((path) => {
        const old = join(folder, `HEAD:${path}`);
        mkdirSync(dirname(old), { recursive: true });
        writeFileSync(old, git('show', `HEAD:${path}`));
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        cpSync(join(root(), path), join(folder, path));
        return execFileSync(process.execPath, [cli, 'diff', `HEAD:${path}`, path, '--format', 'markdown'], {
          cwd: folder,
          encoding: 'utf8',
        });
      });
      assert.equal(view.markdown, printed.join(''));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('compares with another commit, which may not have the lock', async () => {
    const view = await review(recipe());
    view.show({ type: 'revision', recipePath: recipe().fsPath, revision: 'main~1' });
    const state = await ready(view, 'the older commit', (now) => now.parts.length === 2);
    const { outcome } = partOf(state, 'lock')!;
    assert.ok(outcome.status === 'added');
    assert.equal(outcome.diff!.layers.length, 22);
    assert.equal(partOf(state, 'recipe')!.before, 'main~1:scratch/reviewed.lathe.json');
    view.show({ type: 'revision', recipePath: recipe().fsPath, revision: 'no-such-branch' });
    const failed = await ready(view, 'the failure', () => true);
    assert.ok(failed.parts.every(({ outcome }) => outcome.status === 'failed'));
  });

  it('follows HEAD', async () => {
    const view = await review(recipe());
    await ready(view, 'changes', (now) => diffOf(now, 'lock')?.same === false);
    git('commit', '--quiet', '--all', '--message', 'Spend less');
    await ready(view, 'no changes', (now) => diffOf(now, 'lock')?.same === true);
  });

  it('compares two files that were selected, with those that belong to them', async () => {
    const other = scratchFile('other.lathe.json');
    await writeText(other, quickRecipe('../sample/resnet20.onnx', { seed: 7 }));
    const view = await review(recipe(), [other, recipe()]);
    const state = await ready(view, 'both recipes', (now) => now.parts.length === 2);
    assert.deepEqual([state.before, state.after], ['scratch/other.lathe.json', 'scratch/reviewed.lathe.json']);
    assert.ok(diffOf(state, 'recipe')!.fields.some(({ field }) => field === 'seed'));
    assert.equal(partOf(state, 'lock')!.outcome.status, 'added');
  });

  it('compares two models', async () => {
    const copy = scratchFile('copy.onnx');
    await vscode.workspace.fs.copy(sampleFile('resnet20.onnx'), copy, { overwrite: true });
    const view = await review(copy, [sampleFile('resnet20.onnx'), copy]);
    const state = await ready(view, 'the models', (now) => now.parts.length === 1);
    assert.equal(diffOf(state, 'model')!.same, true);
  });

  it('takes nothing foreign from what VS Code kept', () => {
    const kept = { type: 'revision', recipePath: '/m/a.lathe.json', revision: 'origin/main', showSame: true };
    assert.deepEqual(parseTarget(kept), { type: 'revision', recipePath: '/m/a.lathe.json', revision: 'origin/main' });
    const files = { type: 'files', beforePath: '/m/a.onnx', afterPath: '/m/b.onnx' };
    assert.deepEqual(parseTarget(files), files);
    for (const foreign of [
      undefined,
      'HEAD',
      { ...kept, revision: '--output=/tmp/x' },
      { ...kept, revision: 'HEAD:secret' },
      { ...kept, recipePath: 3 },
      { ...files, type: 'three' },
    ]) {
      assert.equal(parseTarget(foreign), undefined, JSON.stringify(foreign));
    }
  });

  it('opens a layer in its model, also where that is open already', async () => {
    await closeAll();
    const model = sampleFile('resnet20.onnx');
    await api.editors.openLayer(model, '/conv1/Conv');
    const document = await eventually('the editor', () => api.editors.find(model)?.document);
    assert.equal(stateOf(document).selectedLayer, '/conv1/Conv');
    await api.editors.openLayer(model, '/layers/layers.0/conv1/Conv');
    assert.equal(stateOf(document).selectedLayer, '/layers/layers.0/conv1/Conv');
    await openModel(api, model);
  });
});
