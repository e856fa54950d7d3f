import { findLayers, isPlain, traceConstant, type ChainStep, type ConstantChain } from '../analysis';
import type { Refusal } from '../base/errors';
import { DataType, elementBits, Tensor, type Model, type Value } from '../onnx';
import { storeInPlace } from './applyFold';
import { constantUses } from './constantUses';
import { refuse, type AppliedRewrite, type PassResult } from './passResult';
import { removeUnread } from './removeUnread';

/**
 * Stores the weights and biases of layers the way the layers read them: Constant nodes become initializers, and
 * Transpose, Reshape, Squeeze, Unsqueeze, Flatten, Identity and widening Cast nodes in between are computed once. Nothing
 * else is folded: other constants cost no accuracy and keep the file as its author wrote it.
 *
 * A tensor that is read in two different ways stays as it is, since folding would store it twice. Changes the model in
 * place; elements are moved exactly.
 */
export function foldConstants(model: Model): PassResult {
  const applied: AppliedRewrite[] = [];
  const refused: Refusal[] = [];
  const seen = new Set<Value>();
  for (const layer of findLayers(model)) {
    if (layer.node.graph !== model.graph) {
      continue;
    }
    for (const value of [layer.weight.value, layer.bias?.value]) {
      const chain = traceConstant(value);
      if (chain === undefined || seen.has(chain.source)) {
        continue;
      }
      if (chain.source.initializer !== undefined && chain.nodes.length === 0) {
        continue;
      }
      seen.add(chain.source);
      const outcome = foldChain(chain);
      if ('note' in outcome) {
        applied.push(outcome);
      } else {
        refused.push(outcome);
      }
    }
  }
  return { modified: applied.length > 0, applied, refused };
}

function foldChain(chain: ConstantChain): AppliedRewrite | Refusal {
  const { source, tensor, steps, nodes, shape } = chain;
  const owner = nodes[0] ?? source.producer();
  const blame = owner === undefined ? [] : [owner];
  if (!isPlain(steps)) {
    return refuse('the constant is quantised on its way', ...blame);
  }
  if (source.isOverridable) {
    return refuse(`"${source.name}" is also an input of the model and may be replaced`, ...blame);
  }
  const { uses, isOutput } = constantUses(source);
  if (isOutput || chain.end.isGraphOutput) {
    return refuse(`"${source.name}" is an output of the model`, ...blame);
  }
  const way = JSON.stringify(steps);
  const ends = new Set<Value>();
  for (const use of uses) {
    const other = traceConstant(use.value);
    const isSameWay = other !== undefined && isPlain(other.steps) && JSON.stringify(other.steps) === way;
    if (!isSameWay || use.value.graph !== source.graph) {
      return refuse(
        `"${source.name}" is also read by ${use.node.opType} "${use.node.key}" in another form, and would be stored twice`,
        ...blame,
      );
    }
    ends.add(use.value);
  }
  const moved = movedTensor(tensor, steps);
  if (moved === undefined) {
    return refuse(`"${source.name}" passes a Cast that would round it, or widen integers, and stays`, ...blame);
  }
  const keys = nodes.map((node) => node.key);
  const producer = source.producer();
  if (producer !== undefined) {
    keys.unshift(producer.key);
  }
  const stored = storeInPlace(source, moved);
  for (const end of ends) {
    if (end !== source && end !== stored) {
      stored.graph.replaceAllUses(end, stored);
      removeUnread([end]);
    }
  }
  const what = [...(producer === undefined ? [] : ['Constant']), ...nodes.map((node) => node.opType)];
  return { nodes: keys, note: `${what.join(', ')} folded: "${stored.name}" is stored as [${shape.join(', ')}]` };
}

/** The tensor at the end of the chain, element for element; undefined where a Cast would lose digits. */
function movedTensor(tensor: Tensor, steps: readonly ChainStep[]): Tensor | undefined {
  const casts = steps.filter((step) => step.kind === 'cast').map((step) => step.to);
  const type = casts.at(-1) ?? tensor.dataType;
  const isExact = casts.every((to) => to === tensor.dataType || to === DataType.FLOAT || to === DataType.DOUBLE);
  if (!isExact || (type !== tensor.dataType && (type !== DataType.FLOAT || !isNarrow(tensor.dataType)))) {
    return undefined;
  }
  let current = type === tensor.dataType ? tensor : Tensor.fromFloat32(tensor.name, tensor.dims, tensor.toFloat32());
  for (const step of steps) {
    if (step.kind === 'transpose') {
      current = transposedTensor(current, step.perm, step.shape);
    } else if (step.kind === 'reshape') {
      current = current.reshaped(step.shape);
    }
  }
  return current;
}

function isNarrow(type: DataType): boolean {
  return type === DataType.FLOAT16 || type === DataType.BFLOAT16;
}

/** Moves whole elements, whatever their type; all floating types are whole bytes. */
function transposedTensor(tensor: Tensor, perm: readonly number[], shape: readonly number[]): Tensor {
  const size = (elementBits(tensor.dataType) ?? 8) / 8;
  const from = tensor.bytes();
  const to = new Uint8Array(from.length);
  const strides = tensor.dims.map((_, axis) => tensor.dims.slice(axis + 1).reduce((a, b) => a * b, size));
  const steps = perm.map((axis) => strides[axis]!);
  const index = new Int32Array(perm.length);
  let source = 0;
  for (let at = 0; at < to.length; at += size) {
    for (let b = 0; b < size; b++) {
      to[at + b] = from[source + b]!;
    }
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      source += steps[axis]!;
      if (++index[axis]! < shape[axis]!) {
        break;
      }
      source -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return Tensor.fromBytes(tensor.name, tensor.dataType, shape, to);
}
