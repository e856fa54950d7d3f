import { declaredShapes, isPlain, traceConstant, storedAxis, type ConstantChain, type ShapeTable } from '../analysis';
import type { Refusal } from '../base/errors';
import type { Model, Node, Value } from '../onnx';
import type { BatchNorm } from './batchNorm';
import { isFloatType } from './floatTensor';
import { isRefusal, refuse } from './passResult';

/** Where a batch norm's constants go. */
export interface FoldTarget {
  /** `after`: the norm reads the layer's output. `before`: the layer reads the norm's output. */
  readonly side: 'after' | 'before';
  readonly kind: 'Conv' | 'ConvTranspose' | 'Gemm' | 'MatMul';
  readonly layer: Node;
  readonly weight: ConstantChain;
  readonly weightInput: number;
  /** Axes of the *stored* weight. */
  readonly outAxis: number;
  readonly inAxis: number;
  readonly outChannels: number;
  readonly groups: number;
  /** Constant added to the output: an input of the layer, or of the Add behind a MatMul. */
  readonly bias: { readonly node: Node; readonly index: number; readonly chain: ConstantChain | undefined } | undefined;
  /** Last node of the layer: the layer itself or the Add behind it. */
  readonly last: Node;
}

/** Shapes are only needed for MatMul, whose rank decides which axis a batch norm scales. */
export class LazyShapes {
  private table: ShapeTable | undefined;

  constructor(private readonly model: Model) {}

  rank(value: Value | undefined): number | undefined {
    this.table ??= declaredShapes(this.model);
    return value && this.table.get(value.name)?.shape?.length;
  }
}

/** The layer in front of the norm, or else the one behind it. */
export function findTarget(norm: BatchNorm, shapes: LazyShapes): FoldTarget | Refusal {
  const producer = norm.input.producer();
  const isBehindLayer = producer !== undefined && (isLinear(producer) || isBiasAdd(producer));
  const front = isBehindLayer ? targetInFront(norm, producer, shapes) : undefined;
  if (front !== undefined && !isRefusal(front)) {
    return front;
  }
  const consumer = norm.output.uses()[0]?.node;
  if (consumer !== undefined && isLinear(consumer)) {
    const behind = targetBehind(norm, consumer, shapes);
    return isRefusal(behind) ? (front ?? behind) : behind;
  }
  if (front !== undefined) {
    return front;
  }
  const from = producer === undefined ? 'an input of the model' : producer.opType;
  const to = norm.output.isGraphOutput ? 'an output of the model' : (consumer?.opType ?? 'nothing');
  return refuse(`there is no layer to fold into: it stands between ${from} and ${to}`, norm.node);
}

function isLinear(node: Node): boolean {
  return node.domain === '' && ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].includes(node.opType);
}

function isBiasAdd(node: Node): boolean {
  return node.is('Add') && node.inputs.some((value) => value?.producer()?.is('MatMul') === true);
}

function targetInFront(norm: BatchNorm, producer: Node, shapes: LazyShapes): FoldTarget | Refusal {
  const alone = onlyReader(norm.input, norm.node);
  if (alone !== undefined) {
    return refuse(`the output of ${producer.opType} is also ${alone}`, norm.node, producer);
  }
  let layer = producer;
  let bias: FoldTarget['bias'];
  if (producer.is('Add')) {
    const from = producer.inputs.findIndex((value) => value?.producer()?.is('MatMul') === true);
    const product = producer.inputs[from]!;
    layer = product.producer()!;
    const index = 1 - from;
    const chain = traceConstant(producer.inputs[index]);
    if (chain === undefined) {
      return refuse('the Add in front adds no constant', norm.node, producer);
    }
    const shared = onlyReader(product, producer);
    if (shared !== undefined) {
      return refuse(`the output of MatMul is also ${shared}`, norm.node, layer);
    }
    bias = { node: producer, index, chain };
  }
  if (layer.is('MatMul') && shapes.rank(norm.input) !== 2) {
    const rank = shapes.rank(norm.input);
    const known = rank === undefined ? 'has an unknown rank' : `has rank ${rank}`;
    return refuse(`the MatMul's output ${known}: only in rank 2 are its columns the channels`, norm.node, layer);
  }
  const target = layerTarget(norm, layer, 'after', bias, producer);
  if (isRefusal(target)) {
    return target;
  }
  if (target.outChannels !== norm.channels) {
    return refuse(`it has ${norm.channels} channels, the layer in front ${target.outChannels}`, norm.node, layer);
  }
  return target;
}

