import type { ByteSource } from '../io/byteSource';
import { malformed, tooDeep, tooMany, truncated } from '../errors';
import { decodeText } from './text';

/** Protobuf wire types. */
export const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, GROUP_START: 3, GROUP_END: 4, FIXED32: 5 } as const;

/** As deep as protobuf's own parsers go by default. */
const MAX_DEPTH = 100;
/**
 * Messages and names one model may hold. An empty node takes two bytes of file and some 800 here, so without a bound a
 * small file of nonsense would eat all memory. A graph of 100,000 nodes has about half as many.
 */
const MAX_ENTITIES = 2_000_000;
const MAX_NAME_BYTES = 1 << 20;
const MAX_TEXT_BYTES = 1 << 28;
/** A window starts small after a jump, where little may be wanted, and doubles while reading goes on. */
const FIRST_WINDOW_BYTES = 1 << 12;
const WINDOW_BYTES = 1 << 16;

/**
 * Walks protobuf messages of a {@link ByteSource} by ranges: a window of 4 to 64 KB moves along, and what is skipped by
 * length is never read. Every length is checked against the message around it before anything is done with it.
 *
 * `position` is absolute. After {@link nextField}, `fieldNumber`, `wireType` and `fieldStart` describe the field.
 */
export class WireReader {
  position = 0;
  fieldNumber = 0;
  wireType = 0;
  /** Offset of the field's tag. */
  fieldStart = 0;
  /** The halves of the last varint. */
  low = 0;
  high = 0;

  private window: Uint8Array;
  private windowStart = 0;
  private windowEnd: number;
  private windowBytes = FIRST_WINDOW_BYTES;
  private readonly path: string[] = [];
  private entities = 0;
  private readonly scratch = new DataView(new ArrayBuffer(8));

  constructor(readonly source: ByteSource) {
    this.window = source.memory ?? new Uint8Array(0);
    this.windowEnd = this.window.length;
  }

  /** Where the reader is, in words: "graph, node 3, attribute 0". */
  get where(): string {
    return this.path.length === 0 ? 'the model' : this.path.join(', ');
  }

  /** Runs `read` on a nested message and keeps count of depth and place. */
  nested<T>(place: string, read: () => T): T {
    if (this.path.length >= MAX_DEPTH) {
      throw tooDeep(this.source.label, this.position, MAX_DEPTH);
    }
    this.path.push(place);
    const result = read();
    // Left as it is on an error, for the message; a reader is not used after one.
    this.path.pop();
    return result;
  }

  /** Counts something that takes memory. */
  count(): void {
    if (++this.entities > MAX_ENTITIES) {
      throw tooMany(this.source.label, 'nodes, values, names and attributes', MAX_ENTITIES);
    }
  }

  /** Reads the tag of the next field of a message that ends at `end`; false at the end. */
  nextField(end: number): boolean {
    if (this.position >= end) {
      return false;
    }
    this.fieldStart = this.position;
    this.varint(end);
    const tag = this.low;
    this.fieldNumber = tag >>> 3;
    this.wireType = tag & 7;
    if (this.high !== 0 || this.fieldNumber === 0) {
      throw this.damaged(this.fieldStart, 'a field has no valid number');
    }
    return true;
  }

  /** Throws unless the field has the wire type its schema asks for. */
  expect(wireType: number, field: string): void {
    if (this.wireType !== wireType) {
      throw this.damaged(this.fieldStart, `field "${field}" has wire type ${this.wireType} instead of ${wireType}`);
    }
  }

  /** Reads the length of a length-delimited value; returns its end and leaves `position` at its start. */
  enter(end: number, field: string): number {
    this.expect(WireType.BYTES, field);
    const at = this.position;
    this.varint(end);
    const length = this.high * 4294967296 + (this.low >>> 0);
    if (this.high < 0 || length > end - this.position) {
      if (end === this.source.byteLength) {
        throw truncated(this.source.label, end, `${this.where} (field "${field}" says it has ${length} bytes)`);
      }
      throw this.damaged(at, `field "${field}" says it has ${length} bytes, but ${end - this.position} are left`);
    }
    return this.position + length;
  }

