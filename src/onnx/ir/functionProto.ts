import type { MessageRange } from '../wire/messageRange';
import { Graph } from './graph';
import type { NodeSeed } from './graphSeed';
import { ModelScope } from './modelScope';

/**
 * An operator defined by nodes inside the model. Read-only: functions are carried along byte for byte.
 */
export class FunctionProto {
  private builtBody: Graph | undefined;

  /** @internal */
  constructor(
    readonly name: string,
    readonly domain: string,
    readonly overload: string,
    readonly inputs: readonly string[],
    readonly outputs: readonly string[],
    /** Names of attributes a caller gives. */
    readonly attributes: readonly string[],
    readonly opsets: ReadonlyMap<string, number>,
    /** @internal */
    readonly origin: MessageRange,
    private readonly nodes: readonly NodeSeed[],
  ) {}

  /** The nodes as a graph of their own, for looking at: edits to it are not saved. */
  get body(): Graph {
    if (this.builtBody === undefined) {
      const declare = (name: string) => ({ origin: undefined, name, type: undefined, isChanged: false });
      const seed = {
        origin: undefined,
        name: this.name,
        nodes: this.nodes,
        initializers: [],
        sparseInitializers: [],
        inputs: this.inputs.map(declare),
        outputs: this.outputs.map(declare),
        valueInfos: [],
        isModified: false,
      };
      const scope = new ModelScope(Number.POSITIVE_INFINITY);
      scope.countNodeNames(seed);
      this.builtBody = new Graph(seed, scope, undefined);
    }
    return this.builtBody;
  }
}
