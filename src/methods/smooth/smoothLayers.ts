import { readWeight, weightToMatrix, matrixLayout, matrixToWeight, type Layer } from '../../analysis';
import type { Refusal } from '../../base/errors';
import type { Node, Value } from '../../onnx';
import { floatTensor, removeUnread } from '../../passes';
import { biasRefusal, layerBias, setLayerBias, setLayerWeight } from '../parameters';

/** A value whose channels can be made smaller, the layers that read it growing in turn. */
export interface SmoothingSite {
  /** Name of the value. Its last axis are the channels. */
  readonly value: string;
  readonly channels: number;
  /** All that read the value. */
  readonly readers: readonly Layer[];
  /** What makes it: takes the division into its own parameters. */
  readonly source: SmoothingSource;
}

type SmoothingSource =
  /** Scale and shift of a norm, or a Mul by (and an Add of) a constant vector: divided element by element. */
  | { readonly kind: 'vectors'; readonly inputs: readonly { readonly node: Node; readonly index: number }[] }
  /** A layer, with nothing or a Relu between: its output channels are divided. */
  | { readonly kind: 'layer'; readonly layer: Layer };

const NORMS = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);
/** Factors beyond these would trade one outlier for another. */
const SMALLEST = 1e-5;

/**
 * Values between layers where activation outliers can be moved into weights without changing the function: read by MatMul
 * and Gemm layers alone, made by a norm, by a Mul (and Add) with a constant vector, or by another MatMul or Gemm (and Relu).
 * Where a layer's input is none of these, `refused` says why.
 */
export function findSmoothingSites(layers: readonly Layer[]): {
  readonly sites: readonly SmoothingSite[];
  readonly refused: readonly Refusal[];
} {
  const sites = new Map<string, SmoothingSite>();
  const refused: Refusal[] = [];
  for (const layer of layers) {
    const value = layer.node.inputs[layer.dataInputIndex];
    if (value === undefined || (layer.kind !== 'MatMul' && layer.kind !== 'Gemm') || sites.has(value.name)) {
      continue;
    }
    const site = siteAt(value, layers);
    if (typeof site === 'string') {
      refused.push({ applied: false, nodes: [layer.node.key], reason: site });
    } else {
      sites.set(value.name, site);
    }
  }
  return { sites: [...sites.values()], refused };
}

/**
 * Factors of SmoothQuant (Xiao et al., ICML 2023, equation 4): s_j = max|X_j|^α / max|W_j|^(1−α), W over all readers. Where a
 * channel or its weights are zero throughout, 1.
 *
 * @param maxima max|X_j| over the calibration data, one per channel
 * @param strength α, 0 (everything stays with the inputs) to 1 (weights take all)
 */
export function smoothingFactors(site: SmoothingSite, maxima: ArrayLike<number>, strength: number): Float64Array {
  const { channels, readers } = site;
  const weights = new Float64Array(channels);
  for (const layer of readers) {
    const layout = matrixLayout(layer);
    const matrix = weightToMatrix(layout, readWeight(layer));
    for (let at = 0; at < matrix.length; at++) {
      const channel = at % layout.columns;
      weights[channel] = Math.max(weights[channel]!, Math.abs(matrix[at]!));
    }
  }
  return weights.map((weight, j) => {
    const factor = maxima[j]! ** strength / weight ** (1 - strength);
    return maxima[j]! > 0 && weight > 0 && Number.isFinite(factor) ? Math.max(SMALLEST, factor) : 1;
  });
}

/**
 * Divides the channels of a site by the factors and multiplies the weights of its readers, in place; the function stays.
 * Layer objects found before are stale afterwards.
 */
export function smoothSite(site: SmoothingSite, factors: Float64Array): void {
  for (const layer of site.readers) {
    const layout = matrixLayout(layer);
    const matrix = Float32Array.from(weightToMatrix(layout, readWeight(layer)));
    const scaled = matrix.map((value, at) => value * factors[at % layout.columns]!);
    setLayerWeight(layer, matrixToWeight(layout, scaled));
  }
  if (site.source.kind === 'layer') {
    const { layer } = site.source;
    const layout = matrixLayout(layer);
    const matrix = Float32Array.from(weightToMatrix(layout, readWeight(layer)));
    const divided = matrix.map((value, at) => value / factors[Math.floor(at / layout.columns)]!);
    const bias = layerBias(layer);
    setLayerWeight(layer, matrixToWeight(layout, divided));
    if (bias !== undefined) {
      setLayerBias(
        layer,
        bias.map((value, row) => value / factors[row]!),
      );
    }
    return;
  }
  for (const { node, index } of site.source.inputs) {
    const old = node.inputs[index]!;
    const tensor = old.initializer!;
    const values = tensor.toFloat32();
    const divided = Float64Array.from(factors, (factor, j) => values[values.length === 1 ? 0 : j]! / factor);
    const { graph } = node;
    const name = graph.freshName(`${old.name}_smoothed`);
    node.setInput(index, graph.addInitializer(floatTensor(name, tensor.dataType, [divided.length], divided)));
    removeUnread([old]);
  }
}

