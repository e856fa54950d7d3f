import type { ShapeTable } from '../../analysis';
import { DataType, type Model, type Value } from '../../onnx';
import { gradientRule } from './gradientRules';
import { GradientWriter, LEAST_OPSET } from './gradientWriter';

export interface Gradients {
  /** Values of the model that hold the gradients of those asked for; one that no path reaches, or that cannot be given, is not in it. */
  readonly of: ReadonlyMap<Value, Value>;
  /** Operators that gradients do not go through, each once, with the name of a node. */
  readonly blockedBy: ReadonlyMap<string, string>;
}

/**
 * Reverse-mode differentiation of a graph, written into the graph: adds the nodes that compute, from the gradients of some
 * values (`seeds`), those of others (`wanted`: inputs of the model, or anything in front of the seeds). Rounding passes
 * gradients through (straight-through estimator), clipping and ReLUs those inside, weights of convolutions and Gemms are
 * constants.
 *
 * A value is left out as soon as one path from it leads through an operator without a rule: a part of a gradient is no
 * gradient. Models below opset 13 get none.
 *
 * @param shapes of the model's values, ranks and channels at least; what elementwise nodes give is worked out
 */
export function addGradients(
  model: Model,
  seeds: ReadonlyMap<Value, Value>,
  wanted: readonly Value[],
  shapes: ShapeTable,
): Gradients {
  const { graph } = model;
  const blockedBy = new Map<string, string>();
  if (model.opset() < LEAST_OPSET) {
    return { of: new Map(), blockedBy: new Map([[`opsets below ${LEAST_OPSET}`, graph.name]]) };
  }
  const nodes = [...graph.nodes];
  const depending = new Set<Value>(wanted);
  for (const node of nodes) {
    if (node.inputs.some((input) => input !== undefined && depending.has(input))) {
      node.outputs.forEach((output) => output !== undefined && isFloat(output, shapes) && depending.add(output));
    }
  }
  const writer = new GradientWriter(graph, shapes);
  const known = new Map<Value, Value>(seeds);
  // What a sub-graph reads has a path that is not followed.
  const broken = new Set([...depending].filter((value) => value.uses().some(({ node }) => node.graph !== graph)));
  for (const node of nodes.reverse()) {
    const isWanted = (index: number): boolean => node.inputs[index] !== undefined && depending.has(node.inputs[index]);
    const targets = node.inputs.filter((input) => input !== undefined && depending.has(input)) as Value[];
    const outputs = node.outputs.map((output) => (output === undefined ? undefined : known.get(output)));
    const isBroken = node.outputs.some((output) => output !== undefined && broken.has(output));
    if (targets.length === 0 || (!isBroken && outputs.every((gradient) => gradient === undefined))) {
      continue;
    }
    const made = isBroken ? undefined : gradientRule(node)?.(node, outputs, isWanted, writer);
    const isWhole =
      made !== undefined && node.inputs.every((_, index) => !isWanted(index) || made[index] !== undefined);
    if (!isWhole) {
      if (!isBroken) {
        blockedBy.set(node.opType, node.name);
      }
      targets.forEach((target) => broken.add(target));
      continue;
    }
    made.forEach((gradient, index) => {
      const input = node.inputs[index];
      if (gradient !== undefined && input !== undefined) {
        const before = known.get(input);
        known.set(input, before === undefined ? gradient : writer.plus(before, gradient));
      }
    });
  }
  const of = new Map(
    wanted.flatMap((value) => {
      const gradient = broken.has(value) ? undefined : known.get(value);
      return gradient === undefined ? [] : [[value, gradient] as const];
    }),
  );
  return { of, blockedBy };
}

/** Shapes, indices and truth values have no gradients. */
function isFloat(value: Value, shapes: ShapeTable): boolean {
  const type = shapes.get(value.name)?.elementType ?? DataType.FLOAT;
  return type === DataType.FLOAT && value.producer()?.opType !== 'Shape';
}
