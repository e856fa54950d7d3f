/**
 * What a real model costs: a network with the layer shapes of ResNet-50 (224 × 224 inputs, random weights, batch norm folded)
 * and 64 smooth random samples through analysis, allocation at `--size` and the fit of codes. Processor and wall seconds of each
 * stage, peak memory of the process.
 *
 * Bundled beside the program of the threads, as what ships is; from its source it has one thread.
 *
 *     npx esbuild bench/resnet50.ts src/job/fitThread.ts --bundle --platform=node --main-fields=module,main \
 *       --external:onnxruntime-node --entry-names=[name] --outdir=out/bench
 *     node out/bench/resnet50.js                        the whole network, every width of `--bits`
 *     node out/bench/resnet50.js --blocks 1,0,0,0       its first block alone, for profiles
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededNormal } from '../src/base/random';
import { allocateResult } from '../src/job/allocation';
import { analyze } from '../src/job/analyze';
import { compress } from '../src/job/compress';
import { decidePolicy } from '../src/job/decidePolicy';
import { prepareJob } from '../src/job/prepare';
import { StageTracker } from '../src/job/stageTracker';
import { buildModel, DataType, saveModel, Tensor, type NodeSpec } from '../src/onnx';

const SIDE = 224;
const CLASSES = 1000;

const { values } = parseArgs({
  options: {
    blocks: { type: 'string', default: '3,4,6,3' },
    bits: { type: 'string', default: '2,3,4,8' },
    samples: { type: 'string', default: '64' },
    scan: { type: 'string', default: '64' },
    mode: { type: 'string', default: 'parallel' },
    size: { type: 'string', default: '0.13' },
  },
});

function network(blocks: readonly number[]) {
  const initializers: Tensor[] = [];
  const nodes: NodeSpec[] = [];
  const draw = seededNormal(1);
  const weight = (name: string, dims: readonly number[], gain: number): string => {
    const fan = dims.slice(1).reduce((a, b) => a * b, 1);
    const spread = gain * Math.sqrt(2 / fan);
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => spread * draw());
    initializers.push(Tensor.fromFloat32(name, [...dims], data));
    return name;
  };
  const conv = (name: string, input: string, out: number, from: number, kernel: number, stride: number, gain = 1) => {
    const bias = Tensor.fromFloat32(
      `${name}.bias`,
      [out],
      Float32Array.from({ length: out }, () => 0.1 * draw()),
    );
    initializers.push(bias);
    const pad = Math.floor(kernel / 2);
    nodes.push({
      opType: 'Conv',
      name,
      inputs: [input, weight(`${name}.weight`, [out, from, kernel, kernel], gain), `${name}.bias`],
      outputs: [name],
      attributes: { pads: [pad, pad, pad, pad], strides: [stride, stride], kernel_shape: [kernel, kernel] },
    });
    return name;
  };
  const simple = (opType: string, name: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}) => {
    nodes.push({ opType, name, inputs: [...inputs], outputs: [name], attributes });
    return name;
  };
  let x = simple('Relu', 'relu', [conv('conv1', 'x', 64, 3, 7, 2)]);
  x = simple('MaxPool', 'pool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let channels = 64;
  blocks.forEach((count, stage) => {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const first = simple('Relu', `${name}.relu1`, [conv(`${name}.conv1`, x, width, channels, 1, 1)]);
      const second = simple('Relu', `${name}.relu2`, [conv(`${name}.conv2`, first, width, width, 3, stride)]);
      // A small last gain, so that the sum of many random blocks does not grow.
      const third = conv(`${name}.conv3`, second, 4 * width, width, 1, 1, 0.3);
      const skip = block === 0 ? conv(`${name}.downsample`, x, 4 * width, channels, 1, stride, 0.7) : x;
      x = simple('Relu', `${name}.relu3`, [simple('Add', `${name}.add`, [third, skip])]);
      channels = 4 * width;
    }
  });
  x = simple('Flatten', 'flat', [simple('GlobalAveragePool', 'mean', [x])]);
  initializers.push(Tensor.fromFloat32('fc.bias', [CLASSES], new Float32Array(CLASSES)));
  nodes.push({
    opType: 'Gemm',
    name: 'fc',
    inputs: [x, weight('fc.weight', [CLASSES, channels], 1), 'fc.bias'],
    outputs: ['y'],
    attributes: { transB: 1 },
  });
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 3, SIDE, SIDE] }],
    outputs: ['y'],
    initializers,
    nodes,
  });
}

/** Sums of a few waves a channel: neighbouring pixels are alike, as in photographs. */
function images(count: number): Buffer {
  const draw = seededNormal(2);
  const data = new Float32Array(count * 3 * SIDE * SIDE);
  for (let plane = 0; plane < count * 3; plane++) {
    const waves = Array.from({ length: 6 }, () => [0.1 * draw(), 0.1 * draw(), 3 * draw(), draw()] as const);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        let sum = 0;
        for (const [fx, fy, phase, size] of waves) {
          sum += size * Math.sin(fx * x + fy * y + phase);
        }
        data[(plane * SIDE + y) * SIDE + x] = sum / 2;
      }
    }
  }
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, 3, ${SIDE}, ${SIDE}), }`.padEnd(117);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length + 1);
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    length,
    Buffer.from(`${header}\n`, 'latin1'),
    Buffer.from(data.buffer),
  ]);
}

function peakMegabytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-resnet50-'));
  try {
    saveModel(network(values.blocks.split(',').map(Number)), join(folder, 'network.onnx'));
    writeFileSync(join(folder, 'calibration.npy'), images(Number(values.samples)));
    const path = join(folder, 'case.lathe.json');
    const recipe = {
      model: 'network.onnx',
      data: { calibration: { source: 'calibration.npy' } },
      quantization: {
        weights: { bits: values.bits.split(',').map(Number) },
        activations: { bits: [8] },
        sensitivity: { samples: Number(values.scan) },
        optimizer: { method: 'gram', mode: values.mode },
      },
      allocation: { budget: { size: Number(values.size) } },
    };
    writeFileSync(path, JSON.stringify(recipe));
    const tracker = new StageTracker(
      ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity', 'allocate', 'quantize', 'tune'],
      { log: (line) => console.error(line) },
    );
    const begun = performance.now();
    const cpu = process.cpuUsage();
    const laps: object[] = [];
    const lap = (stage: string): void => {
      const { user, system } = process.cpuUsage(cpu);
      const row = {
        stage,
        wallSeconds: (performance.now() - begun) / 1000,
        cpuSeconds: (user + system) / 1e6,
        peakMegabytes: peakMegabytes(),
      };
      laps.push(row);
      console.error(JSON.stringify(row));
    };
    const job = await prepareJob(path, tracker);
    const analysis = await analyze(job, tracker);
    lap('analysed');
    const decision = await tracker.stage('allocate', 1, (steps) => decidePolicy(job, analysis, steps, tracker));
    lap('allocated');
    await compress(job, analysis, allocateResult(decision.model, decision.solution, undefined), tracker);
    lap('codes found');
    analysis.calibration.close();
    const result = {
      bench: 'resnet50',
      ...values,
      stages: tracker.finishedStages(),
      laps,
      policies: decision.policies,
    };
    mkdirSync(join(__dirname, 'results'), { recursive: true });
    writeFileSync(join(__dirname, 'results', 'resnet50.json'), JSON.stringify(result, null, 1));
    console.log(JSON.stringify(result, null, 1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
