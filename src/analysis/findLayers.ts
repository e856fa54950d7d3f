import { DataType, MICROSOFT_DOMAIN, ONNX_DOMAIN, type Graph, type Model, type Node, type Value } from '../onnx';
import { isPlain, storedAxis, traceConstant, type ConstantChain } from './constantChain';
import type { Layer, LayerBias, LayerKind, LayerWeight } from './layer';
import { layerVerdicts } from './layerVerdicts';
import type { ShapeTable } from './shapeTable';
import { shortNames } from './shortNames';

/** A layer before its names and ties are known. */
export interface LayerDraft {
  readonly node: Node;
  readonly kind: LayerKind;
  readonly weight: LayerWeight;
  /** Where the weight is stored: what ties layers together. */
  readonly source: Value;
  readonly dataInputIndex: number;
  readonly bias: LayerBias | undefined;
  readonly groups: number;
  readonly isDepthwise: boolean;
  readonly parameters: number;
  /** Set for nodes outside the main graph: 'a sub-graph (then_branch of If "x")', 'the function "Block"'. */
  readonly inside: string | undefined;
  /** The function the node is in: keys are unique in the graph of the model and in each function, not across. */
  readonly functionName?: string;
}

export interface FindLayersOptions {
  /** Tells activations that are not float32, so that layers on them are not offered. @default the types the file states */
  readonly shapes?: ShapeTable;
}

/**
 * All nodes with constant weights that Lathe knows, in node order; those inside sub-graphs follow the node that holds
 * them, those inside functions come last. Reads no weights. Nodes that multiply two activations are not layers.
 */
export function findLayers(model: Model, options: FindLayersOptions = {}): Layer[] {
  const drafts: LayerDraft[] = [];
  collect(model.graph, undefined, drafts);
  for (const { name, body } of model.functions) {
    const inside: LayerDraft[] = [];
    collect(body, `the function "${name}"`, inside);
    drafts.push(...inside.map((draft) => ({ ...draft, functionName: name })));
  }
  const names = shortNames(
    drafts.map(({ node, weight, source }) => ({
      weight: weight.tensor.name === '' ? source.name : weight.tensor.name,
      node: node.name,
      opType: node.opType,
    })),
  );
  const readers = new Map<Value, number>();
  for (const { source } of drafts) {
    readers.set(source, (readers.get(source) ?? 0) + 1);
  }
  return drafts.map((draft, i) => ({
    name: draft.functionName === undefined ? draft.node.key : `${draft.functionName}::${draft.node.key}`,
    shortName: names[i]!,
    node: draft.node,
    kind: draft.kind,
    weight: draft.weight,
    dataInputIndex: draft.dataInputIndex,
    bias: draft.bias,
    groups: draft.groups,
    isDepthwise: draft.isDepthwise,
    parameters: draft.parameters,
    tie: (readers.get(draft.source) ?? 0) > 1 ? draft.source.name : undefined,
    ...layerVerdicts(draft, inputType(draft, options.shapes)),
  }));
}

function inputType(draft: LayerDraft, shapes: ShapeTable | undefined): DataType | undefined {
  const input = draft.node.inputs[draft.dataInputIndex];
  const type = input && (shapes?.get(input.name) ?? input.type);
  return type?.kind === 'tensor' && type.elementType !== DataType.UNDEFINED ? type.elementType : undefined;
}

function collect(graph: Graph, inside: string | undefined, into: LayerDraft[]): void {
  for (const node of graph.nodes) {
    const draft = draftLayer(node, inside);
    if (draft !== undefined) {
      into.push(draft);
    }
    for (const [name, attribute] of node.attributes) {
      if (attribute.type === 'GRAPH') {
        collect(attribute.value, `a sub-graph (${name} of ${node.opType} "${node.key}")`, into);
      } else if (attribute.type === 'GRAPHS') {
        for (const inner of attribute.value) {
          collect(inner, `a sub-graph (${name} of ${node.opType} "${node.key}")`, into);
        }
      }
    }
  }
}

const FLOAT_TYPES: ReadonlySet<DataType> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
]);