function targetBehind(norm: BatchNorm, consumer: Node, shapes: LazyShapes): FoldTarget | Refusal {
  const shared = onlyReader(norm.output, consumer);
  if (shared !== undefined) {
    return refuse(`its output is also ${shared}`, norm.node, consumer);
  }
  if (consumer.inputs[0] !== norm.output) {
    return refuse(`${consumer.opType} behind it reads it as its second operand`, norm.node, consumer);
  }
  switch (consumer.opType) {
    case 'ConvTranspose':
      return refuse('a ConvTranspose behind it adds fewer products at the border', norm.node, consumer);
    case 'Conv': {
      const auto = consumer.string('auto_pad', 'NOTSET');
      const pads = consumer.ints('pads') ?? [];
      if ((auto !== 'NOTSET' && auto !== 'VALID') || (auto === 'NOTSET' && pads.some((p) => p !== 0))) {
        return refuse('the Conv behind it pads with zeros, which the norm would have shifted', norm.node, consumer);
      }
      break;
    }
    case 'Gemm':
      if (consumer.int('transA', 0) !== 0) {
        return refuse('the Gemm behind it reads it transposed', norm.node, consumer);
      }
      break;
    default:
      if (shapes.rank(norm.input) !== 2) {
        return refuse('the MatMul behind it sums over channels only when its input has rank 2', norm.node, consumer);
      }
  }
  const add = consumer.is('MatMul') ? addBehind(consumer) : undefined;
  const target = layerTarget(norm, consumer, 'before', add, add?.node ?? consumer);
  if (isRefusal(target)) {
    return target;
  }
  const inChannels = target.weight.tensor.dims[target.inAxis]! * target.groups;
  if (inChannels !== norm.channels) {
    return refuse(`it has ${norm.channels} channels, the layer behind ${inChannels}`, norm.node, consumer);
  }
  return target;
}

/** The Add of a constant that alone reads a MatMul. */
function addBehind(layer: Node): FoldTarget['bias'] {
  const output = layer.outputs[0];
  const use = output?.uses()[0];
  if (output === undefined || use === undefined || onlyReader(output, use.node) !== undefined || !use.node.is('Add')) {
    return undefined;
  }
  const index = 1 - use.index;
  const chain = traceConstant(use.node.inputs[index]);
  return chain === undefined ? undefined : { node: use.node, index, chain };
}

function layerTarget(
  norm: BatchNorm,
  layer: Node,
  side: FoldTarget['side'],
  addedBias: FoldTarget['bias'],
  last: Node,
): FoldTarget | Refusal {
  const kind = layer.opType as FoldTarget['kind'];
  const weight = traceConstant(layer.inputs[1]);
  if (weight === undefined) {
    return refuse(`the weight of ${kind} is not a constant`, norm.node, layer);
  }
  const { tensor, steps, shape } = weight;
  if (!isPlain(steps) || !isFloatType(tensor.dataType)) {
    return refuse(`the weight of ${kind} is quantised`, norm.node, layer);
  }
  if (steps.some((step) => step.kind === 'cast' && step.to !== tensor.dataType)) {
    return refuse(`the weight of ${kind} is cast on its way, and would be rounded twice`, norm.node, layer);
  }
  if (weight.source.isOverridable) {
    return refuse(
      `the weight "${weight.source.name}" is also an input of the model and may be replaced`,
      norm.node,
      layer,
    );
  }
  const [outOf, inOf] = weightAxes(layer, kind);
  const outAxis = storedAxis(tensor.dims, steps, outOf);
  const inAxis = storedAxis(tensor.dims, steps, inOf);
  if (shape.length < 2 || outAxis === undefined || inAxis === undefined || (kind === 'MatMul' && shape.length !== 2)) {
    return refuse(`the weight of ${kind} has no axis of channels`, norm.node, layer);
  }
  const groups = kind === 'Conv' || kind === 'ConvTranspose' ? layer.int('group', 1) : 1;
  const bias = addedBias ?? inputBias(layer, kind);
  if (bias?.chain === undefined && bias?.node.inputs[bias.index] !== undefined) {
    return refuse(`the bias of ${kind} is not a constant`, norm.node, layer);
  }
  if (bias?.chain !== undefined && (!isPlain(bias.chain.steps) || !isFloatType(bias.chain.tensor.dataType))) {
    return refuse(`the bias of ${kind} is quantised`, norm.node, layer);
  }
  return {
    side,
    kind,
    layer,
    weight,
    weightInput: 1,
    outAxis,
    inAxis,
    outChannels: tensor.dims[outAxis]! * (kind === 'ConvTranspose' ? groups : 1),
    groups,
    bias,
    last,
  };
}

/** Axes of output and input channels in the weight as the layer sees it. */
function weightAxes(layer: Node, kind: FoldTarget['kind']): readonly [outAxis: number, inAxis: number] {
  switch (kind) {
    case 'Conv':
      return [0, 1];
    case 'ConvTranspose':
      return [1, 0];
    case 'Gemm':
      return layer.int('transB', 0) !== 0 ? [0, 1] : [1, 0];
    case 'MatMul':
      return [1, 0];
  }
}

function inputBias(layer: Node, kind: FoldTarget['kind']): FoldTarget['bias'] {
  return kind === 'MatMul' ? undefined : { node: layer, index: 2, chain: traceConstant(layer.inputs[2]) };
}

/** Who else reads a value, in words; undefined when `reader` is the only one. */
function onlyReader(value: Value, reader: Node): string | undefined {
  if (value.isGraphOutput) {
    return 'an output of the model';
  }
  const uses = value.uses();
  const other = uses.find((use) => use.node !== reader);
  if (other !== undefined) {
    return other.node.graph === reader.graph ? `read by ${other.node.opType}` : 'read inside a sub-graph';
  }
  return uses.length > 1 ? `read twice by ${reader.opType}` : undefined;
}
