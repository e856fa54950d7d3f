import type { Dimension, Model, TensorType, Value } from '../onnx';

/** Types of values by name: those of the main graph, inputs and outputs included. Initializers are not listed. */
export type ShapeTable = ReadonlyMap<string, TensorType>;

/** Types the file itself states for values of the main graph: inputs, outputs, value_info. */
export function statedShapes(model: Model): Map<string, TensorType> {
  const table = new Map<string, TensorType>();
  const add = (value: Value | undefined): void => {
    if (value?.type?.kind === 'tensor') {
      table.set(value.name, value.type);
    }
  };
  const { graph } = model;
  graph.inputs.forEach(add);
  graph.outputs.forEach(add);
  for (const node of graph.nodes) {
    node.outputs.forEach(add);
  }
  return table;
}

/** Joins what two sources know about a value; numbers win over names, names over nothing, the first over the second. */
export function mergeTypes(first: TensorType | undefined, second: TensorType | undefined): TensorType | undefined {
  if (first === undefined || second === undefined) {
    return first ?? second;
  }
  const elementType = first.elementType === 0 ? second.elementType : first.elementType;
  const a = first.shape;
  const b = second.shape;
  if (a?.length !== b?.length || a === undefined || b === undefined) {
    return { kind: 'tensor', elementType, shape: a ?? b };
  }
  return { kind: 'tensor', elementType, shape: a.map((d, i) => mergeDimensions(d, b[i])) };
}

function mergeDimensions(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number') {
    return a;
  }
  return typeof b === 'number' ? b : (a ?? b);
}

/** True when every size is a number or (first dimension only) a name. */
export function isSettled(type: TensorType | undefined): boolean {
  return type?.shape?.every((d, i) => typeof d === 'number' || (i === 0 && typeof d === 'string')) === true;
}
