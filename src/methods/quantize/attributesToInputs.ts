import { DataType, ONNX_DOMAIN, Tensor, type Model, type Node } from '../../onnx';

/** An attribute that became an input. */
interface Move {
  readonly attribute: string;
  readonly input: number;
  /** `axes`: a list of int64; `float`: a scalar of the element type of the data. */
  readonly form: 'axes' | 'float';
}

interface Moves {
  /** Opset that moved them. */
  readonly opset: number;
  readonly moves: readonly Move[];
}

const list = (attribute: string, input: number): Move => ({ attribute, input, form: 'axes' });
const scalar = (attribute: string, input: number): Move => ({ attribute, input, form: 'float' });

const axes: Moves = { opset: 18, moves: [list('axes', 1)] };

/** Operators that take as inputs, from some opset on, what were attributes before, and mean the same otherwise. */
const MOVES: Readonly<Record<string, Moves>> = {
  Clip: { opset: 11, moves: [scalar('min', 1), scalar('max', 2)] },
  Pad: { opset: 11, moves: [list('pads', 1), scalar('value', 2)] },
  ReduceL1: axes,
  ReduceL2: axes,
  ReduceLogSum: axes,
  ReduceLogSumExp: axes,
  ReduceMax: axes,
  ReduceMean: axes,
  ReduceMin: axes,
  ReduceProd: axes,
  ReduceSum: { opset: 13, moves: [list('axes', 1)] },
  ReduceSumSquare: axes,
  Slice: { opset: 10, moves: [list('starts', 1), list('ends', 2), list('axes', 3)] },
  Split: { opset: 13, moves: [list('split', 1)] },
  Squeeze: { opset: 13, moves: [list('axes', 1)] },
  TopK: { opset: 10, moves: [list('k', 1)] },
  Unsqueeze: { opset: 13, moves: [list('axes', 1)] },
};

/**
 * Whether {@link moveAttributesToInputs} writes this node of an older opset in the form of a later one, so that it
 * computes what it did. Padding of floats only: an attribute `value` says nothing of other types.
 */
export function canMoveAttributes(node: Node, opset: number, to: number): boolean {
  const known = movesOf(node, opset, to);
  if (known === undefined) {
    return false;
  }
  const type = node.inputs[0]?.type;
  const isFloat = type === undefined || (type.kind === 'tensor' && type.elementType === DataType.FLOAT);
  return isFloat || known.moves.every((move) => move.form === 'axes');
}

/** Rewrites the nodes that {@link canMoveAttributes} accepts, in all graphs, and declares the opset. */
export function moveAttributesToInputs(model: Model, to: number): void {
  const opset = model.opset();
  for (const graph of model.allGraphs()) {
    for (const node of graph.nodes) {
      if (canMoveAttributes(node, opset, to)) {
        moveAll(node, movesOf(node, opset, to)!.moves);
      }
    }
  }
  model.setOpset(ONNX_DOMAIN, to);
}

function movesOf(node: Node, opset: number, to: number): Moves | undefined {
  const known = Object.hasOwn(MOVES, node.opType) && node.domain === ONNX_DOMAIN ? MOVES[node.opType] : undefined;
  return known !== undefined && known.opset > opset && known.opset <= to ? known : undefined;
}

function moveAll(node: Node, moves: readonly Move[]): void {
  const { graph } = node;
  for (const { attribute, input, form } of moves) {
    if (!node.attributes.has(attribute)) {
      continue;
    }
    const name = graph.freshName(`${node.key}_${attribute}`);
    const tensor =
      form === 'float'
        ? Tensor.fromFloat32(name, [], Float32Array.of(node.float(attribute, 0)))
        : integers(name, node.ints(attribute) ?? [node.int(attribute, 0)]);
    node.setInput(input, graph.addInitializer(tensor));
    node.removeAttribute(attribute);
  }
}

/** "To the end" is written as the largest int64 or nearly so; any number beyond all dimensions says the same. */
function integers(name: string, values: readonly number[]): Tensor {
  const within = values.map((value) => Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value)));
  return Tensor.fromIntegers(name, DataType.INT64, [within.length], within);
}
