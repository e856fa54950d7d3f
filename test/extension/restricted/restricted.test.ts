import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import { EXTENSION_ID, activateLathe, eventually, openModel, sampleFile, stateOf } from '../support/lathe';

describe('Restricted mode', () => {
  let api: LatheApi;

  it('starts Lathe when a recipe is opened before anything else', async () => {
    assert.equal(vscode.workspace.isTrusted, false);
    const extension = vscode.extensions.getExtension(EXTENSION_ID)!;
    assert.equal(extension.isActive, false);
    const document = await vscode.workspace.openTextDocument(sampleFile('resnet20.lathe.json'));
    await vscode.window.showTextDocument(document);
    await eventually('activation', () => extension.isActive);
    api = await activateLathe();
  });

  it('shows the layers and their statistics', async () => {
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    const state = await eventually('statistics', () => {
      const now = stateOf(document);
      return now.model.status === 'ready' && now.statistics.complete ? now : undefined;
    });
    assert.equal(state.trusted, false);
    assert.ok(state.model.status === 'ready');
    assert.equal(state.model.value.layers.length, 22);
  });

  it('disables what runs, with the reason', async () => {
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the model', () => stateOf(document).model.status === 'ready');
    for (const action of Object.values(stateOf(document).actions)) {
      assert.match(action.enabled ? 'enabled' : action.reason, /^Restricted mode/);
    }
  });

  it('starts no job, by no way', async () => {
    const recipe = sampleFile('resnet20.lathe.json');
    await assert.rejects(
      api.jobs.start('run', recipe),
      (error: unknown) => (error as { code: string }).code === 'extension/not-trusted',
    );
    const id = await vscode.commands.executeCommand('lathe.optimize', recipe).then(
      (value) => value,
      () => undefined,
    );
    assert.equal(id, undefined);
    assert.equal(api.jobs.all.length, 0);
  });

  it('says that Git is off, and compares two files all the same', async () => {
    const recipe = sampleFile('resnet20.lathe.json');
    await vscode.commands.executeCommand('lathe.reviewChanges', recipe);
    const withHead = await eventually('the reason', () => api.reviews.all.find(({ state }) => state.problem));
    assert.match(withHead.state.problem!, /^Restricted mode/);
    await vscode.commands.executeCommand('lathe.reviewChanges', recipe, [recipe, recipe]);
    const [outcome] = await eventually('the comparison', () => {
      const view = api.reviews.all.find(({ target }) => target.type === 'files');
      return view?.state.status === 'ready' ? view.state.parts.map((part) => part.outcome) : undefined;
    });
    assert.ok(outcome?.status === 'compared' && outcome.diff.same);
  });

  it('shows the history, and neither runs nor deletes from it', async () => {
    const recipe = sampleFile('resnet20.lathe.json');
    await vscode.commands.executeCommand('lathe.showHistory', recipe);
    const view = api.history.find(recipe);
    assert.ok(view !== undefined);
    await eventually('the list', () => view.snapshot.runs.status === 'none');
    assert.equal(view.snapshot.trusted, false);
    const refused = (error: unknown) => (error as { code: string }).code === 'extension/not-trusted';
    await assert.rejects(api.history.actions.again(recipe, 'resnet20-20260101-000000'), refused);
    await assert.rejects(api.history.actions.delete(recipe, ['resnet20-20260101-000000'], false), refused);
  });

  it('offers above a recipe only what inspects', async () => {
    const document = await vscode.workspace.openTextDocument(sampleFile('resnet20.lathe.json'));
    await vscode.window.showTextDocument(document);
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      'vscode.executeCodeLensProvider',
      document.uri,
    );
    assert.deepEqual(
      lenses.map((lens) => lens.command?.command),
      ['lathe.openModel', 'lathe.showHistory'],
    );
  });
});
