import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { runInChild } from '../../support/runInChild';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('a run', function () {
  this.timeout(120_000);

  it('writes nothing outside the workspace, telemetry of ONNX Runtime included', async () => {
    const workspace = new SampleWorkspace(smallJob);
    const home = workspace.path('home');
    const temporary = workspace.path('tmp');
    mkdirSync(home);
    mkdirSync(temporary);
    try {
      // ONNX Runtime keeps quiet when CI is set, which would hide a missing switch; HOME is where it would write.
      const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: home, TMPDIR: temporary, TSX_DISABLE_CACHE: '1' };
      const run = await runInChild(workspace.recipePath, { env });
      assert.equal(run.error, undefined, run.stderr);
      assert.ok(run.result !== undefined);
      assert.deepEqual(readdirSync(home), []);
      assert.deepEqual(
        readdirSync(temporary).filter((name) => !name.startsWith('tsx-')),
        [],
      );
      assert.deepEqual(
        readdirSync(workspace.folder).sort(),
        [
          '.lathe',
          'calibration.npz',
          'compressed',
          'evaluation.npz',
          'home',
          'resnet20.lathe.json',
          'resnet20.lathe.lock.json',
          'resnet20.lathe.report.html',
          'resnet20.lathe.report.json',
          'resnet20.lathe.report.md',
          'resnet20.onnx',
          'tmp',
        ].sort(),
      );
    } finally {
      workspace.dispose();
    }
  });
});
