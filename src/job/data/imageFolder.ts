import type { Hash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { throwIfCancelled } from '../../base/errors';
import { memoryReader, openFileReader } from './byteReader';
import { badImage, dataUnsupported } from './errors';
import type { StoredArray } from './npyArray';

const imageName = /\.(?:png|jpe?g|webp|gif|avif|tiff?)$/i;

/** Decoded images up to this size stay in memory; more go to a scratch file. */
const largestInMemory = 512 * 1024 * 1024;

export interface ImageList {
  /** Paths relative to the folder. */
  readonly files: readonly string[];
  /** Class of each file; undefined when the images are not sorted into sub-folders. */
  readonly classes: readonly number[] | undefined;
  /** Sub-folder names in the order of their class numbers. */
  readonly classNames: readonly string[];
}

/**
 * Images of a folder. Sub-folders are classes, numbered in alphabetical order, and the images come in turns (the first of
 * each class, the second of each…), so that the first N samples show all classes. Undefined when there are no images.
 */
export function listImages(folder: string): ImageList | undefined {
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = (wanted: (entry: (typeof entries)[number]) => boolean): string[] =>
    entries
      .filter((entry) => !entry.name.startsWith('.') && wanted(entry))
      .map((entry) => entry.name)
      .sort();
  const direct = names((entry) => !entry.isDirectory() && imageName.test(entry.name));
  if (direct.length > 0) {
    return { files: direct, classes: undefined, classNames: [] };
  }
  const classNames = names((entry) => entry.isDirectory());
  const byClass = classNames.map((name) =>
    readdirSync(join(folder, name))
      .filter((file) => imageName.test(file) && !file.startsWith('.'))
      .sort()
      .map((file) => join(name, file)),
  );
  const files: string[] = [];
  const classes: number[] = [];
  for (let turn = 0; byClass.some((list) => turn < list.length); turn++) {
    byClass.forEach((list, index) => {
      const file = list[turn];
      if (file !== undefined) {
        files.push(file);
        classes.push(index);
      }
    });
  }
  return files.length === 0 ? undefined : { files, classes, classNames };
}

export interface ImageTarget {
  /** 1 grey, 3 RGB, 4 RGBA. */
  readonly channels: number;
  /** Undefined: those of the first image. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Channels before or after height and width. */
  readonly layout: 'channels-first' | 'channels-last';
}

export interface DecodeOptions {
  /** Folder for what does not fit in memory. */
  readonly scratchDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  onProgress?(done: number, total: number): void;
}

/**
 * Decodes images to bytes [N, C, H, W] or [N, H, W, C]: scaled to cover H × W and cut at the centre. Every image adds its
 * file's bytes to `hash`. Throws `data/image` naming the file.
 */
export async function decodeImages(
  folder: string,
  files: readonly string[],
  target: ImageTarget,
  hash: Hash,
  options: DecodeOptions = {},
): Promise<StoredArray> {
  const { default: sharp } = await import('sharp');
  const { channels, layout } = target;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw dataUnsupported(folder, `images cannot fill ${channels} channels`, 'Give the samples as .npz.');
  }
  let { height, width } = target;
  let sink: Sink | undefined;
  try {
    for (const [index, file] of files.entries()) {
      throwIfCancelled(options.signal);
      const encoded = readFileSync(join(folder, file));
      hash.update(`${file.split('\\').join('/')}\0${encoded.length}\0`).update(encoded);
      let pixels: Uint8Array;
      try {
        const image = sharp(encoded, { failOn: 'error' });
        if (height === undefined || width === undefined) {
          const metadata = await image.metadata();
          height ??= metadata.height;
          width ??= metadata.width;
        }
        const scaled = image.resize(width, height, { fit: 'cover' }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
        pixels = await (channels === 4 ? scaled.ensureAlpha() : scaled.removeAlpha()).raw().toBuffer();
      } catch (error) {
        throw badImage(join(folder, file), error);
      }
      const expected = channels * height * width;
      if (pixels.length !== expected) {
        throw badImage(join(folder, file), `it decodes to ${pixels.length} bytes instead of ${expected}`);
      }
      sink ??= createSink(expected * files.length, options.scratchDirectory, folder);
      sink.append(layout === 'channels-first' ? toChannelsFirst(pixels, channels, height * width) : pixels);
      options.onProgress?.(index + 1, files.length);
    }
  } catch (error) {
    sink?.discard();
    throw error;
  }
  const [h, w] = [height ?? 0, width ?? 0];
  const rowBytes = channels * h * w;
  const reader = sink!.reader();
  return {
    where: basename(folder),
    elementType: 'uint8',
    shape: layout === 'channels-first' ? [files.length, channels, h, w] : [files.length, h, w, channels],
    rows: (start, count) => reader.read(start * rowBytes, count * rowBytes),
    close: () => {
      reader.close();
      sink!.discard();
    },
  };
}

function toChannelsFirst(pixels: Uint8Array, channels: number, area: number): Uint8Array {
  if (channels === 1) {
    return pixels;
  }
  const planes = new Uint8Array(pixels.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < area; i++) {
      planes[channel * area + i] = pixels[i * channels + channel]!;
    }
  }
  return planes;
}

/** Where decoded pixels go. */
interface Sink {
  append(bytes: Uint8Array): void;
  reader(): ReturnType<typeof memoryReader>;
  discard(): void;
}

let scratchFiles = 0;

function createSink(bytes: number, scratchDirectory: string | undefined, folder: string): Sink {
  let at = 0;
  if (bytes <= largestInMemory || scratchDirectory === undefined) {
    const memory = new Uint8Array(bytes);
    return {
      append: (part) => {
        memory.set(part, at);
        at += part.length;
      },
      reader: () => memoryReader(folder, memory),
      discard: () => undefined,
    };
  }
  mkdirSync(scratchDirectory, { recursive: true });
  const path = join(scratchDirectory, `images-${process.pid}-${scratchFiles++}.tmp`);
  const file = openSync(path, 'wx');
  let isOpen = true;
  const closeFile = (): void => {
    if (isOpen) {
      isOpen = false;
      closeSync(file);
    }
  };
  const discard = (): void => {
    closeFile();
    rmSync(path, { force: true });
    process.off('exit', discard);
  };
  process.on('exit', discard);
  return {
    append: (part) => {
      writeSync(file, part, 0, part.length, at);
      at += part.length;
    },
    reader: () => {
      ftruncateSync(file, at);
      closeFile();
      return openFileReader(path);
    },
    discard,
  };
}
