import type { GraphSeed } from './graphSeed';

/** What all graphs of one model share: which names and node keys are taken, and the IR version that gives them meaning. */
export class ModelScope {
  private readonly names = new Set<string>();
  private readonly keys = new Set<string>();
  private readonly nodeNameCounts = new Map<string, number>();
  private readonly nextKeyNumber = new Map<string, number>();
  private readonly nextSuffix = new Map<string, number>();

  constructor(public irVersion: number) {}

  /** Counts node names, so that keys can tell names that occur twice. Call before the graph is built. */
  countNodeNames(seed: GraphSeed): void {
    for (const node of seed.nodes) {
      if (node.name !== '') {
        this.nodeNameCounts.set(node.name, (this.nodeNameCounts.get(node.name) ?? 0) + 1);
      }
      for (const attribute of node.attributes) {
        if (attribute.kind !== 'made') {
          for (const graph of attribute.graphs) {
            this.countNodeNames(graph);
          }
        }
      }
    }
  }

  /** Marks a name as taken. */
  take(name: string): void {
    this.names.add(name);
  }

  /** A name nobody uses, reserved at once: `base`, or `base_1`, `base_2`… */
  freshName(base: string): string {
    let name = base;
    let suffix = this.nextSuffix.get(base) ?? 1;
    while (name === '' || this.names.has(name)) {
      name = `${base}_${suffix++}`;
    }
    this.nextSuffix.set(base, suffix);
    this.names.add(name);
    return name;
  }

  /** The node's name where that identifies it, else its first output, else its operator; made unique. */
  takeKey(node: { name: string; opType: string; outputs: readonly string[] }): string {
    const isNameUnique = node.name !== '' && (this.nodeNameCounts.get(node.name) ?? 0) <= 1;
    const base = isNameUnique ? node.name : (node.outputs.find((name) => name !== '') ?? node.opType);
    let key = base;
    let number = this.nextKeyNumber.get(base) ?? 2;
    while (this.keys.has(key)) {
      key = `${base}#${number++}`;
    }
    if (key !== base) {
      // Remembered, so that a hundred thousand nodes of one name do not count up from 2 each.
      this.nextKeyNumber.set(base, number);
    }
    this.keys.add(key);
    return key;
  }

  /** For a copy, whose key is given. */
  keepKey(key: string): void {
    this.keys.add(key);
  }

  releaseKey(key: string): void {
    this.keys.delete(key);
  }
}
