import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import type { ModelDocument } from '../../../src/extension/modelDocument';
import {
  activateLathe,
  closeAll,
  eventually,
  openModel,
  quickRecipe,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

const LAYER = '/layers/layers.6/conv2/Conv';

describe('Layer inspector', function () {
  this.timeout(120_000);
  let api: LatheApi;
  let document: ModelDocument;
  const recipe = scratchFile('inspected/inspected.lathe.json');
  const never = new AbortController().signal;

  before(async () => {
    api = await activateLathe();
    const text = quickRecipe('../../sample/resnet20.onnx', {
      layers: { 'layers.6.*': { weights: 8 }, [LAYER]: { weights: 4 } },
    });
    await writeText(recipe, text.replaceAll('"../sample/', '"../../sample/'));
    document = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the recipes', () => stateOf(document).recipes.some((one) => one.path === recipe.fsPath));
    document.chooseRecipe(recipe.fsPath);
    await eventually('the recipe', () => document.recipe?.uri.fsPath === recipe.fsPath);
  });
  after(closeAll);

  it('gets pictures of a weight, and of no layer that is not there', async () => {
    const question = { layer: LAYER, input: 'mean', first: 0, position: 'all' } as const;
    const kernels = await document.weightPicture({ ...question, kind: 'kernels' }, never);
    assert.ok(kernels.kind === 'kernels');
    assert.deepEqual([kernels.count, kernels.height, kernels.width, kernels.values.length], [64, 3, 3, 576]);
    const blocks = await document.weightPicture({ ...question, kind: 'blocks' }, never);
    assert.ok(blocks.kind === 'blocks');
    assert.deepEqual([blocks.down, blocks.across], [64, 64]);
    const ranges = await document.channelRanges(LAYER, 3, never);
    assert.equal(ranges.channels, 64);
    assert.ok(ranges.narrowest > 0 && ranges.narrowest < ranges.widest && ranges.channel?.index === 3);
    await assert.rejects(
      document.weightPicture({ ...question, layer: 'gone', kind: 'blocks' }, never),
      (error: unknown) => (error as { code: string }).code === 'worker/no-layer',
    );
  });

  it('knows the grids and the rules of the recipe that reach a layer, and opens it at one of them', async () => {
    const info = await eventually('the recipe', () => {
      const { recipe: shown } = stateOf(document);
      return shown?.path === recipe.fsPath ? shown : undefined;
    });
    assert.deepEqual([info.weightGranularity, info.weightSymmetric], ['per-channel', true]);
    const rules = info.overrides.filter(({ layer }) => layer === LAYER);
    assert.equal(rules.length, 2);
    await api.actions.openRecipe(document, undefined, rules[0]!.line);
    const editor = await eventually('the recipe in front', () =>
      vscode.window.activeTextEditor?.document.uri.fsPath === recipe.fsPath
        ? vscode.window.activeTextEditor
        : undefined,
    );
    assert.match(editor.document.lineAt(editor.selection.active.line).text, /layers\.6\.\*/);
  });

  it('says what the lock decided of a layer, and opens it there', async () => {
    assert.equal((await document.lockEntry(LAYER))?.entry, undefined);
    await assert.rejects(
      api.actions.openLock(document, LAYER),
      (error: unknown) => (error as { code: string }).code === 'extension/no-lock',
    );
    const job = await api.jobs.start('run', recipe);
    assert.equal((await job.done).status, 'done');
    const found = await eventually('the entry', async () => (await document.lockEntry(LAYER))?.entry);
    assert.deepEqual([found.weightBits, found.activationBits, found.mask], [4, 8, undefined]);
    await api.actions.openLock(document, LAYER);
    const editor = await eventually('the lock in front', () => {
      const { activeTextEditor } = vscode.window;
      return activeTextEditor?.document.uri.path.endsWith('inspected.lathe.lock.json') ? activeTextEditor : undefined;
    });
    const { line } = editor.selection.active;
    assert.ok(editor.document.lineAt(line + 1).text.includes(LAYER));
  });
});
