import type { Layer } from '../../analysis';
import type { Refusal } from '../../base/errors';
import { DataType, elementBits, type Model } from '../../onnx';
import type { QuantGrid } from '../../kernels';
import { ActivationInserter } from './activationInserter';
import { biasObstacle, quantizeBias } from './biasQuantizer';
import { badPolicy } from './errors';
import { QdqDialect, type QdqOptions } from './qdqDialect';
import type { QdqLayer, QdqResult } from './qdqResult';
import type { QuantizedWeight } from './quantizeWeight';
import { addStorage, NO_STORAGE, nominalRatio, weightStorage, type StorageBits } from './storage';
import { WeightInserter, type InsertedWeight } from './weightInserter';

export type { QdqOptions } from './qdqDialect';
export type { QdqLayer, QdqResult } from './qdqResult';

export interface LayerPolicy {
  /** undefined: the weight stays float. */
  readonly weight: QuantizedWeight | undefined;
  /** undefined: the input stays float. */
  readonly activation: (QuantGrid & { readonly bits: number }) | undefined;
}

export interface QuantizationPolicy {
  /** By layer name. Layers not named stay as they are. */
  readonly layers: ReadonlyMap<string, LayerPolicy>;
  /** 8-bit grids of values between the layers, by value name: every node of the main graph reads them quantised. */
  readonly values?: ReadonlyMap<string, QuantGrid>;
}

/**
 * Rewrites the model in place to the QDQ form: weights stored as integers behind DequantizeLinear, inputs of layers through
 * QuantizeLinear and DequantizeLinear, biases as int32 where both are quantised. `layers` are those of this model, in node
 * order. Everything that cannot be done as asked is done in the nearest way and said in `notes`, or refused.
 *
 * Widths ONNX has no type for live in the next larger type on their own grid; for inputs a Clip in float keeps to the grid,
 * since QuantizeLinear saturates at the ends of its type. Opset and IR version are raised as far as the types need and only
 * if no other node changes its meaning.
 *
 * Throws LatheError `quantize/policy` for a policy that contradicts itself or the model.
 */
export function insertQdq(
  model: Model,
  layers: readonly Layer[],
  policy: QuantizationPolicy,
  options: QdqOptions = {},
): QdqResult {
  checkPolicy(model, layers, policy);
  const refused: Refusal[] = [];
  const planned = layers.map((layer) => planLayer(layer, policy.layers.get(layer.name), refused));
  const values = [...(policy.values ?? [])];
  const dialect = new QdqDialect(
    model,
    planned.map(({ layer, weight, activation }) => ({
      layer,
      weight,
      hasActivation: activation !== undefined || values.length > 0,
    })),
    options,
  );
  const jobs = planned.map((job) => withRunnableInput(job, dialect, refused));
  const activations = new ActivationInserter(model.graph, dialect);
  const quantizedValues = values.filter(([name, grid]) => {
    const done = activations.insertBehind(model.graph.value(name)!, { ...grid, scale: Math.fround(grid.scale) });
    if (done.refusal !== undefined) {
      refused.push({ applied: false, reason: `the value stays float: ${done.refusal}`, nodes: [name] });
    }
    return done.refusal === undefined;
  });
  // Inputs first: whether a Relu or Clip in front can be changed depends on all readers of a value being known.
  for (const job of jobs) {
    if (job.activation !== undefined) {
      activations.request(job.layer, job.activation);
    }
  }
  const weights = new WeightInserter(model.graph, dialect, jobs);
  const results: QdqLayer[] = [];
  let float = 0;
  let elements = 0;
  const counted = new Set<string>();
  const nominal: { elements: number; bits: number }[] = [];
  for (const job of jobs) {
    const result = rewriteLayer(job, activations, weights, dialect, refused);
    const shared = job.layer.tie !== undefined && counted.has(job.layer.tie);
    if (job.layer.tie !== undefined) {
      counted.add(job.layer.tie);
    }
    const size = shared ? 0 : job.layer.parameters;
    const plain = floatStorage(job.layer, shared);
    elements += size;
    float += plain.stored;
    nominal.push({ elements: size, bits: result.weightBits ?? 32 });
    results.push(result.weightBits === undefined ? { ...result, storage: plain } : result);
  }
  const total = results.reduce((sum, layer) => addStorage(sum, layer.storage), NO_STORAGE);
  return {
    layers: results,
    values: quantizedValues.map(([name]) => name),
    opset: { before: dialect.opsetBefore, after: dialect.opsetAfter },
    irVersion: { before: dialect.irBefore, after: model.irVersion },
    refused,
    storage: { ...total, float, elements },
    nominalRatio: nominalRatio(nominal),
  };
}

