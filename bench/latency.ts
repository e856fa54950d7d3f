/**
 * Time of one sample: the float network, the same at 8 and 8 bits, and with the values between the layers at 8 bits too, all
 * as ONNX Runtime runs them by default, in turns within one process.
 *
 *     npx tsx bench/latency.ts
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inferShapes } from '../src/analysis';
import { runJob } from '../src/job/jobs';
import { openDataset } from '../src/job/data/openDataset';
import { loadRecipe } from '../src/job/recipe/loadRecipe';
import { modelInputs } from '../src/job/watchValues';
import { openModel } from '../src/onnx';
import { createRunner } from '../src/runtime/createRunner';
import { createOnnxRuntime } from '../src/runtime/onnxRuntime';

const sample = join(__dirname, '../samples/fmnist-resnet20');
const networks: Readonly<Record<string, string>> = {
  'ResNet-20': join(sample, 'resnet20.onnx'),
  MobileNetV2: join(__dirname, 'networks/mobilenetv2.onnx'),
  ViT: join(__dirname, 'networks/vit.onnx'),
};
const RUNS = 400;

async function main(): Promise<void> {
  const factory = createOnnxRuntime();
  for (const [network, path] of Object.entries(networks)) {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-latency-'));
    try {
      copyFileSync(path, join(folder, 'network.onnx'));
      copyFileSync(join(sample, 'calibration.npz'), join(folder, 'calibration.npz'));
      const models = new Map([['float', openModel(join(folder, 'network.onnx'))]]);
      for (const betweenLayers of [null, 8]) {
        const recipe = join(folder, `${betweenLayers === null ? 'layers' : 'throughout'}.lathe.json`);
        writeFileSync(
          recipe,
          JSON.stringify({
            model: 'network.onnx',
            data: {
              calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 64 },
              preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
            },
            quantization: {
              weights: { bits: [8] },
              activations: { bits: [8], betweenLayers },
              sensitivity: { samples: 16 },
              optimizer: { method: 'rtn' },
            },
            allocation: { budget: { size: 1 } },
          }),
        );
        const { outputs } = await runJob(recipe);
        models.set(betweenLayers === null ? 'layers' : 'throughout', openModel(outputs.model));
      }
      const [model] = models.values();
      const spec = loadRecipe(join(folder, 'layers.lathe.json'));
      const inputs = modelInputs(model!, await inferShapes(model!, factory));
      const dataset = await openDataset(spec.data.calibration!, { inputs }, spec.data.preprocess);
      const feeds = dataset.batch(0, 1);
      dataset.close();
      const runners = await Promise.all(
        [...models.values()].map((each) => createRunner(factory, each, { mode: 'deploy', threads: 1 })),
      );
      const times = runners.map((): number[] => []);
      for (let run = 0; run < RUNS; run++) {
        for (const [which, runner] of runners.entries()) {
          const begun = performance.now();
          await runner.run(feeds);
          times[which]!.push(performance.now() - begun);
        }
      }
      const medians = times.map((each) => each.sort((a, b) => a - b)[RUNS / 2]!);
      console.log(
        [...models.keys()].map((name, i) => `${name} ${medians[i]!.toFixed(3)} ms`).join(', '),
        network,
        `layers ${(medians[0]! / medians[1]!).toFixed(2)} ×, throughout ${(medians[0]! / medians[2]!).toFixed(2)} × as fast as float`,
      );
      for (const runner of runners) {
        await runner.release();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

void main();
