import { codesToWeight, rowGroupOf, type Layer } from '../../analysis';
import { decibels, signedRange, sumOfSquares, unsignedRange } from '../../kernels';
import type { InputMoments, LayerMoments, MatrixProducts } from '../moments';
import type { QuantizedWeight } from '../quantize';
import { blockSizeOf } from '../quantize/blockGrids';
import { optimizeBlocks } from './optimizeBlocks';
import { solveAdaquant } from './solveAdaquant';
import { GridSearch, roundToNearest } from './gridSearch';
import { GroupProblem } from './groupProblem';
import { biasOf, layerTask, type LayerTask } from './layerInput';
import type { OptimizedWeight, OptimizeInput, OptimizeMethod } from './optimizedWeight';
import { bestBias, rowError, targetRow, type TargetRow } from './rowErrors';
import { roundRows, rowErrors, symmetricProducts, targetRows } from './longRows';
import { leastError, type RowSet, type SetSolution } from './rowSet';
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
/** Rows that are fitted together: bounds what waits for products. */
const ROWS_TOGETHER = 128;
/** Largest matrix fitted: 8192² float64 = 512 MB, twice. */
const LARGEST = 8192;

/**
 * Integer codes, scales and bias of one layer with the least error of the layer's output, from the moments of its input:
 *
 * E |w x + b − ŵ x̂ − b̂|² summed over output channels, x of the float network. Where x̂ is x (moments with S = P = G) layers
 * are fitted in parallel, each to the float input; where x̂ comes from the compressed network they are fitted in sequence.
 *
 * Rows are independent but for shared scales. The solution is compared with rounding to nearest on the held-out columns,
 * set by set, and the better one is kept. Loads the weight; changes nothing.
 *
 * Without moments, or beyond 8192 weights per output channel, weights are rounded to nearest at the scale of least squared
 * weight error, and `note` says so. Throws LatheError `quantize/bits`, `quantize/non-finite-weight`, `optimize/values`,
 * `optimize/moments`.
 */
export function optimizeLayer(layer: Layer, input: OptimizeInput): OptimizedWeight {
  const plan = planFit(layer, input);
  if ('weight' in plan) {
    return plan;
  }
  const { fit, method, notes, sets } = plan;
  for (let set = 0; set < sets; set++) {
    fit.solve(set);
  }
  return fit.finish(method, notes);
}

/**
 * {@link optimizeLayer} with large products of matrices made by someone faster: rows of 384 weights and more are fitted many at
 * a time, which takes a fifth of the time at 4608. The same result but for the order of sums.
 */
export async function optimizeLayerBy(
  products: MatrixProducts,
  layer: Layer,
  input: OptimizeInput,
): Promise<OptimizedWeight> {
  const plan = planFit(layer, input);
  if ('weight' in plan) {
    return plan;
  }
  const { fit, method, notes, sets } = plan;
  if (fit.suitsProducts) {
    await fit.solveBy(products);
    return fit.finish(method, notes, await fit.measureBy(products));
  }
  for (let set = 0; set < sets; set++) {
    fit.solve(set);
  }
  return fit.finish(method, notes);
}

interface FitPlan {
  readonly fit: LayerFit;
  readonly method: OptimizeMethod;
  readonly notes: readonly string[];
  readonly sets: number;
}

function planFit(layer: Layer, input: OptimizeInput): FitPlan | OptimizedWeight {
  const task = layerTask(layer, input);
  const notes = task.obstacle === undefined ? [] : [task.obstacle];
  let { moments } = input;
  let method: OptimizeMethod = input.method ?? 'gram';
  if (moments === undefined && method !== 'rtn') {
    notes.push('rounded to nearest at the scale of least weight error: nothing is known of the layer’s input');
    method = 'rtn';
  }
  if (moments !== undefined && task.layout.columns > LARGEST) {
    notes.push(
      `rounded to nearest at the scale of least weight error: ${task.layout.columns} weights per output channel are too many for a fit`,
    );
    moments = undefined;
    method = 'rtn';
  }
  const blockSize = blockSizeOf(layer, input.blockSize);
  if (blockSize !== undefined) {
    return optimizeBlocks(task, input, blockSize, moments, method, notes);
  }
  return { fit: new LayerFit(task, input, moments, method), method, notes, sets: task.sets };
}

