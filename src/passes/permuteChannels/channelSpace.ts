import { isPlain, storedAxis, traceConstant, type ShapeTable } from '../../analysis';
import type { Refusal } from '../../base/errors';
import type { Dimension, Node, Value } from '../../onnx';
import { constantUses } from '../constantUses';
import { isFloatType } from '../floatTensor';
import { refuse } from '../passResult';
import { passageOf, type Passage, type Port, type RuleContext } from './channelRules';

/** A stored constant whose axis follows the channels. */
export interface ChannelConstant {
  readonly source: Value;
  /** Axis of the stored tensor. */
  readonly axis: number;
}

/**
 * All values whose channels must be in one order, because elementwise nodes, norms, pools and residual adds tie them
 * together; and what has to change with that order: the output channels of the layers in front, the parameters in
 * between, the input channels of the layers behind.
 */
export interface ChannelSpace {
  readonly channels: number;
  readonly values: ReadonlySet<Value>;
  readonly constants: readonly ChannelConstant[];
  /** Layers that sum over the channels, each with its weight's input index. */
  readonly consumers: ReadonlyMap<Node, number>;
  readonly nodes: readonly Node[];
}

/** Where a search for a space found out that its channels have to stay in order. */
export interface FixedChannels extends Refusal {
  /** Values of the space seen until then: they are fixed just as well. */
  readonly values: ReadonlySet<Value>;
}

/** Follows the channels of a value, on `axis`, in both directions to where layers end them. */
export function findChannelSpace(
  start: Value,
  axis: number,
  channels: number,
  shapes: ShapeTable,
): ChannelSpace | FixedChannels {
  const walk = new SpaceWalk(channels, shapes);
  const problem = walk.run(start, axis);
  if (problem !== undefined) {
    return { ...problem, values: new Set(walk.axes.keys()) };
  }
  const constants = walk.storedConstants();
  if ('reason' in constants) {
    return { ...constants, values: new Set(walk.axes.keys()) };
  }
  return {
    channels,
    values: new Set(walk.axes.keys()),
    constants,
    consumers: walk.consumers,
    nodes: [...walk.nodes],
  };
}

class SpaceWalk implements RuleContext {
  readonly axes = new Map<Value, number>();
  readonly consumers = new Map<Node, number>();
  readonly nodes = new Set<Node>();
  readonly shape: (value: Value | undefined) => readonly Dimension[] | undefined;

  private readonly pending: Value[] = [];
  /** Constant operands that follow, by node and input. */
  private readonly operands = new Map<string, { readonly node: Node; readonly index: number; readonly axis: number }>();

  constructor(
    readonly channels: number,
    shapes: ShapeTable,
  ) {
    this.shape = (value) => value && (traceConstant(value)?.shape ?? shapes.get(value.name)?.shape);
  }

  run(start: Value, axis: number): Refusal | undefined {
    const problem = this.join(start, axis, undefined);
    if (problem !== undefined) {
      return problem;
    }
    for (let value = this.pending.pop(); value !== undefined; value = this.pending.pop()) {
      const found = this.follow(value, this.axes.get(value)!);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }

  private follow(value: Value, axis: number): Refusal | undefined {
    const producer = value.producer();
    if (value.isGraphOutput) {
      return refuse(`"${value.name}" is an output of the model`, ...(producer === undefined ? [] : [producer]));
    }
    if (producer === undefined) {
      return refuse(`"${value.name}" is an input of the model`, ...value.uses().map(({ node }) => node));
    }
    const index = producer.outputs.indexOf(value);
    const problem = this.pass(producer, { side: 'output', index }, axis);
    if (problem !== undefined) {
      return problem;
    }
    for (const use of value.uses()) {
      const found =
        use.node.graph === value.graph
          ? this.pass(use.node, { side: 'input', index: use.index }, axis)
          : refuse(`"${value.name}" is read inside a sub-graph`, use.node);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }

  private pass(node: Node, port: Port, axis: number): Refusal | undefined {
    const passage = passageOf(node, port, axis, this);
    if (typeof passage === 'string') {
      return refuse(passage, node);
    }
    this.nodes.add(node);
    if (passage.sumsOver !== undefined) {
      this.consumers.set(node, passage.sumsOver);
    }
    return this.spread(node, passage);
  }

  private spread(node: Node, { inputs = [], outputs = [] }: Passage): Refusal | undefined {
    for (const [index, axis] of inputs) {
      const value = node.inputs[index];
      if (value === undefined) {
        continue;
      }
      if (traceConstant(value) === undefined) {
        const problem = this.join(value, axis, node);
        if (problem !== undefined) {
          return problem;
        }
      } else {
        this.operands.set(`${node.key} ${index} ${axis}`, { node, index, axis });
      }
    }
    for (const [index, axis] of outputs) {
      const value = node.outputs[index];
      const problem = value === undefined ? undefined : this.join(value, axis, node);
      if (problem !== undefined) {
        return problem;
      }
    }
    return undefined;
  }

  private join(value: Value, axis: number, node: Node | undefined): Refusal | undefined {
    const nodes = node === undefined ? value.uses().map((use) => use.node) : [node];
    const known = this.axes.get(value);
    if (known !== undefined) {
      return known === axis ? undefined : refuse(`"${value.name}" would have them on two axes`, ...nodes);
    }
    const size = this.shape(value)?.[axis];
    if (size !== this.channels) {
      const found = size === undefined ? 'an unknown number of' : String(size);
      return refuse(`"${value.name}" has ${found} channels instead of ${this.channels}`, ...nodes);
    }
    this.axes.set(value, axis);
    this.pending.push(value);
    return undefined;
  }

  /** The stored constants behind the operands; each must be read by this space alone, on the same axis. */
  storedConstants(): readonly ChannelConstant[] | Refusal {
    const found = new Map<Value, Map<number, Set<string>>>();
    for (const { node, index, axis } of this.operands.values()) {
      const chain = traceConstant(node.inputs[index])!;
      const { source, tensor, steps } = chain;
      const at = storedAxis(tensor.dims, steps, axis);
      if (!isPlain(steps) || !isFloatType(tensor.dataType)) {
        return refuse(`the constant "${source.name}" is quantised or no float`, node);
      }
      if (at === undefined || tensor.dims[at] !== this.channels) {
        return refuse(`the channels are no axis of the stored constant "${source.name}"`, node);
      }
      if (source.isOverridable) {
        return refuse(`the constant "${source.name}" is also an input of the model and may be replaced`, node);
      }
      if (source.graph !== node.graph) {
        return refuse(`the constant "${source.name}" belongs to another graph`, node);
      }
      const axes = found.get(source) ?? new Map<number, Set<string>>();
      const readers = axes.get(at) ?? new Set<string>();
      found.set(source, axes.set(at, readers.add(`${node.key} ${index}`)));
    }
    const constants: ChannelConstant[] = [];
    for (const [source, axes] of found) {
      const { uses, isOutput } = constantUses(source);
      for (const [axis, readers] of axes) {
        const other = uses.find(({ node, index }) => !readers.has(`${node.key} ${index}`));
        if (isOutput || other !== undefined) {
          const whom = other === undefined ? 'the outputs of the model' : `${other.node.opType} "${other.node.key}"`;
          return refuse(`the constant "${source.name}" is shared with ${whom}, which keeps its order`);
        }
        constants.push({ source, axis });
      }
    }
    return constants;
  }
}