/** A layer and what is left of its policy after its own verdicts. */
export interface LayerJob {
  readonly layer: Layer;
  readonly weight: QuantizedWeight | undefined;
  readonly activation: (QuantGrid & { readonly bits: number }) | undefined;
  readonly notes: string[];
}

function planLayer(layer: Layer, asked: LayerPolicy | undefined, refused: Refusal[]): LayerJob {
  let weight = asked?.weight;
  let activation = asked?.activation;
  if (weight !== undefined && !layer.quantizeWeights.possible) {
    refused.push({
      applied: false,
      reason: `weights stay float: ${layer.quantizeWeights.reason}`,
      nodes: [layer.name],
    });
    weight = undefined;
  }
  if (activation !== undefined && !layer.quantizeActivations.possible) {
    refused.push({
      applied: false,
      reason: `the input stays float: ${layer.quantizeActivations.reason}`,
      nodes: [layer.name],
    });
    activation = undefined;
  }
  const notes = weight?.note === undefined ? [] : [weight.note];
  // Scales are stored as float32: bounds and biases are worked out from what is stored.
  const grid = activation === undefined ? undefined : { ...activation, scale: Math.fround(activation.scale) };
  return { layer, weight, activation: grid, notes };
}

/** Keeps the input float where the bias has to stay float and the opset is too old for ONNX Runtime to deal with that. */
function withRunnableInput(job: LayerJob, dialect: QdqDialect, refused: Refusal[]): LayerJob {
  const { layer, weight, activation } = job;
  const { bias } = layer;
  const isConstant = bias !== undefined && bias.node === layer.node && !bias.value.isOverridable;
  if (!isConstant || weight === undefined || activation === undefined || dialect.takesFloatBias(weight)) {
    return job;
  }
  const obstacle =
    biasObstacle(layer, weight) ??
    quantizeBias(bias.tensor.toFloat32(), activation.scale, weight, layer.tie === undefined);
  if (typeof obstacle !== 'string') {
    return job;
  }
  refused.push({
    applied: false,
    reason: `the input stays float: the bias does too (${obstacle}), and ONNX Runtime takes both only from a later opset on`,
    nodes: [layer.name],
  });
  return { ...job, activation: undefined };
}

function rewriteLayer(
  job: LayerJob,
  activations: ActivationInserter,
  weights: WeightInserter,
  dialect: QdqDialect,
  refused: Refusal[],
): QdqLayer {
  const { layer, activation } = job;
  const notes = [...job.notes];
  let activationBits: number | undefined;
  if (activation !== undefined) {
    const done = activations.insert(layer, activation);
    if (done.refusal === undefined) {
      activationBits = activation.bits;
      notes.push(...done.notes);
    } else {
      refused.push({ applied: false, reason: `the input stays float: ${done.refusal}`, nodes: [layer.name] });
    }
  }
  if (job.weight === undefined) {
    return floatLayer(layer, activationBits, notes);
  }

  // The bias may change scales of the weight, so it is worked out before the weight is written.
  let weight = weights.sharedWeight(layer) ?? job.weight;
  const bias = layer.bias;
  let biasCodes: { codes: Int32Array; scales: Float32Array } | undefined;
  if (bias !== undefined && bias.node === layer.node && activationBits !== undefined) {
    const obstacle =
      biasObstacle(layer, weight) ??
      (weights.axisFits(layer) ? undefined : 'the shared scales do not follow its output channels');
    const quantized =
      obstacle ?? quantizeBias(bias.tensor.toFloat32(), activation!.scale, weight, layer.tie === undefined);
    const form = dialect.plainForm(DataType.INT32, typeof quantized !== 'string' && quantized.scales.length > 1);
    if (typeof quantized === 'string') {
      notes.push(`the bias stays float: ${quantized}`);
    } else if ('refusal' in form) {
      notes.push(`the bias stays float: ${form.refusal}`);
    } else {
      weight = quantized.weight;
      biasCodes = quantized;
      if (quantized.note !== undefined) {
        notes.push(quantized.note);
      }
    }
  }
  const inserted = weights.insert(layer, weight);
  if ('refusal' in inserted) {
    refused.push({ applied: false, reason: `weights stay float: ${inserted.refusal}`, nodes: [layer.name] });
    return floatLayer(layer, activationBits, notes);
  }
  if (biasCodes !== undefined) {
    weights.insertBias(layer, biasCodes.codes, biasCodes.scales);
  }
  notes.push(...inserted.notes);
  return {
    name: layer.name,
    elements: layer.parameters,
    weightBits: weight.bits,
    weightContainer: inserted.type,
    weightTensor: { name: inserted.tensorName, qmin: weight.qmin, qmax: weight.qmax },
    activationBits,
    biasInt32: biasCodes !== undefined,
    notes,
    storage: quantizedStorage(layer, weight, inserted),
  };
}

