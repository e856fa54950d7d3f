import { rowGroupOf } from '../../analysis';
import type { InputMoments, LayerMoments, MatrixProducts } from '../moments';
import { GridSearch, roundToNearest } from './gridSearch';
import { GroupProblem } from './groupProblem';
import { biasOf, type RowsTask } from './layerInput';
import { roundRows, rowErrors, symmetricProducts, targetRows } from './longRows';
import type { OptimizeInput, OptimizeMethod } from './optimizedWeight';
import { bestBias, rowError, targetRow, type TargetRow } from './rowErrors';
import { leastError, type RowSet, type SetSolution } from './rowSet';
import type { FoundRows, RowSlice, RowTeam } from './rowTeam';
import { solveAdaquant } from './solveAdaquant';
import { descend, effortFor, gridsOf, solveGptq, solveGram } from './solveGram';

/** λ over the mean diagonal of G. */
const DAMP = 0.01;
/** More damping is tried, and judged on held-out columns, where there are fewer columns than this many per unknown. */
const FEW_COLUMNS = 20;
const MORE_DAMP = [0.1, 1];
/** Longer rows take the damping that was best, held-out columns judging, on the first few: trying all costs thrice the time. */
const LONG_ROW = 1024;
const TRIAL_ROWS = 16;
/** Shorter rows fit into the cache with their matrix, and are as fast one by one. */
const FEWEST_FOR_PRODUCTS = 384;
/** Rows that are fitted together: bounds what waits for products, and what one of a team is given at a time. */
const ROWS_TOGETHER = 64;
/** A layer with fewer row elements times columns is fitted before a team has begun. */
const WORTH_A_TEAM = 1e8;

/** How rows are fitted: see `OptimizeInput`. */
export interface RowsOptions {
  readonly method: OptimizeMethod;
  readonly refitBias: OptimizeInput['refitBias'] | undefined;
  readonly iterations: OptimizeInput['iterations'] | undefined;
  readonly damp: OptimizeInput['damp'] | undefined;
  readonly actOrder: OptimizeInput['actOrder'] | undefined;
  readonly rates: OptimizeInput['rates'] | undefined;
}

/** A solution that may be kept; of a fit with the index of its damping. */
interface Candidate {
  readonly solution: SetSolution;
  readonly damping?: number;
}

/** Codes and scales of a layer's rows, in matrix order: what is found so far. Its inputs are plain data. */
export class RowsFit {
  readonly steps: Float64Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
  /** Weights the plain rounding stands for, for comparison. */
  readonly plain: Float64Array;
  private readonly centred: boolean;
  private readonly damps: readonly number[];
  /** Dampings that are tried, as indices. */
  private tried: readonly number[];
  /** Summed held-out error of each damping over the trial rows. */
  private readonly trialErrors: number[];
  /** One map of group problems per damping. */
  private readonly problems: readonly Map<number, GroupProblem>[];
  private readonly targets = new Map<InputMoments, Map<number, TargetRow>>();

  /** @param damping index of the one that is used; undefined: all that may be best are tried */
  constructor(
    private readonly task: RowsTask,
    private readonly options: RowsOptions,
    private readonly moments: LayerMoments | undefined,
    damping?: number,
  ) {
    const { rows, columns } = task.layout;
    this.steps = new Float64Array(rows * columns);
    this.plain = new Float64Array(rows * columns);
    this.scales = new Float32Array(task.sets);
    this.zeroPoints = new Int32Array(task.sets);
    this.centred = options.refitBias !== false && task.biasPerRow;
    this.damps = this.dampings();
    this.problems = this.damps.map(() => new Map());
    this.tried = damping === undefined ? this.damps.map((_, index) => index) : [damping];
    this.trialErrors = this.damps.map(() => 0);
  }

  private dampings(): readonly number[] {
    const { options, moments, task } = this;
    if (options.damp !== undefined || moments?.heldOut === undefined || options.method === 'rtn') {
      return [options.damp ?? DAMP];
    }
    const fewest = Math.min(...moments.fit.map(({ count }) => count));
    return fewest < FEW_COLUMNS * task.layout.columns && options.method === 'gram' ? [DAMP, ...MORE_DAMP] : [DAMP];
  }

  /** Whether rows are long, alone with their scale, and fitted by what products of matrices speed up. */
  get suitsProducts(): boolean {
    const { columns, rows } = this.task.layout;
    return (
      this.moments !== undefined &&
      columns >= FEWEST_FOR_PRODUCTS &&
      this.task.sets === rows &&
      this.options.method !== 'adaquant'
    );
  }

  /** Sets in front that settle the damping of the others. */
  private get trialSets(): number {
    return this.tried.length > 1 && this.task.layout.columns > LONG_ROW ? Math.min(TRIAL_ROWS, this.task.sets) : 0;
  }

