/**
 * Accuracy of compressed networks on all 10,000 test images of Fashion-MNIST (Debian's package dataset-fashion-mnist).
 *
 *     apt-get install dataset-fashion-mnist
 *     npx tsx bench/accuracy.ts sparsity                       all cases of the table in docs/results.md
 *     npx tsx bench/accuracy.ts quantization --networks resnet20 --samples 512 --seeds 0
 *     npx tsx bench/accuracy.ts sparsity --only "adaprune$|^2:4 magnitude"
 *     npx tsx bench/accuracy.ts ranges --networks resnet20
 *     npx tsx bench/accuracy.ts between --networks resnet20,mobilenetv2
 *
 * Seed 0 is the bundled calibration set of 512 images; other seeds draw from the 60,000 training images. Figures are
 * simulated in float (ONNX Runtime, session.disable_quant_qdq); each line is printed and appended to
 * bench/results/accuracy.jsonl as soon as it is known.
 */
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { seededRandom } from '../src/base/random';
import { analyze } from '../src/job/analyze';
import { allocateResult } from '../src/job/allocation';
import { compress } from '../src/job/compress';
import { decidePolicy } from '../src/job/decidePolicy';
import { prepareJob } from '../src/job/prepare';
import { measureSteps } from '../src/job/run';
import { StageTracker } from '../src/job/stageTracker';
import { npyFile } from './npyFile';

const DATASET = '/usr/share/datasets/fashion-mnist';
const sample = join(__dirname, '../samples/fmnist-resnet20');
const networks: Readonly<Record<string, string>> = {
  resnet20: join(sample, 'resnet20.onnx'),
  mobilenetv2: join(__dirname, 'networks/mobilenetv2.onnx'),
  vit: join(__dirname, 'networks/vit.onnx'),
};

interface Case {
  readonly name: string;
  /** What is merged into the recipe. */
  readonly recipe: Readonly<Record<string, unknown>>;
}

const tuned = { tuning: { batchNorm: true } };

function sparsityCases(): Case[] {
  const floats = { quantization: null, ...tuned };
  const pattern = (name: string, sparsity: object): Case => ({ name, recipe: { ...floats, sparsity } });
  const cases: Case[] = [];
  for (const text of ['2:4', '4:8', '1:4']) {
    cases.push(pattern(`${text} magnitude`, { pattern: text, optimizer: 'none' }));
    cases.push({
      name: `${text} magnitude, bias too`,
      recipe: {
        quantization: null,
        tuning: { batchNorm: true, bias: true },
        sparsity: { pattern: text, optimizer: 'none' },
      },
    });
    cases.push(pattern(`${text} adaprune parallel`, { pattern: text, optimizer: 'adaprune', mode: 'parallel' }));
    cases.push(pattern(`${text} adaprune`, { pattern: text, optimizer: 'adaprune' }));
    cases.push(pattern(`${text} sweep`, { pattern: text, optimizer: 'sparsegpt' }));
  }
  for (const text of ['4:8', '2:4']) {
    cases.push(pattern(`${text} transposable magnitude`, { pattern: text, transposable: true, optimizer: 'none' }));
    cases.push(pattern(`${text} transposable adaprune`, { pattern: text, transposable: true, optimizer: 'adaprune' }));
  }
  return cases;
}

function quantizationCases(symmetric = true): Case[] {
  const cases: Case[] = [];
  for (const [weights, inputs] of [
    [8, 8],
    [4, 8],
    [3, 8],
    [4, 4],
    [3, 4],
    [2, 4],
    [2, 2],
  ] as const) {
    for (const [method, mode] of [
      ['rtn', 'parallel'],
      ['gptq', 'sequential'],
      ['gram', 'parallel'],
      ['gram', 'sequential'],
      ['adaquant', 'parallel'],
      ['adaquant', 'sequential'],
    ] as const) {
      cases.push({
        name: `W${weights}A${inputs} ${method} ${mode}${symmetric ? '' : ' asymmetric'}`,
        recipe: {
          quantization: {
            weights: { bits: [weights], symmetric },
            activations: { bits: [inputs] },
            optimizer: { method, mode },
            sensitivity: { samples: 16 },
            // Two bits everywhere, as the published figure has it.
            ...(inputs === 2 ? { firstAndLast: null } : {}),
          },
          allocation: { budget: { size: 1 } },
          ...tuned,
        },
      });
    }
  }
  return cases;
}