function draftLayer(node: Node, inside: string | undefined): LayerDraft | undefined {
  if (node.domain === MICROSOFT_DOMAIN && node.opType === 'MatMulNBits') {
    return draftMatMulNBits(node, inside);
  }
  if (node.domain !== ONNX_DOMAIN) {
    return undefined;
  }
  switch (node.opType) {
    case 'Conv':
      return draftConv(node, inside, 'Conv', 0, 1);
    case 'ConvInteger':
      return draftConv(node, inside, 'ConvInteger', 0, 1);
    case 'QLinearConv':
      return draftConv(node, inside, 'QLinearConv', 0, 3);
    case 'ConvTranspose':
      return draftConvTranspose(node, inside);
    case 'Gemm':
      return draftGemm(node, inside);
    case 'MatMul':
      return draftMatMul(node, inside, 'MatMul', 0, 1);
    case 'MatMulInteger':
      return draftMatMul(node, inside, 'MatMulInteger', 0, 1);
    case 'QLinearMatMul':
      return draftMatMul(node, inside, 'QLinearMatMul', 0, 3);
    case 'Gather':
      return draftGather(node, inside);
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return draftRecurrent(node, node.opType, inside);
    default:
      return undefined;
  }
}

function draftConv(
  node: Node,
  inside: string | undefined,
  kind: 'Conv' | 'ConvInteger' | 'QLinearConv',
  dataInput: number,
  weightInput: number,
): LayerDraft | undefined {
  const chain = weightChain(node, weightInput, kind === 'Conv');
  if (chain === undefined || chain.shape.length < 3) {
    return undefined;
  }
  const groups = node.int('group', 1);
  return {
    node,
    kind,
    weight: layerWeight(chain, weightInput, 0, 1),
    source: chain.source,
    dataInputIndex: dataInput,
    bias: kind === 'Conv' ? inputBias(node, 2, chain.shape[0]!) : undefined,
    groups,
    isDepthwise: groups > 1 && chain.shape[1] === 1,
    parameters: chain.tensor.elementCount,
    inside,
  };
}

function draftConvTranspose(node: Node, inside: string | undefined): LayerDraft | undefined {
  const chain = weightChain(node, 1, true);
  if (chain === undefined || chain.shape.length < 3) {
    return undefined;
  }
  const groups = node.int('group', 1);
  return {
    node,
    kind: 'ConvTranspose',
    weight: layerWeight(chain, 1, 1, 0),
    source: chain.source,
    dataInputIndex: 0,
    bias: inputBias(node, 2, chain.shape[1]! * groups),
    groups,
    isDepthwise: groups > 1 && chain.shape[0] === groups,
    parameters: chain.tensor.elementCount,
    inside,
  };
}

function draftGemm(node: Node, inside: string | undefined): LayerDraft | undefined {
  const right = weightChain(node, 1, true);
  const left = traceConstant(node.inputs[0]);
  if (right !== undefined && left === undefined && right.shape.length === 2) {
    const outAxis = node.int('transB', 0) !== 0 ? 0 : 1;
    return {
      node,
      kind: 'Gemm',
      weight: layerWeight(right, 1, outAxis, 1 - outAxis),
      source: right.source,
      dataInputIndex: 0,
      bias: inputBias(node, 2, right.shape[outAxis]!),
      groups: 1,
      isDepthwise: false,
      parameters: right.tensor.elementCount,
      inside,
    };
  }
  const constantLeft = weightChain(node, 0, true);
  if (constantLeft === undefined || right !== undefined || constantLeft.shape.length !== 2) {
    return undefined;
  }
  const outAxis = node.int('transA', 0) !== 0 ? 1 : 0;
  return {
    node,
    kind: 'Gemm',
    weight: layerWeight(constantLeft, 0, outAxis, 1 - outAxis),
    source: constantLeft.source,
    dataInputIndex: 1,
    bias: undefined,
    groups: 1,
    isDepthwise: false,
    parameters: constantLeft.tensor.elementCount,
    inside,
  };
}

function draftMatMul(
  node: Node,
  inside: string | undefined,
  kind: 'MatMul' | 'MatMulInteger' | 'QLinearMatMul',
  leftInput: number,
  rightInput: number,
): LayerDraft | undefined {
  const right = weightChain(node, rightInput, kind === 'MatMul');
  const left = weightChain(node, leftInput, kind === 'MatMul');
  const chain = right ?? left;
  if (chain === undefined || (right !== undefined && left !== undefined)) {
    return undefined;
  }
  const rank = chain.shape.length;
  if (rank === 0) {
    return undefined;
  }
  const isRight = right !== undefined;
  // A vector operand has one axis, which is summed over; it has no output channels.
  const inAxis = rank === 1 ? 0 : isRight ? rank - 2 : rank - 1;
  const outAxis = rank === 1 ? 0 : isRight ? rank - 1 : rank - 2;
  return {
    node,
    kind,
    weight: layerWeight(chain, isRight ? rightInput : leftInput, outAxis, inAxis),
    source: chain.source,
    dataInputIndex: isRight ? leftInput : rightInput,
    bias: kind === 'MatMul' && isRight && rank > 1 ? addedBias(node, chain.shape[outAxis]!) : undefined,
    groups: 1,
    isDepthwise: false,
    parameters: chain.tensor.elementCount,
    inside,
  };
}