/** What is found so far, in matrix order. */
class LayerFit {
  private readonly steps: Float64Array;
  private readonly scales: Float32Array;
  private readonly zeroPoints: Int32Array;
  /** Weights the plain rounding stands for, for comparison. */
  private readonly plain: Float64Array;
  private readonly centred: boolean;
  private readonly damps: readonly number[];
  /** Dampings that are tried, as indices. */
  private tried: readonly number[];
  /** Summed held-out error of each damping over the trial rows. */
  private readonly trialErrors: number[];
  /** One map of group problems per damping. */
  private readonly problems: readonly Map<number, GroupProblem>[];
  private readonly targets = new Map<InputMoments, Map<number, TargetRow>>();

  constructor(
    private readonly task: LayerTask,
    private readonly input: OptimizeInput,
    private readonly moments: LayerMoments | undefined,
    private readonly method: OptimizeMethod,
  ) {
    const { rows, columns } = task.layout;
    this.steps = new Float64Array(rows * columns);
    this.plain = new Float64Array(rows * columns);
    this.scales = new Float32Array(task.sets);
    this.zeroPoints = new Int32Array(task.sets);
    this.centred = input.refitBias !== false && task.biasPerRow;
    this.damps = this.dampings();
    this.problems = this.damps.map(() => new Map());
    this.tried = this.damps.map((_, index) => index);
    this.trialErrors = this.damps.map(() => 0);
  }

  private dampings(): readonly number[] {
    const { input, moments, task } = this;
    if (input.damp !== undefined || moments?.heldOut === undefined || this.method === 'rtn') {
      return [input.damp ?? DAMP];
    }
    const fewest = Math.min(...moments.fit.map(({ count }) => count));
    return fewest < FEW_COLUMNS * task.layout.columns && this.method === 'gram' ? [DAMP, ...MORE_DAMP] : [DAMP];
  }

  /** Whether rows are long, alone with their scale, and fitted by what products of matrices speed up. */
  get suitsProducts(): boolean {
    const { columns, rows } = this.task.layout;
    return (
      this.moments !== undefined &&
      columns >= FEWEST_FOR_PRODUCTS &&
      this.task.sets === rows &&
      this.method !== 'adaquant'
    );
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

  /** All sets, many rows of a group at a time. */
  async solveBy(products: MatrixProducts): Promise<void> {
    const { task } = this;
    for (let first = 0; first < task.sets;) {
      const isTrial = first === 0 && this.tried.length > 1 && task.layout.columns > LONG_ROW;
      const group = rowGroupOf(task.layout, first);
      const rows: number[] = [];
      for (let row = first; row < task.sets && rows.length < (isTrial ? TRIAL_ROWS : ROWS_TOGETHER); row++) {
        if (rowGroupOf(task.layout, row) !== group) {
          break;
        }
        rows.push(row);
      }
      await this.solveRows(products, group, rows);
      first += rows.length;
      if (isTrial) {
        this.settleDamping();
      }
    }
  }

  private async solveRows(products: MatrixProducts, group: number, all: readonly number[]): Promise<void> {
    const { method, tried } = this;
    const moments = this.moments!;
    const open = all.flatMap((row) => {
      const plain = this.solvePlain(row);
      return plain === undefined
        ? []
        : [{ row, plain, candidates: [] as { solution: SetSolution; damping?: number }[] }];
    });
    const rows = open.map(({ row }) => row);
    await this.targetsBy(products, moments.fit[group]!, rows);
    for (const damping of tried) {
      const solutions = await this.fittedBy(products, group, rows, damping);
      open.forEach(({ candidates }, at) => candidates.push({ solution: solutions[at]!, damping }));
    }
    if (tried.length === 1 && moments.heldOut === undefined) {
      open.forEach(({ row, candidates }) => this.keep(row, candidates[0]!.solution));
      return;
    }
    if (method !== 'rtn') {
      open.forEach(({ plain, candidates }) => candidates.push({ solution: plain }));
    }
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
      let best = candidates[0]!.solution;
      let bestError = Infinity;
      for (const { solution, damping } of candidates) {
        const error = errors[at++]!;
        if (damping !== undefined) {
          this.trialErrors[damping]! += error;
        }
        if (error < bestError) {
          best = solution;
          bestError = error;
        }
      }
      this.keep(row, best);
    }
  }

