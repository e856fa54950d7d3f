import { matrixLayout, measureChannel, reductionLength, type Layer } from '../analysis';
import {
  MOST_BLOCKS,
  MOST_KERNELS,
  type BlockPicture,
  type ChannelRanges,
  type KernelPicture,
  type WeightPicture,
  type WeightPictureQuestion,
} from '../protocol/weights';

/** Numbers in one answer. */
const MOST_VALUES = 16_384;

interface Shape {
  readonly layer: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly kernel: readonly number[];
  readonly positions: number;
}

/** @param weights in the order of `weightAsMatrix` */
export function weightPicture(layer: Layer, weights: Float32Array, question: WeightPictureQuestion): WeightPicture {
  const shape = shapeOf(layer);
  return question.kind === 'kernels'
    ? kernelPicture(shape, weights, question.input, question.first)
    : blockPicture(shape, weights, question.position);
}

/** @param channel index among the scales; absent: no channel in particular */
export function channelRanges(layer: Layer, weights: Float32Array, channel: number | undefined): ChannelRanges {
  const { rows, columns, scales } = matrixLayout(layer);
  const peaks = new Float64Array(scales);
  for (let row = 0; row < rows; row++) {
    let peak = peaks[row % scales]!;
    for (let at = row * columns; at < (row + 1) * columns; at++) {
      const magnitude = Math.abs(weights[at]!);
      // NaN is greater than nothing.
      peak = magnitude > peak && magnitude < Infinity ? magnitude : peak;
    }
    peaks[row % scales] = peak;
  }
  const index = channel === undefined ? undefined : Math.max(0, Math.min(channel, scales - 1));
  return {
    layer: layer.name,
    channels: scales,
    narrowest: rounded(peaks.reduce((least, peak) => Math.min(least, peak), Infinity)),
    widest: rounded(peaks.reduce((most, peak) => Math.max(most, peak), 0)),
    ...(index !== undefined && { channel: { index, ...measureChannel(layer, weights, index) } }),
  };
}

function shapeOf(layer: Layer): Shape {
  const { rows, columns } = matrixLayout(layer);
  const inputs = reductionLength(layer);
  const positions = inputs === 0 ? 1 : columns / inputs;
  return {
    layer: layer.name,
    outputs: rows,
    inputs,
    kernel: positions > 1 ? layer.weight.shape.slice(2) : [],
    positions,
  };
}

function kernelPicture(
  shape: Shape,
  weights: Float32Array,
  wanted: number | 'mean',
  wantedFirst: number,
): KernelPicture {
  const { outputs, inputs, positions, kernel, layer } = shape;
  const input = wanted === 'mean' ? wanted : Math.max(0, Math.min(wanted, inputs - 1));
  const page = Math.max(1, Math.min(MOST_KERNELS, Math.floor(MOST_VALUES / positions)));
  // Pages begin where they would when walked from the first.
  const first = Math.min(Math.floor(wantedFirst / page), Math.ceil(outputs / page) - 1) * page;
  const count = Math.min(page, outputs - first);
  const values: number[] = [];
  let scale = 0;
  let faults = 0;
  for (let output = 0; output < outputs; output++) {
    for (let position = 0; position < positions; position++) {
      const start = output * inputs * positions + position;
      let value = 0;
      if (input === 'mean') {
        for (let i = 0; i < inputs; i++) {
          const element = weights[start + i * positions]!;
          if (Number.isFinite(element)) {
            value += element / inputs;
          } else {
            faults++;
          }
        }
      } else {
        value = weights[start + input * positions]!;
        if (!Number.isFinite(value)) {
          value = 0;
          faults++;
        }
      }
      scale = Math.max(scale, Math.abs(value));
      if (output >= first && output < first + count) {
        values.push(rounded(value));
      }
    }
  }
  const width = kernel.at(-1) ?? 1;
  return {
    kind: 'kernels',
    layer,
    outputs,
    inputs,
    kernel,
    scale: scaleOf(scale),
    faults,
    input,
    first,
    count,
    height: positions / width,
    width,
    values,
  };
}

function blockPicture(shape: Shape, weights: Float32Array, wanted: number | 'all'): BlockPicture {
  const { outputs, inputs, positions, kernel, layer } = shape;
  const blockOutputs = Math.max(1, Math.ceil(outputs / MOST_BLOCKS));
  const blockInputs = Math.max(1, Math.ceil(inputs / MOST_BLOCKS));
  const down = Math.ceil(outputs / blockOutputs);
  const across = Math.ceil(inputs / blockInputs);
  const sums = new Float64Array(down * across);
  const zeros = new Float64Array(down * across);
  const elements = new Float64Array(down * across);
  const position = wanted === 'all' || positions === 1 ? 'all' : Math.max(0, Math.min(wanted, positions - 1));
  const start = position === 'all' ? 0 : position;
  const step = position === 'all' ? 1 : positions;
  const columns = inputs * positions;
  const blockColumns = blockInputs * positions;
  let faults = 0;
  for (let output = 0; output < outputs; output++) {
    const line = Math.floor(output / blockOutputs) * across;
    for (let block = 0; block < across; block++) {
      const end = Math.min(columns, (block + 1) * blockColumns);
      let sum = 0;
      let zero = 0;
      for (let column = block * blockColumns + start; column < end; column += step) {
        const value = weights[output * columns + column]!;
        if (value === 0) {
          zero++;
        } else if (Number.isFinite(value)) {
          sum += value;
        } else {
          faults++;
        }
      }
      sums[line + block]! += sum;
      zeros[line + block]! += zero;
      elements[line + block]! += (end - block * blockColumns) / step;
    }
  }
  const means = Array.from(sums, (sum, cell) => sum / elements[cell]!);
  return {
    kind: 'blocks',
    position,
    layer,
    outputs,
    inputs,
    kernel,
    scale: scaleOf(means.reduce((most, mean) => Math.max(most, Math.abs(mean)), 0)),
    faults,
    blockOutputs,
    blockInputs,
    down,
    across,
    means: means.map(rounded),
    zeros: Array.from(zeros, (zero, cell) => rounded(zero / elements[cell]!)),
  };
}

function scaleOf(largest: number): number {
  return largest > 0 ? largest : 1;
}

/** Five digits are more than any picture shows. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
