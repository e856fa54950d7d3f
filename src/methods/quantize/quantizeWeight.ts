import { codesToWeight, rowGroupOf, weightAsMatrix, type Layer, type WeightMatrix } from '../../analysis';
import {
  asymmetricGrid,
  countNonFinite,
  decibels,
  minMaxInto,
  quadraticForm,
  quantizationError,
  quantizeInto,
  scanOutputErrorScale,
  signedRange,
  sumOfSquares,
  symmetricGrid,
  unsignedRange,
  type QuantGrid,
} from '../../kernels';
import { blocksOf, blockSizeOf } from './blockGrids';
import { badBits, gramMismatch, nonFiniteWeight } from './errors';
import type { GramMatrix } from './gramAccumulator';
import { quantizeBlocks } from './quantizeBlocks';
import { weightGrid, type WeightGridOptions } from './weightGrid';

export type WeightRange = WeightGridOptions['range'] | 'output-mse';

export interface WeightQuantizer {
  /** 2 to 8. */
  readonly bits: number;
  readonly granularity: 'per-channel' | 'per-tensor';
  /** Narrow signed grid [−(2^(b−1) − 1), 2^(b−1) − 1] with zero point 0, or unsigned [0, 2^b − 1] with a zero point. */
  readonly symmetric: boolean;
  readonly range: WeightRange;
  /** For `percentile`. @default 99.9 */
  readonly percentile?: number | undefined;
  /** For `lp`. @default 2.4 */
  readonly power?: number | undefined;
  /**
   * Matrices of MatMul and Gemm get one scale per so many elements of a row's reduction axis, instead of one per channel: a
   * power of two from 16 on. Other layers keep `granularity`.
   */
  readonly blockSize?: number | undefined;
}

/** A weight as integers: x ≈ scale · (code − zero point). */
export interface QuantizedWeight {
  readonly layer: string;
  readonly bits: number;
  /**
   * One per output channel along `axis`, or one for all; with `blockSize` one per block, row-major in `shape` with `axis`
   * counted in blocks. float32 values above 0.
   */
  readonly scales: Float32Array;
  /** As many as scales; zeros when symmetric. */
  readonly zeroPoints: Int32Array;
  /** Row-major in `shape`, the shape the layer sees. */
  readonly codes: Int32Array;
  readonly shape: readonly number[];
  readonly qmin: number;
  readonly qmax: number;
  /** Axis of `shape` that scales run along (with `blockSize`: that is cut into blocks); undefined when there is one scale for all. */
  readonly axis: number | undefined;
  /** Elements along `axis` that share a scale; the last block may be short. Undefined: scales are not per block. */
  readonly blockSize?: number | undefined;
  readonly symmetric: boolean;
  /** How scales were found: `output-mse` falls back to `mse` where no Gram matrix was given. */
  readonly range: WeightRange;
  /** Why the granularity is not the one asked for. */
  readonly note: string | undefined;
  /** 10 · log₁₀(Σ w² / Σ (w − ŵ)²) in dB over the whole weight; Infinity when nothing is lost. */
  readonly sqnr: number;
}

/** Lowest threshold tried by the output-error scan, in per cent of the full range. */
const OUTPUT_SCAN_FROM = 50;
/**
 * Seven and eight bits hardly clip: looking at every fifth per cent first, then around the best, finds the same scale as
 * trying all 51. Below, the curve is jagged and a coarse first look costs up to 5 % of the error.
 */
function outputScanStep(bits: number): number {
  return bits >= 7 ? 5 : 1;
}

/** Scales found earlier for the same layer and settings: saves the search. */
export interface KnownScales {
  readonly scales: ArrayLike<number>;
  readonly zeroPoints: ArrayLike<number>;
  /** The range they were found by. */
  readonly range: WeightRange;
}

/**
 * Quantises the weight of a layer. Loads the weight; changes nothing.
 *
 * Ranges: those of `weightGrid`, from the weights alone, and `output-mse`, the threshold max|w| · k / 100, k = 50…100, with the
 * least squared error of the layer's output, from the Gram matrix of its inputs (Hubara et al., ICML 2021, objective (1) in
 * quadratic form). A channel of zeros gets scale 1.
 *
 * Throws LatheError `quantize/bits`, `quantize/non-finite-weight`, `quantize/gram`.
 */
