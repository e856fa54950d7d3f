import * as fs from 'node:fs';
import { fileChanged, readFailed, truncated } from '../errors';

/** Bytes that can be read by ranges: a file, or memory. */
export interface ByteSource {
  /** For messages: a path, or what the bytes are. */
  readonly label: string;
  readonly byteLength: number;
  /** The whole, when it is in memory anyway. */
  readonly memory: Uint8Array | undefined;
  /**
   * The bytes `[offset, offset + length)`; a view where they are in memory, else fresh. The range must lie inside the
   * source. Throws `onnx/read` or `onnx/changed`.
   */
  read(offset: number, length: number): Uint8Array;
  /** As {@link read}, into a buffer of the caller. */
  readInto(target: Uint8Array, offset: number): void;
  /** Keeps the file open while `work` runs, which saves an open per read. */
  whileOpen<T>(work: () => T): T;
}

/**
 * The same bytes, not as a Buffer: its `slice` gives a view where that of other arrays gives a copy, and what leaves this
 * layer should behave in one way.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
}

export class MemorySource implements ByteSource {
  readonly byteLength: number;
  readonly memory: Uint8Array;

  constructor(
    bytes: Uint8Array,
    readonly label = 'model',
  ) {
    this.memory = plainBytes(bytes);
    this.byteLength = bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.memory.subarray(offset, offset + length);
  }

  readInto(target: Uint8Array, offset: number): void {
    target.set(this.memory.subarray(offset, offset + target.length));
  }

  whileOpen<T>(work: () => T): T {
    return work();
  }
}

/** What tells one state of a file from another. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
  readonly byteLength: number;
  readonly modifiedMs: number;
}

export function identityOf(stat: fs.Stats): FileIdentity {
  return { device: stat.dev, inode: stat.ino, byteLength: stat.size, modifiedMs: stat.mtimeMs };
}

/**
 * A file, opened for each read and closed after it: a model lives as long as someone holds it, and a descriptor kept that
 * long would leak, and on Windows stop others from replacing the file. Each opening checks that it is still the same file
 * in the same state, since every range was found in that state.
 */
export class FileSource implements ByteSource {
  readonly memory = undefined;
  readonly byteLength: number;
  private descriptor: number | undefined;
  private holders = 0;

  constructor(
    readonly path: string,
    readonly label: string,
    readonly identity: FileIdentity,
    /** Refuses a symbolic link in the last component, where the system can (not on Windows). */
    private readonly followLinks = true,
  ) {
    this.byteLength = identity.byteLength;
  }

  /** Throws `onnx/read` when there is no such regular file. */
  static open(path: string): FileSource {
    let stat: fs.Stats;
    try {
      stat = fs.statSync(path);
    } catch (error) {
      throw readFailed(path, error);
    }
    if (!stat.isFile()) {
      throw readFailed(path, new Error(stat.isDirectory() ? 'it is a folder' : 'it is not a regular file'));
    }
    return new FileSource(path, path, identityOf(stat));
  }

  read(offset: number, length: number): Uint8Array {
    const target = plainBytes(Buffer.allocUnsafeSlow(length));
    this.readInto(target, offset);
    return target;
  }

  readInto(target: Uint8Array, offset: number): void {
    this.whileOpen(() => {
      let done = 0;
      while (done < target.length) {
        let count: number;
        try {
          count = fs.readSync(this.descriptor!, target, done, Math.min(target.length - done, 1 << 30), offset + done);
        } catch (error) {
          throw readFailed(this.path, error);
        }
        if (count === 0) {
          throw truncated(this.label, offset + done, 'a range that was there when it was opened');
        }
        done += count;
      }
    });
  }

  whileOpen<T>(work: () => T): T {
    if (this.holders === 0) {
      this.openDescriptor();
    }
    this.holders++;
    try {
      return work();
    } finally {
      this.holders--;
      if (this.holders === 0) {
        fs.closeSync(this.descriptor!);
        this.descriptor = undefined;
      }
    }
  }

  private openDescriptor(): void {
    const noFollow = this.followLinks ? 0 : ((fs.constants as Partial<typeof fs.constants>).O_NOFOLLOW ?? 0);
    let descriptor: number;
    try {
      descriptor = fs.openSync(this.path, fs.constants.O_RDONLY | noFollow);
    } catch (error) {
      throw readFailed(this.path, error);
    }
    const now = identityOf(fs.fstatSync(descriptor));
    if (
      now.inode !== this.identity.inode ||
      now.device !== this.identity.device ||
      now.byteLength !== this.identity.byteLength ||
      now.modifiedMs !== this.identity.modifiedMs
    ) {
      fs.closeSync(descriptor);
      throw fileChanged(this.path);
    }
    this.descriptor = descriptor;
  }
}
