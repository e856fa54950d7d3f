import type { ByteSource } from '../io/byteSource';
import type { ExternalDataStore } from '../io/externalData';

/** Where messages come from: the bytes, and the folder their external data is in. */
export interface ModelFile {
  readonly source: ByteSource;
  readonly external: ExternalDataStore;
}

/**
 * A message as it lies in a file, kept so that it can be copied when it has not changed, and edited in place (unknown
 * fields and all) when it has. For the outermost message `tagStart` equals `bodyStart`.
 */
export interface MessageRange {
  readonly file: ModelFile;
  readonly tagStart: number;
  readonly bodyStart: number;
  readonly end: number;
  /** A tensor somewhere inside keeps its data in another file. */
  readonly hasExternal: boolean;
}
