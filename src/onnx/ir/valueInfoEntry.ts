import type { MessageRange } from '../wire/messageRange';
import type { ValueInfoSeed } from './graphSeed';
import type { ValueType } from './valueType';

/** A declaration (ValueInfoProto) of a graph: of an input, an output, or a value in between. */
export class ValueInfoEntry implements ValueInfoSeed {
  constructor(
    readonly origin: MessageRange | undefined,
    public name: string,
    public type: ValueType | undefined,
    public isChanged: boolean,
  ) {}
}
