import { DataType, type Dimension, type Model, type Node, type TensorType, type Value } from '../onnx';
import { inferContents, type Contents } from './integerContents';
import { shapeRule, type NodeFacts } from './shapeRules';
import { mergeTypes, statedShapes, type ShapeTable } from './shapeTable';

/** Integer constants up to this many elements are read, since they may be shapes. */
const MAX_CONTENTS = 64;

/**
 * Shapes without a runtime: what the file states, plus forward inference of our own over the common operators, small
 * integer tensors (Shape → Slice → Concat → Reshape) included. What it does not know it leaves out; symbolic sizes keep
 * their names. Reads no weights.
 */
export function declaredShapes(model: Model): ShapeTable {
  const table = statedShapes(model);
  const contents = new Map<string, Contents>();
  for (const node of model.graph.nodes) {
    const facts = new Facts(node, table, contents);
    const known = inferContents(facts);
    if (known !== undefined && node.outputs[0] !== undefined) {
      contents.set(node.outputs[0].name, known);
    }
    const inferred = shapeRule(facts);
    node.outputs.forEach((output, i) => {
      if (output !== undefined) {
        const merged = mergeTypes(table.get(output.name), inferred[i]);
        if (merged !== undefined) {
          table.set(output.name, merged);
        }
      }
    });
  }
  return table;
}

class Facts implements NodeFacts {
  constructor(
    readonly node: Node,
    private readonly table: ReadonlyMap<string, TensorType>,
    private readonly known: ReadonlyMap<string, Contents>,
  ) {}

  type(input: number): DataType {
    const value = this.node.inputs[input];
    return value?.constant()?.dataType ?? (value && this.table.get(value.name)?.elementType) ?? DataType.UNDEFINED;
  }

  shape(input: number): readonly Dimension[] | undefined {
    const value = this.node.inputs[input];
    return value?.constant()?.dims ?? (value && this.table.get(value.name)?.shape);
  }

  contents(input: number): Contents | undefined {
    const value = this.node.inputs[input];
    return value === undefined ? undefined : (this.known.get(value.name) ?? smallConstant(value));
  }

  floats(input: number): readonly number[] | undefined {
    const tensor = this.node.inputs[input]?.constant();
    return tensor !== undefined && tensor.elementCount <= MAX_CONTENTS ? tensor.toNumbers() : undefined;
  }
}

function smallConstant(value: Value): Contents | undefined {
  const tensor = value.constant();
  if (tensor === undefined || tensor.elementCount > MAX_CONTENTS || tensor.dims.length > 1) {
    return undefined;
  }
  const isInteger = tensor.dataType === DataType.INT64 || tensor.dataType === DataType.INT32;
  return isInteger ? tensor.toNumbers() : undefined;
}
