import { invariant, throwIfCancelled } from '../../base/errors';
import type { AllocationProblem, AllocationSolution, EngineAttempt, EngineName, PolicyCost } from './allocation';
import type { AllocationEngine, EngineAnswer } from './engine';
import { engineFailed } from './errors';
import { highsEngine } from './highs';
import { explainInfeasible } from './infeasible';
import { javascriptLpSolverEngine } from './javascriptLpSolver';
import { budgetRows, exactKnapsack, rawKnapsack, validateProblem, type Knapsack } from './knapsack';
import { paretoEngine } from './pareto';
import { presolve } from './presolve';
import { relax } from './relaxation';
import { isWithin, repairPicks, totalsOf } from './rounding';
import { verifySolution } from './verifySolution';

export interface SolveOptions {
  /** `auto` (the default): see {@link solveAllocation}. A name: that engine alone. */
  readonly engine?: 'auto' | EngineName;
  /** Seconds each engine may take before the next takes over; 10 by default. */
  readonly timeLimit?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Units still open after presolve from which on `auto` starts with HiGHS. */
const LARGE = 60;
/** Seconds spent at most on checking another engine's answer. */
const CHECK_LIMIT = 1;

const engines: Readonly<Record<EngineName, AllocationEngine>> = {
  'javascript-lp-solver': javascriptLpSolverEngine,
  highs: highsEngine,
  pareto: paretoEngine,
};

/**
 * Chooses the widths: exact, verified, with proof or bound.
 *
 * `auto` starts with javascript-lp-solver; HiGHS takes over where more than 60 units are open, the time limit is hit, or the
 * answer is unusable or unproven; our own merge comes last. Whatever answers, picks are recomputed against the unscaled
 * budgets, and compared with our own exact solution where that takes under a second: an answer that another one beats is
 * replaced and never called proven. Among optimal policies the one with fewer bits in the budgeted quantities is returned
 * (for size minimisation: with less loss), then the one first in a fixed order of units, whatever the engine.
 *
 * @throws LatheError `allocate/bad-loss`, `allocate/bad-size`, `allocate/bad-budget`, `allocate/infeasible` (details: what is
 * reachable and which pins are in the way), `allocate/engine-failed` (a named engine gave nothing usable).
 * @throws CancelledError
 */
export async function solveAllocation(
  problem: AllocationProblem,
  options: SolveOptions = {},
): Promise<AllocationSolution> {
  const begun = performance.now();
  const { engine = 'auto', timeLimit = 10, signal } = options;
  throwIfCancelled(signal);
  validateProblem(problem);
  const whole = wholeProblem(problem);
  if (whole === undefined) {
    throw await explainInfeasible(problem, signal);
  }
  const presolved = await presolve(whole, { beam: engine !== 'pareto' || whole.rows.length > 1, signal });
  const run = new Run(presolved.knapsack, presolved.incumbent);
  if (presolved.knapsack.units.every((unit) => unit.values.length === 1)) {
    run.settle();
  } else {
    if (presolved.incumbent === undefined && !(await isFeasible(presolved.knapsack, signal))) {
      throw await explainInfeasible(problem, signal);
    }
    const open = presolved.knapsack.units.filter((unit) => unit.values.length > 1).length;
    const tried: EngineName[] =
      engine !== 'auto' ? [engine] : open > LARGE ? ['highs', 'pareto'] : ['javascript-lp-solver', 'highs', 'pareto'];
    for (const name of tried) {
      throwIfCancelled(signal);
      await run.attempt(engines[name], timeLimit, signal);
      if (run.proven) {
        break;
      }
    }
    throwIfCancelled(signal);
    if (run.best !== undefined && !run.attempts.some((a) => a.engine === 'pareto')) {
      await run.check(Math.min(CHECK_LIMIT, timeLimit), signal);
    }
    if (engine !== 'auto' && run.best === undefined) {
      const last = run.attempts[run.attempts.length - 1]!;
      throw engineFailed(
        engine,
        last.note ?? (last.outcome === 'time-limit' ? 'its time limit was reached' : last.outcome),
      );
    }
    run.fallBack();
  }
  const { best } = run;
  invariant(best !== undefined, 'a feasible allocation was lost');
  const picks = presolved.knapsack.units.map((unit, u) => unit.source[best.picks[u]!]!);
  const cost = verifySolution(problem, picks);
  const bound = Math.max(presolved.bound, run.bound);
  const objective = objectiveOf(problem, cost);
  return {
    picks,
    ...cost,
    engine: best.engine,
    proven: run.proven,
    bound: run.proven
      ? objective
      : Math.min(objective, presolved.knapsack.offset + presolved.knapsack.quantum * Math.max(0, bound)),
    seconds: (performance.now() - begun) / 1000,
    attempts: run.attempts,
  };
}

/**
 * Lower bound on the objective from the LP relaxation, in the unit of the objective; Infinity if even that is infeasible.
 * Budgets are taken as they are, not rounded down to whole bits as for solving.
 */
export function relaxationBound(problem: AllocationProblem): number {
  validateProblem(problem);
  const { units, objective } = problem;
  const raw = rawKnapsack(
    units,
    objective.minimize,
    budgetRows(objective, (bits) => bits),
  );
  return raw.capacities.some((capacity) => capacity < 0) ? Infinity : raw.offset + relax(raw).bound;
}

export function objectiveOf(problem: AllocationProblem, cost: PolicyCost): number {
  return problem.objective.minimize === 'loss' ? cost.loss : cost.sizeBits;
}

function rawProblem({ units, objective }: AllocationProblem): Knapsack {
  return rawKnapsack(units, objective.minimize, budgetRows(objective));
}

/** The problem in whole numbers; undefined when a budget is below what the lightest choices take. */
export function wholeProblem(problem: AllocationProblem): Knapsack | undefined {
  const raw = rawProblem(problem);
  if (raw.capacities.some((capacity) => capacity < 0)) {
    return undefined;
  }
  // Any feasible value bounds the optimum: losses are then resolved as finely as the answer needs.
  const rounded = repairPicks(raw, relax(raw).picks);
  const largestValue = rounded === undefined ? Infinity : totalsOf(raw, rounded).value;
  const whole = exactKnapsack(raw, problem.units, largestValue);
  return whole.units.some((unit) => unit.values.length === 0) ? undefined : whole;
}

/** Whether two rows can be met together: the second is minimised under the first. */
async function isFeasible(knapsack: Knapsack, signal: AbortSignal | undefined): Promise<boolean> {
  if (knapsack.rows.length < 2) {
    return true;
  }
  const single: Knapsack = {
    ...knapsack,
    rows: knapsack.rows.slice(0, 1),
    capacities: knapsack.capacities.slice(0, 1),
    units: knapsack.units.map((unit) => ({
      values: unit.weights[1]!,
      weights: unit.weights.slice(0, 1),
      source: unit.source,
    })),
  };
  const { picks } = await paretoEngine.solve(single, { timeLimit: Infinity, signal });
  return picks !== undefined && isWithin(knapsack, totalsOf(knapsack, picks).weights);
}

interface Best {
  readonly picks: ArrayLike<number>;
  readonly value: number;
  readonly engine: EngineName;
}

/** Collects the answers of engines on one knapsack and keeps the best verified one. */
class Run {
  best: Best | undefined;
  proven = false;
  bound = -Infinity;
  readonly attempts: EngineAttempt[] = [];

