/**
 * Bit allocation: seconds of each engine at 20 to 300 layers × 6 widths, as a ratio to our own merge in the same run, and the
 * proven gap. Run: npx tsx bench/allocation.ts [largest layer count] (JSON on stdout).
 *
 * `presolved`: as solveAllocation runs it, after the relaxation has fixed what it can. `whole`: the engine alone on the whole problem.
 */
import { seededRandom } from '../src/base/random';
import { frontier, type AllocationProblem, type AllocationUnit, type EngineName } from '../src/methods/allocate';
import type { EngineAnswer } from '../src/methods/allocate/engine';
import { highsEngine } from '../src/methods/allocate/highs';
import { javascriptLpSolverEngine } from '../src/methods/allocate/javascriptLpSolver';
import { paretoEngine } from '../src/methods/allocate/pareto';
import { presolve } from '../src/methods/allocate/presolve';
import { relax } from '../src/methods/allocate/relaxation';
import { totalsOf } from '../src/methods/allocate/rounding';
import { solveAllocation, wholeProblem } from '../src/methods/allocate/solveAllocation';

const CAP_SECONDS = 30;
const SEEDS = [1, 2];
const REPEATS = 3;
const COUNTS = [20, 54, 100, 200, 300];
const engines = [paretoEngine, javascriptLpSolverEngine, highsEngine];

/** Layers of 1000 to a million weights, losses that fall fourfold per bit with 30 % scatter. */
function makeUnits(layers: number, seed: number, activations: readonly number[]): AllocationUnit[] {
  const random = seededRandom(seed * 1000 + layers);
  return Array.from({ length: layers }, (_, u) => {
    const parameters = Math.round(10 ** (3 + 3 * random()));
    const macs = Math.round(10 ** (5 + 3 * random()));
    const sensitivity = 10 ** (-3 * random());
    const inputSensitivity = 10 ** (-3 * random());
    const choices = [8, 7, 6, 5, 4, 3].flatMap((weightBits) =>
      activations.map((activationBits) => ({
        weightBits,
        activationBits,
        loss:
          100 * (0.7 + 0.6 * random()) * sensitivity * 4 ** -weightBits +
          (activations.length > 1 ? 100 * (0.7 + 0.6 * random()) * inputSensitivity * 4 ** -activationBits : 0),
        sizeBits: parameters * weightBits,
        bitOperations: macs * weightBits * activationBits,
      })),
    );
    return { name: `layer${u}`, members: [`layer${u}`], choices };
  });
}

function makeProblem(layers: number, seed: number, budgets: 1 | 2): AllocationProblem {
  const units = makeUnits(layers, seed, budgets === 1 ? [8] : [8, 4]);
  const total = (amount: 'sizeBits' | 'bitOperations'): number =>
    units.reduce((sum, unit) => sum + Math.max(...unit.choices.map((c) => c[amount])), 0);
  return {
    units,
    objective: {
      minimize: 'loss',
      maxSizeBits: Math.floor(0.55 * total('sizeBits')),
      ...(budgets === 2 ? { maxBitOperations: Math.floor(0.4 * total('bitOperations')) } : {}),
    },
  };
}

interface Row {
  readonly layers: number;
  readonly seed: number;
  readonly budgets: 1 | 2;
  readonly problem: 'presolved' | 'whole';
  readonly engine: EngineName;
  readonly seconds: number;
  readonly ratioToPareto: number;
  readonly proven: boolean;
  /** (value − proven lower bound) / value. */
  readonly gap: number | null;
  /** (value − best value of any engine) / best value. */
  readonly aboveBest: number | null;
  readonly stopped: string | null;
  /** Units with more than one choice left. */
  readonly open: number;
}

interface Result {
  readonly engine: EngineName;
  readonly seconds: number;
  readonly proven: boolean;
  readonly value: number | undefined;
  readonly lower: number;
  readonly stopped: string | undefined;
}

