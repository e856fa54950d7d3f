import { matrixLayout, weightAsMatrix, type Layer, type MatrixLayout } from '../../analysis';
import { countNonFinite } from '../../kernels';
import type { InputMoments } from '../moments';
import { perChannelObstacle } from '../quantize';
import { badBits, nonFiniteWeight } from '../quantize/errors';
import { badMoments, badValues } from './errors';
import type { OptimizeInput } from './optimizedWeight';

/** Rows that are to be fitted; plain data, so that threads can be sent it. */
export interface RowsTask {
  readonly layout: MatrixLayout;
  readonly bits: number;
  readonly symmetric: boolean;
  readonly weight: Float32Array;
  readonly target: Float32Array;
  readonly mask: Uint8Array | undefined;
  /** One per bias element (see `biasOf`), in units of the layer's product: Gemm's alpha and beta taken out. */
  readonly bias: Float64Array;
  /** Scales, each shared by rows r ≡ set mod sets. */
  readonly sets: number;
  /** Each row has a bias of its own: all but stacked matrices. */
  readonly biasPerRow: boolean;
}

/** A layer and what is asked of it, checked and with defaults filled in. */
export interface LayerTask extends RowsTask {
  readonly layer: Layer;
  /** The layer's own bias is this times `bias`. */
  readonly biasUnit: number;
  /** Why the granularity is not the one asked for. */
  readonly obstacle: string | undefined;
}

/** Throws LatheError `quantize/bits`, `quantize/non-finite-weight`, `optimize/values`, `optimize/moments`. */
export function layerTask(layer: Layer, input: OptimizeInput): LayerTask {
  const { bits, symmetric, mask } = input;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw badBits(bits, `Layer "${layer.name}"`);
  }
  const layout = matrixLayout(layer);
  const { rows, columns, rowGroups } = layout;
  const weight = input.weight ?? weightAsMatrix(layer).data;
  const target = input.target ?? weight;
  for (const [values, what] of [
    [weight, 'weight'],
    [target, 'target'],
    [mask, 'mask'],
  ] as const) {
    if (values !== undefined && values.length !== rows * columns) {
      throw badValues(layer.name, what, `it has ${values.length} elements, the layer's weight ${rows * columns}`);
    }
  }
  const broken = countNonFinite(weight, 0, weight.length);
  if (broken > 0) {
    throw nonFiniteWeight(layer.name, broken);
  }
  if (target !== weight && countNonFinite(target, 0, target.length) > 0) {
    throw badValues(layer.name, 'target', 'it holds NaN or infinite values');
  }
  for (const moments of [input.moments?.fit, input.moments?.heldOut]) {
    if (moments !== undefined) {
      checkMoments(layer.name, moments, layout);
    }
  }
  const obstacle = input.granularity === 'per-channel' ? perChannelObstacle(layer) : undefined;
  const perChannel = input.granularity === 'per-channel' && obstacle === undefined;
  const biasPerRow = rowGroups === 1 || layer.kind === 'Conv' || layer.kind === 'ConvTranspose';
  const alpha = layer.kind === 'Gemm' ? layer.node.float('alpha', 1) : 1;
  const beta = layer.kind === 'Gemm' ? layer.node.float('beta', 1) : 1;
  // beta · C = alpha · (bias in units of the product); with beta 0 there is no bias to speak of.
  const biasUnit = beta === 0 || alpha === 0 ? 1 : alpha / beta;
  return {
    layer,
    layout,
    bits,
    symmetric,
    weight,
    target,
    mask,
    bias: biasValues(layer, input.bias, biasPerRow ? rows : rows / rowGroups, biasUnit),
    biasUnit,
    sets: perChannel ? layout.scales : 1,
    biasPerRow,
    obstacle,
  };
}

/** The plain part of a task. */
export function rowsTask(task: LayerTask): RowsTask {
  const { layout, bits, symmetric, weight, target, mask, bias, sets, biasPerRow } = task;
  return { layout, bits, symmetric, weight, target, mask, bias, sets, biasPerRow };
}

/** Index into `RowsTask.bias` of a row. */
export function biasOf(task: RowsTask, row: number): number {
  return task.biasPerRow ? row : row % task.bias.length;
}

function biasValues(layer: Layer, given: Float32Array | undefined, length: number, unit: number): Float64Array {
  const values = given ?? layer.bias?.tensor.toFloat32() ?? new Float32Array(length);
  if (values.length !== length && values.length !== 1) {
    throw badValues(layer.name, 'bias', `it has ${values.length} elements, the layer ${length} output channels`);
  }
  if (countNonFinite(values, 0, values.length) > 0) {
    throw badValues(layer.name, 'bias', 'it holds NaN or infinite values');
  }
  return Float64Array.from({ length }, (_, i) => values[values.length === 1 ? 0 : i]! / unit);
}

function checkMoments(layer: string, moments: readonly InputMoments[], layout: MatrixLayout): void {
  if (moments.length !== layout.rowGroups) {
    throw badMoments(layer, `there are ${moments.length}, the layer has ${layout.rowGroups} groups of rows`);
  }
  for (const { size, gram, cross, power, count } of moments) {
    if (size !== layout.columns) {
      throw badMoments(layer, `they are of size ${size}, its rows have ${layout.columns} elements`);
    }
    if (!(count > 0)) {
      throw badMoments(layer, 'no column was seen');
    }
    for (const matrix of new Set([gram, cross, power])) {
      // A NaN or infinity anywhere in a column of inputs reaches the diagonal.
      for (let i = 0; i < size; i++) {
        if (!Number.isFinite(matrix[i * size + i])) {
          throw badMoments(layer, 'they hold NaN or infinite values');
        }
      }
    }
  }
}
