import type { FieldItem } from './editMessage';
import { FieldWriter } from './fieldWriter';
import type { MessageRange } from './messageRange';
import type { PieceList } from './pieceList';

export function int64Item(field: number, value: number): FieldItem {
  return { write: (out) => out.append(new FieldWriter().int64(field, value).out) };
}

export function textItem(field: number, value: string): FieldItem {
  return { write: (out) => out.append(new FieldWriter().text(field, value).out) };
}

/** Tag and value as they lie in the file. */
export function copyItem(origin: MessageRange): FieldItem {
  return { origin, write: (out) => copyField(out, origin) };
}

export function copyField(out: PieceList, origin: MessageRange): void {
  out.copy(origin.file.source, origin.tagStart, origin.end);
}
