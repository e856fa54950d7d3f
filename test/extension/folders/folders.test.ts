import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import { ReadOnlyFiles } from '../../../src/extension/readOnlyFiles';
import {
  activateLathe,
  closeAll,
  eventually,
  exists,
  openModel,
  quickRecipe,
  stateOf,
  writeText,
} from '../support/lathe';

const MEMORY = 'lathe-memory';

/** A workspace folder that is on no disk: what it was given at the start, and nothing can be written. */
class MemoryFiles extends ReadOnlyFiles {
  constructor(private readonly files: ReadonlyMap<string, Uint8Array>) {
    super(MEMORY);
  }

  stat(uri: vscode.Uri): vscode.FileStat {
    const bytes = this.files.get(uri.path);
    const isFolder = [...this.files.keys()].some((path) => path.startsWith(`${uri.path.replace(/\/$/, '')}/`));
    if (bytes === undefined && !isFolder) {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    const type = bytes === undefined ? vscode.FileType.Directory : vscode.FileType.File;
    return { type, ctime: 0, mtime: 1, size: bytes?.length ?? 0 };
  }

  readDirectory(uri: vscode.Uri): [string, vscode.FileType][] {
    const prefix = `${uri.path.replace(/\/$/, '')}/`;
    const names = [...this.files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
    return [...new Set(names.map((name) => name.split('/')[0]!))].map((name) => [
      name,
      names.includes(name) ? vscode.FileType.File : vscode.FileType.Directory,
    ]);
  }

  readFile(uri: vscode.Uri): Uint8Array {
    const bytes = this.files.get(uri.path);
    if (bytes === undefined) {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    return bytes;
  }
}

function inFolder(index: number, name: string): vscode.Uri {
  return vscode.Uri.joinPath(vscode.workspace.workspaceFolders![index]!.uri, name);
}

const codeOf = (error: unknown): string => (error as { code: string }).code;

describe('Several folders in one workspace', function () {
  this.timeout(200_000);
  let api: LatheApi;
  before(async () => {
    api = await activateLathe();
  });
  afterEach(closeAll);

  it('gives every model the recipes of its own folder', async () => {
    assert.deepEqual(
      vscode.workspace.workspaceFolders!.map(({ name }) => name),
      ['first', 'second'],
    );
    for (const index of [0, 1]) {
      const document = await openModel(api, inFolder(index, 'resnet20.onnx'));
      const { recipe, recipes } = await eventually('its recipe', () => {
        const state = stateOf(document);
        return state.recipe === undefined ? undefined : state;
      });
      assert.equal(recipe!.path, inFolder(index, 'resnet20.lathe.json').fsPath);
      assert.equal(recipes.length, 1);
    }
  });

  it('runs a job in the folder of its recipe, and leaves the other one alone', async () => {
    const recipe = inFolder(1, 'quick.lathe.json');
    await writeText(recipe, quickRecipe('resnet20.onnx').replaceAll('"../sample/', '"'));
    const job = await api.jobs.start('run', recipe);
    const last = await job.done;
    assert.equal(last.status, 'done', last.error?.message);
    for (const name of ['quick.lathe.lock.json', 'quick.lathe.report.json', 'compressed/quick.onnx', '.lathe']) {
      assert.equal(await exists(inFolder(1, name)), true, name);
      assert.equal(await exists(inFolder(0, name)), false, name);
    }
  });

  it('says of a related model in which folder it is', async () => {
    const document = await openModel(api, inFolder(1, 'resnet20.onnx'));
    const [related] = await eventually('the compressed model', () => {
      const { related } = stateOf(document);
      return related.length > 0 ? related : undefined;
    });
    assert.deepEqual(related, { relation: 'compressed', name: 'second/compressed/quick.onnx' });
  });
});

describe('A folder that is on no disk', function () {
  this.timeout(200_000);
  let api: LatheApi;
  let memory: MemoryFiles;
  after(() => memory.dispose());
  before(async () => {
    api = await activateLathe();
    const bytes = (name: string): Uint8Array => readFileSync(inFolder(0, name).fsPath);
    // The same paths as on disk: a file is more than its path.
    const files = new Map(
      ['resnet20.onnx', 'resnet20.lathe.json'].map((name) => [inFolder(0, name).path, bytes(name)]),
    );
    memory = new MemoryFiles(files);
    const root = inFolder(0, '').with({ scheme: MEMORY });
    assert.ok(vscode.workspace.updateWorkspaceFolders(2, 0, { uri: root, name: 'elsewhere' }));
    await eventually('the third folder', () => vscode.workspace.workspaceFolders?.length === 3);
  });
  afterEach(closeAll);

  const elsewhere = (name: string): vscode.Uri => inFolder(0, name).with({ scheme: MEMORY });

  it('has its models read from a copy, and says why nothing runs', async () => {
    const document = await openModel(api, elsewhere('resnet20.onnx'));
    const state = await eventually('the layers', () => {
      const now = stateOf(document);
      return now.model.status === 'ready' && now.statistics.complete ? now : undefined;
    });
    assert.ok(state.model.status === 'ready');
    assert.equal(state.model.value.layers.length, 22);
    assert.equal(state.document.name, `resnet20.onnx (${MEMORY})`);
    assert.deepEqual(state.recipes, []);
    for (const action of Object.values(state.actions)) {
      assert.match(action.enabled ? 'enabled' : action.reason, /not on a disk/);
    }
  });

  it('starts no job and writes no file for a recipe there, though one of that path is on a disk', async () => {
    const recipe = elsewhere('resnet20.lathe.json');
    await assert.rejects(api.jobs.start('run', recipe), (error) => codeOf(error) === 'extension/not-on-disk');
    const target = inFolder(0, 'netron.json');
    await vscode.commands.executeCommand('lathe.exportAs', recipe, { format: 'netron', target });
    assert.equal(await exists(target), false);
    assert.equal(await exists(inFolder(0, '.lathe')), false);
  });

  it('leaves the models on disk with the recipes on disk', async () => {
    const document = await openModel(api, inFolder(0, 'resnet20.onnx'));
    const { recipes } = await eventually('its recipe', () => {
      const state = stateOf(document);
      return state.recipe === undefined ? undefined : state;
    });
    assert.equal(recipes.length, 1);
  });
});
