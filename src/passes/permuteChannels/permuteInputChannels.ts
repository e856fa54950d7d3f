import {
  declaredShapes,
  findLayers,
  reductionLength,
  weightAsMatrix,
  type Layer,
  type NmPattern,
  type ShapeTable,
} from '../../analysis';
import type { Refusal } from '../../base/errors';
import type { Model, Value } from '../../onnx';
import { storeInPlace } from '../applyFold';
import { floatTensor } from '../floatTensor';
import { refuse, type AppliedRewrite, type PassResult } from '../passResult';
import { findChannelSpace, type ChannelConstant, type ChannelSpace } from './channelSpace';
import { searchPermutation } from './searchPermutation';

export interface PermuteOptions {
  /** The pattern each layer is to be masked with; undefined leaves it out of the search. */
  readonly pattern: NmPattern | ((layer: Layer) => NmPattern | undefined);
  /** @default 1 */
  readonly seed?: number;
  /** How often a local optimum is shaken and climbed again. @default 4 */
  readonly escapes?: number;
  /** Shapes of activations. @default {@link declaredShapes} */
  readonly shapes?: ShapeTable;
  /** Called before each search, with how many are done of how many. Throw to cancel: the model is sound at any time. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One reordering of channels that several layers may share. */
export interface ChannelPermutation {
  /** Names of the masked layers whose input channels it reorders, in node order. */
  readonly layers: readonly string[];
  readonly channels: number;
  /** Old channel at each new place. */
  readonly order: Int32Array;
  /**
   * Share of the magnitude that row-wise masks of these layers keep, before and after. Each layer counts with its number
   * of weights, whatever their scale.
   */
  readonly before: number;
  readonly after: number;
}

export interface PermuteResult extends PassResult {
  readonly permutations: readonly ChannelPermutation[];
}

/**
 * Reorders input channels so that row-wise N:M masks keep more magnitude (Pool and Yu, NeurIPS 2021), and undoes the
 * order in whatever makes those channels: output channels and biases of the layers in front, batch norms, depthwise
 * convolutions, constants in between. Channels tied by residual adds share one order. The model computes the same, apart
 * from the rounding of sums in another order.
 *
 * Refused, with the reason, where the order shows: at inputs and outputs of the model, in grouped convolutions, behind a
 * Concat of channels or a Reshape that merges them, or where a constant is shared with something that keeps its order.
 *
 * Changes the model in place; layers found before hold stale weights. Deterministic for a seed.
 */
export function permuteInputChannels(model: Model, options: PermuteOptions): PermuteResult {
  const { pattern } = options;
  const patternOf = typeof pattern === 'function' ? pattern : () => pattern;
  const shapes = options.shapes ?? declaredShapes(model);
  const { spaces, refused } = findSpaces(findLayers(model), patternOf, shapes);
  const applied: AppliedRewrite[] = [];
  const permutations: ChannelPermutation[] = [];
  for (const [done, { space, layers, pattern: shared }] of spaces.entries()) {
    options.onProgress?.(done, spaces.length);
    // An earlier space may have moved the other axis of these weights.
    const current = reread(model, layers);
    const { scores, rows } = stackScores(current, space.channels);
    const { order } = searchPermutation(scores, space.channels, rows, { ...options, pattern: shared });
    const before = keptShare(current, undefined, shared);
    const after = keptShare(current, order, shared);
    if (after <= before + LEAST_GAIN) {
      continue;
    }
    space.constants.forEach((constant) => permuteConstant(constant, order));
    const names = layers.map(({ name }) => name);
    permutations.push({ layers: names, channels: space.channels, order, before, after });
    applied.push({
      nodes: space.nodes.map(({ key }) => key),
      note: `${space.channels} channels reordered for ${shared.keep}:${shared.group} masks of ${names.length} ${names.length === 1 ? 'layer' : 'layers'}: kept magnitude ${(100 * before).toFixed(2)} → ${(100 * after).toFixed(2)} %`,
    });
  }
  return { modified: applied.length > 0, applied, refused, permutations };
}

interface MaskedSpace {
  readonly space: ChannelSpace;
  readonly layers: readonly Layer[];
  readonly pattern: NmPattern;
}

function findSpaces(
  layers: readonly Layer[],
  patternOf: (layer: Layer) => NmPattern | undefined,
  shapes: ShapeTable,
): { readonly spaces: readonly MaskedSpace[]; readonly refused: readonly Refusal[] } {
  const spaces: MaskedSpace[] = [];
  const refused: Refusal[] = [];
  const free = new Set<Value>();
  const fixed = new Map<Value, string>();
  for (const layer of layers) {
    const input = layer.node.inputs[layer.dataInputIndex];
    if (!layer.sparsify.possible || patternOf(layer) === undefined || input === undefined || free.has(input)) {
      continue;
    }
    const known = fixed.get(input);
    if (known !== undefined) {
      refused.push(refuse(known, layer.node));
      continue;
    }
    const start = startOf(layer, input, shapes);
    if ('reason' in start) {
      refused.push(start);
      continue;
    }
    const space = findChannelSpace(input, start.axis, start.channels, shapes);
    if ('reason' in space) {
      space.values.forEach((value) => fixed.set(value, space.reason));
      refused.push(refuse(space.reason, layer.node, ...keysOf(space.nodes.filter((key) => key !== layer.node.key))));
      continue;
    }
    space.values.forEach((value) => free.add(value));
    const members = layers.filter(
      (other) => space.consumers.has(other.node) && other.sparsify.possible && patternOf(other) !== undefined,
    );
    const { keep, group } = patternOf(layer)!;
    const other = members.find((member) => patternOf(member)!.keep !== keep || patternOf(member)!.group !== group);
    if (other === undefined) {
      spaces.push({ space, layers: members, pattern: { keep, group } });
    } else {
      refused.push(
        refuse(`"${other.name}" reads the same channels and has another pattern`, ...members.map(({ node }) => node)),
      );
    }
  }
  return { spaces, refused };
}

function keysOf(keys: readonly string[]): { readonly key: string }[] {
  return keys.map((key) => ({ key }));
}

/** On which axis of its input a layer's input channels lie. */
function startOf(layer: Layer, input: Value, shapes: ShapeTable): { axis: number; channels: number } | Refusal {
  const { node, groups, weight } = layer;
  const channels = weight.shape[weight.inAxis]!;
  if (groups > 1) {
    return refuse(`${node.opType} has ${groups} groups, which its channels may not leave`, node);
  }
  if (layer.kind === 'Conv' || layer.kind === 'ConvTranspose') {
    return { axis: 1, channels };
  }
  if (weight.inputIndex !== 1 || weight.shape.length !== 2) {
    return refuse(`${node.opType} has its constant on the left, or a stack of matrices`, node);
  }
  if (layer.kind === 'Gemm') {
    return { axis: node.int('transA', 0) !== 0 ? 0 : 1, channels };
  }
  const rank = shapes.get(input.name)?.shape?.length;
  return rank === undefined ? refuse(`the shape of "${input.name}" is not known`, node) : { axis: rank - 1, channels };
}

function reread(model: Model, layers: readonly Layer[]): Layer[] {
  const names = new Set(layers.map(({ name }) => name));
  return findLayers(model).filter(({ name }) => names.has(name));
}

/** Gains of the kept share below this are rounding. */
const LEAST_GAIN = 1e-9;

/** Most cells of a search's table times rows; larger weights are searched on evenly spaced rows. */
const MOST_WORK = 5e8;

/**
 * |w| channel by channel, each layer divided by its mean so that none counts for its scale alone. A weight that two of the
 * layers share counts twice, as it does in the network.
 */
function stackScores(layers: readonly Layer[], channels: number): { scores: Float32Array; rows: number } {
  const all = layers.reduce((sum, layer) => sum + layer.parameters / channels, 0);
  const stride = Math.max(1, Math.ceil((all * channels * channels) / MOST_WORK));
  const rows = Math.ceil(all / stride);
  const scores = new Float32Array(channels * rows);
  let first = 0;
  for (const layer of layers) {
    const { data, rows: outputs, columns } = weightAsMatrix(layer);
    const positions = columns / channels;
    const scale = inverseMean(data);
    for (let o = 0; o < outputs; o++) {
      for (let p = 0; p < positions; p++, first++) {
        if (first % stride === 0) {
          const row = first / stride;
          for (let c = 0; c < channels; c++) {
            scores[c * rows + row] = Math.abs(data[o * columns + c * positions + p]!) * scale;
          }
        }
      }
    }
  }
  return { scores, rows };
}

function inverseMean(data: Float32Array): number {
  let sum = 0;
  for (const w of data) {
    sum += Math.abs(w);
  }
  return sum > 0 && Number.isFinite(sum) ? data.length / sum : 0;
}

/**
 * Share of magnitude that row-wise masks keep when the input channels come in an order (undefined: as they are), each
 * layer scaled as in {@link stackScores}; 1 for weights of zeros.
 */
function keptShare(layers: readonly Layer[], order: Int32Array | undefined, { keep, group }: NmPattern): number {
  let kept = 0;
  let total = 0;
  for (const layer of layers) {
    const { data, rows, columns } = weightAsMatrix(layer);
    const channels = order?.length ?? reductionLength(layer);
    const positions = columns / channels;
    const scale = inverseMean(data);
    for (let row = 0; row < rows; row++) {
      for (let p = 0; p < positions; p++) {
        for (let start = 0; start < channels; start += group) {
          const values = new Float64Array(Math.min(group, channels - start));
          for (let i = 0; i < values.length; i++) {
            const channel = order?.[start + i] ?? start + i;
            values[i] = Math.abs(data[row * columns + channel * positions + p]!) * scale;
          }
          values.sort();
          values.forEach((value, i) => {
            total += value;
            kept += i >= values.length - keep ? value : 0;
          });
        }
      }
    }
  }
  return total === 0 ? 1 : kept / total;
}

/** Reorders one axis of a stored constant. */
function permuteConstant({ source, axis }: ChannelConstant, order: Int32Array): void {
  // An earlier reordering may have replaced what holds it.
  const holder = source.graph.value(source.name)!;
  const tensor = holder.constant()!;
  const { dims } = tensor;
  const old = tensor.toFloat64();
  const moved = new Float64Array(old.length);
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const slab = inner * order.length;
  for (let outer = 0; outer < old.length; outer += slab) {
    for (let place = 0; place < order.length; place++) {
      const from = outer + order[place]! * inner;
      moved.set(old.subarray(from, from + inner), outer + place * inner);
    }
  }
  storeInPlace(holder, floatTensor(holder.name, tensor.dataType, dims, moved));
}
