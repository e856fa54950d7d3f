import * as path from 'node:path';
import type { Model } from '../ir/model';
import { FileSource, MemorySource } from './byteSource';
import { ExternalDataStore } from './externalData';
import { readModel } from './read/readModel';

/**
 * Opens a model file. Only its structure is read, by ranges; weights stay on disk until asked for, so a large model opens
 * as fast as a small one. The file must not change while the model is in use: reading it then throws `onnx/changed`.
 *
 * Throws the `onnx/…` errors for files that cannot be read, are no model, or name external data outside their folder.
 */
export function openModel(
  file: string,
  options: {
    /** Look at files the model names. Switch off for models nobody vouches for. @default true */
    readonly followExternalData?: boolean;
  } = {},
): Model {
  const source = FileSource.open(file);
  const absolute = path.resolve(file);
  const external = new ExternalDataStore(path.dirname(absolute), options.followExternalData ?? true);
  return readModel({ source, external }, absolute);
}

/** A model from bytes, which are kept, not copied. External data is found only with a `baseDirectory`. */
export function parseModel(bytes: Uint8Array, options: { readonly baseDirectory?: string } = {}): Model {
  const external = new ExternalDataStore(options.baseDirectory, true);
  return readModel({ source: new MemorySource(bytes), external }, undefined);
}
