import assert from 'node:assert/strict';
import { runJob } from '../../../src/job/jobs';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('distillation', function () {
  this.timeout(180_000);

  /** What the log says of the loss before and after, and the steps of the run. */
  async function run(workspace: SampleWorkspace) {
    const lines: string[] = [];
    const { steps } = await runJob(workspace.recipePath, { log: (line) => lines.push(line) });
    const [, before, after] = lines.map((line) => /^Distilled: .* from (\S+) to (\S+)\.$/.exec(line)).find(Boolean)!;
    return { steps, before: Number(before), after: Number(after) };
  }

  /** So few samples that none are held out: the network is judged on what it was taught. */
  const workspace = new SampleWorkspace((recipe) => {
    smallJob(recipe);
    recipe.quantization = {
      weights: { bits: [2], range: 'min-max' },
      activations: { bits: [4] },
      sensitivity: { samples: 32 },
      optimizer: { method: 'rtn' },
    };
    recipe.allocation = { budget: { size: 1 }, neighbours: 0 };
    recipe.tuning = { distillation: true };
    const data = recipe.data as { calibration: { samples: number }; evaluation: { samples: number } };
    data.calibration.samples = 32;
    data.evaluation.samples = 1000;
  });
  after(() => workspace.dispose());

  it('brings the outputs nearer to those of the float network, and exports the network it taught', async () => {
    const { steps, before, after } = await run(workspace);
    assert.deepEqual(
      steps.map(({ name, kept }) => [name, kept]),
      [
        ['rounded', true],
        ['distilled', true],
      ],
    );
    const [rounded, distilled] = steps;
    assert.ok(after < 0.6 * before, `${before} to ${after}`);
    // The network with its parameters as inputs, and the one with codes, Q/DQ and integer biases, are two writings of one.
    for (const [step, loss] of [
      [rounded!, before],
      [distilled!, after],
    ] as const) {
      assert.ok(Math.abs(step.loss / loss - 1) < 0.02, `${step.name}: ${step.loss} measured, ${loss} when taught`);
    }
    assert.ok(distilled!.accuracy! > rounded!.accuracy! + 0.05, `${rounded!.accuracy} to ${distilled!.accuracy}`);
  });

  it('comes from the cache in a second run, with the same figures', async () => {
    const first = await run(workspace);
    assert.deepEqual(await run(workspace), first);
  });
});
