import { codesToWeight, rowGroupOf, type Layer } from '../../analysis';
import { decibels, signedRange, sumOfSquares, unsignedRange } from '../../kernels';
import type { InputMoments, LayerMoments, MatrixProducts } from '../moments';
import type { QuantizedWeight } from '../quantize';
import { blockSizeOf } from '../quantize/blockGrids';
import { biasOf, layerTask, rowsTask, type LayerTask } from './layerInput';
import { rowErrors } from './longRows';
import { optimizeBlocks } from './optimizeBlocks';
import type { OptimizedWeight, OptimizeInput, OptimizeMethod } from './optimizedWeight';
import { bestBias, rowError } from './rowErrors';
import { RowsFit } from './rowsFit';
import type { RowTeam } from './rowTeam';

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
  return 'weight' in plan ? plan : solvedHere(plan);
}

/**
 * {@link optimizeLayer} with large products of matrices made by someone faster: rows of 384 weights and more are fitted many at
 * a time, which takes a fifth of the time at 4608, and by a team where there is one. The same result but for the order of sums.
 */
export async function optimizeLayerBy(
  products: MatrixProducts,
  layer: Layer,
  input: OptimizeInput,
  team?: RowTeam,
): Promise<OptimizedWeight> {
  const plan = planFit(layer, input);
  if ('weight' in plan) {
    return plan;
  }
  const { rows, result, method, notes } = plan;
  if (!rows.suitsProducts) {
    return solvedHere(plan);
  }
  await rows.solveBy(products, team);
  return result.finish(method, notes, await result.measureBy(products));
}

interface FitPlan {
  readonly rows: RowsFit;
  readonly result: LayerResult;
  readonly method: OptimizeMethod;
  readonly notes: readonly string[];
}

function solvedHere({ rows, result, method, notes }: FitPlan): OptimizedWeight {
  rows.solve();
  return result.finish(method, notes);
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
  const { refitBias, iterations, damp, actOrder, rates } = input;
  const rows = new RowsFit(rowsTask(task), { method, refitBias, iterations, damp, actOrder, rates }, moments);
  return { rows, result: new LayerResult(task, input, moments, rows), method, notes };
}

/** A layer as its rows were found. */
class LayerResult {
  constructor(
    private readonly task: LayerTask,
    private readonly input: OptimizeInput,
    private readonly moments: LayerMoments | undefined,
    private readonly rows: RowsFit,
  ) {}

  /** Weights and biases as they come out. */
  private get result(): { readonly weight: Float64Array; readonly bias: Float64Array } {
    const { task, input, moments } = this;
    const { steps, scales } = this.rows;
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
    for (const rows of this.batches()) {
      await this.rows.targetsBy(products, moments.fit[rowGroupOf(this.task.layout, rows[0]!)]!, rows);
    }
    const { weight, bias } = this.result;
    const errorsOn = async (part: readonly InputMoments[] | undefined) =>
      part === undefined
        ? undefined
        : {
            rtn: await this.relativeErrorBy(products, part, this.rows.plain, this.task.bias),
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
    for (const rows of this.batches()) {
      const own = moments[rowGroupOf(task.layout, rows[0]!)]!;
      await this.rows.targetsBy(products, own, rows);
      const errors = await rowErrors(
        products,
        own,
        rows.map((row) => ({
          target: this.rows.target(own, row),
          weight: weight.subarray(row * columns, (row + 1) * columns),
          bias: bias[biasOf(task, row)]!,
        })),
      );
      rows.forEach((row, at) => {
        error += errors[at]!;
        power += this.rows.target(own, row).power;
      });
    }
    return power > 0 ? error / power : 0;
  }

  /** Rows that are measured together. */
  private batches(): number[][] {
    return this.rows
      .slices(0, this.task.layout.rows)
      .map(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i));
  }

  finish(method: OptimizeMethod, notes: readonly string[], errors?: OptimizedWeight['errors']): OptimizedWeight {
    const { task, input, moments } = this;
    const { steps, scales, zeroPoints, plain } = this.rows;
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
        : { rtn: this.relativeError(part, plain, task.bias), result: this.relativeError(part, weight, bias) };
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
      out[biasOf(task, row)]! += bestBias(fit, this.rows.target(fit, row), own) / sharing;
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
      const target = this.rows.target(own, row);
      error += rowError(own, target, weight.subarray(row * columns, (row + 1) * columns), bias[biasOf(task, row)]!);
      power += target.power;
    }
    return power > 0 ? error / power : 0;
  }
}