  /** The solutions of rows of one group at one damping. */
  private async fittedBy(
    products: MatrixProducts,
    group: number,
    rows: readonly number[],
    damping: number,
  ): Promise<SetSolution[]> {
    const { task, method, input } = this;
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
    const effort = effortFor(size, method === 'gptq' ? 0 : (input.iterations ?? 20));
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

  private async targetsBy(products: MatrixProducts, moments: InputMoments, rows: readonly number[]): Promise<void> {
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

  solve(set: number): void {
    const { moments, method } = this;
    const plain = this.solvePlain(set);
    if (plain === undefined || moments === undefined) {
      return;
    }
    if (set === TRIAL_ROWS && this.tried.length > 1 && this.task.layout.columns > LONG_ROW) {
      this.settleDamping();
    }
    const { tried } = this;
    const candidates = tried.map((damping) => this.fitted(set, damping));
    if (candidates.length === 1 && moments.heldOut === undefined) {
      this.keep(set, candidates[0]!);
      return;
    }
    if (method !== 'rtn') {
      candidates.push(plain);
    }
    let best = candidates[0]!;
    let bestError = Infinity;
    for (const [index, candidate] of candidates.entries()) {
      const error = this.setError(set, candidate, moments.heldOut ?? moments.fit);
      const damping = tried[index];
      if (damping !== undefined) {
        this.trialErrors[damping]! += error;
      }
      if (error < bestError) {
        best = candidate;
        bestError = error;
      }
    }
    this.keep(set, best);
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
    const { task, method, input } = this;
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
        return solveGram(rows, search, effortFor(rows.size, input.iterations ?? 20));
      case 'adaquant':
        return solveAdaquant(rows, search, {
          bits: task.bits,
          symmetric: task.symmetric,
          iterations: input.iterations ?? 1000,
          rates: input.rates ?? 'scaled',
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
      if (this.method === 'rtn' || this.method === 'adaquant') {
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
        actOrder: this.input.actOrder ?? true,
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

  private target(moments: InputMoments, row: number): TargetRow {
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

  /** Weights and biases as they come out. */
  private get result(): { readonly weight: Float64Array; readonly bias: Float64Array } {
    const { task, steps, scales, input, moments } = this;
    const weight = steps.map((step, i) => Math.fround(step * scales[Math.floor(i / task.layout.columns) % task.sets]!));
    return {
      weight,
      bias: input.refitBias !== false && moments !== undefined ? this.refitBias(weight, moments) : task.bias,
    };
  }

  /** Errors before and after, by products of matrices. */
  async measureBy(products: MatrixProducts): Promise<OptimizedWeight['errors']> {
    const { moments } = this;
    if (moments === undefined) {
      return { fit: undefined, heldOut: undefined };
    }
    // Of all rows first: the bias is refitted on them.
    for (const rows of this.rowBatches()) {
      await this.targetsBy(products, moments.fit[rowGroupOf(this.task.layout, rows[0]!)]!, rows);
    }
    const { weight, bias } = this.result;
    const errorsOn = async (part: readonly InputMoments[] | undefined) =>
      part === undefined
        ? undefined
        : {
            rtn: await this.relativeErrorBy(products, part, this.plain, this.task.bias),
            result: await this.relativeErrorBy(products, part, weight, bias),
          };
    return { fit: await errorsOn(moments.fit), heldOut: await errorsOn(moments.heldOut) };
  }

  private async relativeErrorBy(
    products: MatrixProducts,
    moments: readonly InputMoments[],
    weight: Float64Array,
    bias: Float64Array,
  ): Promise<number> {
    const { task } = this;
    const { columns } = task.layout;
    let error = 0;
    let power = 0;
    for (const rows of this.rowBatches()) {
      const own = moments[rowGroupOf(task.layout, rows[0]!)]!;
      await this.targetsBy(products, own, rows);
      const errors = await rowErrors(
        products,
        own,
        rows.map((row) => ({
          target: this.target(own, row),
          weight: weight.subarray(row * columns, (row + 1) * columns),
          bias: bias[biasOf(task, row)]!,
        })),
      );
      rows.forEach((row, at) => {
        error += errors[at]!;
        power += this.target(own, row).power;
      });
    }
    return power > 0 ? error / power : 0;
  }

  /** Rows of one group each, as many as are fitted together. */
  private rowBatches(): number[][] {
    const { layout } = this.task;
    const batches: number[][] = [];
    for (let row = 0; row < layout.rows; row++) {
      const last = batches.at(-1);
      if (
        last !== undefined &&
        last.length < ROWS_TOGETHER &&
        rowGroupOf(layout, last[0]!) === rowGroupOf(layout, row)
      ) {
        last.push(row);
      } else {
        batches.push([row]);
      }
    }
    return batches;
  }

  finish(method: OptimizeMethod, notes: readonly string[], errors?: OptimizedWeight['errors']): OptimizedWeight {
    const { task, steps, scales, zeroPoints, input, moments } = this;
    const { layout, bits, symmetric, sets, layer } = task;
    const { qmin, qmax } = symmetric ? signedRange(bits, true) : unsignedRange(bits);
    const length = steps.length;
    const codes = Int32Array.from(steps, (step, i) => step + zeroPoints[Math.floor(i / layout.columns) % sets]!);
    const { weight, bias } = this.result;
    let noise = 0;
    for (let i = 0; i < length; i++) {
      noise += (weight[i]! - task.weight[i]!) ** 2;
    }
    const quantized: QuantizedWeight = {
      layer: layer.name,
      bits,
      scales,
      zeroPoints,
      codes: codesToWeight(layout, codes),
      shape: layer.weight.shape,
      qmin,
      qmax,
      axis:
        sets > 1 || (input.granularity === 'per-channel' && task.obstacle === undefined)
          ? layer.weight.outAxis
          : undefined,
      symmetric,
      range: moments === undefined ? 'mse' : 'output-mse',
      note: task.obstacle,
      sqnr: decibels(sumOfSquares(task.weight, 0, length), noise),
    };
    const errorsOn = (part: readonly InputMoments[] | undefined): { rtn: number; result: number } | undefined =>
      part === undefined
        ? undefined
        : { rtn: this.relativeError(part, this.plain, task.bias), result: this.relativeError(part, weight, bias) };
    return {
      weight: quantized,
      bias: bias === task.bias ? undefined : Float32Array.from(bias, (b) => b * task.biasUnit),
      method,
      errors: errors ?? { fit: errorsOn(moments?.fit), heldOut: errorsOn(moments?.heldOut) },
      note: notes.length === 0 ? undefined : notes.join('; '),
    };
  }

  /** The bias of least error on the fit; the mean over the rows that share one. */
  private refitBias(weight: Float64Array, moments: LayerMoments): Float64Array {
    const { task } = this;
    const { rows, columns } = task.layout;
    const out = new Float64Array(task.bias.length);
    const sharing = rows / out.length;
    for (let row = 0; row < rows; row++) {
      const fit = moments.fit[rowGroupOf(task.layout, row)]!;
      const own = weight.subarray(row * columns, (row + 1) * columns);
      out[biasOf(task, row)]! += bestBias(fit, this.target(fit, row), own) / sharing;
    }
    return Float64Array.from(out, (b) => Math.fround(b * task.biasUnit) / task.biasUnit);
  }

  private relativeError(moments: readonly InputMoments[], weight: Float64Array, bias: Float64Array): number {
    const { task } = this;
    const { rows, columns } = task.layout;
    let error = 0;
    let power = 0;
    for (let row = 0; row < rows; row++) {
      const own = moments[rowGroupOf(task.layout, row)]!;
      const target = this.target(own, row);
      error += rowError(own, target, weight.subarray(row * columns, (row + 1) * columns), bias[biasOf(task, row)]!);
      power += target.power;
    }
    return power > 0 ? error / power : 0;
  }
}
