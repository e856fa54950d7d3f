/**
 * The sensitivity scan against the plain way: one run of the whole network for each layer and candidate. Both in this
 * process, on the bundled sample, from an empty cache. Weight scales by min-max, so that the scan is timed and not the
 * search for scales, which is the same work either way.
 *
 *     npx tsx bench/sensitivity.ts
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openData } from '../src/job/analyze';
import { createRunner } from '../src/runtime/createRunner';
import { analyzeJob } from '../src/job/jobs';
import { prepareJob } from '../src/job/prepare';
import { sampleBatches } from '../src/job/sampleBatches';
import { StageTracker } from '../src/job/stageTracker';

const sample = join(__dirname, '../samples/fmnist-resnet20');

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-bench-'));
  try {
    cpSync(sample, folder, {
      recursive: true,
      filter: (path) => !path.includes('.lathe/') && !path.endsWith('.lathe'),
    });
    const recipePath = join(folder, 'resnet20.lathe.json');
    writeFileSync(
      recipePath,
      readFileSync(recipePath, 'utf8').replace('"symmetric": true', '"symmetric": true, "range": "min-max"'),
    );
    const tracker = new StageTracker(['open', 'fold'], {});
    const job = await prepareJob(recipePath, tracker);
    const { calibration, evaluation } = await openData(job, undefined);
    const samples = Math.min(job.recipe.quantization.sensitivity.samples, calibration.samples);

    const runner = await createRunner(job.factory, job.model);
    const whole: number[] = [];
    for (let i = 0; i < 8; i++) {
      const begun = performance.now();
      for (const range of sampleBatches(calibration, samples)) {
        await runner.run(calibration.batch(range.start, range.count));
      }
      whole.push((performance.now() - begun) / 1000);
    }
    await runner.release();
    calibration.close();
    evaluation?.close();

    let begun = 0;
    let scanSeconds = 0;
    const result = await analyzeJob(recipePath, {
      onProgress: ({ stages }) => {
        const stage = stages.find(({ name }) => name === 'sensitivity');
        if (stage?.status === 'running' && begun === 0) {
          begun = performance.now();
        }
        if (stage?.status === 'done' && scanSeconds === 0) {
          scanSeconds = (performance.now() - begun) / 1000;
        }
      },
    });
    const candidates = result.layers.reduce((sum, layer) => sum + layer.candidates.length, 0);
    const wholeSeconds = whole.slice(2).sort((a, b) => a - b)[3] ?? 0;
    console.log(
      JSON.stringify(
        {
          bench: 'sensitivity',
          layers: result.layers.length,
          candidates,
          samples,
          wholeNetworkRunSeconds: wholeSeconds,
          plainSeconds: wholeSeconds * candidates,
          scanSeconds,
          ratio: scanSeconds / (wholeSeconds * candidates),
          heldBytes: result.memory.peak,
        },
        null,
        2,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
