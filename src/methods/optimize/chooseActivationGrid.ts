import { matrixLayout, type Layer } from '../../analysis';
import { seededRandom } from '../../base/random';
import { accumulateCrossProduct, gridRange, roundHalfEven, type QuantGrid } from '../../kernels';
import type { SampledColumns } from '../moments';
import { activationGrid } from '../quantize';
import { badColumns, badValues } from './errors';

export interface ActivationGridOptions {
  /** 2 to 8. */
  readonly bits: number;
  /** The range to search around, e.g. what calibration gave. Thresholds go from half of it to 1.2 times. */
  readonly range: { readonly lo: number; readonly hi: number };
  /** Codes about a zero point of 0: both ends move together. @default false */
  readonly symmetric?: boolean;
  /** The weight whose output is to be met, in matrix order. @default the weights themselves */
  readonly target?: Float32Array;
  /** Columns of the float network, where `columns` come from the compressed one. @default `columns` */
  readonly targetColumns?: SampledColumns;
  /** The bias follows: mean differences do not count. @default true */
  readonly refitBias?: boolean;
}

export interface ActivationGridChoice {
  readonly grid: QuantGrid;
  /** Mean squared error of the layer's output over its mean square, on this grid and on the one of the given range. */
  readonly error: number;
  readonly before: number;
}

/** Columns looked at per group. */
const MOST_COLUMNS = 1024;
/** Output channels are mixed down to this many with random signs, which leaves the expected error as it is. */
const MOST_ROWS = 16;

/**
 * The grid of a layer's input with the least error of the layer's output, its weights being what they are now: a scan over
 * thresholds at every 5 % from 0.5 to 1.2 of the given range, then every 1 % around the best; where the range has a
 * negative side the two ends are then scanned alone, one after the other. Alternating with the fit of the weights finds
 * clipping that neither finds alone. Real 0 stays exact.
 *
 * @param weights dequantised, in matrix order
 * Throws LatheError `optimize/columns`, `optimize/values`.
 */
export function chooseActivationGrid(
  layer: Layer,
  weights: Float32Array,
  columns: SampledColumns,
  options: ActivationGridOptions,
): ActivationGridChoice {
  const scan = new OutputErrorScan(layer, weights, columns, options);
  const { bits, symmetric = false } = options;
  const { lo, hi } = options.range;
  const gridAt = (low: number, high: number): QuantGrid => activationGrid(low * lo, high * hi, bits, symmetric);
  let best = { low: 1, high: 1, error: scan.error(gridAt(1, 1)) };
  const before = best.error;
  const tryAt = (low: number, high: number): number => {
    const error = scan.error(gridAt(low, high));
    if (error < best.error) {
      best = { low, high, error };
    }
    return error;
  };
  const scanAround = (at: (part: number) => readonly [number, number]): void => {
    let centre = 1;
    let least = Infinity;
    for (let k = 120; k >= 50; k -= 5) {
      const error = tryAt(...at(k / 100));
      if (error < least) {
        least = error;
        centre = k / 100;
      }
    }
    for (let d = 4; d >= -4; d--) {
      if (d !== 0) {
        tryAt(...at(centre + d / 100));
      }
    }
  };
  scanAround((part) => [part, part]);
  if (!symmetric && lo < 0 && hi > 0) {
    const joint = best;
    scanAround((part) => [joint.low * part, joint.high]);
    const withLow = best;
    scanAround((part) => [withLow.low, withLow.high * part]);
  }
  const power = scan.power;
  return {
    grid: gridAt(best.low, best.high),
    error: power > 0 ? best.error / power : 0,
    before: power > 0 ? before / power : 0,
  };
}

/** Output error as a function of the input's grid. Columns lie one after another, so that products run along them. */
class OutputErrorScan {
  readonly power: number;
  private readonly groups: {
    readonly input: Float64Array;
    readonly mixed: Float64Array;
    readonly target: Float64Array;
    readonly rows: number;
  }[] = [];
  private readonly size: number;
  private readonly count: number;
  private readonly refitBias: boolean;
  private readonly quantised: Float64Array;