  /** A varint as its two halves, in `low` (as int32) and `high`. */
  varint(end: number): void {
    let low = 0;
    let high = 0;
    const at = this.position;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte(end);
      const bits = byte & 0x7f;
      if (shift < 28) {
        low |= bits << shift;
      } else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else {
        high |= bits << (shift - 32);
      }
      if (byte < 0x80) {
        this.low = low;
        this.high = high;
        return;
      }
    }
    throw this.damaged(at, 'a number has more than ten bytes');
  }

  /** A varint field as a signed 64-bit number, rounded to the nearest double beyond 2^53. */
  int64(end: number, field: string): number {
    this.expect(WireType.VARINT, field);
    this.varint(end);
    return this.high * 4294967296 + (this.low >>> 0);
  }

  /** A varint field cut to 32 bits, as protobuf does for int32 and enums. */
  int32(end: number, field: string): number {
    this.expect(WireType.VARINT, field);
    this.varint(end);
    return this.low;
  }

  float(end: number, field: string): number {
    this.expect(WireType.FIXED32, field);
    return this.fixedFloat(end);
  }

  /** A float32 at `position`, without a check of the wire type (packed lists). */
  fixedFloat(end: number): number {
    for (let i = 0; i < 4; i++) {
      this.scratch.setUint8(i, this.byte(end));
    }
    return this.scratch.getFloat32(0, true);
  }

  /** A text that names something. */
  name(end: number, field: string): string {
    const stop = this.enter(end, field);
    if (stop - this.position > MAX_NAME_BYTES) {
      throw this.damaged(this.fieldStart, `field "${field}" is a name of ${stop - this.position} bytes`);
    }
    return decodeText(this.take(stop));
  }

  /** A text that may be long: documentation, attribute values. */
  text(end: number, field: string): string {
    const stop = this.enter(end, field);
    if (stop - this.position > MAX_TEXT_BYTES) {
      throw this.damaged(this.fieldStart, `field "${field}" is a text of ${stop - this.position} bytes`);
    }
    return decodeText(this.take(stop));
  }

  /** The bytes from `position` to `stop`, which becomes the position. May be a view that the next read overwrites. */
  take(stop: number): Uint8Array {
    const start = this.position;
    this.position = stop;
    if (start < this.windowStart || stop > this.windowEnd) {
      if (stop - start > FIRST_WINDOW_BYTES) {
        return this.source.read(start, stop - start);
      }
      this.load(start);
    }
    return this.window.subarray(start - this.windowStart, stop - this.windowStart);
  }

  /** Skips the value of the field just announced. */
  skip(end: number, depth = 0): void {
    const wireType: number = this.wireType;
    switch (wireType) {
      case WireType.VARINT:
        this.varint(end);
        return;
      case WireType.FIXED64:
        this.advance(end, 8);
        return;
      case WireType.FIXED32:
        this.advance(end, 4);
        return;
      case WireType.BYTES:
        this.position = this.enter(end, `number ${this.fieldNumber}`);
        return;
      case WireType.GROUP_START: {
        if (depth + this.path.length >= MAX_DEPTH) {
          throw tooDeep(this.source.label, this.position, MAX_DEPTH);
        }
        const { fieldNumber, fieldStart } = this;
        for (;;) {
          if (!this.nextField(end)) {
            throw this.damaged(fieldStart, `group ${fieldNumber} does not end`);
          }
          if (this.wireType === WireType.GROUP_END) {
            if (this.fieldNumber !== fieldNumber) {
              throw this.damaged(this.fieldStart, `group ${fieldNumber} ends as ${this.fieldNumber}`);
            }
            break;
          }
          this.skip(end, depth + 1);
        }
        this.fieldStart = fieldStart;
        this.fieldNumber = fieldNumber;
        this.wireType = WireType.GROUP_START;
        return;
      }
      default:
        throw this.damaged(this.fieldStart, `field ${this.fieldNumber} has the impossible wire type ${wireType}`);
    }
  }

  damaged(byteOffset: number, reason: string): Error {
    return malformed(this.source.label, byteOffset, this.where, reason);
  }

  private advance(end: number, bytes: number): void {
    if (bytes > end - this.position) {
      throw this.endOfMessage(end);
    }
    this.position += bytes;
  }

  private byte(end: number): number {
    const at = this.position;
    if (at >= end) {
      throw this.endOfMessage(end);
    }
    if (at < this.windowStart || at >= this.windowEnd) {
      this.load(at);
    }
    this.position = at + 1;
    return this.window[at - this.windowStart]!;
  }

  private endOfMessage(end: number): Error {
    return end === this.source.byteLength
      ? truncated(this.source.label, end, this.where)
      : this.damaged(end, 'the message ends inside a field');
  }

  private load(at: number): void {
    const goesOn = at >= this.windowStart && at <= this.windowEnd;
    this.windowBytes = goesOn ? Math.min(2 * this.windowBytes, WINDOW_BYTES) : FIRST_WINDOW_BYTES;
    const length = Math.min(this.windowBytes, this.source.byteLength - at);
    // A window is never written to again: views of the old one stay good.
    this.window = this.source.read(at, length);
    this.windowStart = at;
    this.windowEnd = at + length;
  }
}
