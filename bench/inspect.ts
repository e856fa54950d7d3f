/**
 * What it costs to look at a model of 1 GB with its weights inside: opening it, and `lathe inspect` where it is built,
 * against reading the file once with `cat`. Wall times are medians of trimmed runs in one session with a warm cache; peak
 * memory is the process's own high-water mark.
 *
 *     npx tsx bench/inspect.ts > inspect.json
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { buildSync } from 'esbuild';
import { writeLargeModel } from '../test/support/onnx/largeModel';

const RUNS = 7;
const LAYERS = 64;
const SIZE = 2048;

/**
 * Loaded before the measured program: writes its peak resident memory in KB as it ends. `VmHWM` belongs to the program
 * alone; `maxRSS`, used where there is no /proc, can carry over what the parent had when it started the child.
 */
const peakHook = `
const fs = require('node:fs');
process.on('exit', () => {
  let peak = process.resourceUsage().maxRSS;
  if (fs.existsSync('/proc/self/status')) {
    peak = Number(/VmHWM:\\s*(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
  }
  const { user, system } = process.cpuUsage();
  fs.writeFileSync(process.env.PEAK_FILE, JSON.stringify([peak / 1024, (user + system) / 1e6]));
});`;

interface Measurement {
  readonly medianSeconds: number;
  readonly fastestSeconds: number;
  readonly slowestSeconds: number;
  readonly peakMegabytes?: number;
  /** Processor time, user and system, which a busy machine changes less than wall time. */
  readonly medianCpuSeconds?: number;
}

const root = path.resolve(__dirname, '..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-inspect-'));
try {
  const model = path.join(folder, 'large.onnx');
  const bytes = writeLargeModel(model, LAYERS, SIZE);
  const peakFile = path.join(folder, 'peak');
  const hook = path.join(folder, 'peak.cjs');
  fs.writeFileSync(hook, peakHook);
  const opener = bundleOpener(folder);

  const timed = (command: string, args: readonly string[], withPeak: boolean): Measurement => {
    const seconds: number[] = [];
    const cpu: number[] = [];
    let peak = 0;
    for (let i = 0; i < RUNS; i++) {
      const start = process.hrtime.bigint();
      const { status, stderr } = spawnSync(command, args, {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, PEAK_FILE: peakFile },
      });
      seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
      if (status !== 0) {
        throw new Error(`${command} ${args.join(' ')} failed: ${String(stderr)}`);
      }
      if (withPeak) {
        const [megabytes, cpuSeconds] = JSON.parse(fs.readFileSync(peakFile, 'utf8')) as [number, number];
        peak = Math.max(peak, megabytes);
        cpu.push(cpuSeconds);
      }
    }
    return {
      ...trimmed(seconds),
      ...(withPeak ? { peakMegabytes: Math.round(peak * 10) / 10, medianCpuSeconds: trimmed(cpu).medianSeconds } : {}),
    };
  };
  const node = (...args: string[]): Measurement => timed(process.execPath, ['--require', hook, ...args], true);

  const cat = timed('sh', ['-c', 'cat "$1" > /dev/null', 'sh', model], false);
  const bareNode = node('--eval', '0');
  const openProcess = node(opener, model);
  const openCalls = insideTimes(opener, model);
  const cli = path.join(root, 'dist', 'cli.js');
  const inspect = fs.existsSync(cli) ? node(cli, 'inspect', model, '--json') : undefined;

  const report = {
    machine: `${os.cpus()[0]?.model ?? 'unknown'} × ${os.cpus().length}, Node ${process.versions.node}`,
    fileBytes: bytes,
    runs: RUNS,
    cat,
    bareNode,
    openModel: { call: openCalls, process: openProcess },
    inspect: inspect ?? 'dist/cli.js is not built',
    ratios: {
      openCallToCat: ratio(openCalls, cat),
      openProcessToCat: ratio(openProcess, cat),
      ...(inspect === undefined ? {} : { inspectToCat: ratio(inspect, cat) }),
    },
  };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Leaves out the slowest two and the fastest run. */
function trimmed(seconds: readonly number[]): Measurement {
  const kept = [...seconds].sort((a, b) => a - b).slice(1, -2);
  const round = (value: number): number => Math.round(value * 1e4) / 1e4;
  return {
    medianSeconds: round(kept[Math.floor(kept.length / 2)]!),
    fastestSeconds: round(kept[0]!),
    slowestSeconds: round(kept[kept.length - 1]!),
  };
}

function ratio(a: Measurement, b: Measurement): number {
  return Math.round((a.medianSeconds / b.medianSeconds) * 1000) / 1000;
}

/** Bundles a program that opens the model it is given and prints the seconds that took. */
function bundleOpener(directory: string): string {
  const outfile = path.join(directory, 'open.cjs');
  buildSync({
    stdin: {
      contents: `
        import { openModel } from './src/onnx';
        const start = process.hrtime.bigint();
        const model = openModel(process.argv[2]);
        const seconds = Number(process.hrtime.bigint() - start) / 1e9;
        if (model.graph.initializers.size === 0) throw new Error('no weights');
        process.stdout.write(String(seconds));`,
      resolveDir: root,
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
  });
  return outfile;
}

/** Time of the call alone, in a fresh process each time. */
function insideTimes(opener: string, model: string): Measurement {
  const seconds: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    seconds.push(Number(spawnSync(process.execPath, [opener, model], { encoding: 'utf8' }).stdout));
  }
  return trimmed(seconds);
}
