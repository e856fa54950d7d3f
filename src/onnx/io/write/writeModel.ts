import type { MetadataEntry, Model, OpsetEntry } from '../../ir/model';
import { editMessage, type FieldItem } from '../../wire/editMessage';
import { copyField, copyItem, int64Item, textItem } from '../../wire/fieldItems';
import { ModelField, OperatorSetField, StringEntryField } from '../../wire/fields';
import type { MessageRange } from '../../wire/messageRange';
import { PieceList } from '../../wire/pieceList';
import { WireReader, WireType } from '../../wire/wireReader';
import { moveExternalData } from './moveExternalData';
import type { TensorPlan } from './tensorPlan';
import { writeGraph } from './writeGraph';

/** The model as a list of parts, most of them ranges of the files it comes from. */
export function writeModel(model: Model, plan: TensorPlan): PieceList {
  const { origin } = model;
  const moves = plan.movesExternal && origin?.hasExternal === true;
  if (origin !== undefined && !model.isModified && !moves) {
    const out = new PieceList();
    out.copy(origin.file.source, origin.bodyStart, origin.end);
    return out;
  }
  const edits = new Map<number, readonly FieldItem[]>();
  const isNew = origin === undefined;
  if (isNew || model.changedFields.has(ModelField.ir_version)) {
    edits.set(ModelField.ir_version, [int64Item(ModelField.ir_version, model.irVersion)]);
  }
  if (isNew) {
    const texts: (readonly [number, string])[] = [
      [ModelField.producer_name, model.producerName],
      [ModelField.producer_version, model.producerVersion],
      [ModelField.domain, model.domain],
      [ModelField.doc_string, model.docString],
    ];
    for (const [field, text] of texts) {
      if (text !== '') {
        edits.set(field, [textItem(field, text)]);
      }
    }
    if (model.modelVersion !== 0) {
      edits.set(ModelField.model_version, [int64Item(ModelField.model_version, model.modelVersion)]);
    }
  }
  if (isNew || model.graph.isModified || moves) {
    edits.set(ModelField.graph, [
      { origin: model.graph.origin, write: (to) => writeGraph(to, ModelField.graph, model.graph, plan, true) },
    ]);
  }
  if (isNew || model.changedFields.has(ModelField.opset_import)) {
    edits.set(ModelField.opset_import, model.opsetEntries.map(opsetItem));
  }
  if (isNew || model.changedFields.has(ModelField.metadata_props)) {
    edits.set(ModelField.metadata_props, model.metadataEntries.map(metadataItem));
  }
  if (isNew || moves) {
    edits.set(
      ModelField.functions,
      model.functions.map(({ origin: at }) => movedItem('Function', at, plan)),
    );
  }
  if (origin !== undefined && moves) {
    edits.set(
      ModelField.training_info,
      trainingInfos(origin).map((at) => movedItem('TrainingInfo', at, plan)),
    );
  }
  return editMessage(origin, edits);
}

function opsetItem({ origin, domain, version, isChanged }: OpsetEntry): FieldItem {
  if (origin !== undefined && !isChanged) {
    return copyItem(origin);
  }
  const edits = new Map<number, readonly FieldItem[]>([
    [OperatorSetField.version, [int64Item(OperatorSetField.version, version)]],
  ]);
  if (origin === undefined) {
    edits.set(OperatorSetField.domain, [textItem(OperatorSetField.domain, domain)]);
  }
  return { origin, write: (out) => out.message(ModelField.opset_import, editMessage(origin, edits)) };
}

function metadataItem({ origin, key, value, isChanged }: MetadataEntry): FieldItem {
  if (origin !== undefined && !isChanged) {
    return copyItem(origin);
  }
  const edits = new Map([
    [StringEntryField.key, [textItem(StringEntryField.key, key)]],
    [StringEntryField.value, [textItem(StringEntryField.value, value)]],
  ]);
  return { origin, write: (out) => out.message(ModelField.metadata_props, editMessage(origin, edits)) };
}

function movedItem(kind: 'Function' | 'TrainingInfo', origin: MessageRange, plan: TensorPlan): FieldItem {
  return {
    origin,
    write: (out) => {
      if (plan.movesExternal && origin.hasExternal) {
        moveExternalData(out, kind, origin, plan);
      } else {
        copyField(out, origin);
      }
    },
  };
}

function trainingInfos(model: MessageRange): MessageRange[] {
  const ranges: MessageRange[] = [];
  const reader = new WireReader(model.file.source);
  while (reader.nextField(model.end)) {
    const { fieldStart: tagStart, fieldNumber, wireType } = reader;
    if (fieldNumber === ModelField.training_info && wireType === WireType.BYTES) {
      const end = reader.enter(model.end, 'training_info');
      ranges.push({ file: model.file, tagStart, bodyStart: reader.position, end, hasExternal: true });
      reader.position = end;
    } else {
      reader.skip(model.end);
    }
  }
  return ranges;
}