export function quantizeWeight(
  layer: Layer,
  options: WeightQuantizer & { readonly gram?: GramMatrix | undefined; readonly known?: KnownScales | undefined },
): QuantizedWeight {
  const { bits, symmetric } = options;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw badBits(bits, `Layer "${layer.name}"`);
  }
  const matrix = weightAsMatrix(layer);
  const broken = countNonFinite(matrix.data, 0, matrix.data.length);
  if (broken > 0) {
    throw nonFiniteWeight(layer.name, broken);
  }
  const blockSize = blockSizeOf(layer, options.blockSize);
  if (blockSize !== undefined) {
    return quantizeBlocks(layer, matrix, blockSize, options);
  }
  const obstacle = options.granularity === 'per-channel' ? perChannelObstacle(layer) : undefined;
  const perChannel = options.granularity === 'per-channel' && obstacle === undefined;
  const sets = perChannel ? matrix.scales : 1;
  const known = options.known?.scales.length === sets ? options.known : undefined;
  const gram = known === undefined ? usableGram(layer, matrix, options) : undefined;
  const range = known?.range ?? (options.range === 'output-mse' && gram === undefined ? 'mse' : options.range);

  const { qmin, qmax } = symmetric ? signedRange(bits, true) : unsignedRange(bits);
  const scales = new Float32Array(sets);
  const zeroPoints = new Int32Array(sets);
  const search = known === undefined ? new RangeSearch(matrix, sets, options, gram) : undefined;
  for (let set = 0; set < sets; set++) {
    const grid = search?.grid(set, range);
    scales[set] = grid?.scale ?? known!.scales[set]!;
    zeroPoints[set] = grid?.zeroPoint ?? known!.zeroPoints[set]!;
  }

  const { rows, columns, data } = matrix;
  const codes = new Int32Array(data.length);
  let noise = 0;
  for (let row = 0; row < rows; row++) {
    const set = row % sets;
    const at = row * columns;
    quantizeInto(data, at, columns, codes, at, scales[set]!, zeroPoints[set]!, qmin, qmax);
    noise += quantizationError(data, at, columns, scales[set]!, zeroPoints[set]!, qmin, qmax);
  }
  return {
    layer: layer.name,
    bits,
    scales,
    zeroPoints,
    codes: codesToWeight(matrix, codes),
    shape: layer.weight.shape,
    qmin,
    qmax,
    axis: perChannel ? layer.weight.outAxis : undefined,
    symmetric,
    range,
    note: obstacle,
    sqnr: decibels(sumOfSquares(data, 0, data.length), noise),
  };
}

/** Why a layer cannot have one scale per output channel; undefined when it can. */
export function perChannelObstacle(layer: Layer): string | undefined {
  if (layer.kind === 'ConvTranspose' && layer.groups > 1) {
    return 'one scale for the whole weight: the channel axis of a grouped transposed convolution does not tell its output channels apart';
  }
  if (layer.weight.shape.length < 2) {
    return 'one scale for the whole weight: it has no channel axis';
  }
  return undefined;
}

/** The float32 weight a quantised one stands for, row-major in its shape: what DequantizeLinear computes. */
export function dequantizeWeight(weight: QuantizedWeight): Float32Array {
  const { codes, shape, axis, scales, zeroPoints } = weight;
  const out = new Float32Array(codes.length);
  if (weight.blockSize !== undefined) {
    const [, columns] = shape as readonly [number, number];
    const blocks = blocksOf(shape[axis!]!, weight.blockSize);
    for (let i = 0; i < out.length; i++) {
      const row = Math.floor(i / columns);
      const column = i % columns;
      const at =
        axis === 0
          ? Math.floor(row / weight.blockSize) * columns + column
          : row * blocks + Math.floor(column / weight.blockSize);
      out[i] = (codes[i]! - zeroPoints[at]!) * scales[at]!;
    }
    return out;
  }
  const channels = axis === undefined ? 1 : shape[axis]!;
  const inner = axis === undefined ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  for (let at = 0, channel = 0; at < codes.length; channel = (channel + 1) % channels) {
    const scale = scales[channel]!;
    const zeroPoint = zeroPoints[channel]!;
    for (let i = 0; i < inner; i++, at++) {
      out[at] = (codes[at]! - zeroPoint) * scale;
    }
  }
  return out;
}

