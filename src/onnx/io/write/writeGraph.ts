import { invariant } from '../../../base/errors';
import type { Graph } from '../../ir/graph';
import { attributeName, type Node, type NodeAttribute } from '../../ir/node';
import type { PlainAttribute } from '../../ir/attribute';
import type { ValueInfoEntry } from '../../ir/valueInfoEntry';
import { editMessage, type FieldItem } from '../../wire/editMessage';
import { copyField, textItem } from '../../wire/fieldItems';
import { FieldWriter } from '../../wire/fieldWriter';
import { AttributeField, AttributeKind, GraphField, NodeField, ValueInfoField } from '../../wire/fields';
import type { MessageRange } from '../../wire/messageRange';
import type { PieceList } from '../../wire/pieceList';
import { encodeText } from '../../wire/text';
import { moveExternalData } from './moveExternalData';
import type { TensorPlan } from './tensorPlan';
import { writeTensor } from './writeTensor';
import { typeItem } from './writeType';

/** The message, when it may be copied: nothing in it changed, and no data in it moves. */
function copyable(origin: MessageRange | undefined, isModified: boolean, plan: TensorPlan): MessageRange | undefined {
  return isModified || (plan.movesExternal && origin?.hasExternal === true) ? undefined : origin;
}

/** Writes a graph as a field; `isMain` for the model's own. */
export function writeGraph(out: PieceList, field: number, graph: Graph, plan: TensorPlan, isMain: boolean): void {
  const { origin } = graph;
  const copied = isMain ? undefined : copyable(origin, graph.isModified, plan);
  if (copied !== undefined) {
    out.header(field, copied.end - copied.bodyStart);
    out.copy(copied.file.source, copied.bodyStart, copied.end);
    return;
  }
  const edits = new Map<number, readonly FieldItem[]>();
  edits.set(
    GraphField.node,
    graph.nodes.map((node) => ({ origin: node.origin, write: (to) => writeNode(to, node, plan) })),
  );
  if (origin === undefined) {
    edits.set(GraphField.name, [textItem(GraphField.name, graph.name)]);
  }
  const { tables } = graph;
  edits.set(
    GraphField.initializer,
    tables.initializerEntries.map(({ origin: template, tensor }) => ({
      origin: template,
      write: (to) => {
        const placement = plan.place(tensor, isMain);
        if (template !== undefined && tensor.origin === template && tensor.isAsRead && placement.kind === 'keep') {
          copyField(to, template);
        } else {
          writeTensor(to, GraphField.initializer, tensor, template, placement);
        }
      },
    })),
  );
  edits.set(
    GraphField.sparse_initializer,
    tables.sparseInitializers.map((sparse) => ({
      origin: sparse.origin,
      write: (to) => writeRaw(to, 'SparseTensor', sparse.origin, plan),
    })),
  );
  edits.set(
    GraphField.input,
    valueInfoItems(
      GraphField.input,
      tables.inputs.map(({ entry }) => entry),
    ),
  );
  edits.set(
    GraphField.output,
    valueInfoItems(
      GraphField.output,
      tables.outputs.map(({ entry }) => entry),
    ),
  );
  edits.set(GraphField.value_info, valueInfoItems(GraphField.value_info, tables.infoEntries));
  out.message(field, editMessage(origin, edits));
}

function writeNode(out: PieceList, node: Node, plan: TensorPlan): void {
  const { origin, changes } = node;
  const copied = copyable(origin, node.isModified, plan);
  if (copied !== undefined) {
    copyField(out, copied);
    return;
  }
  const edits = new Map<number, readonly FieldItem[]>();
  const names = (field: number, values: readonly ({ readonly name: string } | undefined)[]): void => {
    edits.set(
      field,
      values.map((value) => textItem(field, value?.name ?? '')),
    );
  };
  if (origin === undefined || changes.inputs) {
    names(NodeField.input, node.inputs);
  }
  if (origin === undefined || changes.outputs) {
    names(NodeField.output, node.outputs);
  }
  if (changes.name || (origin === undefined && node.name !== '')) {
    edits.set(NodeField.name, node.name === '' ? [] : [textItem(NodeField.name, node.name)]);
  }
  if (origin === undefined) {
    edits.set(NodeField.op_type, [textItem(NodeField.op_type, node.opType)]);
    if (node.domain !== '') {
      edits.set(NodeField.domain, [textItem(NodeField.domain, node.domain)]);
    }
  }
  edits.set(
    NodeField.attribute,
    node.attributeEntries.map((attribute) => ({
      origin: attribute.kind === 'read' ? attribute.seed.origin : undefined,
      write: (to) => writeAttribute(to, attribute, plan),
    })),
  );
  out.message(GraphField.node, editMessage(origin, edits));
}

