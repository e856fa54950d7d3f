import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runJob } from '../../../src/job/jobs';
import { openModel, verifyModel } from '../../../src/onnx';
import { runInChild } from '../../support/runInChild';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('a run that is killed', function () {
  this.timeout(300_000);

  it('leaves no half-written file in any stage, and the next run goes on to the same bytes', async () => {
    const straight = new SampleWorkspace(smallJob);
    const killed = new SampleWorkspace(smallJob);
    try {
      const expected = await runJob(straight.recipePath);
      const stages = ['open', 'fold', 'baseline', 'ranges', 'sensitivity', 'allocate', 'quantize', 'export', 'verify'];
      for (const stage of stages) {
        let seen = false;
        const run = await runInChild(killed.recipePath, {
          onProgress: ({ stages }, kill) => {
            const now = stages.find(({ name }) => name === stage);
            if (!seen && now !== undefined && now.status !== 'waiting') {
              seen = true;
              kill();
            }
          },
        });
        assert.ok(seen, `${stage} was not reached: ${run.error ?? run.stderr}`);
        assert.equal(run.signal, 'SIGKILL', `${stage}: the run ended by itself`);
        checkWholeFiles(killed);
      }
      const last = await runInChild(killed.recipePath);
      assert.equal(last.error, undefined);
      assert.ok(last.result !== undefined && last.result.resumedSteps > 0);
      assert.deepEqual(readFileSync(last.result.outputs.lock), readFileSync(expected.outputs.lock));
      assert.deepEqual(readFileSync(last.result.outputs.model), readFileSync(expected.outputs.model));
    } finally {
      straight.dispose();
      killed.dispose();
    }
  });

  it('refuses a second run at the same time, naming the process, and takes over from a dead one', async () => {
    const workspace = new SampleWorkspace(smallJob);
    try {
      let second: string | undefined;
      let started = false;
      const first = runInChild(workspace.recipePath, {
        onProgress: () => {
          if (!started) {
            started = true;
            runJob(workspace.recipePath).then(
              () => (second = 'ran'),
              (error: unknown) => (second = error instanceof Error ? error.message : String(error)),
            );
          }
        },
      });
      assert.equal((await first).error, undefined);
      assert.match(second ?? '', /Another run is working .* \(process \d+\)/);
      writeFileSync(workspace.path('.lathe', 'run.lock'), JSON.stringify({ pid: 2 ** 22 - 3, startedAt: 'long ago' }));
      assert.ok((await runJob(workspace.recipePath)).resumedSteps > 0);
    } finally {
      workspace.dispose();
    }
  });
});

/** Whatever is there under its final name is whole. */
function checkWholeFiles(workspace: SampleWorkspace): void {
  const model = workspace.path('compressed', 'resnet20.onnx');
  if (existsSync(model)) {
    assert.deepEqual(verifyModel(openModel(model)), []);
  }
  for (const name of readdirSync(workspace.folder)) {
    if (name.endsWith('.json')) {
      JSON.parse(readFileSync(join(workspace.folder, name), 'utf8'));
    }
  }
}
