import type { AttributeSeed, PlainAttribute } from '../../ir/attribute';
import type { GraphSeed } from '../../ir/graphSeed';
import type { Tensor } from '../../ir/tensor';
import { AttributeField, AttributeKind } from '../../wire/fields';
import type { MessageRange } from '../../wire/messageRange';
import { WireType } from '../../wire/wireReader';
import { readGraph } from './readGraph';
import { ReadContext } from './readContext';
import { readInts, readSparseTensor, readTensor } from './readTensor';

/** Values of up to this many bytes are decoded with the node, from the window at hand, instead of going back later. */
const EAGER_BYTES = 4096;
const MAX_LIST = 1 << 24;

export function readAttribute(context: ReadContext, end: number, place: string): AttributeSeed {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    const bodyStart = reader.position;
    let name = '';
    let kind = 0;
    let reference: string | undefined;
    const graphs: GraphSeed[] = [];
    const present = new Set<number>();
    while (reader.nextField(stop)) {
      present.add(reader.fieldNumber);
      switch (reader.fieldNumber) {
        case AttributeField.name:
          name = reader.name(stop, 'name');
          break;
        case AttributeField.type:
          kind = reader.int32(stop, 'type');
          break;
        case AttributeField.ref_attr_name: {
          const text = reader.name(stop, 'ref_attr_name');
          reference = text === '' ? undefined : text;
          break;
        }
        case AttributeField.g:
        case AttributeField.graphs:
          graphs.push(readGraph(context, stop, name === '' ? 'graph' : `graph "${name}"`));
          break;
        // Read for the sake of their external data; the values are decoded by `plain`.
        case AttributeField.t:
        case AttributeField.tensors:
          readTensor(context, stop, 'tensor');
          break;
        case AttributeField.sparse_tensor:
        case AttributeField.sparse_tensors:
          readSparseTensor(context, stop, 'sparse tensor');
          break;
        default:
          reader.skip(stop);
      }
    }
    const origin = range();
    if (kind === AttributeKind.UNDEFINED) {
      kind = kindFromFields(present);
    }
    const seed = new ReadAttribute(name, kind, origin, reference, graphs);
    if (graphs.length === 0 && stop - bodyStart <= EAGER_BYTES) {
      reader.position = bodyStart;
      seed.decodeNow(context);
    }
    return seed;
  });
}

/** `type` became mandatory with IR version 2; be lenient where one field says it all. */
function kindFromFields(present: ReadonlySet<number>): number {
  const byField: readonly (readonly [number, number])[] = [
    [AttributeField.f, AttributeKind.FLOAT],
    [AttributeField.i, AttributeKind.INT],
    [AttributeField.s, AttributeKind.STRING],
    [AttributeField.t, AttributeKind.TENSOR],
    [AttributeField.g, AttributeKind.GRAPH],
    [AttributeField.floats, AttributeKind.FLOATS],
    [AttributeField.ints, AttributeKind.INTS],
    [AttributeField.strings, AttributeKind.STRINGS],
    [AttributeField.graphs, AttributeKind.GRAPHS],
  ];
  return byField.find(([field]) => present.has(field))?.[1] ?? AttributeKind.UNDEFINED;
}

class ReadAttribute implements AttributeSeed {
  private decoded: PlainAttribute | undefined;

  constructor(
    readonly name: string,
    readonly kind: number,
    readonly origin: MessageRange,
    readonly reference: string | undefined,
    readonly graphs: readonly GraphSeed[],
  ) {}

  get isGraphList(): boolean {
    return this.kind === AttributeKind.GRAPHS && this.reference === undefined;
  }

  plain(): PlainAttribute {
    if (this.decoded === undefined) {
      const context = new ReadContext(this.origin.file);
      context.reader.position = this.origin.bodyStart;
      this.decodeNow(context);
    }
    return this.decoded!;
  }

  decodeNow(context: ReadContext): void {
    this.decoded = context.reader.nested(`attribute "${this.name}"`, () => this.decode(context));
  }

  private decode(context: ReadContext): PlainAttribute {
    const { name } = this;
    const { reader } = context;
    const { end } = this.origin;
    if (this.reference !== undefined) {
      return { name, type: 'OTHER' };
    }
    let number = 0;
    let text = '';
    let tensor: Tensor | undefined;
    const numbers: number[] = [];
    const texts: string[] = [];
    while (reader.nextField(end)) {
      const field = reader.fieldNumber;
      if (field === AttributeField.f && this.kind === AttributeKind.FLOAT) {
        number = reader.float(end, 'f');
      } else if (field === AttributeField.i && this.kind === AttributeKind.INT) {
        number = reader.int64(end, 'i');
      } else if (field === AttributeField.s && this.kind === AttributeKind.STRING) {
        text = reader.text(end, 's');
      } else if (field === AttributeField.t && this.kind === AttributeKind.TENSOR) {
        tensor = readTensor(context, end, 'tensor');
      } else if (field === AttributeField.floats && this.kind === AttributeKind.FLOATS) {
        readFloats(context, end, numbers);
      } else if (field === AttributeField.ints && this.kind === AttributeKind.INTS) {
        readInts(context, end, 'ints', numbers, MAX_LIST);
      } else if (field === AttributeField.strings && this.kind === AttributeKind.STRINGS) {
        reader.count();
        texts.push(reader.text(end, 'strings'));
      } else {
        reader.skip(end);
      }
    }
    switch (this.kind) {
      case AttributeKind.FLOAT:
        return { name, type: 'FLOAT', value: number };
      case AttributeKind.INT:
        return { name, type: 'INT', value: number };
      case AttributeKind.STRING:
        return { name, type: 'STRING', value: text };
      case AttributeKind.FLOATS:
        return { name, type: 'FLOATS', value: numbers };
      case AttributeKind.INTS:
        return { name, type: 'INTS', value: numbers };
      case AttributeKind.STRINGS:
        return { name, type: 'STRINGS', value: texts };
      case AttributeKind.TENSOR:
        return tensor === undefined ? { name, type: 'OTHER' } : { name, type: 'TENSOR', value: tensor };
      default:
        return { name, type: 'OTHER' };
    }
  }
}

function readFloats(context: ReadContext, end: number, into: number[]): void {
  const { reader } = context;
  if (reader.wireType !== WireType.BYTES) {
    into.push(reader.float(end, 'floats'));
  } else {
    const stop = reader.enter(end, 'floats');
    while (reader.position < stop) {
      into.push(reader.fixedFloat(stop));
      if (into.length > MAX_LIST) {
        break;
      }
    }
  }
  if (into.length > MAX_LIST) {
    throw reader.damaged(reader.fieldStart, `field "floats" has more than ${MAX_LIST} entries`);
  }
}
