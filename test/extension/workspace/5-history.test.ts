import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import type { RunView } from '../../../src/protocol/history';
import {
  EXTENSION_ID,
  activateLathe,
  closeAll,
  eventually,
  exists,
  quickRecipe,
  readText,
  scratchFile,
  writeText,
} from '../support/lathe';

describe('History', function () {
  this.timeout(300_000);
  let api: LatheApi;
  const recipe = scratchFile('kept/kept.lathe.json');
  const recipeText = (size: number) =>
    quickRecipe('../../sample/resnet20.onnx', { allocation: { minimize: 'loss', budget: { size } } }).replaceAll(
      '"../sample/',
      '"../../sample/',
    );
  const runs = (): readonly RunView[] => {
    const state = api.history.find(recipe)?.snapshot.runs;
    return state?.status === 'ready' ? state.value : [];
  };
  async function run(size: number): Promise<void> {
    await writeText(recipe, recipeText(size));
    const job = await api.jobs.start('run', recipe);
    const { status, error } = await job.done;
    assert.equal(status, 'done', error?.message);
  }
  const tabLabels = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs.map(({ label }) => label));

  before(async () => {
    api = await activateLathe();
  });
  after(closeAll);

  it('opens empty, and follows the runs as they end', async () => {
    await writeText(recipe, recipeText(0.2));
    await vscode.commands.executeCommand('lathe.showHistory', recipe);
    const view = api.history.find(recipe);
    await eventually('the list', () => view?.snapshot.runs.status === 'none');
    await eventually('its tab', () => tabLabels().includes('History of kept.lathe.json'));
    await run(0.2);
    await eventually('the first run', () => runs().length === 1);
    await run(0.15);
    await eventually('the second run', () => runs().length === 2);
    const [newer, older] = runs();
    assert.deepEqual([newer?.budget, older?.budget], [{ size: 0.15 }, { size: 0.2 }]);
    assert.deepEqual([newer?.isPresentRecipe, older?.isPresentRecipe], [true, false]);
    assert.ok(newer!.size < older!.size && newer!.size <= 0.15);
    assert.equal(newer?.settings?.optimizer, 'rtn');
    await vscode.commands.executeCommand('lathe.showHistory', recipe);
    assert.equal(api.history.find(recipe), view, 'one panel a recipe');
  });

  it('hands the reports of two runs to the review of changes', async () => {
    const [newer, older] = runs();
    const before = tabLabels().length;
    await api.history.actions.compare(recipe, [newer!.id, older!.id]);
    await eventually('the review', () => tabLabels().length > before);
    assert.deepEqual(api.reviews.all.at(-1)?.target, {
      type: 'files',
      beforePath: older!.files.report,
      afterPath: newer!.files.report,
    });
    await assert.rejects(
      api.history.actions.compare(recipe, [newer!.id]),
      (error: unknown) => (error as { code: string }).code === 'extension/wrong-selection',
    );
  });

  it('shows the kept recipe of a run, read-only', async () => {
    const [, older] = runs();
    await api.history.actions.openRecipe(recipe, older!.id);
    const kept = await eventually('the kept recipe', () =>
      vscode.workspace.textDocuments.find(
        ({ uri }) => uri.scheme === 'lathe-run' && uri.path === recipe.path && uri.query.includes(older!.id),
      ),
    );
    assert.equal(kept.getText(), recipeText(0.2));
    assert.equal(vscode.workspace.fs.isWritableFileSystem('lathe-run'), undefined);
    // What was kept is no recipe of the workspace: it has no problems and offers nothing to run.
    assert.deepEqual(vscode.languages.getDiagnostics(kept.uri), []);
  });

  it('writes what the lock decided for another tool, and nothing over a file that is there', async () => {
    const target = vscode.Uri.joinPath(recipe, '..', 'kept.netron.json');
    await vscode.commands.executeCommand('lathe.exportAs', recipe, { format: 'netron', target });
    const written = JSON.parse(await readText(target)) as { signature: string; metrics: unknown[] };
    assert.equal(written.signature, 'netron:attachment');
    assert.equal(written.metrics.length, 3 * 22);
    await writeText(target, 'mine');
    await vscode.commands.executeCommand('lathe.exportAs', recipe, { format: 'netron', target });
    assert.equal(await readText(target), 'mine');
  });

  it('writes the model and the report of the last run elsewhere, and never over the float model', async () => {
    const target = (name: string): vscode.Uri => vscode.Uri.joinPath(recipe, '..', name);
    for (const [format, name, mark] of [
      ['model', 'copy.onnx', 'DequantizeLinear'],
      ['float', 'copy.float.onnx', 'ai.lathe.form'],
      ['html', 'copy.html', '<!doctype html>'],
      ['markdown', 'copy.md', '| '],
    ] as const) {
      await vscode.commands.executeCommand('lathe.exportAs', recipe, { format, target: target(name) });
      assert.ok((await readText(target(name))).includes(mark), name);
    }
    assert.ok(!(await readText(target('copy.float.onnx'))).includes('QuantizeLinear'));
    await vscode.commands.executeCommand('lathe.exportAs', recipe, {
      format: 'matmulnbits',
      target: target('copy.blocks.onnx'),
    });
    assert.ok(!(await exists(target('copy.blocks.onnx'))), 'a network of convolutions has no weights in blocks');
    const float = target('../../sample/resnet20.onnx');
    const before = await vscode.workspace.fs.readFile(float);
    await vscode.commands.executeCommand('lathe.exportAs', recipe, { format: 'model', target: float });
    assert.deepEqual(await vscode.workspace.fs.readFile(float), before);
  });

  it('opens the report of a run for reading', async () => {
    const [, older] = runs();
    await api.history.actions.openReport(recipe, older!.id);
    await eventually('the preview', () => tabLabels().some((label) => /kept\.lathe\.report\.md/.test(label)));
  });

  it('brings a recipe that changed back into a file of its own, and runs one that did not', async () => {
    const [newer, older] = runs();
    const first = await api.history.actions.again(recipe, older!.id);
    const written = vscode.Uri.file(first.written!);
    assert.deepEqual(
      [first.started, written.path],
      [false, `${recipe.path.replace(/kept\.lathe\.json$/, older!.id)}.lathe.json`],
    );
    assert.equal(await readText(written), recipeText(0.2));
    assert.equal(await readText(recipe), recipeText(0.15));
    const second = await api.history.actions.again(recipe, older!.id);
    assert.notEqual(second.written, first.written);
    assert.ok(await exists(vscode.Uri.file(second.written!)));
    const third = await api.history.actions.again(recipe, newer!.id);
    assert.deepEqual(third, { started: true });
    const [job] = api.jobs.all;
    assert.equal(job?.snapshot.recipePath, recipe.fsPath);
    await eventually('the state', () => api.history.find(recipe)?.snapshot.running === true);
    assert.equal((await job.done).status, 'done');
    await eventually('the third run', () => runs().length === 3);
    assert.equal(api.history.find(recipe)?.snapshot.running, false);
  });

  it('deletes runs and nothing else', async () => {
    const [newest, ...others] = runs();
    const deleted = await api.history.actions.delete(
      recipe,
      others.map(({ id }) => id),
      false,
    );
    assert.equal(deleted, 2);
    await api.history.find(recipe)!.refresh();
    assert.deepEqual(
      runs().map(({ id }) => id),
      [newest!.id],
    );
    for (const name of ['kept.lathe.json', 'kept.lathe.report.json', 'compressed/kept.onnx']) {
      assert.ok(await exists(vscode.Uri.joinPath(recipe, '..', name)), name);
    }
  });

  it('follows runs of the command line', async () => {
    const before = runs().length;
    const cli = join(vscode.extensions.getExtension(EXTENSION_ID)!.extensionPath, 'dist', 'cli.js');
    await promisify(execFile)(process.execPath, [cli, 'run', recipe.fsPath], {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    });
    await eventually('the run', () => runs().length === before + 1);
  });
});
