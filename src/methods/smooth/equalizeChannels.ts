import { clipBounds, matrixLayout, matrixToWeight, readWeight, weightToMatrix, type Layer } from '../../analysis';
import type { Refusal } from '../../base/errors';
import { ONNX_DOMAIN, type Node, type Value } from '../../onnx';
import { biasRefusal, layerBias, setLayerBias, setLayerWeight } from '../parameters';

/** Values whose channels take the same factors: one that convolutions read, or all that additions join it with. */
export interface ChannelSite {
  /** Names of the values, [batch, channels, …]. */
  readonly values: readonly string[];
  readonly channels: number;
  /** What makes the values that no addition makes: its output channels are multiplied. */
  readonly makers: readonly ChannelMaker[];
  /** Convolutions that read a value of the site: their input channels are divided. */
  readonly readers: readonly ChannelReader[];
}

export interface ChannelMaker {
  readonly layer: Layer;
  readonly value: string;
  /** Upper end of the Clip behind it: multiplied values must stay below, or they are another function. Infinity: none. */
  readonly high: number;
}

export interface ChannelReader {
  readonly layer: Layer;
  readonly value: string;
}

/** Some values of one channel over the calibration set, the largest in magnitude among them. */
export type ChannelSample = Float32Array;

/** Steps of an octave in which ranges and factors are tried. */
const STEPS_PER_OCTAVE = 8;
/** Ranges that are tried, from the largest magnitude down: seven octaves. */
const RANGES = 7 * STEPS_PER_OCTAVE;
/** Ranges of values and factors are settled in turn, at most so often. */
const LARGEST_ROUNDS = 8;

/**
 * Finds values of a convolutional network whose channels can be scaled without changing its function: made by convolutions,
 * with nothing, a Relu or a Clip from 0 behind, read by convolutions and additions alone. What additions join is one site
 * (residual streams). For other inputs of convolutions `refused` says why.
 */
export function findChannelSites(layers: readonly Layer[]): {
  readonly sites: readonly ChannelSite[];
  readonly refused: readonly Refusal[];
} {
  const seen = new Set<string>();
  const sites: ChannelSite[] = [];
  const refused: Refusal[] = [];
  for (const layer of layers) {
    const value = layer.node.inputs[layer.dataInputIndex];
    if (layer.kind !== 'Conv' || value === undefined || seen.has(value.name)) {
      continue;
    }
    const values = joinedValues(value);
    values.forEach(({ name }) => seen.add(name));
    const site = siteOf(values, layers);
    if (typeof site === 'string') {
      refused.push({ applied: false, nodes: [layer.node.key], reason: site });
    } else {
      sites.push(site);
    }
  }
  return { sites, refused };
}

/**
 * Factors that let every channel use the whole grid of its value: s_c = T / t_c, T the range of the value's grid and t_c the
 * range at which the channel alone loses least to a grid of `bits`, weighted by what the readers make of it. Where several
 * values share the factors, ranges and factors are settled in turn until neither moves. No channel behind a Clip grows beyond
 * it, and one that it clips stays as it is. Goes back to cross-layer equalisation (Nagel et al., ICCV 2019, section 4.1), which equalises the largest magnitudes.
 *
 * @param samples of each value that is read or clipped, by name: one per channel
 * @param bits of the readers' inputs, 2 to 8
 * @param strength exponent of the factors: 0 leaves everything, 1 takes them whole
 */
export function equalizingFactors(
  site: ChannelSite,
  samples: ReadonlyMap<string, readonly ChannelSample[]>,
  bits: number,
  strength: number,
): Float64Array {
  const { channels } = site;
  const curves = [...new Set(site.readers.map(({ value }) => value))].map((value) =>
    errorCurves(site.readers, value, samples.get(value)!, bits),
  );
  const ranges = curves.map((curve) => bestRange(curve, new Int32Array(channels)));
  const shifts = new Int32Array(channels);
  const bounds = shiftBounds(site, samples);
  for (let round = 0; round < LARGEST_ROUNDS; round++) {
    const before = [...ranges, ...shifts].join();
    for (let c = 0; c < channels; c++) {
      shifts[c] = bestShift(curves, ranges, c, bounds[c]!);
    }
    curves.forEach((curve, v) => {
      ranges[v] = bestRange(curve, shifts);
    });
    if ([...ranges, ...shifts].join() === before) {
      break;
    }
  }
  const isClipped = bounds.some(({ most }) => most < RANGES);
  const factors = Float64Array.from(shifts, (shift) => 2 ** ((strength * shift) / STEPS_PER_OCTAVE));
  if (isClipped) {
    return factors;
  }
  // Without a Clip the whole scale is free: it stays what it was on the average.
  const mean = Math.exp(factors.reduce((sum, factor) => sum + Math.log(factor), 0) / channels);
  return factors.map((factor) => factor / mean);
}

