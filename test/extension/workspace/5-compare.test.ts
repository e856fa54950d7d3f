import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import type { ComparePanel } from '../../../src/extension/comparePanel';
import type { LatheApi } from '../../../src/extension/extension';
import type { ModelComparison } from '../../../src/protocol/comparison';
import { activateLathe, closeAll, eventually, openModel, sampleFile, scratchFile, stateOf } from '../support/lathe';

/** A copy of the sample whose first weights are zero. */
function writeChanged(path: string): void {
  const bytes = readFileSync(sampleFile('resnet20.onnx').fsPath);
  // The weights of the network are the bulk of the file: its middle is inside one of them.
  bytes.fill(0, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 4000);
  writeFileSync(path, bytes);
}

async function compared(panel: ComparePanel): Promise<ModelComparison> {
  return eventually('the comparison', () => {
    const { comparison } = panel.snapshot;
    assert.notEqual(comparison.status, 'failed', JSON.stringify(comparison));
    return comparison.status === 'ready' ? comparison.value : undefined;
  });
}

describe('Comparison', () => {
  let api: LatheApi;
  const changed = scratchFile('compare/changed.onnx');
  before(async () => {
    api = await activateLathe();
    mkdirSync(dirname(changed.fsPath), { recursive: true });
    writeChanged(changed.fsPath);
  });
  afterEach(closeAll);

  it('opens two selected models, as the explorer passes them', async () => {
    const sample = sampleFile('resnet20.onnx');
    const panel = await vscode.commands.executeCommand<ComparePanel>('lathe.compareModels', changed, [sample, changed]);
    const { layers, before: one } = await compared(panel);
    assert.equal(one.fileBytes, 1_113_102);
    const differing = layers.filter(({ status }) => status !== 'same');
    assert.ok(differing.length >= 1 && differing.length <= 3, `${differing.length} layers`);
    assert.ok(differing.every(({ after: side }) => side!.zeros! > 0));
    assert.equal(panel.snapshot.before.place, 'sample');
    // The same two again, the other way round: no second panel.
    await vscode.commands.executeCommand('lathe.compareModels', changed, sample);
    assert.equal(api.comparisons.all.length, 1);
  });

  it('compares again when a file changes', async () => {
    const other = scratchFile('compare/other.onnx');
    copyFileSync(sampleFile('resnet20.onnx').fsPath, other.fsPath);
    const panel = api.comparisons.open(sampleFile('resnet20.onnx'), other);
    assert.ok((await compared(panel)).layers.every(({ status }) => status === 'same'));
    writeChanged(other.fsPath);
    await eventually('the change', () => {
      const { comparison } = panel.snapshot;
      return comparison.status === 'ready' && comparison.value.layers.some(({ status }) => status === 'changed');
    });
  });

  it('knows float model and compressed child of each other, by the recipe', async () => {
    const float = sampleFile('resnet20.onnx');
    const child = sampleFile('compressed/resnet20.onnx');
    if (!existsSync(child.fsPath)) {
      mkdirSync(dirname(child.fsPath), { recursive: true });
      writeChanged(child.fsPath);
    }
    const document = await openModel(api, float);
    await eventually('the child', () => stateOf(document).related.some(({ relation }) => relation === 'compressed'));
    assert.deepEqual(stateOf(document).related[0], { relation: 'compressed', name: 'sample/compressed/resnet20.onnx' });
    const made = await openModel(api, child);
    await eventually('the parent', () => stateOf(made).related.some(({ relation }) => relation === 'float'));
    await api.actions.compareRelated(made, 'float');
    const panel = await eventually('the comparison', () => api.comparisons.all[0]);
    // The float model stands on the left, from whichever side it was asked.
    assert.equal(panel.snapshot.before.uri, float.toString());
    assert.equal((await compared(panel)).layers.length, 22);
  });

  describe('with git', () => {
    const model = scratchFile('repository/net.onnx');
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
        cwd: dirname(model.fsPath),
      });
    let head: vscode.Uri;
    before(async () => {
      mkdirSync(dirname(model.fsPath), { recursive: true });
      copyFileSync(sampleFile('resnet20.onnx').fsPath, model.fsPath);
      git('init', '-q');
      git('add', 'net.onnx');
      git('commit', '-qm', 'Add the model');
      writeChanged(model.fsPath);
      const extension = vscode.extensions.getExtension<{ getAPI(version: 1): GitApi }>('vscode.git')!;
      const gitApi = (await extension.activate()).getAPI(1);
      await eventually('git', () => gitApi.state === 'initialized');
      await gitApi.openRepository(vscode.Uri.file(dirname(model.fsPath)));
      head = gitApi.toGitUri(model, 'HEAD');
    });

    it('compares a model with its version in HEAD', async () => {
      const panel = await vscode.commands.executeCommand<ComparePanel>('lathe.compareWithHead', {
        resourceUri: model,
      });
      const { layers } = await compared(panel);
      assert.ok(layers.some(({ status }) => status === 'changed'));
      assert.equal(panel.snapshot.before.place, 'HEAD');
      assert.equal(panel.snapshot.after.place, 'scratch/repository');
    });

    it('shows both sides of a diff editor, each with a way to the comparison', async () => {
      await vscode.commands.executeCommand('vscode.diff', head, model, 'net.onnx (HEAD ↔ Working Tree)');
      const [left, right] = await Promise.all(
        [head, model].map((uri) =>
          eventually(`an editor for ${uri.toString()}`, () => api.editors.find(uri)?.document),
        ),
      );
      for (const document of [left!, right!]) {
        await eventually('the model', () => {
          const { model: slot } = stateOf(document);
          assert.notEqual(slot.status, 'failed', JSON.stringify(slot));
          return slot.status === 'ready';
        });
      }
      // The comparison comes in front by itself, with HEAD on the left.
      const panel = await eventually('the comparison', () => api.comparisons.all[0]);
      assert.equal(panel.snapshot.before.place, 'HEAD');
      assert.ok(panel.panel.active);
      await compared(panel);
      // Closed, it leaves the diff; it does not come again by itself, but is a click away.
      panel.panel.dispose();
      await eventually('both sides', () => api.editors.find(head)?.panel.visible === true);
      assert.equal(api.comparisons.all.length, 0);
      await eventually('the other side', () => stateOf(left!).related.length > 0 && stateOf(right!).related.length > 0);
      assert.equal(stateOf(left!).document.name, 'net.onnx (HEAD)');
      assert.deepEqual(stateOf(right!).related, [{ relation: 'diff', name: 'net.onnx (HEAD)' }]);
      assert.equal(stateOf(left!).actions.optimize.enabled, false);
      await api.actions.compareRelated(right!, 'diff');
      await compared(await eventually('the comparison again', () => api.comparisons.all[0]));
    });

    it('keeps to the sides of a diff where the setting says so', async () => {
      const config = vscode.workspace.getConfiguration('lathe');
      await config.update('compare.openFromDiff', false, vscode.ConfigurationTarget.Global);
      try {
        await vscode.commands.executeCommand('vscode.diff', head, model, 'net.onnx (HEAD ↔ Working Tree)');
        const document = await eventually('the right side', () => api.editors.find(model)?.document);
        await eventually('its other side', () => stateOf(document).related.length > 0);
        assert.equal(api.comparisons.all.length, 0);
      } finally {
        await config.update('compare.openFromDiff', undefined, vscode.ConfigurationTarget.Global);
      }
    });

    it('says what is wrong with a version that is a pointer of Git LFS or not there', async () => {
      const pointer = scratchFile('repository/large.onnx');
      writeFileSync(pointer.fsPath, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
      git('add', 'large.onnx');
      git('commit', '-qm', 'Add a pointer');
      const { code, message } = await failure(await open(pointer));
      assert.equal(code, 'extension/lfs-pointer');
      assert.match(message, /large\.onnx \(HEAD\)/);
      const fresh = scratchFile('repository/fresh.onnx');
      copyFileSync(model.fsPath, fresh.fsPath);
      assert.equal((await failure(await open(fresh))).code, 'extension/not-on-disk');
    });

    const open = (uri: vscode.Uri) => vscode.commands.executeCommand<ComparePanel>('lathe.compareWithHead', uri);
    const failure = (panel: ComparePanel) =>
      eventually('the failure', () => {
        const { comparison } = panel.snapshot;
        return comparison.status === 'failed' ? comparison.error : undefined;
      });
  });
});

interface GitApi {
  readonly state: string;
  openRepository(root: vscode.Uri): Promise<unknown>;
  toGitUri(uri: vscode.Uri, ref: string): vscode.Uri;
}
