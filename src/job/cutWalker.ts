import type { InferenceRunner, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';

/** Values of one batch of samples by name. */
export type Batch = Map<string, TensorData>;

/** Loads the part of a network that computes some of its values from others. */
export type PartLoader = (inputs: readonly string[], outputs: readonly string[]) => Promise<InferenceRunner>;

/**
 * Carries batches of samples through a network from cut to cut: holds the values alive at the present cut and runs only
 * the nodes between it and the next.
 *
 * Memory: the values at the present cut, and those of one batch at the next.
 */
export class CutWalker {
  private largest: number;

  /** @param batches values at the first cut; the walker changes the list and owns it from here on */
  constructor(
    private readonly load: PartLoader,
    readonly batches: Batch[],
    private readonly signal: AbortSignal | undefined,
  ) {
    this.largest = heldBytes(batches);
  }

  /** Largest sum of values held so far, in bytes. */
  get peakBytes(): number {
    return this.largest;
  }

  /** Names of the values at hand. */
  get names(): readonly string[] {
    return [...(this.batches[0]?.keys() ?? [])];
  }

  /** Whether a value is at hand. */
  has(name: string): boolean {
    return this.batches[0]?.has(name) ?? false;
  }

  /**
   * Goes on to where the given values are alive; all others are dropped.
   *
   * @param known values that need not be computed, by batch
   */
  async advance(live: readonly string[], known?: readonly Batch[]): Promise<void> {
    const wanted = live.filter((name) => !this.has(name) && known?.[0]?.has(name) !== true);
    const runner = wanted.length > 0 ? await this.load(this.names, wanted) : undefined;
    let held = heldBytes(this.batches);
    try {
      for (const [index, batch] of this.batches.entries()) {
        const made =
          runner === undefined ? new Map<string, TensorData>() : await runner.run(feedsFor(runner, batch), wanted);
        this.largest = Math.max(this.largest, held + heldBytes([made]));
        const next: Batch = new Map();
        for (const name of live) {
          const tensor = batch.get(name) ?? made.get(name) ?? known?.[index]?.get(name);
          invariant(tensor !== undefined, `value ${name} was not computed`);
          next.set(name, tensor);
        }
        this.batches[index] = next;
        held += heldBytes([next]) - heldBytes([batch]);
        throwIfCancelled(this.signal);
      }
    } finally {
      await runner?.release();
    }
  }
}

/** Only what the runner asks for; a live value that the cut model no longer reads is left out. */
export function feedsFor(runner: InferenceRunner, batch: ReadonlyMap<string, TensorData>): Batch {
  const feeds: Batch = new Map();
  for (const input of runner.inputs) {
    const tensor = batch.get(input.name);
    if (tensor !== undefined) {
      feeds.set(input.name, tensor);
    }
  }
  return feeds;
}

/** Bytes of a tensor's values; strings are counted as 16 each. */
export function byteLength(tensor: TensorData): number {
  return 'byteLength' in tensor.data ? tensor.data.byteLength : tensor.data.length * 16;
}

/** Values fetched at a time while sizes are looked up: all at once would hold the whole network's activations. */
const PROBED_VALUES = 16;

/** Runs one batch and returns the bytes of each of the named values and of the inputs. */
export async function probeBytes(
  load: PartLoader,
  inputs: ReadonlyMap<string, TensorData>,
  names: Iterable<string>,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for (const [name, tensor] of inputs) {
    bytes.set(name, byteLength(tensor));
  }
  const inner = [...new Set(names)].filter((name) => !inputs.has(name));
  for (let i = 0; i < inner.length; i += PROBED_VALUES) {
    const group = inner.slice(i, i + PROBED_VALUES);
    const runner = await load([...inputs.keys()], group);
    try {
      for (const [name, tensor] of await runner.run(feedsFor(runner, inputs), group)) {
        bytes.set(name, byteLength(tensor));
      }
    } finally {
      await runner.release();
    }
    throwIfCancelled(signal);
  }
  return bytes;
}

/** Bytes of the values in batches; a tensor that several hold counts once. */
export function heldBytes(batches: readonly Batch[]): number {
  const tensors = new Set(batches.flatMap((batch) => [...batch.values()]));
  let sum = 0;
  for (const tensor of tensors) {
    sum += byteLength(tensor);
  }
  return sum;
}
