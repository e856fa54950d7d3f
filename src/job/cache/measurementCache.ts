import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheKey } from './cacheKey';
import { cacheWrite } from './errors';
import { writeFileAtomic } from './writeFileAtomic';

/** Format of the entry files; others are as good as absent. */
const FORMAT = 1;

interface Entry {
  readonly format: number;
  readonly key: string;
  /** SHA-256 of the text of `value`: a flipped bit must not become a measurement. */
  readonly hash: string;
  /** JSON text inside JSON, so that the hash is over exactly what was written. */
  readonly value: string;
}

export interface MeasurementCacheOptions {
  /** Told about entries that are damaged and will be measured again. */
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Measurements by content: a JSON file per key, in `.lathe/` beside the recipe. Each is written atomically, so a killed run
 * leaves whole entries and the next one goes on from them. Values are JSON; NaN, infinities and typed arrays (float32, int8,
 * uint8, int32) survive.
 */
export class MeasurementCache {
  private prepared = false;

  /** @param directory the `.lathe` folder; created at the first write, with a `.gitignore` of its own */
  constructor(
    readonly directory: string,
    private readonly options: MeasurementCacheOptions = {},
  ) {}

  /** The stored value; undefined when there is none, or only a damaged one. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what its keys lead to
  get<T>(key: CacheKey): T | undefined {
    const path = this.pathOf(key);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return undefined; // Absent or unreadable: measured again either way.
    }
    const value = decode(text, key);
    if (value === undefined) {
      this.options.log?.(`Measurement ${path} is damaged and will be made again.`);
      return undefined;
    }
    touch(path);
    return value.value as T;
  }

  has(key: CacheKey): boolean {
    return existsSync(this.pathOf(key));
  }

  /** Stores a value over any earlier one. Throws `cache/write`. */
  put(key: CacheKey, value: unknown): void {
    const path = this.pathOf(key);
    try {
      this.prepare();
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileAtomic(path, encode(key, value));
    } catch (error) {
      throw cacheWrite(path, error);
    }
  }

  /** Creates the folder with its `.gitignore`. Throws what the file system throws. */
  prepare(): void {
    if (!this.prepared) {
      prepareCacheDirectory(this.directory);
      this.prepared = true;
    }
  }

  /**
   * Removes the entries unused for longest: those older than `maxAgeDays`, and more until the rest fits `maxBytes`; also
   * what killed runs left half-written. Returns how many files went.
   */
  prune(limits: { readonly maxBytes?: number; readonly maxAgeDays?: number } = {}): number {
    const { maxBytes = 1024 * 1024 * 1024, maxAgeDays = 90 } = limits;
    const now = Date.now();
    const root = join(this.directory, 'measurements');
    const files: { path: string; bytes: number; usedAt: number }[] = [];
    for (const folder of listFolder(root)) {
      for (const name of listFolder(join(root, folder))) {
        const path = join(root, folder, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat?.isFile() === true) {
          files.push({ path, bytes: stat.size, usedAt: stat.mtimeMs });
        }
      }
    }
    files.sort((a, b) => b.usedAt - a.usedAt);
    let kept = 0;
    let removed = 0;
    for (const { path, bytes, usedAt } of files) {
      const abandoned = path.endsWith('.tmp') && now - usedAt > 3600_000;
      if (abandoned || now - usedAt > maxAgeDays * 86400_000 || kept + bytes > maxBytes) {
        rmSync(path, { force: true });
        removed++;
      } else {
        kept += bytes;
      }
    }
    return removed;
  }

  private pathOf(key: CacheKey): string {
    return join(this.directory, 'measurements', key.slice(0, 2), `${key}.json`);
  }
}

/** Creates `.lathe` with a `.gitignore` inside, so that it never enters a commit whatever the project ignores. */
export function prepareCacheDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const ignore = join(directory, '.gitignore');
  if (!existsSync(ignore)) {
    writeFileAtomic(ignore, '# Measurements of Lathe: made again when missing.\n*\n');
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // Not there yet, or a file where a folder would be: nothing to prune.
  }
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    return; // Read-only media: the entry merely looks older than it is.
  }
}

function encode(key: CacheKey, value: unknown): string {
  const text = JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === 'number' && !Number.isFinite(v)) {
      return { '#number': String(v) };
    }
    for (const [name, type] of Object.entries(arrayTypes)) {
      if (v instanceof type) {
        return { [name]: Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64') };
      }
    }
    return v;
  });
  const entry: Entry = { format: FORMAT, key, hash: hashText(text), value: text };
  return JSON.stringify(entry);
}

/** Wrapped, since a stored value may itself be null or false. */
function decode(text: string, key: CacheKey): { readonly value: unknown } | undefined {
  try {
    const entry = JSON.parse(text) as Partial<Entry> | null;
    if (entry?.format !== FORMAT || entry.key !== key || typeof entry.value !== 'string') {
      return undefined;
    }
    if (entry.hash !== hashText(entry.value)) {
      return undefined;
    }
    return { value: JSON.parse(entry.value, (_, v: unknown) => revive(v)) as unknown };
  } catch {
    return undefined; // Not JSON: damaged.
  }
}

/** Arrays of weights and codes, kept as base64 of their little-endian bytes. */
const arrayTypes = {
  '#float32': Float32Array,
  '#int8': Int8Array,
  '#uint8': Uint8Array,
  '#int32': Int32Array,
} as const;

function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if ('#number' in value) {
    return Number(value['#number']);
  }
  for (const [name, type] of Object.entries(arrayTypes)) {
    const text = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof text === 'string') {
      const bytes = Buffer.from(text, 'base64');
      // A copy of its own: small buffers share a pool whose offset no wider type can start at.
      return new type(new Uint8Array(bytes).buffer);
    }
  }
  return value;
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
