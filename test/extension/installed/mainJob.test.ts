import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import {
  EXTENSION_ID,
  activateLathe,
  eventually,
  exists,
  openModel,
  quickRecipe,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

describe('Installed package', function () {
  this.timeout(300_000);

  it('is what VS Code installed, not the working tree', () => {
    const extension = vscode.extensions.getExtension(EXTENSION_ID);
    assert.match(extension?.extensionPath ?? '', /extensions[/\\]lathe\.lathe-/);
  });

  it('opens a model', async () => {
    const api = await activateLathe();
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the layers', () => stateOf(document).model.status === 'ready');
  });

  it('runs the main job with the native files it brought', async () => {
    const api = await activateLathe();
    const recipe = scratchFile('packed.lathe.json');
    await writeText(recipe, quickRecipe());
    const id = await vscode.commands.executeCommand<string>('lathe.optimize', recipe);
    const job = api.jobs.all.find((one) => one.snapshot.id === id);
    assert.ok(job !== undefined);
    const last = await job.done;
    assert.equal(last.status, 'done', last.error?.message);
    assert.ok(await exists(scratchFile('compressed/packed.onnx')));
    assert.ok(await exists(scratchFile('packed.lathe.report.html')));
  });

  it('brings the sample model', async () => {
    const uri = await vscode.commands.executeCommand<vscode.Uri>('lathe.openSample', scratchFile(''));
    assert.ok(await exists(uri));
    assert.ok(await exists(vscode.Uri.joinPath(uri, '..', 'resnet20.lathe.json')));
  });
});
