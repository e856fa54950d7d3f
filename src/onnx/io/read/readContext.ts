import type { MessageRange, ModelFile } from '../../wire/messageRange';
import { WireReader } from '../../wire/wireReader';

/** What the readers of messages share while one model is read. */
export class ReadContext {
  readonly reader: WireReader;
  /** Tensors with external data met so far; see {@link range}. */
  externalTensors = 0;

  constructor(readonly file: ModelFile) {
    this.reader = new WireReader(file.source);
  }

  /**
   * Enters the length-delimited message just announced and runs `read` with its end. The range returned beside the result
   * knows whether a tensor with external data was met inside.
   */
  message<T>(end: number, place: string, read: (end: number, range: () => MessageRange) => T): T {
    const { reader, file } = this;
    const tagStart = reader.fieldStart;
    const stop = reader.enter(end, place);
    const bodyStart = reader.position;
    const before = this.externalTensors;
    reader.count();
    const result = reader.nested(place, () =>
      read(stop, () => ({ file, tagStart, bodyStart, end: stop, hasExternal: this.externalTensors > before })),
    );
    reader.position = stop;
    return result;
  }
}
