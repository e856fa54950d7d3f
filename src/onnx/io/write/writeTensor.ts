import type { Tensor } from '../../ir/tensor';
import { editMessage, type FieldItem } from '../../wire/editMessage';
import { int64Item, textItem } from '../../wire/fieldItems';
import { FieldWriter } from '../../wire/fieldWriter';
import { StringEntryField, TensorField } from '../../wire/fields';
import type { MessageRange } from '../../wire/messageRange';
import type { PieceList } from '../../wire/pieceList';
import type { ExternalReference } from '../externalData';
import type { TensorPlacement } from './tensorPlan';

const dataFields = [
  TensorField.segment,
  TensorField.float_data,
  TensorField.int32_data,
  TensorField.string_data,
  TensorField.int64_data,
  TensorField.double_data,
  TensorField.uint64_data,
  TensorField.raw_data,
  TensorField.external_data,
  TensorField.data_location,
];

/**
 * Writes a tensor as a field. An unchanged one is copied. Else the message it was read from, or the `template` it takes
 * the place of, is edited, so that documentation, metadata and unknown fields stay.
 */
export function writeTensor(
  out: PieceList,
  field: number,
  tensor: Tensor,
  template: MessageRange | undefined,
  placement: TensorPlacement,
): void {
  const { origin } = tensor;
  const keepsData = placement.kind === 'keep' && origin !== undefined;
  if (keepsData && tensor.isAsRead) {
    out.header(field, origin.end - origin.bodyStart);
    out.copy(origin.file.source, origin.bodyStart, origin.end);
    return;
  }
  const edits = new Map<number, readonly FieldItem[]>();
  edits.set(
    TensorField.dims,
    tensor.dims.map((d) => int64Item(TensorField.dims, d)),
  );
  edits.set(TensorField.data_type, [int64Item(TensorField.data_type, tensor.dataType)]);
  edits.set(TensorField.name, [textItem(TensorField.name, tensor.name)]);
  if (!keepsData) {
    for (const dataField of dataFields) {
      edits.set(dataField, []);
    }
    if (placement.kind === 'external') {
      edits.set(TensorField.external_data, referenceItems(placement.reference));
      edits.set(TensorField.data_location, [int64Item(TensorField.data_location, 1)]);
    } else {
      edits.set(TensorField.raw_data, [{ write: (to) => writeRawData(to, tensor) }]);
    }
  }
  out.message(field, editMessage(origin ?? template, edits));
}

function referenceItems(reference: ExternalReference): FieldItem[] {
  const entries: (readonly [string, string])[] = [
    ['location', reference.location],
    ['offset', String(reference.offset)],
    ['length', String(reference.length)],
  ];
  return entries.map(([key, value]) => ({
    write: (to) => {
      const entry = new FieldWriter().text(StringEntryField.key, key).text(StringEntryField.value, value);
      to.message(TensorField.external_data, entry.out);
    },
  }));
}

function writeRawData(out: PieceList, tensor: Tensor): void {
  out.header(TensorField.raw_data, tensor.byteLength);
  writeElements(out, tensor);
}

/** The elements, packed little-endian: copied from their file where they lie there like that. */
export function writeElements(out: PieceList, tensor: Tensor): void {
  tensor.checkLength();
  const { storage } = tensor;
  if (storage.kind === 'range') {
    out.copy(storage.source, storage.offset, storage.offset + storage.byteLength);
  } else if (storage.kind === 'external') {
    const { source, offset } = storage.store.resolve(tensor.name, storage.reference, tensor.byteLength);
    out.copy(source, offset, offset + tensor.byteLength);
  } else if (storage.kind === 'memory') {
    out.push(storage.bytes);
  } else {
    out.stream(tensor.byteLength, () => tensor.byteChunks());
  }
}