  /** All sets, one by one. */
  solve(): void {
    const trial = this.trialSets;
    for (let set = 0; set < this.task.sets; set++) {
      if (trial > 0 && set === trial) {
        this.settleDamping();
      }
      this.solveSet(set);
    }
  }

  /** All sets, many rows of a group at a time; where there is a team, and enough to do, on its cores. */
  async solveBy(products: MatrixProducts, team: RowTeam | undefined): Promise<void> {
    const { task, moments, options } = this;
    const { rows, columns } = task.layout;
    const trial = this.trialSets;
    if (trial > 0) {
      for (const slice of this.slices(0, trial)) {
        await this.solveRows(products, slice);
      }
      this.settleDamping();
    }
    const slices = this.slices(trial, task.sets);
    if (team !== undefined && moments !== undefined && slices.length > 1 && rows * columns ** 2 >= WORTH_A_TEAM) {
      const damping = this.tried.length === 1 ? this.tried[0] : undefined;
      if (await team.fit({ task, options, moments, damping }, slices, (found) => this.take(found))) {
        return;
      }
    }
    for (const slice of slices) {
      await this.solveRows(products, slice);
    }
  }

  /** Fits the rows of a slice, and gives what was found. */
  async solveSlice(products: MatrixProducts, slice: RowSlice): Promise<FoundRows> {
    await this.solveRows(products, slice);
    const { columns } = this.task.layout;
    const { first, end } = slice;
    return {
      first,
      steps: this.steps.slice(first * columns, end * columns),
      plain: this.plain.slice(first * columns, end * columns),
      scales: this.scales.slice(first, end),
      zeroPoints: this.zeroPoints.slice(first, end),
    };
  }

  private take({ first, steps, plain, scales, zeroPoints }: FoundRows): void {
    const at = first * this.task.layout.columns;
    this.steps.set(steps, at);
    this.plain.set(plain, at);
    this.scales.set(scales, first);
    this.zeroPoints.set(zeroPoints, first);
  }

  /** Sets from `first` to `end`, where sets are rows: of one group each, as many as are fitted together. */
  slices(first: number, end: number): RowSlice[] {
    const { layout } = this.task;
    const slices: RowSlice[] = [];
    for (let row = first; row < end;) {
      const begin = row;
      const group = rowGroupOf(layout, begin);
      while (row < end && row - begin < ROWS_TOGETHER && rowGroupOf(layout, row) === group) {
        row++;
      }
      slices.push({ first: begin, end: row });
    }
    return slices;
  }

  /** The weights rounded to nearest at the scale of least weight error, written down for comparison; kept where they are all there is. */
  private solvePlain(set: number): SetSolution | undefined {
    const { task, moments } = this;
    const plainSet = this.rowSet(set, undefined);
    const plainSearch = new GridSearch(plainSet, task.bits, task.symmetric);
    const plainGrid = plainSearch.isEmpty ? plainSearch.at(1) : plainSearch.at(plainSearch.leastWeightedError(true));
    const plain: SetSolution = { grid: plainGrid, steps: roundToNearest(plainSet, plainGrid) };
    this.write(set, plain, this.plain, plain.grid.scale);
    if (plainSearch.isEmpty || moments === undefined) {
      this.keep(set, plain);
      return undefined;
    }
    return plain;
  }

  private async solveRows(products: MatrixProducts, { first, end }: RowSlice): Promise<void> {
    const moments = this.moments!;
    const group = rowGroupOf(this.task.layout, first);
    const open: { readonly row: number; readonly plain: SetSolution; readonly candidates: Candidate[] }[] = [];
    for (let row = first; row < end; row++) {
      const plain = this.solvePlain(row);
      if (plain !== undefined) {
        open.push({ row, plain, candidates: [] });
      }
    }
    const rows = open.map(({ row }) => row);
    await this.targetsBy(products, moments.fit[group]!, rows);
    for (const damping of this.tried) {
      const solutions = await this.fittedBy(products, group, rows, damping);
      open.forEach(({ candidates }, at) => candidates.push({ solution: solutions[at]!, damping }));
    }
    if (this.needsNoJudge) {
      open.forEach(({ row, candidates }) => this.keep(row, candidates[0]!.solution));
      return;
    }
    open.forEach(({ plain, candidates }) => candidates.push(...this.rivals(plain)));
    const judge = (moments.heldOut ?? moments.fit)[group]!;
    await this.targetsBy(products, judge, rows);
    const errors = await rowErrors(
      products,
      judge,
      open.flatMap(({ row, candidates }) =>
        candidates.map(({ solution: { grid, steps } }) => {
          const weight = steps.map((step) => grid.scale * step);
          return { target: this.target(judge, row), weight, bias: this.biasFor(row, weight) };
        }),
      ),
    );
    let at = 0;
    for (const { row, candidates } of open) {
      this.keep(row, this.best(candidates, errors.slice(at, at + candidates.length)));
      at += candidates.length;
    }
  }