function writeAttribute(out: PieceList, attribute: NodeAttribute, plan: TensorPlan): void {
  if (attribute.kind === 'read') {
    const { seed, built } = attribute;
    const isModified = built.some((graph) => graph.isModified);
    if (copyable(seed.origin, isModified, plan) !== undefined) {
      copyField(out, seed.origin);
    } else if (built.length === 0) {
      writeRaw(out, 'Attribute', seed.origin, plan);
    } else {
      const field = seed.isGraphList ? AttributeField.graphs : AttributeField.g;
      const edits = new Map([[field, graphItems(field, built, plan)]]);
      out.message(NodeField.attribute, editMessage(seed.origin, edits));
    }
    return;
  }
  const name = attributeName(attribute);
  const writer = new FieldWriter().text(AttributeField.name, name);
  if (attribute.kind === 'made-graphs') {
    const field = attribute.isList ? AttributeField.graphs : AttributeField.g;
    for (const graph of attribute.built) {
      writeGraph(writer.out, field, graph, plan, false);
    }
    writer.int64(AttributeField.type, attribute.isList ? AttributeKind.GRAPHS : AttributeKind.GRAPH);
  } else {
    writePlainAttribute(writer, attribute.attribute, plan);
  }
  out.message(NodeField.attribute, writer.out);
}

function graphItems(field: number, graphs: readonly Graph[], plan: TensorPlan): FieldItem[] {
  return graphs.map((graph) => ({ origin: graph.origin, write: (to) => writeGraph(to, field, graph, plan, false) }));
}

/** Value and type of an attribute; its name is written already. */
export function writePlainAttribute(writer: FieldWriter, attribute: PlainAttribute, plan: TensorPlan): void {
  switch (attribute.type) {
    case 'FLOAT':
      writer.float(AttributeField.f, attribute.value);
      break;
    case 'INT':
      writer.int64(AttributeField.i, attribute.value);
      break;
    case 'STRING':
      writer.text(AttributeField.s, attribute.value);
      break;
    case 'TENSOR':
      writeTensor(writer.out, AttributeField.t, attribute.value, undefined, plan.place(attribute.value, false));
      break;
    case 'FLOATS':
      attribute.value.forEach((value) => writer.float(AttributeField.floats, value));
      break;
    case 'INTS':
      attribute.value.forEach((value) => writer.int64(AttributeField.ints, value));
      break;
    case 'STRINGS':
      attribute.value.forEach((value) => writer.out.bytesField(AttributeField.strings, encodeText(value)));
      break;
    case 'OTHER':
      invariant(false, `attribute "${attribute.name}" cannot be made`);
  }
  writer.int64(AttributeField.type, AttributeKind[attribute.type]);
}

function writeRaw(out: PieceList, kind: 'SparseTensor' | 'Attribute', origin: MessageRange, plan: TensorPlan): void {
  if (plan.movesExternal && origin.hasExternal) {
    moveExternalData(out, kind, origin, plan);
  } else {
    copyField(out, origin);
  }
}

function valueInfoItems(field: number, entries: readonly ValueInfoEntry[]): FieldItem[] {
  return entries.map((entry) => ({ origin: entry.origin, write: (to) => writeValueInfo(to, field, entry) }));
}

function writeValueInfo(out: PieceList, field: number, entry: ValueInfoEntry): void {
  const { origin } = entry;
  if (origin !== undefined && !entry.isChanged) {
    out.header(field, origin.end - origin.bodyStart);
    out.copy(origin.file.source, origin.bodyStart, origin.end);
    return;
  }
  const edits = new Map<number, readonly FieldItem[]>([
    [ValueInfoField.name, [textItem(ValueInfoField.name, entry.name)]],
  ]);
  // Types other than tensors are known by kind only, so theirs stays as it was.
  if (entry.type === undefined || entry.type.kind === 'tensor') {
    edits.set(ValueInfoField.type, entry.type === undefined ? [] : [typeItem(entry.type)]);
  }
  out.message(field, editMessage(origin, edits));
}
