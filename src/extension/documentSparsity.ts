import type { LayerSparsity, PatternName, SparsityState } from '../protocol/sparsity';
import type { ModelAccess } from '../protocol/workerProtocol';
import { isCancellation, toWireError } from './errors';
import type { WorkerClient } from './workerClient';

/** What changed: some layers, and the state around them. */
export type SparsityChange = (layers: readonly LayerSparsity[], state: Omit<SparsityState, 'layers'>) => void;

const IDLE: Omit<SparsityState, 'layers'> = { status: 'idle', diversity: [] };

/**
 * The masks of one document. Nothing is measured before a view asks; patterns are measured once, one request after the
 * other, and all of it ends with the document.
 */
export class DocumentSparsity {
  private readonly layers = new Map<string, LayerSparsity>();
  /** Patterns asked for, and those of them that are not measured yet. */
  private readonly asked = new Set<string>();
  private readonly waiting = new Set<string>();
  private state = IDLE;
  private measuring = new AbortController();
  private queue = Promise.resolve();

  constructor(
    private readonly worker: WorkerClient,
    private readonly onChange: SparsityChange,
  ) {}

  get snapshot(): SparsityState {
    return { ...this.state, layers: [...this.layers.values()] };
  }

  /** Forgets everything, because the file or what may be read of it has changed. */
  reset(): void {
    this.dispose();
    this.measuring = new AbortController();
    this.layers.clear();
    this.asked.clear();
    this.waiting.clear();
    this.state = IDLE;
  }

  dispose(): void {
    this.measuring.abort();
  }

  /** Answers at once; after a failure everything may be asked for again. */
  measure(access: ModelAccess, patterns: readonly PatternName[]): void {
    const fresh = patterns.filter((pattern) => !this.asked.has(keyOf(pattern)));
    if (fresh.length === 0) {
      return;
    }
    fresh.map(keyOf).forEach((key) => {
      this.asked.add(key);
      this.waiting.add(key);
    });
    const { signal } = this.measuring;
    this.set({ status: 'measuring', diversity: this.state.diversity }, []);
    this.queue = this.queue.then(() => (signal.aborted ? undefined : this.stream(access, fresh, signal)));
  }

  private async stream(access: ModelAccess, patterns: readonly PatternName[], signal: AbortSignal): Promise<void> {
    try {
      const { diversity } = await this.worker.request('masks/diversity', { patterns }, signal);
      signal.throwIfAborted();
      this.set({ ...this.state, diversity: [...this.state.diversity, ...diversity] }, []);
      await this.worker.readSparsity(
        access,
        patterns,
        (layers) => {
          if (!signal.aborted) {
            this.set(this.state, layers);
          }
        },
        signal,
      );
      signal.throwIfAborted();
      patterns.forEach((pattern) => this.waiting.delete(keyOf(pattern)));
      const { diversity: counted } = this.state;
      this.set({ status: this.waiting.size === 0 ? 'complete' : 'measuring', diversity: counted }, []);
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      const failed = new Set(patterns.map(keyOf));
      failed.forEach((key) => {
        this.asked.delete(key);
        this.waiting.delete(key);
      });
      const diversity = this.state.diversity.filter((entry) => !failed.has(keyOf(entry)));
      const failure = isCancellation(error) ? undefined : toWireError(error).message;
      this.set({ status: 'failed', diversity, ...(failure !== undefined && { failure }) }, []);
    }
  }

  private set(state: Omit<SparsityState, 'layers'>, layers: readonly LayerSparsity[]): void {
    this.state = state;
    for (const layer of layers) {
      const before = this.layers.get(layer.name);
      const patterns = new Map([...(before?.patterns ?? []), ...layer.patterns].map((one) => [keyOf(one), one]));
      this.layers.set(layer.name, { ...layer, patterns: [...patterns.values()] });
    }
    this.onChange(layers, state);
  }
}

function keyOf({ keep, group }: PatternName): string {
  return `${keep}:${group}`;
}
