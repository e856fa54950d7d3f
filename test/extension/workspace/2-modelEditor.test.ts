import { strict as assert } from 'node:assert';
import { copyFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import {
  activateLathe,
  closeAll,
  eventually,
  openModel,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

describe('Model editor', () => {
  let api: LatheApi;
  before(async () => {
    api = await activateLathe();
  });
  afterEach(closeAll);

  it('is what VS Code opens *.onnx with', async () => {
    await vscode.commands.executeCommand('vscode.open', sampleFile('resnet20.onnx'));
    const tab = await eventually('a custom editor', () => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      return input instanceof vscode.TabInputCustom ? input : undefined;
    });
    assert.equal(tab.viewType, 'lathe.onnx');
  });

  it('shows the layers of the sample, and then their statistics', async () => {
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    const summary = await eventually('the summary', () => {
      const { model } = stateOf(document);
      assert.notEqual(model.status, 'failed');
      return model.status === 'ready' ? model.value : undefined;
    });
    // Torch's own count of the network: 21 convolutions, 1 linear layer.
    assert.equal(summary.layers.length, 22);
    assert.equal(summary.layers.filter((layer) => layer.operator === 'Conv').length, 21);
    assert.equal(summary.layers.at(-1)?.operator, 'Gemm');
    assert.deepEqual(summary.layers[0]?.weightShape, [16, 1, 3, 3]);
    assert.equal(summary.inputs[0]?.shape, 'batch × 1 × 28 × 28');
    const statistics = await eventually('all statistics', () => {
      const state = stateOf(document);
      return state.statistics.complete ? state.statistics.layers : undefined;
    });
    assert.equal(statistics.length, 22);
    assert.ok(statistics.every((layer) => layer.min < layer.max && layer.histogram.length === 64));
  });

  it('finds the recipe of the model, and says what is not measured', async () => {
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    const state = await eventually('the recipe', () => {
      const now = stateOf(document);
      return now.recipe !== undefined && now.measurements.status === 'none' ? now : undefined;
    });
    assert.equal(state.recipe?.name, 'resnet20.lathe.json');
    assert.equal(state.recipe.budget.size, 0.13);
    assert.deepEqual(state.recipe.diagnostics, []);
    assert.deepEqual(state.actions.analyze, { enabled: true });
    assert.equal(state.actions.export.enabled, false);
  });

  it('keeps the model out of the extension host: the worker has it', async () => {
    await openModel(api, sampleFile('resnet20.onnx'));
    const pid = await eventually('the background process', () => api.workerPid());
    assert.notEqual(pid, process.pid);
  });

  it('answers a broken file with a sentence that names it', async () => {
    const uri = scratchFile('broken.onnx');
    await writeText(uri, 'this is no model');
    const document = await openModel(api, uri);
    const error = await eventually('the failure', () => {
      const { model } = stateOf(document);
      return model.status === 'failed' ? model.error : undefined;
    });
    assert.match(error.code, /^onnx\//);
    assert.match(error.message, /broken\.onnx/);
    assert.equal(stateOf(document).actions.analyze.enabled, false);
  });

  it('reads a model that is on no disk from a copy, and offers nothing that would run it', async () => {
    const bytes = await vscode.workspace.fs.readFile(sampleFile('resnet20.onnx'));
    const registered = vscode.workspace.registerFileSystemProvider('lathetest', new MemoryFile(bytes), {
      isReadonly: true,
    });
    try {
      const document = await openModel(api, vscode.Uri.parse('lathetest:/folder/resnet20.onnx'));
      await eventually('the model', () => {
        const { model } = stateOf(document);
        assert.notEqual(model.status, 'failed', JSON.stringify(model));
        return model.status === 'ready';
      });
      assert.equal(stateOf(document).document.name, 'resnet20.onnx (lathetest)');
      assert.equal(stateOf(document).actions.optimize.enabled, false);
    } finally {
      registered.dispose();
    }
  });

  it('reads the file again when it changes on disk', async () => {
    const uri = scratchFile('changing.onnx');
    await writeText(uri, 'not yet');
    const document = await openModel(api, uri);
    await eventually('the failure', () => stateOf(document).model.status === 'failed');
    // From outside: VS Code closes editors of files that it overwrites itself.
    copyFileSync(sampleFile('resnet20.onnx').fsPath, uri.fsPath);
    await eventually('the model', () => stateOf(document).model.status === 'ready');
  });

  it('shows one document in several views and shares the selection', async () => {
    const uri = sampleFile('resnet20.onnx');
    const document = await openModel(api, uri);
    await vscode.commands.executeCommand('workbench.action.splitEditor');
    await eventually('two tabs', () => vscode.window.tabGroups.all.length === 2);
    document.selectLayer('/conv1/Conv');
    assert.equal(stateOf(document).selectedLayer, '/conv1/Conv');
  });

  it('starts a new background process after a crash, on the next question', async () => {
    const first = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the model', () => stateOf(first).model.status === 'ready');
    const pid = await eventually('the background process', () => api.workerPid());
    process.kill(pid, 'SIGKILL');
    await eventually('its end', () => api.workerPid() !== pid);
    first.reload();
    await eventually('the model again', () => stateOf(first).model.status === 'ready');
    await eventually('another process', () => api.workerPid());
    assert.notEqual(api.workerPid(), pid);
  });
});

/** A file system with one file, such as a repository browser offers. */
class MemoryFile implements vscode.FileSystemProvider {
  readonly onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>().event;
  constructor(private readonly bytes: Uint8Array) {}
  watch = () => new vscode.Disposable(() => undefined);
  stat = () => ({ type: vscode.FileType.File, ctime: 0, mtime: 0, size: this.bytes.length });
  readDirectory = () => [];
  readFile = () => this.bytes;
  createDirectory = refuse;
  writeFile = refuse;
  delete = refuse;
  rename = refuse;
}

function refuse(): never {
  throw vscode.FileSystemError.NoPermissions('read-only');
}