function pipelineCases(): Case[] {
  return ['light', 'advanced', undefined].flatMap((pipeline) =>
    [0.25, 0.2, 0.15, 0.13, 0.11, 0.09, 0.07].map((size) => ({
      name: `${(100 * size).toFixed(0)} % ${pipeline ?? 'sequential'}`,
      recipe: {
        quantization: {
          weights: { bits: [2, 3, 4, 5, 6, 7, 8] },
          activations: { bits: [8] },
          sensitivity: { samples: 256 },
        },
        allocation: { budget: { size } },
        ...(pipeline === undefined ? {} : { pipeline }),
      },
    })),
  );
}

/** Ways to choose the scales of weights that are rounded to nearest, before any tuning. */
function rangeCases(): Case[] {
  return [3, 2].flatMap((bits) =>
    [true, false].flatMap((symmetric) =>
      ['min-max', 'percentile', 'mse', 'lp', 'analytic', 'output-mse'].map((range) => ({
        name: `W${bits}A8 ${symmetric ? 'symmetric' : 'asymmetric'} ${range}`,
        recipe: {
          quantization: {
            weights: { bits: [bits], symmetric, range },
            activations: { bits: [8] },
            optimizer: { method: 'rtn' },
            sensitivity: { samples: 16 },
          },
          allocation: { budget: { size: 1 } },
        },
      })),
    ),
  );
}

/** What searching the ranges of narrow inputs together buys, at 4-bit inputs. */
function inputRangeCases(): Case[] {
  return ([8, 4, 3] as const).flatMap((weights) =>
    (['gram', 'gptq', 'rtn'] as const).map((method) => ({
      name: `W${weights}A4 ${method}`,
      recipe: {
        quantization: {
          weights: { bits: [weights] },
          activations: { bits: [4] },
          optimizer: { method, mode: method === 'rtn' ? 'parallel' : 'sequential' },
          sensitivity: { samples: 16 },
        },
        allocation: { budget: { size: 1 } },
        tuning: { batchNorm: true, inputRanges: true },
      },
    })),
  );
}

/** What distilling all channels and narrow inputs buys. */
function distillationCases(): Case[] {
  return (
    [
      [4, 4],
      [2, 4],
      [3, 8],
      [2, 2],
    ] as const
  ).flatMap(([weights, inputs]) =>
    (['gram', 'rtn'] as const).map((method) => ({
      name: `W${weights}A${inputs} ${method}`,
      recipe: {
        quantization: {
          weights: { bits: [weights] },
          activations: { bits: [inputs] },
          optimizer: { method, mode: method === 'rtn' ? 'parallel' : 'sequential' },
          sensitivity: { samples: 16 },
          ...(inputs === 2 ? { firstAndLast: null } : {}),
        },
        allocation: { budget: { size: 1 } },
        tuning: { batchNorm: true, distillation: true },
      },
    })),
  );
}

/** What it costs that operators between the layers compute on 8-bit values too. */
function betweenCases(): Case[] {
  return (
    [
      [8, 8],
      [4, 8],
      [4, 4],
    ] as const
  ).map(([weights, inputs]) => ({
    name: `W${weights}A${inputs}`,
    recipe: {
      quantization: {
        weights: { bits: [weights] },
        activations: { bits: [inputs], betweenLayers: 8 },
        sensitivity: { samples: 16 },
      },
      allocation: { budget: { size: 1 } },
    },
  }));
}

const tables: Readonly<Record<string, () => Case[]>> = {
  ranges: rangeCases,
  inputRanges: inputRangeCases,
  between: betweenCases,
  distillation: distillationCases,
  sparsity: sparsityCases,
  quantization: () => quantizationCases(),
  asymmetric: () => quantizationCases(false),
  pipelines: pipelineCases,
};