function usableGram(
  layer: Layer,
  matrix: WeightMatrix,
  options: { readonly range: WeightRange; readonly gram?: GramMatrix | undefined },
): GramMatrix | undefined {
  const { gram } = options;
  if (options.range !== 'output-mse' || gram === undefined) {
    return undefined;
  }
  if (gram.size !== matrix.columns || gram.matrices.length !== matrix.rowGroups) {
    throw gramMismatch(layer.name, matrix.columns, gram.size);
  }
  return gram;
}

/** Finds the grid of one set of rows: a channel (rows r with r mod sets = set), or the whole weight. */
class RangeSearch {
  private readonly ends = new Float64Array(2);
  private readonly scratch: Float64Array;
  private readonly gathered: Float32Array | undefined;

  constructor(
    private readonly matrix: WeightMatrix,
    private readonly sets: number,
    private readonly options: WeightQuantizer,
    private readonly gram: GramMatrix | undefined,
  ) {
    this.scratch = new Float64Array(gram === undefined ? 0 : 4 * matrix.columns);
    const rowsPerSet = matrix.rows / sets;
    this.gathered = rowsPerSet > 1 && sets > 1 ? new Float32Array(rowsPerSet * matrix.columns) : undefined;
  }

  grid(set: number, range: WeightRange): QuantGrid {
    const { data, offset, length } = this.valuesOf(set);
    const { bits, symmetric, percentile, power } = this.options;
    if (range !== 'output-mse') {
      return weightGrid(data, offset, length, { bits, symmetric, range, percentile, power });
    }
    minMaxInto(data, offset, length, this.ends);
    const lo = this.ends[0]!;
    const hi = this.ends[1]!;
    return length === 0 || (lo === 0 && hi === 0) ? this.make(0, 0) : this.leastOutputError(set, lo, hi);
  }

  private make(lo: number, hi: number): QuantGrid {
    const { bits, symmetric } = this.options;
    return symmetric ? symmetricGrid(lo, hi, bits) : asymmetricGrid(lo, hi, bits);
  }

  private valuesOf(set: number): { readonly data: Float32Array; readonly offset: number; readonly length: number } {
    const { data, rows, columns } = this.matrix;
    if (this.sets === 1) {
      return { data, offset: 0, length: data.length };
    }
    if (this.gathered === undefined) {
      return { data, offset: set * columns, length: columns };
    }
    let to = 0;
    for (let row = set; row < rows; row += this.sets, to += columns) {
      this.gathered.set(data.subarray(row * columns, (row + 1) * columns), to);
    }
    return { data: this.gathered, offset: 0, length: to };
  }

  private leastOutputError(set: number, lo: number, hi: number): QuantGrid {
    const { matrix, sets } = this;
    const { bits, symmetric } = this.options;
    const { data, rows, columns } = matrix;
    const { qmin, qmax } = this.make(lo, hi);
    if (symmetric && rows === sets) {
      const g = this.gram!.matrices[rowGroupOf(matrix, set)]!;
      const at = set * columns;
      const { scale } = scanOutputErrorScale(
        data,
        at,
        columns,
        g,
        columns,
        undefined,
        0,
        qmin,
        qmax,
        this.scratch,
        OUTPUT_SCAN_FROM,
        outputScanStep(bits),
      );
      return { scale, zeroPoint: 0, qmin, qmax };
    }
    let best = this.make(lo, hi);
    let bestError = Infinity;
    for (let k = 100; k >= OUTPUT_SCAN_FROM; k--) {
      const grid = this.make((lo * k) / 100, (hi * k) / 100);
      const error = this.outputError(set, grid, bestError);
      if (error < bestError) {
        best = grid;
        bestError = error;
      }
    }
    return best;
  }

  /** Σ over the rows of the set of e G eᵀ; stops once above the limit. */
  private outputError(set: number, grid: QuantGrid, limit: number): number {
    const { matrix, sets, scratch } = this;
    const { data, rows, columns } = matrix;
    const codes = new Int32Array(columns);
    let sum = 0;
    for (let row = set; row < rows && sum <= limit; row += sets) {
      const at = row * columns;
      quantizeInto(data, at, columns, codes, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
      for (let i = 0; i < columns; i++) {
        scratch[i] = (codes[i]! - grid.zeroPoint) * grid.scale - data[at + i]!;
      }
      sum += quadraticForm(scratch, 0, columns, this.gram!.matrices[rowGroupOf(matrix, row)]!, columns);
    }
    return sum;
  }
}
