import type { Tensor } from '../../ir/tensor';
import { editMessage, type FieldItem } from '../../wire/editMessage';
import {
  AttributeField,
  FunctionField,
  GraphField,
  NodeField,
  SparseTensorField,
  TrainingInfoField,
} from '../../wire/fields';
import type { MessageRange } from '../../wire/messageRange';
import type { PieceList } from '../../wire/pieceList';
import { WireReader, WireType } from '../../wire/wireReader';
import { ReadContext } from '../read/readContext';
import { readTensor } from '../read/readTensor';
import type { TensorPlan } from './tensorPlan';
import { writeTensor } from './writeTensor';

type Kind = 'Graph' | 'Node' | 'Attribute' | 'SparseTensor' | 'TrainingInfo' | 'Function' | 'Tensor';

/** Which fields of a message may have tensors inside. */
const inside: Readonly<Record<Exclude<Kind, 'Tensor'>, ReadonlyMap<number, Kind>>> = {
  Graph: new Map([
    [GraphField.node, 'Node'],
    [GraphField.initializer, 'Tensor'],
    [GraphField.sparse_initializer, 'SparseTensor'],
  ]),
  Node: new Map([[NodeField.attribute, 'Attribute']]),
  Attribute: new Map([
    [AttributeField.t, 'Tensor'],
    [AttributeField.g, 'Graph'],
    [AttributeField.tensors, 'Tensor'],
    [AttributeField.graphs, 'Graph'],
    [AttributeField.sparse_tensor, 'SparseTensor'],
    [AttributeField.sparse_tensors, 'SparseTensor'],
  ]),
  SparseTensor: new Map([
    [SparseTensorField.values, 'Tensor'],
    [SparseTensorField.indices, 'Tensor'],
  ]),
  TrainingInfo: new Map([
    [TrainingInfoField.initialization, 'Graph'],
    [TrainingInfoField.algorithm, 'Graph'],
  ]),
  Function: new Map([
    [FunctionField.node, 'Node'],
    [FunctionField.attribute_proto, 'Attribute'],
  ]),
};

/**
 * Copies a message that is not taken apart otherwise (a function, training information, an attribute), with the data of
 * the external tensors inside brought to where the plan wants it.
 */
export function moveExternalData(
  out: PieceList,
  kind: Exclude<Kind, 'Tensor'>,
  origin: MessageRange,
  plan: TensorPlan,
): void {
  const { source } = origin.file;
  const reader = new WireReader(source);
  reader.position = origin.tagStart;
  reader.nextField(origin.end);
  const field = reader.fieldNumber;
  reader.position = origin.bodyStart;
  const edits = new Map<number, FieldItem[]>();
  while (reader.nextField(origin.end)) {
    const { fieldNumber, fieldStart } = reader;
    const childKind = inside[kind].get(fieldNumber);
    if (childKind === undefined || reader.wireType !== WireType.BYTES) {
      reader.skip(origin.end);
      continue;
    }
    const end = reader.enter(origin.end, kind);
    const child: MessageRange = {
      file: origin.file,
      tagStart: fieldStart,
      bodyStart: reader.position,
      end,
      hasExternal: true,
    };
    reader.position = end;
    const items = edits.get(fieldNumber) ?? [];
    items.push({
      origin: child,
      write: (to) => {
        if (childKind === 'Tensor') {
          const tensor = readAgain(child);
          writeTensor(to, fieldNumber, tensor, undefined, plan.place(tensor, false));
        } else {
          moveExternalData(to, childKind, child, plan);
        }
      },
    });
    edits.set(fieldNumber, items);
  }
  out.message(field, editMessage(origin, edits));
}

function readAgain(range: MessageRange): Tensor {
  const context = new ReadContext(range.file);
  context.reader.position = range.tagStart;
  context.reader.nextField(range.end);
  return readTensor(context, range.end, 'tensor');
}
