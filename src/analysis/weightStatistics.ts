import {
  accumulateMoments,
  countCompliantGroups,
  createMoments,
  histogramInto,
  variance,
  type Moments,
} from '../kernels';
import type { Tensor } from '../onnx';
import { isPlain, product } from './constantChain';
import type { Layer, Verdict } from './layer';
import { NM_PATTERNS, nmEligibility } from './nmPatterns';
import { matrixLayout, readWeight } from './weightMatrix';

export interface NmCompliance {
  readonly keep: number;
  readonly group: number;
  readonly groups: number;
  readonly compliantGroups: number;
  /** compliantGroups / groups, 0…1. */
  readonly compliance: number;
  readonly eligible: Verdict;
}

export interface WeightStatistics {
  readonly elements: number;
  /** Exact zeros, and their share of all elements. */
  readonly zeroCount: number;
  readonly zeros: number;
  /** Of the finite elements; 0 when there is none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly nans: number;
  readonly infinities: number;
  /** One sentence naming the tensor when it holds NaN or infinities. */
  readonly fault: string | undefined;
  /** Counts of finite elements over equal bins from min to max. */
  readonly histogram: readonly number[];
  /** In the order of `NM_PATTERNS`. */
  readonly nm: readonly NmCompliance[];
}

const BINS = 64;
/** Elements in memory at a time, unless 16 rows of a weight are more. */
const BLOCK = 1 << 20;
/** All measured groups divide 16, so a block of a multiple of 16 indices splits no group. */
const GROUP_MULTIPLE = 16;

/**
 * Reads the weight twice in blocks (first its range, then the histogram and the patterns) and never holds more than a
 * block of it, except behind a DequantizeLinear or a Reshape that moves the reduction axis. Throws
 * `analysis/no-weight-values` for packed formats.
 */
export function measureWeight(layer: Layer): WeightStatistics {
  const source = weightBlocks(layer);
  const moments = createMoments();
  source.forEach((block, length) => accumulateMoments(moments, block, 0, length));
  const histogram = new Float64Array(BINS);
  const compliant = NM_PATTERNS.map(() => 0);
  const min = moments.count > 0 ? moments.min : 0;
  const max = moments.count > 0 ? moments.max : 0;
  source.forEach((block, length, outer, axis) => {
    histogramInto(block, 0, length, min, max, histogram);
    NM_PATTERNS.forEach(({ keep, group }, i) => {
      compliant[i]! += countCompliantGroups(block, 0, outer, axis, source.inner, keep, group);
    });
  });
  const elements = source.outer * source.axis * source.inner;
  return {
    elements,
    zeroCount: moments.zeros,
    zeros: elements === 0 ? 0 : moments.zeros / elements,
    min,
    max,
    mean: moments.mean,
    std: Math.sqrt(variance(moments)),
    nans: moments.nans,
    infinities: moments.infinities,
    fault: faultOf(layer, moments),
    histogram: Array.from(histogram),
    nm: NM_PATTERNS.map(({ keep, group }, i) => {
      const groups = source.outer * source.inner * Math.ceil(source.axis / group);
      const compliantGroups = compliant[i]!;
      return {
        keep,
        group,
        groups,
        compliantGroups,
        compliance: groups === 0 ? 1 : compliantGroups / groups,
        eligible: nmEligibility(layer, keep, group),
      };
    }),
  };
}

/**
 * The same of one output channel, by the index of its scale (`MatrixLayout.scales`).
 *
 * @param weights in the order of `weightAsMatrix`
 */
export function measureChannel(
  layer: Layer,
  weights: Float32Array,
  channel: number,
): Pick<WeightStatistics, 'min' | 'max' | 'mean' | 'std' | 'histogram'> {
  const { rows, columns, scales } = matrixLayout(layer);
  const moments = createMoments();
  for (let row = channel; row < rows; row += scales) {
    accumulateMoments(moments, weights, row * columns, columns);
  }
  const min = moments.count > 0 ? moments.min : 0;
  const max = moments.count > 0 ? moments.max : 0;
  const histogram = new Float64Array(BINS);
  for (let row = channel; row < rows; row += scales) {
    histogramInto(weights, row * columns, columns, min, max, histogram);
  }
  return { min, max, mean: moments.mean, std: Math.sqrt(variance(moments)), histogram: Array.from(histogram) };
}

