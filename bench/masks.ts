/**
 * Transposable masks: µs per tile and thread of the WebAssembly kernel, its TypeScript twin, `highs` and a textbook
 * minimum-cost flow on the same tiles, what the greedy kernels keep of the optimum, and seconds for a weight set of
 * ResNet-50's size on all processors. Gaussian magnitudes, float32.
 *
 *     npm run bench:masks [-- --threads 2]
 *
 * Each round runs every solver once, so that a busy machine slows all of them; times are the processor's (wall time
 * beside), the median and the best of the rounds. The table goes to stdout, the figures to bench/results/masks.json.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import highsLoader, { type Highs } from 'highs';
import { seededNormal } from '../src/base/random';
import { countViolations, maskPlane, maskPlanes, maskScore, type MaskMethod } from '../src/kernels';
import { maskTwins } from '../src/kernels/masks/twins';
import { maskProgramme } from '../test/support/kernels/maskProgramme';
import { minCostFlowMask } from './minCostFlow';

const ROUNDS = 9;
const SIDE = 512;
const SLOW_TILES = 64;
/** ResNet-50's weights, as one plane of so many rows and columns: 25.5 million. */
const BIG_ROWS = 5048;
const BIG_COLUMNS = 5056;

interface Timing {
  readonly solver: string;
  readonly pattern: string;
  readonly tiles: number;
  /** Processor time per tile, µs. */
  readonly best: number;
  readonly median: number;
  readonly wallMedian: number;
  /** Median over the median of the WebAssembly kernel for the exact mask in the same rounds. */
  ratio: number;
}

interface Solver {
  readonly solver: string;
  readonly tiles: number;
  readonly run: () => void;
}

/** Non-negative float32 numbers, magnitudes of a standard normal. */
function magnitudes(cells: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length: cells }, () => Math.abs(normal()));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Tile `index` of a square plane, row-major on its own. */
function tileOf(plane: Float32Array, group: number, index: number): Float32Array {
  const perRow = SIDE / group;
  const corner = Math.floor(index / perRow) * group * SIDE + (index % perRow) * group;
  return Float32Array.from(
    { length: group * group },
    (_, n) => plane[corner + Math.floor(n / group) * SIDE + (n % group)]!,
  );
}

function timeSolvers(solvers: readonly Solver[], pattern: string): Timing[] {
  const cpu = solvers.map((): number[] => []);
  const wall = solvers.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    solvers.forEach(({ run, tiles }, n) => {
      const usage = process.cpuUsage();
      const started = performance.now();
      run();
      const elapsed = performance.now() - started;
      const used = process.cpuUsage(usage);
      // The first round compiles.
      if (round > 0) {
        cpu[n]!.push((used.user + used.system) / tiles);
        wall[n]!.push((1000 * elapsed) / tiles);
      }
    });
  }
  const timings = solvers.map(({ solver, tiles }, n) => ({
    solver,
    pattern,
    tiles,
    best: Math.min(...cpu[n]!),
    median: median(cpu[n]!),
    wallMedian: median(wall[n]!),
    ratio: 1,
  }));
  return timings.map((timing) => ({ ...timing, ratio: timing.median / timings[0]!.median }));
}

function solversOf(highs: Highs, plane: Float32Array, group: number): Solver[] {
  const keep = group / 2;
  const tiles = (SIDE / group) ** 2;
  const mask = new Uint8Array(plane.length);
  const repeats = Math.ceil(16384 / tiles);
  const kernel = (solver: string, method: MaskMethod, twin: boolean): Solver => {
    const times = twin ? Math.ceil(repeats / 4) : repeats;
    return {
      solver,
      tiles: tiles * times,
      run: () => {
        for (let n = 0; n < times; n++) {
          const run = twin ? maskTwins[method] : maskPlane.bind(undefined, method);
          run(plane, SIDE, SIDE, keep, group, mask);
        }
      },
    };
  };
  const few = Array.from({ length: group > 8 ? SLOW_TILES / 8 : SLOW_TILES }, (_, n) => tileOf(plane, group, n));
  const models = few.map((scores) => maskProgramme(highs, scores, group, group, keep, false));
  return [
    kernel('exact, WebAssembly', 'atMost', false),
    kernel('exact, TypeScript', 'atMost', true),
    kernel('exactly-k, WebAssembly', 'exactly', false),
    {
      solver: 'highs, model built and solved',
      tiles: few.length,
      run: () => {
        for (const scores of few) {
          const model = maskProgramme(highs, scores, group, group, keep, false);
          model.run();
          model.dispose();
        }
      },
    },
    {
      solver: 'highs, solving alone',
      tiles: few.length,
      run: () => {
        for (const model of models) {
          model.clearSolver();
          model.run();
        }
      },
    },
    {
      solver: 'textbook min-cost flow, TypeScript',
      tiles: few.length,
      run: () => few.forEach((scores) => minCostFlowMask(scores, group, group, keep)),
    },
    kernel('greedy, WebAssembly', 'greedy', false),
    kernel('greedy, TypeScript', 'greedy', true),
    kernel('intersection, WebAssembly', 'intersection', false),
    kernel('row-wise, WebAssembly', 'rowWise', false),
    kernel('row-wise, TypeScript', 'rowWise', true),
    ...(group === 4
      ? [kernel('90 patterns, WebAssembly', 'patterns', false), kernel('90 patterns, TypeScript', 'patterns', true)]
      : []),
  ];
}