/** Shifts that leave the function of a channel as it is. */
interface ShiftBounds {
  readonly least: number;
  readonly most: number;
}

/** What a channel reaches stays below its Clip; where it reaches the Clip itself it stays as it is. */
function shiftBounds(site: ChannelSite, samples: ReadonlyMap<string, readonly ChannelSample[]>): ShiftBounds[] {
  return Array.from({ length: site.channels }, (_, c) => {
    let least = -RANGES;
    let most = RANGES;
    for (const { value, high } of site.makers.filter((maker) => maker.high < Infinity)) {
      const reached = largest(samples.get(value)![c]!);
      if (reached >= high) {
        least = Math.max(least, 0);
      }
      most = Math.min(most, reached >= high ? 0 : Math.floor(STEPS_PER_OCTAVE * Math.log2(high / reached)));
    }
    return { least, most };
  });
}

/**
 * Multiplies the channels of a site by the factors and divides the weights of its readers, in place. The function stays
 * where no Clip binds that did not before. Layer objects found before are stale afterwards.
 */
export function equalizeSite(site: ChannelSite, factors: Float64Array): void {
  for (const { layer } of site.readers) {
    const channelOf = inputChannels(layer);
    scaleWeight(layer, (at) => 1 / factors[channelOf(at)]!);
  }
  for (const { layer } of site.makers) {
    const { columns } = matrixLayout(layer);
    const bias = layerBias(layer);
    scaleWeight(layer, (at) => factors[Math.floor(at / columns)]!);
    if (bias !== undefined) {
      setLayerBias(
        layer,
        bias.map((value, c) => value * factors[c]!),
      );
    }
  }
}

/** A value with all that additions join it with. */
function joinedValues(value: Value): Value[] {
  const found = new Set<Value>();
  const open = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) {
      continue;
    }
    found.add(next);
    for (const node of [next.producer(), ...next.uses().map((use) => use.node)]) {
      if (node !== undefined && isAdd(node)) {
        open.push(node.outputs[0]!, ...node.inputs.filter((input) => input !== undefined));
      }
    }
  }
  return [...found];
}

function isAdd(node: Node): boolean {
  return node.opType === 'Add' && node.domain === ONNX_DOMAIN;
}

function siteOf(values: readonly Value[], layers: readonly Layer[]): ChannelSite | string {
  const makers: ChannelMaker[] = [];
  const readers: ChannelReader[] = [];
  for (const value of values) {
    const { name } = value;
    if (value.isGraphOutput) {
      return `"${name}" is an output of the model`;
    }
    const producer = value.producer();
    if (producer === undefined || !isAdd(producer)) {
      const maker = makerOf(value, producer, layers);
      if (typeof maker === 'string') {
        return maker;
      }
      makers.push(maker);
    }
    for (const { node, index } of value.uses()) {
      if (isAdd(node)) {
        continue;
      }
      const layer = layers.find((candidate) => candidate.node === node && candidate.dataInputIndex === index);
      if (layer?.kind !== 'Conv') {
        return `"${name}" is read by ${node.opType} "${node.key}" too`;
      }
      if (layer.tie !== undefined) {
        return `the weight of "${layer.shortName}" is shared`;
      }
      readers.push({ layer, value: name });
    }
  }
  const channels = new Set([
    ...makers.map(({ layer }) => layer.weight.shape[layer.weight.outAxis]!),
    ...readers.map(({ layer }) => layer.weight.shape[layer.weight.inAxis]! * layer.groups),
  ]);
  return channels.size === 1
    ? { values: values.map(({ name }) => name), channels: [...channels][0]!, makers, readers }
    : `the values that additions join with "${values[0]!.name}" differ in their channels`;
}

function makerOf(value: Value, producer: Node | undefined, layers: readonly Layer[]): ChannelMaker | string {
  if (producer === undefined) {
    return value.initializer === undefined
      ? `"${value.name}" is an input of the model`
      : `the constant "${value.name}" is added`;
  }
  const bounds = clipBounds(producer);
  const isClipped = bounds.low === 0 && bounds.high > 0;
  const made = isClipped ? producer.inputs[0]! : value;
  const layer = layers.find(({ node, bias }) => (bias?.node ?? node) === made.producer());
  if (layer?.kind !== 'Conv') {
    return `"${value.name}" comes from ${producer.opType} "${producer.key}", which cannot take a factor for each channel`;
  }
  if (isClipped && (made.isGraphOutput || made.uses().length > 1)) {
    return `"${made.name}" is read in front of its ${producer.opType} too`;
  }
  if (layer.tie !== undefined) {
    return `the weight of "${layer.shortName}" is shared`;
  }
  const obstacle = layer.bias === undefined ? undefined : biasRefusal(layer);
  return obstacle ?? { layer, value: value.name, high: bounds.high };
}