async function measure(layers: number, seed: number, budgets: 1 | 2, kind: Row['problem']): Promise<Row[]> {
  const whole = wholeProblem(makeProblem(layers, seed, budgets))!;
  const reduced = await presolve(whole, { beam: true });
  const knapsack = kind === 'whole' ? whole : reduced.knapsack;
  const incumbent = kind === 'whole' ? undefined : reduced.incumbent;
  const { bound: relaxed } = relax(knapsack);
  const open = knapsack.units.filter((unit) => unit.values.length > 1).length;
  const results: Result[] = [];
  for (const engine of engines) {
    const solve = async (): Promise<EngineAnswer & { seconds: number }> => {
      const begun = performance.now();
      const answer = await engine.solve(knapsack, { timeLimit: CAP_SECONDS, incumbent });
      return { ...answer, seconds: (performance.now() - begun) / 1000 };
    };
    const first = await solve();
    const times = [first.seconds];
    // Long runs are not repeated: their spread does not matter.
    while (times.length < REPEATS && first.seconds < 2) {
      times.push((await solve()).seconds);
    }
    const { picks, proven, bound, stopped } = first;
    const value =
      picks === undefined ? undefined : knapsack.offset + knapsack.quantum * totalsOf(knapsack, picks).value;
    const lower = knapsack.offset + knapsack.quantum * Math.max(bound, relaxed);
    results.push({ engine: engine.name, seconds: median(times), proven, value, lower, stopped });
  }
  const best = Math.min(...results.flatMap((r) => r.value ?? []));
  return results.map(({ engine, seconds, proven, value, lower, stopped }) => ({
    layers,
    seed,
    budgets,
    problem: kind,
    engine,
    seconds: round(seconds),
    ratioToPareto: round(seconds / results[0]!.seconds),
    proven,
    gap: value === undefined ? null : proven ? 0 : round((value - lower) / value),
    aboveBest: value === undefined ? null : round((value - best) / best),
    stopped: stopped ?? null,
    open,
  }));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

async function wholeRuns(counts: readonly number[]): Promise<object[]> {
  const rows: object[] = [];
  for (const layers of counts) {
    for (const seed of SEEDS) {
      const problem = makeProblem(layers, seed, 1);
      const timed = async (run: () => unknown): Promise<number> => {
        const times: number[] = [];
        for (let i = 0; i < 5; i++) {
          const begun = performance.now();
          await run();
          times.push((performance.now() - begun) / 1000);
        }
        return round(median(times));
      };
      rows.push({
        layers,
        seed,
        hullSeconds: await timed(() => frontier(problem.units)),
        resolveSeconds: await timed(() => solveAllocation(problem, { engine: 'pareto' })),
        autoSeconds: await timed(() => solveAllocation(problem)),
      });
    }
  }
  return rows;
}

async function main(): Promise<void> {
  const largest = Number(process.argv[2] ?? Infinity);
  const counts = COUNTS.filter((count) => count <= largest);
  // Loads and warms everything up once.
  for (const engine of engines) {
    const { knapsack } = await presolve(wholeProblem(makeProblem(20, 9, 1))!, { beam: true });
    await engine.solve(knapsack, { timeLimit: 5 });
  }
  const rows: Row[] = [];
  for (const budgets of [1, 2] as const) {
    for (const kind of budgets === 1 ? (['presolved', 'whole'] as const) : (['presolved'] as const)) {
      for (const layers of counts) {
        for (const seed of SEEDS) {
          rows.push(...(await measure(layers, seed, budgets, kind)));
          console.error(`${budgets} budget(s), ${kind}, ${layers} layers, seed ${seed}`);
        }
      }
    }
  }
  console.log(
    JSON.stringify({ capSeconds: CAP_SECONDS, widths: 6, engines: rows, calls: await wholeRuns(counts) }, null, 1),
  );
}

void main();
