import { codesToWeight, type Layer, type WeightMatrix } from '../../analysis';
import { decibels, quantizationError, quantizeInto, signedRange, sumOfSquares, unsignedRange } from '../../kernels';
import { blockGrid, blocksOf, parametersToWeight } from './blockGrids';
import type { GramMatrix } from './gramAccumulator';
import { weightGrid } from './weightGrid';
import type { KnownScales, QuantizedWeight, WeightQuantizer } from './quantizeWeight';

/**
 * Rounds a matrix to nearest with one scale per block of each row (ONNX DequantizeLinear-21 with `block_size`). The last
 * block may be short. `output-mse` weighs errors by the power of their inputs, the diagonal of the Gram matrix: what a block
 * does to the output depends on the others only through the correlations of the inputs, which rounding cannot make use of.
 */
export function quantizeBlocks(
  layer: Layer,
  matrix: WeightMatrix,
  blockSize: number,
  options: WeightQuantizer & { readonly gram?: GramMatrix | undefined; readonly known?: KnownScales | undefined },
): QuantizedWeight {
  const { bits, symmetric } = options;
  const { rows, columns, data } = matrix;
  const blocks = blocksOf(columns, blockSize);
  const { qmin, qmax } = symmetric ? signedRange(bits, true) : unsignedRange(bits);
  const known = options.known?.scales.length === rows * blocks ? options.known : undefined;
  const gram = known === undefined && options.range === 'output-mse' ? options.gram?.matrices[0] : undefined;
  const range = known?.range ?? (options.range === 'output-mse' && gram === undefined ? 'mse' : options.range);
  const importance = gram === undefined ? undefined : (j: number): number => gram[j * columns + j]!;
  const scales = new Float32Array(rows * blocks);
  const zeroPoints = new Int32Array(rows * blocks);
  const codes = new Int32Array(data.length);
  let noise = 0;
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      const at = row * blocks + b;
      const from = b * blockSize;
      const length = Math.min(blockSize, columns - from);
      const offset = row * columns + from;
      if (known === undefined) {
        const grid =
          range === 'mse' || range === 'output-mse'
            ? blockGrid(data, row * columns, from, from + length, { bits, symmetric, scan: true, importance })
            : weightGrid(data, offset, length, { ...options, range });
        scales[at] = grid.scale;
        zeroPoints[at] = grid.zeroPoint;
      } else {
        // Known ones come in the order of the stored tensor.
        const stored = matrix.swapped ? b * rows + row : at;
        scales[at] = known.scales[stored]!;
        zeroPoints[at] = known.zeroPoints[stored]!;
      }
      quantizeInto(data, offset, length, codes, offset, scales[at], zeroPoints[at], qmin, qmax);
      noise += quantizationError(data, offset, length, scales[at], zeroPoints[at], qmin, qmax);
    }
  }
  return {
    layer: layer.name,
    bits,
    scales: parametersToWeight(matrix, scales),
    zeroPoints: parametersToWeight(matrix, zeroPoints),
    codes: codesToWeight(matrix, codes),
    shape: layer.weight.shape,
    qmin,
    qmax,
    axis: layer.weight.inAxis,
    blockSize,
    symmetric,
    range,
    note: undefined,
    sqnr: decibels(sumOfSquares(data, 0, data.length), noise),
  };
}
