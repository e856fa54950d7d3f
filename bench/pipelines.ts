/**
 * What a run costs, from the file to the checked export: wall and processor seconds and peak memory of `lathe run` for each
 * pipeline on the networks of docs/results.md, 512 calibration samples, nothing measured before.
 *
 *     npm run build && npx tsx bench/pipelines.ts
 *     npx tsx bench/pipelines.ts --networks vit --pipelines light,advanced --size 0.09
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const sample = join(__dirname, '../samples/fmnist-resnet20');
const networks: Readonly<Record<string, string>> = {
  resnet20: join(sample, 'resnet20.onnx'),
  mobilenetv2: join(__dirname, 'networks/mobilenetv2.onnx'),
  vit: join(__dirname, 'networks/vit.onnx'),
};

/** Loaded before the command line: writes down what the process used as it ends. */
const USAGE_HOOK = `process.on('exit', () =>
  require('node:fs').writeFileSync(process.env.LATHE_BENCH_USAGE, JSON.stringify(process.resourceUsage())));`;

const { values } = parseArgs({
  options: {
    networks: { type: 'string', default: 'resnet20,mobilenetv2,vit' },
    pipelines: { type: 'string', default: 'light,sequential,advanced' },
    size: { type: 'string', default: '0.13' },
  },
});

function recipeOf(pipeline: string): object {
  return {
    model: 'network.onnx',
    data: {
      calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 512 },
      evaluation: { source: 'evaluation.npz', inputs: { input: 'x' }, labels: 'y', metric: 'top1' },
      preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
    },
    quantization: {
      weights: { bits: [2, 3, 4, 5, 6, 7, 8] },
      activations: { bits: [8] },
      sensitivity: { samples: 256 },
    },
    allocation: { budget: { size: Number(values.size) } },
    // The recipe without a pipeline: widths from fits in parallel, codes in sequence.
    ...(pipeline === 'sequential' ? {} : { pipeline }),
  };
}

function measure(network: string, pipeline: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-pipelines-'));
  try {
    copyFileSync(networks[network]!, join(folder, 'network.onnx'));
    for (const name of ['calibration.npz', 'evaluation.npz']) {
      copyFileSync(join(sample, name), join(folder, name));
    }
    writeFileSync(join(folder, 'case.lathe.json'), JSON.stringify(recipeOf(pipeline)));
    writeFileSync(join(folder, 'usage.cjs'), USAGE_HOOK);
    const usage = join(folder, 'usage.json');
    const begun = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--require', join(folder, 'usage.cjs'), join(__dirname, '../dist/cli.js'), 'run', 'case.lathe.json', '--json'],
      { cwd: folder, env: { ...process.env, LATHE_BENCH_USAGE: usage }, encoding: 'utf8' },
    );
    if (status !== 0) {
      throw new Error(`${network}, ${pipeline}: lathe run ended with ${status}.\n${stderr}`);
    }
    const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(readFileSync(usage, 'utf8')) as NodeJS.ResourceUsage;
    const row = {
      network,
      pipeline,
      wallSeconds: Math.round(performance.now() - begun) / 1000,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      // Linux counts it in kilobytes.
      peakMegabytes: Math.round(maxRSS / 1024),
    };
    console.log(JSON.stringify(row));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const network of values.networks.split(',')) {
  for (const pipeline of values.pipelines.split(',')) {
    measure(network, pipeline);
  }
}