function floatLayer(layer: Layer, activationBits: number | undefined, notes: readonly string[]): QdqLayer {
  return {
    name: layer.name,
    elements: layer.parameters,
    weightBits: undefined,
    weightContainer: undefined,
    weightTensor: undefined,
    activationBits,
    biasInt32: false,
    notes,
    storage: NO_STORAGE,
  };
}

function floatStorage(layer: Layer, shared: boolean): StorageBits {
  const width = elementBits(layer.weight.tensor.dataType) ?? 32;
  const bias = layer.bias === undefined ? 0 : layer.bias.tensor.elementCount;
  return weightStorage({
    elements: shared ? 0 : layer.parameters,
    bits: width,
    containerBits: width,
    scales: 0,
    zeroPoints: 0,
    storedZeroPoints: 0,
    biasElements: bias,
  });
}

function quantizedStorage(layer: Layer, weight: QuantizedWeight, inserted: InsertedWeight): StorageBits {
  const bias = layer.bias === undefined ? 0 : layer.bias.tensor.elementCount;
  const scales = inserted.isShared ? 0 : weight.scales.length;
  return weightStorage({
    elements: inserted.isShared ? 0 : layer.parameters,
    bits: weight.bits,
    containerBits: elementBits(inserted.type) ?? 8,
    scales,
    zeroPoints: weight.symmetric ? 0 : scales,
    storedZeroPoints: scales,
    biasElements: bias,
  });
}

function checkPolicy(model: Model, layers: readonly Layer[], policy: QuantizationPolicy): void {
  for (const [name, grid] of policy.values ?? []) {
    if (model.graph.value(name) === undefined) {
      throw badPolicy(name, 'the model has no such value', 'Value');
    }
    checkGrid(name, grid, 'Value');
  }
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const bitsOfTie = new Map<string, { bits: number; layer: string }>();
  for (const [name, { weight, activation }] of policy.layers) {
    const layer = byName.get(name);
    if (layer === undefined) {
      throw badPolicy(name, 'the model has no such layer');
    }
    if (activation !== undefined) {
      checkGrid(name, activation);
    }
    if (weight === undefined) {
      continue;
    }
    const { shape } = layer.weight;
    if (weight.shape.length !== shape.length || weight.shape.some((d, i) => d !== shape[i])) {
      throw badPolicy(name, `its weight is [${shape.join(', ')}], the quantised one [${weight.shape.join(', ')}]`);
    }
    if (layer.tie !== undefined) {
      const other = bitsOfTie.get(layer.tie);
      if (other !== undefined && other.bits !== weight.bits) {
        throw badPolicy(
          name,
          `it shares its weight with layer "${other.layer}", which is given ${other.bits} bits, not ${weight.bits}`,
        );
      }
      bitsOfTie.set(layer.tie, { bits: weight.bits, layer: name });
    }
  }
}

function checkGrid(name: string, grid: QuantGrid, what?: string): void {
  const { scale, zeroPoint, qmin, qmax } = grid;
  const fits = (qmin >= 0 && qmax <= 255) || (qmin >= -128 && qmax <= 127);
  if (!(scale > 0) || scale === Infinity || !fits || zeroPoint < qmin || zeroPoint > qmax || qmin >= qmax) {
    throw badPolicy(
      name,
      `its ${what === undefined ? 'input grid' : 'grid'} (scale ${scale}, zero point ${zeroPoint}, [${qmin}, ${qmax}]) is not an 8-bit grid`,
      what,
    );
  }
}