  constructor(
    private readonly knapsack: Knapsack,
    private readonly incumbent: Int32Array | undefined,
  ) {}

  /** Takes the only solution left. */
  settle(): void {
    this.take(
      'pareto',
      this.knapsack.units.map(() => 0),
    );
    this.proven = true;
  }

  /** The rounding of the relaxation, when no engine gave anything. */
  fallBack(): void {
    if (this.best === undefined && this.incumbent !== undefined) {
      this.take('pareto', this.incumbent);
    }
  }

  async attempt(engine: AllocationEngine, timeLimit: number, signal: AbortSignal | undefined): Promise<void> {
    const begun = performance.now();
    const answer = await engine.solve(this.knapsack, { timeLimit, signal, incumbent: this.incumbent });
    const seconds = (performance.now() - begun) / 1000;
    const usable = answer.picks !== undefined && this.take(engine.name, answer.picks);
    const over = answer.picks !== undefined && !this.isSound(answer.picks);
    if (usable || !over) {
      this.bound = Math.max(this.bound, answer.bound);
    }
    this.proven ||= answer.proven && answer.picks !== undefined && !over;
    this.attempts.push({ engine: engine.name, ...outcomeOf(answer, over), seconds });
  }

  /** Compares with our own exact solution and prefers it where it is better, or as good with fewer bits. */
  async check(timeLimit: number, signal: AbortSignal | undefined): Promise<void> {
    const found = this.best!;
    const begun = performance.now();
    const answer = await paretoEngine.solve(this.knapsack, {
      timeLimit,
      signal,
      incumbent: Int32Array.from(found.picks),
    });
    const seconds = (performance.now() - begun) / 1000;
    if (answer.picks === undefined || !this.isSound(answer.picks)) {
      return;
    }
    const { value } = totalsOf(this.knapsack, answer.picks);
    if (value < found.value) {
      const last = this.attempts.length - 1;
      this.attempts[last] = {
        ...this.attempts[last]!,
        outcome: 'inexact',
        note: `beaten by ${this.knapsack.quantum * (found.value - value)} by our own search`,
      };
      this.attempts.push({ engine: 'pareto', outcome: answer.proven ? 'proven' : 'unproven', seconds });
      this.best = { picks: answer.picks, value, engine: 'pareto' };
      this.proven = answer.proven;
    } else if (answer.proven) {
      this.best = { picks: answer.picks, value, engine: found.engine };
      this.proven = true;
    }
    if (answer.proven) {
      this.bound = value;
    }
  }

  private isSound(picks: ArrayLike<number>): boolean {
    const { units } = this.knapsack;
    return (
      picks.length === units.length &&
      units.every((unit, u) => Number.isInteger(picks[u]) && picks[u]! >= 0 && picks[u]! < unit.values.length) &&
      isWithin(this.knapsack, totalsOf(this.knapsack, picks).weights)
    );
  }

  private take(engine: EngineName, picks: ArrayLike<number>): boolean {
    if (!this.isSound(picks)) {
      return false;
    }
    const { value } = totalsOf(this.knapsack, picks);
    if (this.best === undefined || value < this.best.value) {
      this.best = { picks, value, engine };
    }
    return true;
  }
}

function outcomeOf(answer: EngineAnswer, over: boolean): Pick<EngineAttempt, 'outcome' | 'note'> {
  if (over) {
    return { outcome: 'inexact', note: 'the answer exceeded a budget' };
  }
  const note = answer.note === undefined ? {} : { note: answer.note };
  if (answer.picks !== undefined) {
    return answer.proven
      ? { outcome: 'proven', ...note }
      : {
          outcome: 'unproven',
          ...note,
          ...(answer.stopped === 'time-limit' ? { note: 'its time limit was reached' } : {}),
        };
  }
  return answer.proven
    ? { outcome: 'failed', note: 'it found no feasible solution' }
    : { outcome: answer.stopped ?? 'failed', ...note };
}
