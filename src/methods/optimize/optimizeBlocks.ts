import { codesToWeight } from '../../analysis';
import {
  choleskyInto,
  choleskySolve,
  decibels,
  descendBlocked,
  dotProduct,
  nearestPlaneBlocked,
  roundHalfEven,
  rowProductInto,
  signedRange,
  sumOfSquares,
  unsignedRange,
  type ColumnGrids,
} from '../../kernels';
import type { InputMoments, LayerMoments } from '../moments';
import type { QuantizedWeight } from '../quantize';
import { blockGrid, blocksOf, parametersToWeight } from '../quantize/blockGrids';
import { GroupProblem } from './groupProblem';
import type { LayerTask } from './layerInput';
import type { OptimizedWeight, OptimizeInput, OptimizeMethod } from './optimizedWeight';
import { bestBias, rowError, targetRow, type TargetRow } from './rowErrors';
import { usable } from './solveGram';

const DAMP = 0.01;
/** Where there are fewer columns than this many per unknown, more damping is tried on the first rows, held-out columns judging. */
const FEW_COLUMNS = 20;
const MORE_DAMP = [0.1, 1];
const TRIAL_ROWS = 16;
/** Longer rows take fewer looks: each is a walk over G. */
const LONG_ROW = 1536;

/** Codes of one row, and the grids of its blocks. */
interface BlockRow {
  readonly scales: Float64Array;
  readonly zeroPoints: Int32Array;
  /** Code − zero point. */
  readonly steps: Float64Array;
}

/**
 * `optimizeLayer` with one scale per block of the reduction axis: rounding to nearest (`rtn`), GPTQ at the best of a few
 * thresholds (`gptq`), or from there (`gram`) coordinate descent on the codes in turn with the least-squares scales of all
 * blocks together, v_b·c = Σ_b' s_b' v_b G v_b'ᵀ, which never raises the error. Each row is kept only where it beats plain
 * rounding on held-out columns. `adaquant` knows one scale per channel; `gram` stands in for it, and the note says so.
 */
export function optimizeBlocks(
  task: LayerTask,
  input: OptimizeInput,
  blockSize: number,
  moments: LayerMoments | undefined,
  method: OptimizeMethod,
  notes: readonly string[],
): OptimizedWeight {
  const fit = new BlockFit(task, input, blockSize, moments, method);
  for (let row = 0; row < task.layout.rows; row++) {
    fit.solve(row);
  }
  return fit.finish(notes);
}

class BlockFit {
  private readonly blocks: number;
  private readonly rows: BlockRow[] = [];
  private readonly plain: BlockRow[] = [];
  private readonly method: OptimizeMethod;
  private readonly centred: boolean;
  private problems: readonly GroupProblem[];
  private readonly trialErrors: number[];

  constructor(
    private readonly task: LayerTask,
    private readonly input: OptimizeInput,
    private readonly blockSize: number,
    private readonly moments: LayerMoments | undefined,
    method: OptimizeMethod,
  ) {
    const { columns } = task.layout;
    this.blocks = blocksOf(columns, blockSize);
    this.method = method === 'adaquant' ? 'gram' : method;
    this.centred = input.refitBias !== false;
    const few =
      this.method === 'gram' && moments?.heldOut !== undefined && moments.fit[0]!.count < FEW_COLUMNS * columns;
    const damps = input.damp !== undefined ? [input.damp] : few ? [DAMP, ...MORE_DAMP] : [DAMP];
    this.problems =
      moments === undefined
        ? []
        : damps.map(
            (damp) =>
              new GroupProblem(moments.fit[0]!, { centred: this.centred, damp, actOrder: input.actOrder ?? true }),
          );
    this.trialErrors = this.problems.map(() => 0);
  }

  solve(row: number): void {
    const { task, moments, method } = this;
    const { columns } = task.layout;
    const own = Float64Array.from(task.weight.subarray(row * columns, (row + 1) * columns));
    const plain = this.rounded(row, own, undefined);
    this.plain.push(plain);
    if (moments === undefined || own.every((w) => w === 0)) {
      this.rows.push(plain);
      return;
    }
    if (row === TRIAL_ROWS && this.problems.length > 1) {
      this.problems = [this.problems[this.trialErrors.indexOf(Math.min(...this.trialErrors))]!];
    }
    const { problems } = this;
    const fitted =
      method === 'rtn' ? [this.rounded(row, own, problems[0])] : problems.map((problem) => this.fitted(row, problem));
    if (moments.heldOut === undefined && fitted.length === 1) {
      this.rows.push(fitted[0]!);
      return;
    }
    const judges = moments.heldOut ?? moments.fit;
    const fit = targetRow(moments.fit[0]!, this.targetOf(row), task.bias[row]!);
    const judge = targetRow(judges[0]!, this.targetOf(row), task.bias[row]!);
    let best = plain;
    let bestError = this.error(row, plain, fit, judge, judges[0]!);
    for (const [index, candidate] of fitted.entries()) {
      const error = this.error(row, candidate, fit, judge, judges[0]!);
      if (problems.length === fitted.length && row < TRIAL_ROWS) {
        this.trialErrors[index]! += error;
      }
      if (error < bestError) {
        best = candidate;
        bestError = error;
      }
    }
    this.rows.push(best);
  }