function faultOf(layer: Layer, moments: Moments): string | undefined {
  const parts: string[] = [];
  if (moments.nans > 0) {
    parts.push(`${moments.nans} NaN`);
  }
  if (moments.infinities > 0) {
    parts.push(`${moments.infinities} infinite`);
  }
  if (parts.length === 0) {
    return undefined;
  }
  const name = layer.weight.tensor.name === '' ? layer.weight.value.name : layer.weight.tensor.name;
  return `the weight "${name}" holds ${parts.join(' and ')} values`;
}

/** Receives a block of `outer` × `axis` × inner elements, valid until the next one. */
type BlockVisitor = (block: Float32Array, length: number, outer: number, axis: number) => void;

interface WeightBlocks {
  /** The weight as [outer, axis, inner], `axis` being what one output channel sums over. */
  readonly outer: number;
  readonly axis: number;
  readonly inner: number;
  forEach(visit: BlockVisitor): void;
}

function weightBlocks(layer: Layer): WeightBlocks {
  const { tensor, steps, shape, inAxis, storedInAxis } = layer.weight;
  const streams = isPlain(steps) && storedInAxis !== undefined;
  const dims = streams ? tensor.dims : shape;
  const along = streams ? storedInAxis : inAxis;
  let outer = product(dims.slice(0, along));
  let axis = dims[along] ?? 1;
  const inner = product(dims.slice(along + 1));
  if (layer.kind === 'ConvTranspose' && layer.groups > 1) {
    // The channels of all groups share this axis, but no output channel sums over more than one group.
    axis /= layer.groups;
    outer *= layer.groups;
  }
  const blocks = { outer, axis, inner };
  if (streams) {
    return { ...blocks, forEach: (visit) => streamBlocks(tensor, blocks, visit) };
  }
  let values: Float32Array | undefined;
  return {
    ...blocks,
    forEach: (visit) => {
      values ??= readWeight(layer);
      visit(values, values.length, outer, axis);
    },
  };
}

/** Cuts a stored tensor into blocks of whole [axis, inner] slabs, or of 16·n indices of one slab where slabs are large. */
function streamBlocks(
  tensor: Tensor,
  { outer, axis, inner }: { readonly outer: number; readonly axis: number; readonly inner: number },
  visit: BlockVisitor,
): void {
  const slab = axis * inner;
  if (slab * outer === 0) {
    return;
  }
  const reader = new ElementReader(tensor);
  if (slab <= BLOCK) {
    const perBlock = Math.max(1, Math.floor(BLOCK / slab));
    const buffer = new Float32Array(Math.min(perBlock, outer) * slab);
    for (let o = 0; o < outer; o += perBlock) {
      const count = Math.min(perBlock, outer - o);
      reader.fill(buffer, count * slab);
      visit(buffer, count * slab, count, axis);
    }
    return;
  }
  const perBlock = Math.max(GROUP_MULTIPLE, Math.floor(BLOCK / inner / GROUP_MULTIPLE) * GROUP_MULTIPLE);
  const buffer = new Float32Array(Math.min(perBlock, axis) * inner);
  for (let o = 0; o < outer; o++) {
    for (let a = 0; a < axis; a += perBlock) {
      const count = Math.min(perBlock, axis - a);
      reader.fill(buffer, count * inner);
      visit(buffer, count * inner, 1, count);
    }
  }
}

/** Takes runs of any length out of a tensor's stream of chunks. */
class ElementReader {
  private readonly chunks: Iterator<Float32Array>;
  private chunk = new Float32Array(0);
  private used = 0;

  constructor(tensor: Tensor) {
    this.chunks = tensor.chunksFloat32()[Symbol.iterator]();
  }

  fill(into: Float32Array, length: number): void {
    let filled = 0;
    while (filled < length) {
      if (this.used === this.chunk.length) {
        const next = this.chunks.next();
        if (next.done === true) {
          // The tensor checks its own length when it is read.
          return;
        }
        this.chunk = next.value as Float32Array<ArrayBuffer>;
        this.used = 0;
      }
      const count = Math.min(length - filled, this.chunk.length - this.used);
      into.set(this.chunk.subarray(this.used, this.used + count), filled);
      this.used += count;
      filled += count;
    }
  }
}
