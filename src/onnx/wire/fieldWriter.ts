import { splitInt64 } from '../ir/encodeIntegers';
import { encodeVarint, encodeVarint64 } from './encodeVarint';
import { PieceList } from './pieceList';
import { encodeText } from './text';

/** Writes the fields of small messages. */
export class FieldWriter {
  readonly out = new PieceList();

  int64(field: number, value: number): this {
    this.out.push(encodeVarint(field * 8));
    this.out.push(encodeVarint64(...splitInt64(value)));
    return this;
  }

  float(field: number, value: number): this {
    this.out.push(encodeVarint(field * 8 + 5));
    this.out.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  text(field: number, value: string): this {
    this.out.bytesField(field, encodeText(value));
    return this;
  }

  message(field: number, body: FieldWriter | PieceList): this {
    this.out.message(field, body instanceof FieldWriter ? body.out : body);
    return this;
  }
}