  /** Each weight to its nearest code, at the scales of least error; with a problem, errors count by the power of the inputs. */
  private rounded(row: number, values: Float64Array, problem: GroupProblem | undefined): BlockRow {
    const grids = this.grids(values, problem, 1);
    const steps = new Float64Array(values.length);
    for (let j = 0; j < steps.length; j++) {
      if (this.isKept(row, j)) {
        const quotient = Math.fround(Math.fround(values[j]!) / grids.columns.scales[j]!);
        steps[j] = roundHalfEven(Math.min(grids.columns.highs[j]!, Math.max(grids.columns.lows[j]!, quotient)));
      }
    }
    return { scales: grids.scales, zeroPoints: grids.zeroPoints, steps };
  }

  private fitted(row: number, problem: GroupProblem): BlockRow {
    const { task, blocks } = this;
    const { columns } = task.layout;
    const c = new Float64Array(columns);
    const centre = new Float64Array(columns);
    // One row at a time: mask and weights are read at the row's offset, terms written at 0.
    problem.linearTerms(task.target, task.weight, row * columns, 1, task.mask, c, centre, 0);
    const { order, factor } = problem.factorised();
    const isLong = columns > LONG_ROW;
    const scratch = new Float64Array(columns);
    let best: { row: BlockRow; columns: ColumnGrids } | undefined;
    let bestError = Infinity;
    for (const threshold of isLong ? [1, 0.9] : [1.06, 1, 0.94, 0.87]) {
      const grids = this.grids(centre, problem, threshold);
      const steps = new Float64Array(columns);
      const at = row * columns;
      const error = nearestPlaneBlocked(centre, columns, order, factor, grids.columns, task.mask, at, steps, scratch);
      if (error < bestError) {
        best = { row: { scales: grids.scales, zeroPoints: grids.zeroPoints, steps }, columns: grids.columns };
        bestError = error;
      }
    }
    const { row: found, columns: grids } = best!;
    if (this.method === 'gptq') {
      return found;
    }
    const rounds = Math.min(this.input.iterations ?? 20, isLong ? 3 : 20);
    const weight = new Float64Array(columns);
    const product = new Float64Array(columns);
    for (let round = 0; round < rounds; round++) {
      this.refitScales(found, grids, problem, c, blocks);
      for (let j = 0; j < columns; j++) {
        weight[j] = grids.scales[j]! * found.steps[j]!;
      }
      rowProductInto(weight, 0, columns, problem.gram, product, 0);
      if (descendBlocked(found.steps, columns, grids, problem.gram, c, product, task.mask, row * columns) === 0) {
        break;
      }
    }
    this.refitScales(found, grids, problem, c, blocks);
    return found;
  }

  /** The scales of least error at these codes, where they are usable ones; in place. */
  private refitScales(
    { scales, steps }: BlockRow,
    grids: ColumnGrids,
    problem: GroupProblem,
    c: Float64Array,
    blocks: number,
  ): void {
    const { blockSize } = this;
    const n = steps.length;
    const { gram } = problem;
    const system = new Float64Array(blocks * blocks);
    const solution = new Float64Array(blocks);
    const product = new Float64Array(n);
    for (let b = 0; b < blocks; b++) {
      const from = b * blockSize;
      const to = Math.min(n, from + blockSize);
      product.fill(0);
      let any = false;
      for (let j = from; j < to; j++) {
        const v = steps[j]!;
        if (v !== 0) {
          any = true;
          const row = j * n;
          // Both triangles are there; only blocks up to this one are needed.
          for (let i = 0; i < to; i++) {
            product[i]! += v * gram[row + i]!;
          }
        }
      }
      if (!any) {
        // No code says anything about this scale: it stays.
        system[b * blocks + b] = 1;
        solution[b] = scales[b]!;
        continue;
      }
      solution[b] = dotProduct(c, from, steps, from, to - from);
      for (let a = 0; a <= b; a++) {
        const start = a * blockSize;
        const sum = dotProduct(product, start, steps, start, Math.min(n, start + blockSize) - start);
        system[b * blocks + a] = sum;
        system[a * blocks + b] = sum;
      }
    }
    if (!choleskyInto(system, blocks)) {
      return;
    }
    for (let p = 0; p < blocks; p++) {
      for (let i = p + 1; i < blocks; i++) {
        system[p * blocks + i] = system[i * blocks + p]!;
      }
    }
    choleskySolve(system, blocks, solution);
    if (!solution.every((scale) => scale > 0 && scale < Infinity)) {
      return;
    }
    for (let b = 0; b < blocks; b++) {
      scales[b] = usable(solution[b]!);
      grids.scales.fill(scales[b]!, b * blockSize, Math.min(n, (b + 1) * blockSize));
    }
  }

