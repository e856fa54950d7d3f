import * as fs from 'node:fs';
import * as path from 'node:path';
import { externalMissing, externalRefused, externalShort, type OnnxError } from '../errors';
import { FileSource, identityOf } from './byteSource';

/** Where a tensor says its data is: the `external_data` entries of TensorProto. */
export interface ExternalReference {
  /** Path relative to the model's folder, as written in the file. */
  readonly location: string;
  readonly offset: number;
  /** undefined: as many bytes as the tensor needs. */
  readonly length: number | undefined;
  /** SHA-1 of the data, as written; kept, not relied on. */
  readonly checksum: string | undefined;
}

export interface ExternalFile {
  readonly location: string;
  readonly path: string;
  readonly bytes: number;
}

/**
 * Opens the files that tensors refer to. A model may come from anyone, and these names are its wishes, not ours: a file is
 * read only when it is a regular file that, all links resolved, lies inside the model's folder, is named without `..` and
 * has no second hard link (which could stand for a file elsewhere whose content would end up in an export). The ONNX
 * project's own loader has the same rules but takes no symbolic links at all:
 * https://onnx.ai/onnx/repo-docs/ExternalData.html and its security notes.
 */
export class ExternalDataStore {
  private readonly found = new Map<string, FileSource | OnnxError>();

  constructor(
    readonly baseDirectory: string | undefined,
    readonly isFollowed: boolean,
  ) {}

  /**
   * Looks at the file now, so that a location that leaves the folder is refused when the model is opened. A missing file is
   * only an error once its data is wanted. Throws `onnx/external-refused`.
   */
  check(tensor: string, location: string): void {
    if (this.baseDirectory !== undefined && this.isFollowed) {
      const found = this.find(tensor, location);
      if (!(found instanceof FileSource) && found.code === 'onnx/external-refused') {
        throw found;
      }
    }
  }

  /**
   * The range of `byteLength` bytes the reference means. Throws `onnx/external-refused`, `onnx/external-missing` or
   * `onnx/external-short`; nothing is read yet.
   */
  resolve(tensor: string, reference: ExternalReference, byteLength: number): { source: FileSource; offset: number } {
    const { location, offset } = reference;
    if (!this.isFollowed) {
      throw externalRefused(tensor, location, 'the model was opened without its external data');
    }
    const found = this.find(tensor, location);
    if (!(found instanceof FileSource)) {
      throw found;
    }
    if (offset + byteLength > found.byteLength) {
      throw externalShort(tensor, location, `bytes ${offset} to ${offset + byteLength}`, found.byteLength);
    }
    return { source: found, offset };
  }

  /** The files found so far, by location. */
  get files(): readonly ExternalFile[] {
    const files: ExternalFile[] = [];
    for (const [location, found] of this.found) {
      if (found instanceof FileSource) {
        files.push({ location, path: found.path, bytes: found.byteLength });
      }
    }
    return files.sort((a, b) => (a.location < b.location ? -1 : 1));
  }

  source(location: string): FileSource | undefined {
    const found = this.found.get(location);
    return found instanceof FileSource ? found : undefined;
  }

  private find(tensor: string, location: string): FileSource | OnnxError {
    let found = this.found.get(location);
    if (found === undefined) {
      found = this.open(tensor, location);
      this.found.set(location, found);
    }
    return found;
  }

  private open(tensor: string, location: string): FileSource | OnnxError {
    const refused = (reason: string): OnnxError => externalRefused(tensor, location, reason);
    if (this.baseDirectory === undefined) {
      return refused('the model came as bytes, so there is no folder to look in');
    }
    if (location === '' || location.includes('\0')) {
      return refused('this is not a file name');
    }
    const parts = location.split(path.sep === '\\' ? /[\\/]/ : '/');
    if (path.posix.isAbsolute(location) || path.win32.isAbsolute(location) || /^[a-z]:/i.test(location)) {
      return refused(
        "the path is absolute, and data must be inside the model's folder. Export the model with a relative path",
      );
    }
    if (location.split(/[\\/]/).includes('..')) {
      return refused("the path leads out of the model's folder. Move the file beside the model and export again");
    }
    let base: string;
    try {
      base = fs.realpathSync(this.baseDirectory);
    } catch (error) {
      return externalMissing(tensor, location, this.baseDirectory, error);
    }
    const named = path.join(base, ...parts);
    let canonical: string;
    let stat: fs.Stats;
    try {
      canonical = fs.realpathSync(named);
      stat = fs.lstatSync(canonical);
    } catch (error) {
      return externalMissing(tensor, location, named, error);
    }
    if (canonical !== base && !canonical.startsWith(base.endsWith(path.sep) ? base : base + path.sep)) {
      return refused(`a symbolic link leads to ${canonical}, outside the model's folder. Put a copy of the file there`);
    }
    if (!stat.isFile()) {
      return refused('it is not a regular file');
    }
    if (stat.nlink > 1) {
      return refused(`${canonical} is a hard link to a file that has other names too. Put a copy of the file there`);
    }
    return new FileSource(canonical, canonical, identityOf(stat), false);
  }
}

/**
 * Reads the key/value entries. Keys we do not know are left alone (ONNX Runtime adds its own); wrong numbers are refused.
 */
export function parseExternalReference(tensor: string, entries: ReadonlyMap<string, string>): ExternalReference {
  const location = entries.get('location');
  if (location === undefined) {
    throw externalRefused(tensor, '', 'the tensor names no file ("location" is missing)');
  }
  const number = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) {
      return undefined;
    }
    const value = Number(text);
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
      throw externalRefused(tensor, location, `its ${key} is "${text}", which is not a number of bytes`);
    }
    return value;
  };
  return {
    location,
    offset: number('offset') ?? 0,
    length: number('length'),
    checksum: entries.get('checksum'),
  };
}
