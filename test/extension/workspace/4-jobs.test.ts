import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import type { Job } from '../../../src/extension/job';
import type { JobSnapshot } from '../../../src/protocol/job';
import {
  activateLathe,
  closeAll,
  eventually,
  mend,
  exists,
  openModel,
  quickRecipe,
  readText,
  sampleFile,
  scratchFile,
  stateOf,
  writeText,
} from '../support/lathe';

describe('Jobs', function () {
  this.timeout(300_000);
  let api: LatheApi;
  before(async () => {
    api = await activateLathe();
  });
  afterEach(closeAll);

  async function recipe(name: string, more: Record<string, unknown> = {}): Promise<vscode.Uri> {
    const uri = scratchFile(`${name}/${name}.lathe.json`);
    const text = quickRecipe('../../sample/resnet20.onnx', more).replaceAll('"../sample/', '"../../sample/');
    await writeText(uri, text);
    return uri;
  }

  async function started(command: string, uri: vscode.Uri): Promise<Job> {
    const id = await vscode.commands.executeCommand<string>(command, uri);
    const job = api.jobs.all.find((candidate) => candidate.snapshot.id === id);
    assert.ok(job !== undefined, `${command} started no job`);
    return job;
  }

  it('run from the recipe to the compressed model, in a process of their own', async () => {
    const uri = await recipe('whole');
    const snapshots: JobSnapshot[] = [];
    const listening = api.jobs.onDidChange((snapshot) => snapshot !== undefined && snapshots.push(snapshot));
    const job = await started('lathe.optimize', uri);
    assert.notEqual(job.pid, process.pid);
    assert.notEqual(job.pid, api.workerPid());
    const last = await job.done;
    listening.dispose();
    assert.equal(last.status, 'done', last.error?.message);
    assert.ok(snapshots.some((snapshot) => snapshot.status === 'running' && snapshot.stages.length >= 8));
    assert.ok(last.stages.every((stage) => stage.status === 'done' || stage.status === 'skipped'));
    const folder = vscode.Uri.joinPath(uri, '..');
    const source = await vscode.workspace.fs.stat(sampleFile('resnet20.onnx'));
    const compressed = await vscode.workspace.fs.stat(vscode.Uri.joinPath(folder, 'compressed', 'whole.onnx'));
    assert.ok(compressed.size < source.size / 2, `${compressed.size} bytes of ${source.size}`);
    for (const name of [
      'whole.lathe.lock.json',
      'whole.lathe.report.json',
      'whole.lathe.report.md',
      'whole.lathe.report.html',
    ]) {
      assert.ok(await exists(vscode.Uri.joinPath(folder, name)), name);
    }
    assert.ok(job.pid !== undefined);
    await eventually('the end of the process', () => !isAlive(job.pid!));

    const document = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the recipes', () => stateOf(document).recipes.some((one) => one.path === uri.fsPath));
    document.chooseRecipe(uri.fsPath);
    const report = await eventually('the report', () => {
      const { report: slot, recipe: info } = stateOf(document);
      return slot.status === 'ready' && info?.path === uri.fsPath ? slot.value : undefined;
    });
    assert.equal(report.size.floatFileBytes, source.size);
    assert.equal(report.size.fileBytes, compressed.size);
    const target = scratchFile('exported.onnx');
    await api.actions.copyModel(document, await api.actions.compressedModel(document), target);
    assert.equal((await vscode.workspace.fs.stat(target)).size, compressed.size);
    await assert.rejects(api.actions.copyModel(document, target, document.uri));
    assert.equal((await vscode.workspace.fs.stat(document.uri)).size, source.size);
  });

  it('make their recipe say when the lock is stale and when a budget cannot be reached', async () => {
    const uri = scratchFile('whole/whole.lathe.json');
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document);
    const change = async (from: string, to: string) => {
      const at = document.getText().indexOf(from);
      const edit = new vscode.WorkspaceEdit();
      edit.replace(uri, new vscode.Range(document.positionAt(at), document.positionAt(at + from.length)), to);
      await vscode.workspace.applyEdit(edit);
      await document.save();
    };
    const problem = (code: string) =>
      eventually(code, () => vscode.languages.getDiagnostics(uri).find((diagnostic) => diagnostic.code === code));
    await change('"size": 0.2', '"size": 0.19');
    assert.match((await problem('recipe/stale-lock')).message, /0\.2 → 0\.19/);
    await change('"size": 0.19', '"size": 0.01');
    const unreachable = await problem('recipe/unreachable-budget');
    assert.equal(unreachable.severity, vscode.DiagnosticSeverity.Error);
    assert.match(document.getText(unreachable.range), /0\.01/);
    const [fix] = await eventually('a quick fix', async () => {
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        uri,
        unreachable.range,
      );
      const own = actions.filter(({ title }) => /^Replace with 0\.\d+$/.test(title));
      return own.length > 0 ? own : undefined;
    });
    await vscode.workspace.applyEdit(fix!.edit!);
    await document.save();
    // What it puts there can be reached: the lock alone is stale, and the lightbulb on it allocates again.
    const stale = await eventually('the stale lock alone', () => {
      const found = vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'lathe');
      return found.length === 1 && found[0]!.code === 'recipe/stale-lock' ? found[0] : undefined;
    });
    await mend(document, stale, 'Allocate again');
    await eventually('a current lock', () =>
      vscode.languages.getDiagnostics(uri).every(({ source }) => source !== 'lathe'),
    );
  });

  it('leave measurements that the editor solves with', async () => {
    const uri = await recipe('solved');
    const job = await started('lathe.analyze', uri);
    assert.equal((await job.done).status, 'done');
    const document = await openModel(api, sampleFile('resnet20.onnx'));
    await eventually('the recipes', () => stateOf(document).recipes.some((one) => one.path === uri.fsPath));
    document.chooseRecipe(uri.fsPath);
    const state = await eventually('an exact allocation', () => {
      const now = stateOf(document);
      return now.recipe?.path === uri.fsPath && now.allocation.status === 'ready' && now.allocation.value.exact
        ? now
        : undefined;
    });
    assert.ok(
      state.allocation.status === 'ready' && state.frontier.status === 'ready' && state.measurements.status === 'ready',
    );
    assert.equal(state.allocation.value.layers.length, 22);
    assert.ok(state.allocation.value.size <= 0.2);
    assert.ok(state.frontier.value.points.length >= 2);
    const looser = await api.actions.solve(document, { size: 0.25 }, [], 'exact', new AbortController().signal);
    assert.ok(looser.predictedLoss <= state.allocation.value.predictedLoss + 1e-9);
    const pinned = await api.actions.solve(
      document,
      { size: 0.25 },
      [{ layer: '/layers/layers.8/conv1/Conv', weightBits: 4 }],
      'exact',
      new AbortController().signal,
    );
    assert.equal(pinned.layers.find((layer) => layer.name === '/layers/layers.8/conv1/Conv')?.weightBits, 4);
    await assert.rejects(
      api.actions.solve(document, { size: 0.01 }, [], 'exact', new AbortController().signal),
      (error: unknown) => (error as { code: string }).code === 'allocate/infeasible',
    );
  });

  it('end when they are cancelled, and go on from there when started again', async () => {
    const slow = {
      quantization: {
        weights: { bits: [2, 3, 4, 5, 6, 8] },
        activations: { bits: [4, 6, 8] },
        sensitivity: { samples: 128 },
        optimizer: { method: 'rtn' },
      },
    };
    const uri = await recipe('cancelled', slow);
    const job = await started('lathe.analyze', uri);
    await eventually(
      'half of the ranges',
      () =>
        job.snapshot.stages.some(
          (stage) => stage.name === 'sensitivity' && stage.status === 'running' && stage.done > 3,
        ),
      120_000,
    );
    await vscode.commands.executeCommand('lathe.cancelJob', job.snapshot.id);
    const last = await job.done;
    assert.equal(last.status, 'cancelled');
    assert.equal(last.error, undefined);
    await eventually('the end of the process', () => !isAlive(job.pid!));
    const again = await started('lathe.analyze', uri);
    const resumed = await again.done;
    assert.equal(resumed.status, 'done', resumed.error?.message);
    assert.ok(resumed.resumedSteps > 3, `${resumed.resumedSteps} steps resumed`);
  });

  it('fail with their log when the process is killed, and are not run again', async () => {
    const uri = await recipe('killed', {
      quantization: { weights: { bits: [2, 3, 4, 8] }, sensitivity: { samples: 128 }, optimizer: { method: 'rtn' } },
    });
    const job = await started('lathe.analyze', uri);
    await eventually('a stage', () => job.snapshot.stages.some((stage) => stage.status === 'running'));
    process.kill(job.pid!, 'SIGKILL');
    const last = await job.done;
    assert.equal(last.status, 'failed');
    assert.equal(last.error?.code, 'job/crashed');
    assert.match(last.error.message, /SIGKILL/);
    assert.ok(!last.stages.some((stage) => stage.status === 'running'));
    const log = await eventually('the log', async () => {
      const text = await readText(job.logUri);
      return text.includes('job/crashed') ? text : undefined;
    });
    assert.match(log, /analyze/);
    assert.ok(api.jobs.all.every((one) => !one.isRunning));
  });

  it('refuse a second run on the same recipe', async () => {
    const uri = await recipe('twice', {
      quantization: { weights: { bits: [2, 3, 4, 8] }, sensitivity: { samples: 128 }, optimizer: { method: 'rtn' } },
    });
    const job = await started('lathe.analyze', uri);
    await assert.rejects(
      api.jobs.start('analyze', uri),
      (error: unknown) => (error as { code: string }).code === 'extension/busy',
    );
    job.cancel();
    await job.done;
  });

  it('fail with the sentence of the core when the data is wrong', async () => {
    const uri = await recipe('wrong');
    await writeText(uri, (await readText(uri)).replace('"input": "x"', '"input": "nothing"'));
    const job = await started('lathe.analyze', uri);
    const last = await job.done;
    assert.equal(last.status, 'failed');
    assert.match(last.error?.code ?? '', /^data\//);
    assert.match(last.error?.message ?? '', /nothing/);
  });

  it('are listed, and cleared when they have ended', async () => {
    assert.ok(api.jobs.all.length >= 5);
    await vscode.commands.executeCommand('lathe.clearJobs');
    assert.equal(api.jobs.all.length, 0);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
