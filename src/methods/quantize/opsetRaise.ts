import { ONNX_DOMAIN, type Model, type Node } from '../../onnx';
import { NEWEST_KNOWN_OPSET, operatorVersions, sinceVersion } from './operatorVersions';

/** A node that would mean something else, or nothing, at the higher opset. */
export interface OpsetBlocker {
  /** Key of the node. */
  readonly node: string;
  /** One clause: "Pad moved its pads from an attribute to an input in opset 11". */
  readonly reason: string;
}

export type OpsetRaise =
  | { readonly possible: true; readonly to: number }
  | { readonly possible: false; readonly blockers: readonly OpsetBlocker[] };

/**
 * Whether the model can declare opset `target` for the default domain without any of its nodes, in all graphs and
 * functions, changing its meaning.
 *
 * Most new versions of an operator only allow more element types, or add an attribute or an optional operand whose default
 * is the old behaviour. The others are judged node by node: "ReduceSum took its axes from an attribute" blocks only nodes
 * that have the attribute. Operators this version of Lathe does not know block.
 */
export function opsetRaise(model: Model, target: number): OpsetRaise {
  const from = model.opset();
  if (target <= from) {
    return { possible: true, to: from };
  }
  const blockers: OpsetBlocker[] = [];
  const functions = new Set(model.functions.map((f) => `${f.domain}:${f.name}`));
  for (const graph of model.allGraphs()) {
    for (const node of graph.nodes) {
      if (node.domain !== ONNX_DOMAIN || functions.has(`:${node.opType}`)) {
        continue;
      }
      const reason = blockingReason(node, from, target);
      if (reason !== undefined) {
        blockers.push({ node: node.key, reason });
      }
    }
  }
  // A function declares its own opsets, and a runtime asks that both mean the same operators: its nodes may not have
  // a newer version at all, since they are not rewritten.
  for (const f of model.functions) {
    const own = f.opsets.get(ONNX_DOMAIN);
    for (const node of f.body.nodes) {
      if (node.domain !== ONNX_DOMAIN || own === undefined) {
        continue;
      }
      const before = sinceVersion(node.opType, own);
      if (before === undefined || before !== sinceVersion(node.opType, target)) {
        blockers.push({
          node: node.name === '' ? `${f.name}/${node.opType}` : `${f.name}/${node.name}`,
          reason: `${node.opType} in function ${f.name} has a newer version at opset ${target}`,
        });
      }
    }
  }
  return blockers.length === 0 ? { possible: true, to: target } : { possible: false, blockers };
}

/** Why this node stands in the way of going from one opset to a later one; undefined when it does not. */
export function blockingReason(node: Node, from: number, to: number): string | undefined {
  const { opType } = node;
  if (to > NEWEST_KNOWN_OPSET) {
    return `opset ${to} is newer than this version of Lathe knows`;
  }
  const before = sinceVersion(opType, from);
  if (before === undefined) {
    return `${opType} is not an operator of opset ${from}`;
  }
  for (const version of operatorVersions(opType)) {
    if (version > before && version <= to) {
      const reason = STEPS[opType]?.[version]?.(node);
      if (reason !== undefined) {
        return `${opType}: ${reason} in opset ${version}`;
      }
    }
  }
  const retired = RETIRED[opType];
  return retired !== undefined && from < retired && to >= retired
    ? `${opType} was retired in opset ${retired}`
    : undefined;
}

/** Opset that withdrew the operator. */
const RETIRED: Readonly<Record<string, number>> = { Upsample: 10, Scatter: 11 };

type Judge = (node: Node) => string | undefined;

const movedAttributes =
  (...names: string[]): Judge =>
  (node) => {
    const moved = names.filter((name) => node.attributes.has(name));
    return moved.length === 0 ? undefined : `${moved.join(' and ')} moved from attributes to inputs`;
  };
const always =
  (what: string): Judge =>
  () =>
    what;
