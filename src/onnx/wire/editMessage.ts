import type { MessageRange } from './messageRange';
import { PieceList } from './pieceList';
import { WireReader } from './wireReader';

/** One entry of a field as it shall be. */
export interface FieldItem {
  /** The entry it was read from, if it was: it keeps that place. */
  readonly origin?: MessageRange | undefined;
  /** Writes tag and value. */
  readonly write: (out: PieceList) => void;
}

/** What the named fields of a message shall hold; fields not named stay as they are. */
export type MessageEdits = ReadonlyMap<number, readonly FieldItem[]>;

/**
 * The body of a message with some fields replaced. Fields not named, unknown ones above all, are copied byte for byte and
 * in place. The items of a named field come out in the given order; each keeps the place of its origin as far as that
 * order allows, new ones follow the item before them, and a field that was absent goes to the end.
 */
export function editMessage(range: MessageRange | undefined, edits: MessageEdits): PieceList {
  const out = new PieceList();
  const cursors = new Map<number, ListCursor>();
  for (const [field, items] of edits) {
    cursors.set(field, new ListCursor(items, range));
  }
  if (range !== undefined) {
    const { source } = range.file;
    source.whileOpen(() => {
      countSlots(range, cursors);
      const reader = new WireReader(source);
      reader.position = range.bodyStart;
      let copiedTo = range.bodyStart;
      while (reader.nextField(range.end)) {
        const { fieldStart, fieldNumber } = reader;
        reader.skip(range.end);
        const cursor = cursors.get(fieldNumber);
        if (cursor !== undefined) {
          out.copy(source, copiedTo, fieldStart);
          copiedTo = reader.position;
          cursor.atSlot(fieldStart, out);
        }
      }
      out.copy(source, copiedTo, range.end);
    });
  }
  for (const cursor of cursors.values()) {
    cursor.finish(out);
  }
  return out;
}

function countSlots(range: MessageRange, cursors: ReadonlyMap<number, ListCursor>): void {
  const reader = new WireReader(range.file.source);
  reader.position = range.bodyStart;
  while (reader.nextField(range.end)) {
    const cursor = cursors.get(reader.fieldNumber);
    if (cursor !== undefined) {
      cursor.slotsLeft++;
    }
    reader.skip(range.end);
  }
}

class ListCursor {
  slotsLeft = 0;
  private written = 0;
  /** Index of the item that was read from the entry at an offset. */
  private readonly indexAt = new Map<number, number>();

  constructor(
    private readonly items: readonly FieldItem[],
    range: MessageRange | undefined,
  ) {
    for (const [index, { origin }] of items.entries()) {
      if (origin !== undefined && range !== undefined && origin.file.source === range.file.source) {
        this.indexAt.set(origin.tagStart, index);
      }
    }
  }

  atSlot(offset: number, out: PieceList): void {
    this.slotsLeft--;
    const index = this.indexAt.get(offset);
    if (index !== undefined) {
      this.writeUpTo(index + 1, out);
    }
    if (this.slotsLeft === 0) {
      this.finish(out);
    }
  }

  finish(out: PieceList): void {
    this.writeUpTo(this.items.length, out);
  }

  private writeUpTo(end: number, out: PieceList): void {
    for (; this.written < end; this.written++) {
      this.items[this.written]!.write(out);
    }
  }
}
