import { cannotBuild } from './errors';
import { parseModel } from './io/openModel';
import { writePlainAttribute } from './io/write/writeGraph';
import { inlinePlan } from './io/write/tensorPlan';
import { writeTensor } from './io/write/writeTensor';
import { typeField } from './io/write/writeType';
import type { PlainAttribute } from './ir/attribute';
import type { DataType } from './ir/dataType';
import type { Model } from './ir/model';
import { Tensor } from './ir/tensor';
import type { Dimension } from './ir/valueType';
import { FieldWriter } from './wire/fieldWriter';
import {
  AttributeField,
  AttributeKind,
  GraphField,
  ModelField,
  NodeField,
  OperatorSetField,
  StringEntryField,
  ValueInfoField,
} from './wire/fields';

export interface ValueSpec {
  readonly name: string;
  readonly type: DataType;
  /** Left out: rank unknown. */
  readonly shape?: readonly Dimension[];
}

/** Integers become INT(S); a number with a fraction becomes a float: use `{ float }` and `{ floats }` where that matters. */
export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | Tensor
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly graph: GraphSpec };

export interface NodeSpec {
  readonly opType: string;
  readonly domain?: string;
  readonly name?: string;
  /** Names; '' leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

export interface GraphSpec {
  /** @default 'graph' */
  readonly name?: string;
  readonly inputs?: readonly ValueSpec[];
  /** A bare name declares no type. */
  readonly outputs: readonly (ValueSpec | string)[];
  /** Types of values in between. */
  readonly values?: readonly ValueSpec[];
  readonly initializers?: readonly Tensor[];
  readonly nodes: readonly NodeSpec[];
}

export interface ModelSpec extends GraphSpec {
  /** Version of the standard operators, or of each domain. */
  readonly opset: number | Readonly<Record<string, number>>;
  /** @default 8 */
  readonly irVersion?: number;
  /** @default 'lathe' */
  readonly producerName?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A model from a description, for tests and for small models made on the way. Nothing is checked beyond what reading a
 * model checks: see `verifyModel`. Throws `onnx/build` when a name that a node reads is defined nowhere.
 */
export function buildModel(spec: ModelSpec): Model {
  const writer = new FieldWriter()
    .int64(ModelField.ir_version, spec.irVersion ?? 8)
    .text(ModelField.producer_name, spec.producerName ?? 'lathe')
    .message(ModelField.graph, graphBody(spec));
  const opsets = typeof spec.opset === 'number' ? { '': spec.opset } : spec.opset;
  for (const [domain, version] of Object.entries(opsets)) {
    const entry = new FieldWriter().text(OperatorSetField.domain, domain).int64(OperatorSetField.version, version);
    writer.message(ModelField.opset_import, entry);
  }
  for (const [key, value] of Object.entries(spec.metadata ?? {})) {
    const entry = new FieldWriter().text(StringEntryField.key, key).text(StringEntryField.value, value);
    writer.message(ModelField.metadata_props, entry);
  }
  const model = parseModel(writer.out.toBytes());
  for (const graph of model.allGraphs()) {
    for (const value of graph.values) {
      if (!value.isDefined) {
        throw cannotBuild(`nothing defines value "${value.name}"`);
      }
    }
  }
  return model;
}

function graphBody(spec: GraphSpec): FieldWriter {
  const writer = new FieldWriter();
  for (const node of spec.nodes) {
    writer.message(GraphField.node, nodeBody(node));
  }
  writer.text(GraphField.name, spec.name ?? 'graph');
  for (const tensor of spec.initializers ?? []) {
    writeTensor(writer.out, GraphField.initializer, tensor, undefined, inlinePlan.place(tensor, true));
  }
  const declare = (field: number, value: ValueSpec | string): void => {
    const info = new FieldWriter().text(ValueInfoField.name, typeof value === 'string' ? value : value.name);
    if (typeof value !== 'string') {
      typeField(info, { kind: 'tensor', elementType: value.type, shape: value.shape });
    }
    writer.message(field, info);
  };
  (spec.inputs ?? []).forEach((value) => declare(GraphField.input, value));
  spec.outputs.forEach((value) => declare(GraphField.output, value));
  (spec.values ?? []).forEach((value) => declare(GraphField.value_info, value));
  return writer;
}

function nodeBody(spec: NodeSpec): FieldWriter {
  const writer = new FieldWriter();
  spec.inputs.forEach((name) => writer.text(NodeField.input, name));
  spec.outputs.forEach((name) => writer.text(NodeField.output, name));
  if (spec.name !== undefined) {
    writer.text(NodeField.name, spec.name);
  }
  writer.text(NodeField.op_type, spec.opType);
  for (const [name, value] of Object.entries(spec.attributes ?? {})) {
    const attribute = new FieldWriter().text(AttributeField.name, name);
    if (typeof value === 'object' && 'graph' in value) {
      attribute.message(AttributeField.g, graphBody(value.graph)).int64(AttributeField.type, AttributeKind.GRAPH);
    } else {
      writePlainAttribute(attribute, plainAttribute(name, value), inlinePlan);
    }
    writer.message(NodeField.attribute, attribute);
  }
  if (spec.domain !== undefined) {
    writer.text(NodeField.domain, spec.domain);
  }
  return writer;
}

function plainAttribute(name: string, value: Exclude<AttributeSpec, { readonly graph: GraphSpec }>): PlainAttribute {
  if (typeof value === 'number') {
    return { name, type: Number.isInteger(value) ? 'INT' : 'FLOAT', value };
  }
  if (typeof value === 'string') {
    return { name, type: 'STRING', value };
  }
  if (value instanceof Tensor) {
    return { name, type: 'TENSOR', value };
  }
  if ('float' in value) {
    return { name, type: 'FLOAT', value: value.float };
  }
  if ('floats' in value) {
    return { name, type: 'FLOATS', value: value.floats };
  }
  if ('ints' in value) {
    return { name, type: 'INTS', value: value.ints };
  }
  if ('strings' in value) {
    return { name, type: 'STRINGS', value: value.strings };
  }
  if (value.every((v) => typeof v === 'number')) {
    return { name, type: value.every(Number.isInteger) ? 'INTS' : 'FLOATS', value };
  }
  return { name, type: 'STRINGS', value: value.map(String) };
}