const hasOutput = (node: Node, index: number): boolean => node.outputs[index] !== undefined;

/** Up to opset 12 Softmax flattened the axes from `axis` on into one; since then it works along `axis` alone. */
const softmaxAxis: Judge = (node) => {
  const axis = node.attributes.has('axis') ? node.int('axis', 1) : undefined;
  const type = node.inputs[0]?.type;
  const rank = type?.kind === 'tensor' ? type.shape?.length : undefined;
  if (axis === -1 || (rank !== undefined && (axis === rank - 1 || (axis === undefined && rank === 2)))) {
    return undefined;
  }
  return 'axis came to mean one axis instead of all axes from there on';
};

const reduceAxes = { 18: movedAttributes('axes') };

/**
 * Steps between versions that are more than new types, new optional attributes or operands. Steps not listed here were
 * compared schema by schema (attributes, defaults, operands, types) and are safe.
 */
const STEPS: Readonly<Record<string, Readonly<Record<number, Judge>>>> = {
  Attention: { 24: always('optional operands changed') },
  BatchNormalization: {
    9: (node) => (node.int('spatial', 1) === 1 ? undefined : 'statistics per activation were removed'),
    14: (node) => ([1, 2, 3, 4].some((i) => hasOutput(node, i)) ? 'training outputs changed' : undefined),
  },
  Clip: { 11: movedAttributes('min', 'max') },
  ConvTranspose: {
    11: (node) =>
      node.ints('output_shape') !== undefined || node.string('auto_pad', 'NOTSET').startsWith('SAME')
        ? 'the side that takes the odd pixel of automatic padding changed'
        : undefined,
  },
  DFT: { 20: always('axis moved from an attribute to an input') },
  Dropout: {
    10: (node) => (hasOutput(node, 1) ? 'the mask became boolean' : undefined),
    12: (node) => (hasOutput(node, 1) ? 'the mask output changed' : movedAttributes('ratio')(node)),
  },
  GridSample: {
    20: (node) => (['bilinear', 'bicubic'].includes(node.string('mode', '')) ? 'modes were renamed' : undefined),
  },
  GroupNormalization: { 21: always('scale and bias became per channel') },
  Hardmax: { 13: softmaxAxis },
  LogSoftmax: { 13: softmaxAxis },
  NegativeLogLikelihoodLoss: { 13: always('the definition was revised') },
  OneHot: { 11: always('negative indices came to count from the end') },
  Pad: { 11: always('pads moved from an attribute to an input') },
  ReduceL1: reduceAxes,
  ReduceL2: reduceAxes,
  ReduceLogSum: reduceAxes,
  ReduceLogSumExp: reduceAxes,
  ReduceMax: reduceAxes,
  ReduceMean: reduceAxes,
  ReduceMin: reduceAxes,
  ReduceProd: reduceAxes,
  ReduceSum: { 13: movedAttributes('axes') },
  ReduceSumSquare: reduceAxes,
  Resize: {
    11: always('operands and coordinate rules changed'),
    13: (node) =>
      node.string('coordinate_transformation_mode', '') === 'tf_half_pixel_for_nn'
        ? 'the mode tf_half_pixel_for_nn was removed'
        : undefined,
  },
  RoiAlign: { 16: always('the default coordinate rule changed') },
  Scan: { 9: always('the batch axis and sequence lengths were removed') },
  Slice: { 10: always('starts and ends moved from attributes to inputs') },
  Softmax: { 13: softmaxAxis },
  Split: {
    13: movedAttributes('split'),
    18: (node) => (node.inputs[1] === undefined ? 'the number of parts must be given' : undefined),
  },
  Squeeze: { 13: movedAttributes('axes') },
  TopK: { 10: always('k moved from an attribute to an input') },
  Unsqueeze: { 13: always('axes moved from an attribute to an input') },
  Upsample: { 9: always('scales moved from an attribute to an input') },
};