  private grids(
    values: Float64Array,
    problem: GroupProblem | undefined,
    threshold: number,
  ): { readonly scales: Float64Array; readonly zeroPoints: Int32Array; readonly columns: ColumnGrids } {
    const { blocks, blockSize, task } = this;
    const n = values.length;
    const scales = new Float64Array(blocks);
    const zeroPoints = new Int32Array(blocks);
    const columns: ColumnGrids = {
      scales: new Float64Array(n),
      lows: new Float64Array(n),
      highs: new Float64Array(n),
    };
    const importance = problem === undefined ? undefined : (j: number): number => problem.gram[j * n + j]!;
    for (let b = 0; b < blocks; b++) {
      const from = b * blockSize;
      const to = Math.min(n, from + blockSize);
      const { bits, symmetric } = task;
      const grid = blockGrid(values, 0, from, to, { bits, symmetric, scan: true, importance });
      scales[b] = usable(grid.scale * threshold);
      zeroPoints[b] = grid.zeroPoint;
      columns.scales.fill(scales[b]!, from, to);
      columns.lows.fill(grid.low, from, to);
      columns.highs.fill(grid.high, from, to);
    }
    return { scales, zeroPoints, columns };
  }

  private isKept(row: number, column: number): boolean {
    const { mask, layout } = this.task;
    return mask === undefined || mask[row * layout.columns + column] !== 0;
  }

  private targetOf(row: number): Float64Array {
    const { columns } = this.task.layout;
    return Float64Array.from(this.task.target.subarray(row * columns, (row + 1) * columns));
  }

  private weightOf({ scales, steps }: BlockRow): Float64Array {
    return steps.map((step, j) => Math.fround(step * scales[Math.floor(j / this.blockSize)]!));
  }

  private error(row: number, found: BlockRow, fit: TargetRow, judge: TargetRow, judges: InputMoments): number {
    const weight = this.weightOf(found);
    const bias = this.centred ? bestBias(this.moments!.fit[0]!, fit, weight) : this.task.bias[row]!;
    return rowError(judges, judge, weight, bias);
  }

  finish(notes: readonly string[]): OptimizedWeight {
    const { task, blocks, blockSize, moments, input } = this;
    const { layout, bits, symmetric, layer } = task;
    const { rows, columns } = layout;
    const { qmin, qmax } = symmetric ? signedRange(bits, true) : unsignedRange(bits);
    const scales = new Float32Array(rows * blocks);
    const zeroPoints = new Int32Array(rows * blocks);
    const codes = new Int32Array(rows * columns);
    const bias = Float64Array.from(task.bias);
    const moves = input.refitBias !== false && moments !== undefined;
    const sums = { fit: { rtn: 0, result: 0, power: 0 }, heldOut: { rtn: 0, result: 0, power: 0 } };
    let noise = 0;
    for (let row = 0; row < rows; row++) {
      const found = this.rows[row]!;
      const weight = this.weightOf(found);
      scales.set(found.scales, row * blocks);
      zeroPoints.set(found.zeroPoints, row * blocks);
      for (let j = 0; j < columns; j++) {
        codes[row * columns + j] = found.steps[j]! + found.zeroPoints[Math.floor(j / blockSize)]!;
        noise += (weight[j]! - task.weight[row * columns + j]!) ** 2;
      }
      if (moments === undefined) {
        continue;
      }
      const target = this.targetOf(row);
      const before = task.bias[row]!;
      if (moves) {
        const best = bestBias(moments.fit[0]!, targetRow(moments.fit[0]!, target, before), weight);
        bias[row] = Math.fround(best * task.biasUnit) / task.biasUnit;
      }
      for (const part of ['fit', 'heldOut'] as const) {
        const own = moments[part]?.[0];
        if (own !== undefined) {
          const wanted = targetRow(own, target, before);
          const sum = sums[part];
          sum.rtn += rowError(own, wanted, this.weightOf(this.plain[row]!), before);
          sum.result += rowError(own, wanted, weight, bias[row]!);
          sum.power += wanted.power;
        }
      }
    }
    const errorsOf = (part: 'fit' | 'heldOut'): { rtn: number; result: number } | undefined => {
      const { rtn, result, power } = sums[part];
      const unit = power > 0 ? power : Infinity;
      return moments?.[part] === undefined ? undefined : { rtn: rtn / unit, result: result / unit };
    };
    const quantized: QuantizedWeight = {
      layer: layer.name,
      bits,
      scales: parametersToWeight(layout, scales),
      zeroPoints: parametersToWeight(layout, zeroPoints),
      codes: codesToWeight(layout, codes),
      shape: layer.weight.shape,
      qmin,
      qmax,
      axis: layer.weight.inAxis,
      blockSize,
      symmetric,
      range: moments === undefined ? 'mse' : 'output-mse',
      note: undefined,
      sqnr: decibels(sumOfSquares(task.weight, 0, task.weight.length), noise),
    };
    const all =
      input.method === 'adaquant' && moments !== undefined
        ? [...notes, 'fitted by "gram": "adaquant" knows no scales per block']
        : notes;
    return {
      weight: quantized,
      bias: moves ? Float32Array.from(bias, (b) => b * task.biasUnit) : undefined,
      method: this.method,
      errors: { fit: errorsOf('fit'), heldOut: errorsOf('heldOut') },
      note: all.length === 0 ? undefined : all.join('; '),
    };
  }
}