  /** The solutions of rows of one group at one damping. */
  private async fittedBy(
    products: MatrixProducts,
    group: number,
    rows: readonly number[],
    damping: number,
  ): Promise<SetSolution[]> {
    const { task, options } = this;
    const { method } = options;
    const { columns: size } = task.layout;
    const problem = this.problem(group, damping);
    const { c, centre } = await problem.linearTermsBy(products, task.target, task.weight, rows, task.mask);
    const sets = rows.map((row, at): RowSet => {
      const own = task.weight.subarray(row * size, (row + 1) * size);
      return {
        size,
        count: 1,
        problems: [problem],
        // Rounding to nearest starts from the weights themselves, whatever would be best for a compressed input.
        centre: method === 'rtn' ? Float64Array.from(own) : centre.slice(at * size, (at + 1) * size),
        c: c.slice(at * size, (at + 1) * size),
        mask: task.mask?.subarray(row * size, (row + 1) * size),
      };
    });
    const searches = sets.map((set) => new GridSearch(set, task.bits, task.symmetric));
    if (method === 'rtn') {
      return sets.map((set, at) => {
        const grid = searches[at]!.leastOutputError();
        return { grid, steps: roundToNearest(set, grid) };
      });
    }
    const effort = effortFor(size, method === 'gptq' ? 0 : (options.iterations ?? 20));
    const factor = await problem.factorisedBy(products);
    const grids = searches.map((search) => gridsOf(search, effort));
    const rounded = await roundRows(products, factor, sets, grids);
    if (method === 'gptq') {
      return rounded.map((solutions) => leastError(solutions));
    }
    const starts = rounded.map((solutions) =>
      [...solutions].sort((a, b) => a.error - b.error).slice(0, effort.restarts),
    );
    const walked = await symmetricProducts(
      products,
      starts.flatMap((own) => own.map(({ steps }) => steps)),
      problem.gram,
      size,
    );
    let at = 0;
    return starts.map((own, row) =>
      leastError(
        own.map((start) => {
          const known = walked.slice(at * size, (at + 1) * size);
          at++;
          return descend(sets[row]!, start, effort, known);
        }),
      ),
    );
  }

  /** Has the targets of rows of one group at hand. */
  async targetsBy(products: MatrixProducts, moments: InputMoments, rows: readonly number[]): Promise<void> {
    const { task } = this;
    const { columns } = task.layout;
    const known = this.targets.get(moments) ?? new Map<number, TargetRow>();
    this.targets.set(moments, known);
    const missing = rows.filter((row) => !known.has(row));
    const found = await targetRows(
      products,
      moments,
      missing.map((row) => ({
        weight: Float64Array.from(task.target.subarray(row * columns, (row + 1) * columns)),
        bias: task.bias[biasOf(task, row)]!,
      })),
    );
    missing.forEach((row, at) => known.set(row, found[at]!));
  }

  private biasFor(row: number, weight: Float64Array): number {
    const { task } = this;
    const fit = this.moments!.fit[rowGroupOf(task.layout, row)]!;
    return this.centred ? bestBias(fit, this.target(fit, row), weight) : task.bias[biasOf(task, row)]!;
  }

  private solveSet(set: number): void {
    const { moments } = this;
    const plain = this.solvePlain(set);
    if (plain === undefined || moments === undefined) {
      return;
    }
    const candidates: Candidate[] = this.tried.map((damping) => ({ solution: this.fitted(set, damping), damping }));
    if (this.needsNoJudge) {
      this.keep(set, candidates[0]!.solution);
      return;
    }
    candidates.push(...this.rivals(plain));
    const errors = candidates.map(({ solution }) => this.setError(set, solution, moments.heldOut ?? moments.fit));
    this.keep(set, this.best(candidates, errors));
  }

  /** One fit, and no samples that it has not seen. */
  private get needsNoJudge(): boolean {
    return this.tried.length === 1 && this.moments?.heldOut === undefined;
  }

  /** What the fits have to beat. */
  private rivals(plain: SetSolution): Candidate[] {
    return this.options.method === 'rtn' ? [] : [{ solution: plain }];
  }

  /** The candidate of least error, the first among equals; the errors count for the choice of a damping. */
  private best(candidates: readonly Candidate[], errors: readonly number[]): SetSolution {
    let best = 0;
    candidates.forEach(({ damping }, at) => {
      if (damping !== undefined) {
        this.trialErrors[damping]! += errors[at]!;
      }
      if (errors[at]! < errors[best]!) {
        best = at;
      }
    });
    return candidates[best]!.solution;
  }

