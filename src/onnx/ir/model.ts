import type { ExternalFile } from '../io/externalData';
import { ModelField } from '../wire/fields';
import type { MessageRange, ModelFile } from '../wire/messageRange';
import { normalizeDomain, ONNX_DOMAIN } from './dataType';
import type { FunctionProto } from './functionProto';
import { Graph } from './graph';
import type { GraphSeed } from './graphSeed';
import { ModelScope } from './modelScope';

/** @internal An entry of `opset_import`. */
export interface OpsetEntry {
  readonly origin: MessageRange | undefined;
  readonly domain: string;
  readonly version: number;
  readonly isChanged: boolean;
}

/** @internal An entry of `metadata_props`. */
export interface MetadataEntry {
  readonly origin: MessageRange | undefined;
  readonly key: string;
  readonly value: string;
  readonly isChanged: boolean;
}

/** @internal Everything of a model, before its graph is linked. */
export interface ModelSeed {
  /** Undefined for models made here. */
  readonly origin: MessageRange | undefined;
  readonly file: ModelFile | undefined;
  readonly path: string | undefined;
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: number;
  readonly docString: string;
  readonly opsets: readonly OpsetEntry[];
  readonly metadata: readonly MetadataEntry[];
  readonly functions: readonly FunctionProto[];
  readonly graph: GraphSeed;
  /** Numbers of ModelProto fields that differ from `origin`; the graph keeps track of itself. */
  readonly changedFields: ReadonlySet<number>;
}

/** An ONNX model: a graph with the versions and words that go with it. */
export class Model {
  /** The file it was read from; undefined for models made from bytes or here. */
  readonly path: string | undefined;
  /** Folder that external data is relative to. */
  readonly baseDirectory: string | undefined;
  /** Size of the file, without external data; 0 for models made here. */
  readonly fileBytes: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: number;
  readonly docString: string;
  readonly graph: Graph;
  readonly functions: readonly FunctionProto[];
  /** @internal */
  readonly origin: MessageRange | undefined;
  /** @internal */
  readonly file: ModelFile | undefined;
  /** @internal */
  readonly changedFields: Set<number>;

  private readonly scope: ModelScope;
  private readonly opsetList: OpsetEntry[];
  private metadataList: MetadataEntry[];

  /** @internal See openModel, parseModel and buildModel. */
  constructor(seed: ModelSeed) {
    this.path = seed.path;
    this.file = seed.file;
    this.origin = seed.origin;
    this.baseDirectory = seed.file?.external.baseDirectory;
    this.fileBytes = seed.origin === undefined ? 0 : (seed.file?.source.byteLength ?? 0);
    this.producerName = seed.producerName;
    this.producerVersion = seed.producerVersion;
    this.domain = seed.domain;
    this.modelVersion = seed.modelVersion;
    this.docString = seed.docString;
    this.opsetList = [...seed.opsets];
    this.metadataList = [...seed.metadata];
    this.functions = seed.functions;
    this.changedFields = new Set(seed.changedFields);
    this.scope = new ModelScope(seed.irVersion);
    this.scope.countNodeNames(seed.graph);
    this.graph = new Graph(seed.graph, this.scope, undefined);
  }

  get irVersion(): number {
    return this.scope.irVersion;
  }

  setIrVersion(version: number): void {
    if (version !== this.scope.irVersion) {
      this.scope.irVersion = version;
      this.changedFields.add(ModelField.ir_version);
    }
  }

  /** Versions of the operator sets in use, by normalised domain. */
  get opsets(): ReadonlyMap<string, number> {
    return new Map(this.opsetList.map(({ domain, version }) => [normalizeDomain(domain), version]));
  }

  /** Version of a domain's operator set, 0 when the model does not import it. */
  opset(domain: string = ONNX_DOMAIN): number {
    return this.opsets.get(normalizeDomain(domain)) ?? 0;
  }

  /** Imports an operator set, or another version of it. What nodes mean may change: that is the caller's duty to know. */
  setOpset(domain: string, version: number): void {
    const wanted = normalizeDomain(domain);
    const at = this.opsetList.findIndex((entry) => normalizeDomain(entry.domain) === wanted);
    if (at < 0) {
      this.opsetList.push({ origin: undefined, domain: wanted, version, isChanged: true });
    } else if (this.opsetList[at]!.version === version) {
      return;
    } else {
      const { origin, domain: written } = this.opsetList[at]!;
      this.opsetList[at] = { origin, domain: written, version, isChanged: true };
    }
    this.changedFields.add(ModelField.opset_import);
  }

  get metadata(): ReadonlyMap<string, string> {
    return new Map(this.metadataList.map(({ key, value }) => [key, value]));
  }

  setMetadata(key: string, value: string): void {
    const at = this.metadataList.findIndex((entry) => entry.key === key);
    if (at < 0) {
      this.metadataList.push({ origin: undefined, key, value, isChanged: true });
    } else if (this.metadataList[at]!.value === value) {
      return;
    } else {
      this.metadataList[at] = { origin: this.metadataList[at]!.origin, key, value, isChanged: true };
    }
    this.changedFields.add(ModelField.metadata_props);
  }

  removeMetadata(key: string): void {
    const kept = this.metadataList.filter((entry) => entry.key !== key);
    if (kept.length !== this.metadataList.length) {
      this.metadataList = kept;
      this.changedFields.add(ModelField.metadata_props);
    }
  }

  /** External data files that tensors refer to and that are there. Empty when external data is not followed. */
  get externalFiles(): readonly ExternalFile[] {
    return this.file?.external.files ?? [];
  }

  /** @internal */
  get opsetEntries(): readonly OpsetEntry[] {
    return this.opsetList;
  }

  /** @internal */
  get metadataEntries(): readonly MetadataEntry[] {
    return this.metadataList;
  }

  /** Something differs from the file. */
  get isModified(): boolean {
    return this.origin === undefined || this.changedFields.size > 0 || this.graph.isModified;
  }

  /** All graphs: the model's and, depth first, the sub-graphs. Not those of functions. */
  *allGraphs(): Generator<Graph> {
    const pending = [this.graph];
    for (let graph = pending.pop(); graph !== undefined; graph = pending.pop()) {
      yield graph;
      for (const node of graph.nodes) {
        pending.push(...node.subgraphs);
      }
    }
  }

  /** The node with that key, sub-graphs included. */
  node(key: string): Graph['nodes'][number] | undefined {
    for (const graph of this.allGraphs()) {
      const node = graph.nodes.find((n) => n.key === key);
      if (node !== undefined) {
        return node;
      }
    }
    return undefined;
  }

  /** A copy that shares files and tensors; edits to one do not show in the other. Node keys are the same. */
  clone(): Model {
    return new Model(this.toSeed());
  }

  /** @internal */
  toSeed(): ModelSeed {
    return {
      origin: this.origin,
      file: this.file,
      path: this.path,
      irVersion: this.irVersion,
      producerName: this.producerName,
      producerVersion: this.producerVersion,
      domain: this.domain,
      modelVersion: this.modelVersion,
      docString: this.docString,
      opsets: this.opsetList,
      metadata: this.metadataList,
      functions: this.functions,
      graph: this.graph.toSeed(),
      changedFields: this.changedFields,
    };
  }
}