interface Quality {
  readonly method: MaskMethod;
  /** Mean and least over tiles of the score kept, over the optimum with at most k cells per line. */
  readonly mean: number;
  readonly worst: number;
}

function qualityOf(plane: Float32Array, group: number): Quality[] {
  const keep = group / 2;
  const tiles = Array.from({ length: Math.min(1000, (SIDE / group) ** 2) }, (_, n) => tileOf(plane, group, n));
  const kept = (method: MaskMethod, scores: Float32Array): number => {
    const mask = new Uint8Array(scores.length);
    maskPlane(method, scores, group, group, keep, group, mask);
    return maskScore(scores, mask);
  };
  const best = tiles.map((scores) => kept('atMost', scores));
  for (const [n, scores] of tiles.slice(0, 32).entries()) {
    const { sum } = minCostFlowMask(scores, group, group, keep);
    assert.ok(Math.abs(sum - best[n]!) < 1e-10 * sum, 'the textbook flow finds the same optimum');
  }
  return (['exactly', 'greedy', 'intersection', 'rowWise'] as const).map((method) => {
    const ratios = tiles.map((scores, n) => kept(method, scores) / best[n]!);
    return { method, mean: ratios.reduce((a, b) => a + b, 0) / ratios.length, worst: Math.min(...ratios) };
  });
}

interface BigRun {
  readonly method: MaskMethod;
  readonly pattern: string;
  readonly threads: number;
  readonly seconds: number;
  readonly processorSeconds: number;
}

/** Wall and processor seconds for 25.5 million weights: the best of three. */
async function bigRuns(threads: number): Promise<BigRun[]> {
  const block = magnitudes(1 << 20, 9);
  const cells = BIG_ROWS * BIG_COLUMNS;
  const scores = new Float32Array(cells);
  for (let at = 0; at < cells; at += block.length) {
    scores.set(block.subarray(0, Math.min(block.length, cells - at)), at);
  }
  const mask = new Uint8Array(cells);
  const runs: BigRun[] = [];
  for (const [method, keep, group] of [
    ['atMost', 4, 8],
    ['atMost', 2, 4],
    ['atMost', 8, 16],
    ['greedy', 4, 8],
    ['rowWise', 4, 8],
  ] as const) {
    for (const count of new Set([1, threads])) {
      const tries: { seconds: number; processorSeconds: number }[] = [];
      for (let n = 0; n < 3; n++) {
        const usage = process.cpuUsage();
        const started = performance.now();
        await maskPlanes(method, scores, 1, BIG_ROWS, BIG_COLUMNS, keep, group, mask, { threads: count });
        const seconds = (performance.now() - started) / 1000;
        const used = process.cpuUsage(usage);
        tries.push({ seconds, processorSeconds: (used.user + used.system) / 1e6 });
      }
      const best = tries.reduce((a, b) => (b.seconds < a.seconds ? b : a));
      runs.push({ method, pattern: `${keep}:${group}`, threads: count, ...best });
      const { forward, backward } = countViolations(mask, BIG_ROWS, BIG_COLUMNS, keep, group);
      assert.ok(forward === 0 && (backward === 0 || method === 'rowWise'), 'the mask follows its pattern');
    }
  }
  return runs;
}

function line(...cells: readonly [string, ...(string | number)[]]): void {
  const [name, ...rest] = cells;
  const texts = rest.map((cell) => (typeof cell === 'number' ? cell.toPrecision(4) : cell).padStart(12));
  console.log(name.padEnd(38) + texts.join(''));
}

async function main(): Promise<void> {
  const wanted = process.argv.indexOf('--threads');
  const threads = wanted < 0 ? os.availableParallelism() : Number(process.argv[wanted + 1]);
  const highs = await highsLoader();
  const load = os.loadavg();
  const timings: Timing[] = [];
  const quality: Record<string, Quality[]> = {};
  for (const group of [8, 4, 16, 32]) {
    const pattern = `${group / 2}:${group}`;
    const plane = magnitudes(SIDE * SIDE, group);
    const found = timeSolvers(solversOf(highs, plane, group), pattern);
    quality[pattern] = qualityOf(plane, group);
    timings.push(...found);
    line(pattern, 'µs, best', 'µs, median', 'wall', 'ratio');
    found.forEach((one) => line(one.solver, one.best, one.median, one.wallMedian, one.ratio));
    line('kept of the optimum', 'mean', 'worst');
    quality[pattern].forEach((one) => line(one.method, one.mean, one.worst));
    console.log();
  }
  const big = await bigRuns(threads);
  line('25.5 M weights', 'threads', 'seconds', 'processor');
  big.forEach((one) => line(`${one.method} ${one.pattern}`, String(one.threads), one.seconds, one.processorSeconds));
  const results = path.join(import.meta.dirname, 'results');
  fs.mkdirSync(results, { recursive: true });
  const environment = { node: process.version, cpu: os.cpus()[0]?.model, cores: os.cpus().length, load };
  fs.writeFileSync(path.join(results, 'masks.json'), JSON.stringify({ environment, timings, quality, big }, null, 2));
}

void main();