  constructor(layer: Layer, weights: Float32Array, columns: SampledColumns, options: ActivationGridOptions) {
    const layout = matrixLayout(layer);
    const { targetColumns = columns, target = weights } = options;
    this.size = layout.columns;
    this.refitBias = options.refitBias ?? true;
    for (const part of [columns, targetColumns]) {
      if (part.size !== layout.columns || part.groups.length !== layout.rowGroups) {
        throw badColumns(
          layer.name,
          `they are ${part.groups.length} groups of size ${part.size}, the layer has ${layout.rowGroups} of size ${layout.columns}`,
        );
      }
    }
    if (columns.count === 0 || columns.count !== targetColumns.count) {
      throw badColumns(
        layer.name,
        `there are ${columns.count} of them and ${targetColumns.count} of the float network`,
      );
    }
    for (const [values, what] of [
      [weights, 'weight'],
      [target, 'target'],
    ] as const) {
      if (values.length !== layout.rows * layout.columns) {
        throw badValues(layer.name, what, `it has ${values.length} elements`);
      }
    }
    this.count = Math.min(columns.count, MOST_COLUMNS);
    this.quantised = new Float64Array(this.size * this.count);
    const uniform = seededRandom(1);
    let power = 0;
    const perGroup = layout.rows / layout.rowGroups;
    for (let group = 0; group < layout.rowGroups; group++) {
      const rows = Math.min(perGroup, MOST_ROWS);
      const mixed = new Float64Array(rows * this.size);
      const mixedTarget = new Float64Array(rows * this.size);
      for (let r = 0; r < perGroup; r++) {
        const from = (group * perGroup + r) * this.size;
        for (let k = 0; k < rows; k++) {
          const sign = perGroup <= MOST_ROWS ? (k === r ? 1 : 0) : (uniform() < 0.5 ? -1 : 1) / Math.sqrt(rows);
          if (sign !== 0) {
            for (let i = 0; i < this.size; i++) {
              mixed[k * this.size + i]! += sign * weights[from + i]!;
              mixedTarget[k * this.size + i]! += sign * target[from + i]!;
            }
          }
        }
      }
      const output = this.multiply(mixedTarget, rows, this.transposed(targetColumns, group));
      for (const y of output) {
        power += y * y;
      }
      this.groups.push({ input: this.transposed(columns, group), mixed, target: output, rows });
    }
    this.power = power / this.count;
  }

  private transposed({ groups, count }: SampledColumns, group: number): Float64Array {
    const data = groups[group]!;
    const out = new Float64Array(this.size * this.count);
    for (let k = 0; k < this.count; k++) {
      const column = Math.floor((k * count) / this.count);
      for (let i = 0; i < this.size; i++) {
        out[k * this.size + i] = data[i * count + column]!;
      }
    }
    return out;
  }

  private multiply(mixed: Float64Array, rows: number, columns: Float64Array): Float64Array {
    const { size, count } = this;
    const out = new Float64Array(rows * count);
    accumulateCrossProduct(mixed, 0, rows, size, columns, 0, count, size, size, out, 0, count);
    return out;
  }

  /** Σ over output channels of the mean squared error. */
  error(grid: QuantGrid): number {
    const { count, quantised, refitBias } = this;
    const round = roundHalfEven;
    const { scale } = grid;
    const low = gridRange(grid).lo / scale;
    const high = gridRange(grid).hi / scale;
    let error = 0;
    for (const { input, mixed, target, rows } of this.groups) {
      for (let i = 0; i < input.length; i++) {
        const quotient = input[i]! / scale;
        quantised[i] = round(quotient > low ? (quotient < high ? quotient : high) : low) * scale;
      }
      const output = this.multiply(mixed, rows, quantised);
      for (let r = 0; r < rows; r++) {
        let sum = 0;
        let square = 0;
        for (let k = r * count; k < (r + 1) * count; k++) {
          const e = output[k]! - target[k]!;
          sum += e;
          square += e * e;
        }
        error += square / count - (refitBias ? (sum / count) ** 2 : 0);
      }
    }
    return error;
  }
}
