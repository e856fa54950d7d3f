import type { Hash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openFileReader, type ByteReader } from './byteReader';
import { dataDamaged, missingArray } from './errors';
import { findIdxLabels, openIdx } from './idxFile';
import { openNpy, type StoredArray } from './npyArray';
import { openZipEntry, readZipEntries } from './zipArchive';

/** Named arrays: an .npz, a .npy, a folder of .npy, or a pair of IDX files. */
export interface ArraySource {
  readonly path: string;
  readonly names: readonly string[];
  /** Name of the array that holds labels without being asked for (IDX). */
  readonly ownLabels: string | undefined;
  /** Throws `data/missing-array` listing what is there. */
  open(name: string): StoredArray;
  /** Adds the bytes of the array to the hash, streamed. */
  hashInto(hash: Hash, name: string): void;
  close(): void;
}

const hashChunk = 1 << 20;

function hashReader(hash: Hash, reader: ByteReader): void {
  for (let at = 0; at < reader.byteLength; at += hashChunk) {
    hash.update(reader.read(at, Math.min(hashChunk, reader.byteLength - at)));
  }
}

export function openNpz(path: string): ArraySource {
  const file = openFileReader(path);
  const entries = new Map(
    readZipEntries(file)
      .filter((entry) => entry.name.endsWith('.npy'))
      .map((entry) => [entry.name.slice(0, -'.npy'.length), entry]),
  );
  if (entries.size === 0) {
    file.close();
    throw dataDamaged(path, 'it holds no .npy arrays');
  }
  const opened = new Map<string, ByteReader>();
  const reader = (name: string): ByteReader => {
    let found = opened.get(name);
    if (found === undefined) {
      const entry = entries.get(name);
      if (entry === undefined) {
        throw missingArray(path, name, [...entries.keys()], `there is no array ${JSON.stringify(name)}`);
      }
      found = openZipEntry(file, entry);
      opened.set(name, found);
    }
    return found;
  };
  return {
    path,
    names: [...entries.keys()],
    ownLabels: undefined,
    open: (name) => openNpy(reader(name), `${basename(path)}: ${name}`),
    hashInto: (hash, name) => hashReader(hash, reader(name)),
    close: () => file.close(),
  };
}

/** A single .npy; labels may be a sibling file, named with or without its ending. */
export function openNpyFile(path: string): ArraySource {
  return openNpyFiles(path, dirname(path), [basename(path).replace(/\.npy$/i, '')]);
}

export function openNpyFolder(path: string): ArraySource {
  const names = readdirSync(path)
    .filter((name) => /\.npy$/i.test(name))
    .map((name) => name.replace(/\.npy$/i, ''))
    .sort();
  return openNpyFiles(path, path, names);
}

function openNpyFiles(path: string, folder: string, names: readonly string[]): ArraySource {
  const opened = new Map<string, ByteReader>();
  const reader = (name: string): ByteReader => {
    const base = name.replace(/\.npy$/i, '');
    let found = opened.get(base);
    if (found === undefined) {
      const file = join(folder, `${basename(base)}.npy`);
      if (!existsSync(file)) {
        throw missingArray(path, base, names, `there is no array ${JSON.stringify(base)}`);
      }
      found = openFileReader(file);
      opened.set(base, found);
    }
    return found;
  };
  return {
    path,
    names,
    ownLabels: undefined,
    open: (name) => openNpy(reader(name), `${basename(path)}: ${name}`),
    hashInto: (hash, name) => hashReader(hash, reader(name)),
    close: () => opened.forEach((file) => file.close()),
  };
}

/** An IDX file as the array "images", and the labels beside it, if there are any, as "labels". */
export function openIdxPair(path: string, labelsPath: string | undefined): ArraySource {
  const files = new Map([['images', openIdx(path)]]);
  const beside = labelsPath === undefined ? findIdxLabels(path) : join(dirname(path), labelsPath);
  if (beside !== undefined) {
    files.set('labels', openIdx(beside));
  }
  const open = (name: string): StoredArray => {
    const file = files.get(name);
    if (file === undefined) {
      throw missingArray(path, name, [...files.keys()], `there is no array ${JSON.stringify(name)}`);
    }
    return file;
  };
  return {
    path,
    names: ['images'],
    ownLabels: beside === undefined ? undefined : 'labels',
    open,
    hashInto: (hash, name) => {
      const array = open(name);
      hash.update(`${array.elementType}[${array.shape.join()}]`);
      for (let row = 0, count = array.shape[0]!; row < count; row += 4096) {
        const rows = array.rows(row, Math.min(4096, count - row));
        hash.update(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
      }
    },
    close: () => files.forEach((file) => file.close()),
  };
}