  /** Goes on with the damping that was best so far, and lets go of the matrices of the others. */
  private settleDamping(): void {
    const best = this.trialErrors.indexOf(Math.min(...this.trialErrors));
    this.tried = [best];
    this.problems.forEach((cache, index) => {
      if (index !== best) {
        cache.clear();
      }
    });
  }

  /** The solution of one set at one damping. */
  private fitted(set: number, damping: number): SetSolution {
    const { task, options } = this;
    const { method } = options;
    const rows = this.rowSet(set, damping);
    const search = new GridSearch(rows, task.bits, task.symmetric);
    switch (method) {
      case 'rtn': {
        const grid = search.leastOutputError();
        return { grid, steps: roundToNearest(rows, grid) };
      }
      case 'gptq':
        return solveGptq(rows, search, effortFor(rows.size, 0));
      case 'gram':
        return solveGram(rows, search, effortFor(rows.size, options.iterations ?? 20));
      case 'adaquant':
        return solveAdaquant(rows, search, {
          bits: task.bits,
          symmetric: task.symmetric,
          iterations: options.iterations ?? 1000,
          rates: options.rates ?? 'scaled',
        });
    }
  }

  /** The rows of a set; without a problem behind them where `damping` is undefined. */
  private rowSet(set: number, damping: number | undefined): RowSet {
    const { task, moments } = this;
    const { columns: size, rows: all } = task.layout;
    const rows: number[] = [];
    for (let row = set; row < all; row += task.sets) {
      rows.push(row);
    }
    const count = rows.length;
    const centre = new Float64Array(count * size);
    const c = new Float64Array(damping === undefined ? 0 : count * size);
    const mask = task.mask === undefined ? undefined : new Uint8Array(count * size);
    const problems: GroupProblem[] = [];
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const from = row * size;
      mask?.set(task.mask!.subarray(from, from + size), i * size);
      if (damping === undefined || moments === undefined) {
        centre.set(task.weight.subarray(from, from + size), i * size);
        continue;
      }
      const problem = this.problem(rowGroupOf(task.layout, row), damping);
      problem.linearTerms(task.target, task.weight, from, 1, task.mask, c, centre, i * size);
      if (this.options.method === 'rtn' || this.options.method === 'adaquant') {
        // These start from the weights themselves, whatever would be best for a compressed input.
        centre.set(task.weight.subarray(from, from + size), i * size);
      }
      problems.push(problem);
    }
    return { size, count, problems, centre, c, mask };
  }

  private problem(group: number, damping: number): GroupProblem {
    const cache = this.problems[damping]!;
    let problem = cache.get(group);
    if (problem === undefined) {
      if (this.task.sets > 1 && this.task.layout.scales === this.task.layout.rows) {
        // Sets are single rows, group by group: earlier groups are not met again.
        cache.clear();
      }
      problem = new GroupProblem(this.moments!.fit[group]!, {
        centred: this.centred,
        damp: this.damps[damping]!,
        actOrder: this.options.actOrder ?? true,
      });
      cache.set(group, problem);
    }
    return problem;
  }

  private keep(set: number, { grid, steps }: SetSolution): void {
    this.scales[set] = grid.scale;
    this.zeroPoints[set] = grid.zeroPoint;
    this.write(set, { grid, steps }, this.steps, 1);
  }

  private write(set: number, { steps }: SetSolution, out: Float64Array, factor: number): void {
    const { sets, layout } = this.task;
    const { rows, columns } = layout;
    for (let row = set, from = 0; row < rows; row += sets, from += columns) {
      for (let j = 0, to = row * columns; j < columns; j++, to++) {
        out[to] = factor * steps[from + j]!;
      }
    }
  }

  /** Output error of a set on some moments, with the bias it would get from the fit. */
  private setError(set: number, { grid, steps }: SetSolution, moments: readonly InputMoments[]): number {
    const { task } = this;
    const { columns } = task.layout;
    const weight = new Float64Array(columns);
    let error = 0;
    for (let row = set, from = 0; row < task.layout.rows; row += task.sets, from += columns) {
      for (let j = 0; j < columns; j++) {
        weight[j] = grid.scale * steps[from + j]!;
      }
      const group = rowGroupOf(task.layout, row);
      const bias = this.biasFor(row, weight);
      error += rowError(moments[group]!, this.target(moments[group]!, row), weight, bias);
    }
    return error;
  }

  target(moments: InputMoments, row: number): TargetRow {
    const { task } = this;
    let rows = this.targets.get(moments);
    if (rows === undefined) {
      rows = new Map();
      this.targets.set(moments, rows);
    }
    let target = rows.get(row);
    if (target === undefined) {
      const { columns } = task.layout;
      const weight = Float64Array.from(task.target.subarray(row * columns, (row + 1) * columns));
      target = targetRow(moments, weight, task.bias[biasOf(task, row)]!);
      rows.set(row, target);
    }
    return target;
  }
}