/** A workspace with one network and one calibration set; measurements made there serve all cases. */
function workspaceFor(network: string, samples: number, seed: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-accuracy-'));
  copyFileSync(networks[network] ?? network, join(folder, 'network.onnx'));
  if (seed === 0) {
    copyFileSync(join(sample, 'calibration.npz'), join(folder, 'calibration.npz'));
    return folder;
  }
  const images = gunzipSync(readFileSync(join(DATASET, 'train-images-idx3-ubyte.gz'))).subarray(16);
  const uniform = seededRandom(seed);
  const chosen = new Set<number>();
  while (chosen.size < samples) {
    chosen.add(Math.floor(uniform() * 60_000));
  }
  const parts = [...chosen].map((at) => images.subarray(at * 784, (at + 1) * 784));
  writeFileSync(join(folder, 'calibration.npy'), npyFile('|u1', [samples, 1, 28, 28], Buffer.concat(parts)));
  return folder;
}

async function measure(folder: string, samples: number, seed: number, images: number, test: Case): Promise<Line[]> {
  const recipe = {
    model: 'network.onnx',
    data: {
      calibration:
        seed === 0
          ? { source: 'calibration.npz', inputs: { input: 'x' }, samples }
          : { source: 'calibration.npy', samples },
      evaluation: { source: join(DATASET, 't10k-images-idx3-ubyte.gz'), metric: 'top1', samples: images },
      preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
    },
    ...test.recipe,
  };
  const path = join(folder, 'case.lathe.json');
  writeFileSync(path, JSON.stringify(recipe));
  const begun = process.cpuUsage();
  const tracker = new StageTracker(
    ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity', 'quantize', 'tune'],
    {},
  );
  const job = await prepareJob(path, tracker);
  const analysis = await analyze(job, tracker);
  const quiet = { setTotal: () => undefined, advance: () => undefined };
  const { model, solution, policies } = await decidePolicy(job, analysis, quiet, tracker);
  const steps = await compress(job, analysis, allocateResult(model, solution, undefined, policies), tracker);
  const cpu = process.cpuUsage(begun);
  const measured = await measureSteps(job, analysis, steps, tracker);
  const float = analysis.result.baseline!.value;
  analysis.calibration.close();
  analysis.evaluation?.close();
  return measured.map(({ name, loss, accuracy, kept }) => ({
    step: name,
    kept,
    loss,
    policies: policies.map(({ predicted, measured, kept }) => ({ predicted, measured, kept })),
    top1: 100 * accuracy!,
    drop: 100 * (float - accuracy!),
    float: 100 * float,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  }));
}

interface Line {
  readonly step: string;
  /** False: the step was undone. */
  readonly kept: boolean;
  /** The optimum of the programme, its neighbours, the widest uniform policy. */
  readonly policies: readonly { readonly predicted: number; readonly measured: number; readonly kept: boolean }[];
  readonly loss: number;
  readonly top1: number;
  readonly drop: number;
  readonly float: number;
  readonly cpuSeconds: number;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      networks: { type: 'string', default: 'resnet20,mobilenetv2,vit' },
      samples: { type: 'string', default: '512' },
      seeds: { type: 'string', default: '0' },
      images: { type: 'string', default: '10000' },
      only: { type: 'string' },
    },
  });
  const cases = tables[positionals[0] ?? '']?.();
  if (cases === undefined) {
    throw new Error(`Say which table: ${Object.keys(tables).join(', ')}.`);
  }
  mkdirSync(join(__dirname, 'results'), { recursive: true });
  for (const network of values.networks.split(',')) {
    for (const samples of values.samples.split(',').map(Number)) {
      for (const seed of values.seeds.split(',').map(Number)) {
        const folder = workspaceFor(network, samples, seed);
        for (const test of cases.filter(({ name }) => new RegExp(values.only ?? '').test(name))) {
          const lines = await measure(folder, samples, seed, Number(values.images), test);
          for (const line of lines) {
            const row = { table: positionals[0], network, samples, seed, case: test.name, ...line };
            appendFileSync(join(__dirname, 'results/accuracy.jsonl'), `${JSON.stringify(row)}\n`);
            console.log(
              `${network.padEnd(12)} ${String(samples).padStart(4)} ${seed}  ${test.name.padEnd(30)} ${(line.kept ? line.step : `${line.step}, undone`).padEnd(25)}` +
                ` ${line.top1.toFixed(2)}  ${line.drop.toFixed(2).padStart(6)}  ${line.cpuSeconds.toFixed(0).padStart(5)} s`,
            );
          }
        }
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
}

void main();
