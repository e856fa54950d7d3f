import { statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { openIdxPair, openNpyFile, openNpyFolder, openNpz, type ArraySource } from './arraySource';
import type { ElementType } from './elementType';
import { dataMissing, unknownFormat } from './errors';
import { isIdxPath } from './idxFile';
import { listImages } from './imageFolder';

export interface ArrayDescription {
  readonly name: string;
  readonly elementType: ElementType;
  readonly shape: readonly number[];
}

export type DataDescription =
  | { readonly kind: 'arrays'; readonly arrays: readonly ArrayDescription[]; readonly hasLabels: boolean }
  | { readonly kind: 'images'; readonly count: number; readonly classNames: readonly string[] };

/** Opens a data source of any kind that the recipe knows. Images are none: see `listImages`. Throws `data/*`. */
export function openArrays(path: string, labels?: string): ArraySource {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw dataMissing(path);
  }
  if (stat.isDirectory()) {
    return openNpyFolder(path);
  }
  if (isIdxPath(path)) {
    return openIdxPair(path, labels);
  }
  switch (extname(path).toLowerCase()) {
    case '.npz':
      return openNpz(path);
    case '.npy':
      return openNpyFile(path);
    default:
      throw unknownFormat(path, `${basename(path)} is of no known kind`);
  }
}

/** What a data source holds, without reading the samples. Throws `data/*`. */
export function describeData(path: string): DataDescription {
  const source = openArrays(path);
  try {
    if (source.names.length > 0) {
      const arrays = source.names.flatMap((name): ArrayDescription[] => {
        try {
          const { elementType, shape } = source.open(name);
          return [{ name, elementType, shape }];
        } catch {
          return []; // Texts, pickles: arrays that no model can be fed.
        }
      });
      return { kind: 'arrays', arrays, hasLabels: source.ownLabels !== undefined };
    }
  } finally {
    source.close();
  }
  const images = listImages(path);
  if (images === undefined) {
    throw unknownFormat(path, 'the folder holds neither images nor .npy files');
  }
  return { kind: 'images', count: images.files.length, classNames: images.classNames };
}