/** Input channel of each weight, in matrix order. */
function inputChannels({ groups, weight }: Layer): (at: number) => number {
  const rows = weight.shape[weight.outAxis]!;
  const perGroup = weight.shape[weight.inAxis]!;
  const columns = weight.shape.reduce((a, b) => a * b, 1) / rows;
  const positions = columns / perGroup;
  return (at) => {
    const group = Math.floor((Math.floor(at / columns) * groups) / rows);
    return group * perGroup + Math.floor((at % columns) / positions);
  };
}

function scaleWeight(layer: Layer, factorOf: (at: number) => number): void {
  const layout = matrixLayout(layer);
  const matrix = weightToMatrix(layout, readWeight(layer));
  setLayerWeight(
    layer,
    matrixToWeight(
      layout,
      Float32Array.from(matrix, (value, at) => value * factorOf(at)),
    ),
  );
}

/** Error of every channel of a value at every range, weighted by its readers: [channel][range], ranges from the largest down. */
type ErrorCurves = readonly Float64Array[];

function errorCurves(
  readers: readonly ChannelReader[],
  value: string,
  samples: readonly ChannelSample[],
  bits: number,
): ErrorCurves {
  const importance = new Float64Array(samples.length);
  for (const { layer } of readers.filter((reader) => reader.value === value)) {
    const norms = new Float64Array(samples.length);
    const channelOf = inputChannels(layer);
    weightToMatrix(matrixLayout(layer), readWeight(layer)).forEach((weight, at) => {
      norms[channelOf(at)]! += weight * weight;
    });
    const power = samples.reduce((sum, own, c) => sum + norms[c]! * meanSquare(own), 0);
    norms.forEach((norm, c) => {
      importance[c]! += power > 0 ? norm / power : 0;
    });
  }
  const top = Math.max(...samples.map(largest));
  const isSigned = samples.some((own) => own.some((x) => x < 0));
  return samples.map((own, c) =>
    Float64Array.from({ length: RANGES }, (_, k) => {
      const range = top * 2 ** (-k / STEPS_PER_OCTAVE);
      return importance[c]! * gridError(own, range, isSigned, bits);
    }),
  );
}

/** Mean squared error of values on the grid from 0 (or −range) to range. */
function gridError(values: ChannelSample, range: number, isSigned: boolean, bits: number): number {
  const low = isSigned ? -range : 0;
  const step = (range - low) / (2 ** bits - 1);
  if (!(step > 0)) {
    return 0;
  }
  let sum = 0;
  for (const value of values) {
    const clipped = value < low ? low : value > range ? range : value;
    const error = Math.round(clipped / step) * step - value;
    sum += error * error;
  }
  return sum / Math.max(1, values.length);
}

/** A factor of 2^(shift/8) has the channel see a range that is so many steps smaller. */
function errorAt(curve: Float64Array, index: number): number {
  if (index >= 0) {
    return curve[Math.min(index, RANGES - 1)]!;
  }
  // Beyond the largest magnitude nothing is clipped: rounding alone grows.
  return curve[0]! * 4 ** (-index / STEPS_PER_OCTAVE);
}

function bestRange(curves: ErrorCurves, shifts: Int32Array): number {
  return argmin(0, RANGES - 1, (range) =>
    curves.reduce((sum, curve, c) => sum + errorAt(curve, range + shifts[c]!), 0),
  );
}

function bestShift(
  curves: readonly ErrorCurves[],
  ranges: readonly number[],
  channel: number,
  { least, most }: ShiftBounds,
): number {
  return argmin(least, most, (shift) =>
    curves.reduce((sum, value, v) => sum + errorAt(value[channel]!, ranges[v]! + shift), 0),
  );
}

/** The integer of least cost, of equals the one nearest to 0. */
function argmin(first: number, last: number, cost: (at: number) => number): number {
  let best = first;
  let least = Infinity;
  for (let at = first; at <= last; at++) {
    const found = cost(at);
    if (found < least || (found === least && Math.abs(at) < Math.abs(best))) {
      best = at;
      least = found;
    }
  }
  return best;
}

function largest(values: ChannelSample): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function meanSquare(values: ChannelSample): number {
  return values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length);
}