function siteAt(value: Value, layers: readonly Layer[]): SmoothingSite | string {
  if (value.isGraphOutput) {
    return `its input "${value.name}" is an output of the model`;
  }
  const readers: Layer[] = [];
  for (const { node, index } of value.uses()) {
    const layer = layers.find((candidate) => candidate.node === node && candidate.dataInputIndex === index);
    if (layer === undefined) {
      return `its input "${value.name}" is read by ${node.opType} "${node.key}" too`;
    }
    const obstacle = readerObstacle(layer);
    if (obstacle !== undefined) {
      return obstacle;
    }
    readers.push(layer);
  }
  const channels = readers[0]!.weight.shape[readers[0]!.weight.inAxis]!;
  const source = sourceOf(value, channels, layers);
  return typeof source === 'string' ? source : { value: value.name, channels, readers, source };
}

function readerObstacle(layer: Layer): string | undefined {
  const { node, weight } = layer;
  if (
    weight.shape.length !== 2 ||
    weight.inputIndex !== 1 ||
    (layer.kind === 'Gemm' ? node.int('transA', 0) !== 0 : layer.kind !== 'MatMul')
  ) {
    return `"${layer.shortName}" does not take its channels from the last axis`;
  }
  return layer.tie === undefined ? undefined : `the weight of "${layer.shortName}" is shared`;
}

function sourceOf(value: Value, channels: number, layers: readonly Layer[]): SmoothingSource | string {
  const producer = value.producer();
  if (producer === undefined) {
    return `its input "${value.name}" is an input of the model`;
  }
  const vectors = vectorInputs(producer, value, channels);
  if (vectors !== undefined) {
    return { kind: 'vectors', inputs: vectors };
  }
  const relu = producer.is('Relu') && isRead(producer.inputs[0], 1) ? producer.inputs[0] : undefined;
  const layer = makerOf(relu ?? value, layers);
  if (layer !== undefined && layer.weight.shape[layer.weight.outAxis] === channels) {
    const obstacle = readerObstacle(layer) ?? (layer.bias === undefined ? undefined : biasRefusal(layer));
    return obstacle ?? { kind: 'layer', layer };
  }
  return `its input comes from ${producer.opType} "${producer.key}", which cannot take a factor for each channel`;
}

/** The layer that makes a value, its own Add of a bias included. */
function makerOf(value: Value | undefined, layers: readonly Layer[]): Layer | undefined {
  const producer = value?.producer();
  return layers.find(({ node, bias }) =>
    bias === undefined || bias.node === node ? node === producer : bias.node === producer,
  );
}

/** Inputs that scale and shift the channels of a value, when that is all the producer has to take a division. */
function vectorInputs(
  producer: Node,
  value: Value,
  channels: number,
): readonly { readonly node: Node; readonly index: number }[] | undefined {
  if (NORMS.has(producer.opType)) {
    const isLast = producer.int('axis', -1) === -1 || producer.int('axis', -1) === lastAxis(value);
    const inputs = [1, 2]
      .filter((index) => producer.inputs[index] !== undefined)
      .map((index) => ({ node: producer, index }));
    return isLast && inputs.length > 0 && inputs.every(({ index }) => isVector(producer.inputs[index], channels))
      ? inputs
      : undefined;
  }
  if (producer.is('Mul')) {
    const index = producer.inputs.findIndex((input) => isVector(input, channels, false));
    return index < 0 ? undefined : [{ node: producer, index }];
  }
  if (producer.is('Add')) {
    const index = producer.inputs.findIndex((input) => isVector(input, channels, false));
    const scaled = producer.inputs[1 - index];
    const mul = scaled?.producer();
    if (index < 0 || mul?.is('Mul') !== true || !isRead(scaled, 1)) {
      return undefined;
    }
    const inner = vectorInputs(mul, scaled!, channels);
    return inner === undefined ? undefined : [...inner, { node: producer, index }];
  }
  return undefined;
}

function lastAxis(value: Value): number | undefined {
  const { type } = value;
  return type?.kind === 'tensor' && type.shape !== undefined ? type.shape.length - 1 : undefined;
}

function isRead(value: Value | undefined, times: number): boolean {
  return value !== undefined && !value.isGraphOutput && value.uses().length === times;
}

/** A constant with one number per channel of the last axis (a norm may have one for all). */
function isVector(value: Value | undefined, channels: number, orOne = true): boolean {
  const tensor = value?.initializer;
  if (tensor === undefined || value!.isOverridable || value!.isGraphOutput) {
    return false;
  }
  const last = tensor.dims.at(-1) ?? 1;
  const size = tensor.dims.reduce((a, b) => a * b, 1);
  return (size === channels && last === channels) || (orOne && size === 1);
}