function draftGather(node: Node, inside: string | undefined): LayerDraft | undefined {
  const chain = weightChain(node, 0, true);
  const axis = node.int('axis', 0);
  if (chain?.shape.length !== 2 || (axis !== 0 && axis !== -2) || traceConstant(node.inputs[1]) !== undefined) {
    return undefined;
  }
  return {
    node,
    kind: 'Gather',
    weight: layerWeight(chain, 0, 0, 1),
    source: chain.source,
    dataInputIndex: 1,
    bias: undefined,
    groups: 1,
    isDepthwise: false,
    parameters: chain.tensor.elementCount,
    inside,
  };
}

function draftRecurrent(node: Node, kind: 'LSTM' | 'GRU' | 'RNN', inside: string | undefined): LayerDraft | undefined {
  const input = weightChain(node, 1, true);
  const recurrent = weightChain(node, 2, true);
  if (input?.shape.length !== 3) {
    return undefined;
  }
  return {
    node,
    kind,
    weight: layerWeight(input, 1, 1, 2),
    source: input.source,
    dataInputIndex: 0,
    bias: undefined,
    groups: 1,
    isDepthwise: false,
    parameters: input.tensor.elementCount + (recurrent?.tensor.elementCount ?? 0),
    inside,
  };
}

function draftMatMulNBits(node: Node, inside: string | undefined): LayerDraft | undefined {
  const chain = traceConstant(node.inputs[1]);
  if (chain === undefined) {
    return undefined;
  }
  return {
    node,
    kind: 'MatMulNBits',
    weight: layerWeight(chain, 1, 0, Math.min(1, chain.shape.length - 1)),
    source: chain.source,
    dataInputIndex: 0,
    bias: undefined,
    groups: 1,
    isDepthwise: false,
    parameters: node.int('N', 0) * node.int('K', 0),
    inside,
  };
}

/** The constant behind an input, if its elements have the type the operator works on. */
function weightChain(node: Node, input: number, float: boolean): ConstantChain | undefined {
  const chain = traceConstant(node.inputs[input]);
  return chain !== undefined && FLOAT_TYPES.has(chainType(chain)) === float ? chain : undefined;
}

/** Element type at the end of a chain. */
export function chainType(chain: ConstantChain): DataType {
  let type = chain.tensor.dataType;
  for (const step of chain.steps) {
    if (step.kind === 'cast') {
      type = step.to;
    } else if (step.kind === 'dequantize') {
      type = step.scale.dataType;
    } else if (step.kind === 'quantize') {
      type = step.zeroPoint?.dataType ?? DataType.UINT8;
    }
  }
  return type;
}

function layerWeight(chain: ConstantChain, inputIndex: number, outAxis: number, inAxis: number): LayerWeight {
  return {
    value: chain.end,
    inputIndex,
    tensor: chain.tensor,
    chain: chain.nodes,
    steps: chain.steps,
    shape: chain.shape,
    outAxis,
    inAxis,
    storedOutAxis: storedAxis(chain.tensor.dims, chain.steps, outAxis),
    storedInAxis: storedAxis(chain.tensor.dims, chain.steps, inAxis),
  };
}

function inputBias(node: Node, input: number, channels: number): LayerBias | undefined {
  const value = node.inputs[input];
  const chain = traceConstant(value);
  if (value === undefined || chain === undefined || !isVector(chain, channels)) {
    return undefined;
  }
  return { value, tensor: chain.tensor, node, inputIndex: input };
}

/** The constant vector of an Add that alone reads the output of a MatMul. */
function addedBias(node: Node, channels: number): LayerBias | undefined {
  const output = node.outputs[0];
  const uses = output?.uses() ?? [];
  const add = uses[0]?.node;
  if (output === undefined || output.isGraphOutput || uses.length !== 1 || add === undefined) {
    return undefined;
  }
  if (add.opType !== 'Add' || add.domain !== ONNX_DOMAIN || add.graph !== node.graph) {
    return undefined;
  }
  const inputIndex = uses[0]!.index === 0 ? 1 : 0;
  const value = add.inputs[inputIndex];
  const chain = traceConstant(value);
  if (value === undefined || chain === undefined || !isVector(chain, channels)) {
    return undefined;
  }
  return { value, tensor: chain.tensor, node: add, inputIndex };
}

function isVector(chain: ConstantChain, channels: number): boolean {
  return (
    isPlain(chain.steps) &&
    FLOAT_TYPES.has(chainType(chain)) &&
    chain.tensor.elementCount === channels &&
    chain.shape.at(-1) === channels
  );
}
