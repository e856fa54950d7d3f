import type { BlockPlace, MaskBlock, PatternName } from '../../src/protocol/sparsity';
import { RemoteError } from '../../src/protocol/channel';
import { wireError, type EditorModel } from '../editor/editorModel';

/** Blocks kept for going back and forth between patterns and places. */
const MOST_KEPT = 24;

/** Reads the block that is looked at: the latest wish only, and none twice while the model stays the same. */
export class BlockReader {
  block: MaskBlock | undefined;
  failure: string | undefined;
  private readonly kept = new Map<string, MaskBlock>();
  private wanted = '';
  private request: AbortController | undefined;
  private source: unknown;

  constructor(private readonly model: EditorModel) {}

  /** Shows the block that was there until the new one is. */
  want(place: BlockPlace, { keep, group }: PatternName): void {
    const source = this.model.layers;
    if (source !== this.source) {
      this.source = source;
      this.kept.clear();
      this.wanted = '';
      this.block = undefined;
    }
    const key = JSON.stringify([place, keep, group]);
    if (key === this.wanted) {
      return;
    }
    this.wanted = key;
    this.request?.abort();
    this.request = undefined;
    const known = this.kept.get(key);
    if (known !== undefined) {
      this.block = known;
      this.failure = undefined;
      return;
    }
    if (this.block?.layer !== place.layer) {
      this.block = undefined;
      this.failure = undefined;
    }
    const request = new AbortController();
    this.request = request;
    this.model.readBlock(place, { keep, group }, request.signal).then(
      (block) => this.take(key, block),
      (error: unknown) => {
        if (key === this.wanted && !RemoteError.is(error, 'cancelled')) {
          this.failure = wireError(error).message;
          this.block = undefined;
          this.model.changed();
        }
      },
    );
  }

  private take(key: string, block: MaskBlock): void {
    this.kept.set(key, block);
    for (const oldest of [...this.kept.keys()].slice(0, Math.max(0, this.kept.size - MOST_KEPT))) {
      this.kept.delete(oldest);
    }
    if (key === this.wanted) {
      this.block = block;
      this.failure = undefined;
      this.model.changed();
    }
  }
}
