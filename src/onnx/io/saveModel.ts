import * as fs from 'node:fs';
import * as path from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Model } from '../ir/model';
import type { Tensor } from '../ir/tensor';
import { overwriteSource, targetExists, tooLarge, writeFailed } from '../errors';
import { PieceList } from '../wire/pieceList';
import { LatheError } from '../../base/errors';
import { FileSource } from './byteSource';
import { MAX_PROTOBUF_BYTES } from './serializeModel';
import { inlinePlan, keepPlan, type TensorPlan } from './write/tensorPlan';
import { writeElements } from './write/writeTensor';
import { writeModel } from './write/writeModel';

export interface SaveOptions {
  /**
   * - `auto`: one file, with external data only when the model would exceed 2 GB;
   * - `never`: one file, or `onnx/too-large`;
   * - `always`: initializers of 1 KB and more go to `<name>.data` beside the model;
   * - `keep`: data files of the source are copied along under their names; an unchanged model is byte for byte the same.
   * @default 'auto'
   */
  readonly externalData?: 'auto' | 'never' | 'always' | 'keep';
  /** `model`: the model file, but no data file, which somebody who allowed the one has not been asked about. @default true */
  readonly overwrite?: boolean | 'model';
}

export interface SavedModel {
  readonly path: string;
  /** Size of the model file and its data files. */
  readonly bytes: number;
  /** Absolute paths of the data files written. */
  readonly externalFiles: readonly string[];
}

/** Smaller tensors stay in the model: shapes and scalars are wanted by readers that do not follow external data. */
const SMALLEST_EXTERNAL_BYTES = 1024;
/** Page size; 64 KiB for large tensors, which is what Windows needs to map them. */
const ALIGNMENT = 4096;
const LARGE_ALIGNMENT = 65536;
const LARGE_BYTES = 1 << 20;

/**
 * Writes a model: to a temporary file beside the target, flushed, then renamed, so that the target is at any time either
 * the old file or the new. What has not changed is copied byte for byte, in pieces. Refuses to write over a file the model
 * is read from, or its external data (`onnx/overwrite-source`); a full disk or a read-only folder gives `onnx/write`, and
 * nothing is left behind.
 */
export function saveModel(model: Model, file: string, options: SaveOptions = {}): SavedModel {
  const target = path.resolve(file);
  const mode = options.externalData ?? 'auto';
  const outputs = plan(model, target, mode);
  const sources = sourcesOf(outputs);
  for (const { target: output } of outputs) {
    refuseSource(output, [...sources, ...modelFiles(model)]);
    const mayReplace = options.overwrite === 'model' ? output === target : options.overwrite !== false;
    if (!mayReplace && fs.existsSync(output)) {
      throw targetExists(output);
    }
  }
  const written: { temporary: string; target: string }[] = [];
  try {
    for (const output of outputs) {
      const temporary = path.join(
        path.dirname(output.target),
        `.${path.basename(output.target)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
      );
      written.push({ temporary, target: output.target });
      writeFile(temporary, output.pieces);
    }
    // The model last: until then the old one is in place.
    for (const { temporary, target: output } of written) {
      fs.renameSync(temporary, output);
    }
    flushDirectory(path.dirname(target));
  } catch (error) {
    for (const { temporary } of written) {
      fs.rmSync(temporary, { force: true });
    }
    throw LatheError.is(error) ? error : writeFailed(target, error);
  }
  return {
    path: target,
    bytes: outputs.reduce((sum, { pieces }) => sum + pieces.byteLength, 0),
    externalFiles: outputs.slice(0, -1).map((output) => output.target),
  };
}

interface Output {
  readonly target: string;
  readonly pieces: PieceList;
}

/** What to write where; the model itself comes last. */
function plan(model: Model, target: string, mode: NonNullable<SaveOptions['externalData']>): Output[] {
  if (mode === 'keep') {
    const pieces = checkedSize(writeModel(model, keepPlan));
    const copies = model.externalFiles.map(({ location }): Output => {
      const source = model.file!.external.source(location)!;
      const data = new PieceList();
      data.copy(source, 0, source.byteLength);
      return { target: path.join(path.dirname(target), location), pieces: data };
    });
    // Saved into the same folder, the data files are in place already.
    return [...copies.filter((copy) => !isSameFile(copy.target, copy.pieces)), { target, pieces }];
  }
  if (mode !== 'always') {
    const pieces = writeModel(model, inlinePlan);
    if (pieces.byteLength <= MAX_PROTOBUF_BYTES || mode === 'never') {
      return [{ target, pieces: checkedSize(pieces) }];
    }
  }
  const location = `${path.basename(target)}.data`;
  const { data, pieces } = externalise(model, location);
  checkedSize(pieces);
  return data.byteLength === 0
    ? [{ target, pieces }]
    : [
        { target: path.join(path.dirname(target), location), pieces: data },
        { target, pieces },
      ];
}

function externalise(model: Model, location: string): { data: PieceList; pieces: PieceList } {
  const data = new PieceList();
  const plan: TensorPlan = {
    movesExternal: true,
    place: (tensor: Tensor, isMain) => {
      if (!isMain || tensor.byteLength < SMALLEST_EXTERNAL_BYTES) {
        return inlinePlan.place(tensor, isMain);
      }
      const alignment = tensor.byteLength >= LARGE_BYTES ? LARGE_ALIGNMENT : ALIGNMENT;
      data.push(new Uint8Array((alignment - (data.byteLength % alignment)) % alignment));
      const offset = data.byteLength;
      writeElements(data, tensor);
      const reference = { location, offset, length: tensor.byteLength, checksum: undefined };
      return { kind: 'external', reference };
    },
  };
  // All initializers must pass through the plan, so the graph is written even if nothing in it changed.
  const copy = model.clone();
  copy.graph.touch();
  return { pieces: writeModel(copy, plan), data };
}

function checkedSize(pieces: PieceList): PieceList {
  if (pieces.byteLength > MAX_PROTOBUF_BYTES) {
    throw tooLarge(pieces.byteLength, 'Let it keep its weights in an external data file.');
  }
  return pieces;
}

function isSameFile(target: string, pieces: PieceList): boolean {
  const piece = pieces.pieces[0];
  if (piece?.kind !== 'range' || !(piece.source instanceof FileSource)) {
    return false;
  }
  const stat = statOf(target);
  return stat?.ino === piece.source.identity.inode && stat.dev === piece.source.identity.device;
}

/** undefined when there is nothing of that name. */
function statOf(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw writeFailed(file, error);
  }
}

function sourcesOf(outputs: readonly Output[]): FileSource[] {
  const sources = new Set<FileSource>();
  for (const { pieces } of outputs) {
    for (const piece of pieces.pieces) {
      if (piece.kind === 'range' && piece.source instanceof FileSource) {
        sources.add(piece.source);
      }
    }
  }
  return [...sources];
}

function modelFiles(model: Model): FileSource[] {
  const own = model.file?.source;
  const external = model.externalFiles.map(({ location }) => model.file?.external.source(location));
  return [own, ...external].filter((source) => source instanceof FileSource);
}

/** Compares what the names lead to, not the names: links of either kind must not get around it. */
function refuseSource(target: string, sources: readonly FileSource[]): void {
  const stat = statOf(target);
  for (const { path: source, identity } of sources) {
    const isSame = stat !== undefined && stat.ino === identity.inode && stat.dev === identity.device;
    if (isSame || path.resolve(source) === target) {
      throw overwriteSource(target, source);
    }
  }
}

function writeFile(file: string, pieces: PieceList): void {
  const descriptor = fs.openSync(file, 'wx');
  try {
    const sources = sourcesOf([{ target: file, pieces }]);
    const write = (): void => {
      for (const chunk of pieces.chunks()) {
        for (let done = 0; done < chunk.length;) {
          done += fs.writeSync(descriptor, chunk, done, Math.min(chunk.length - done, 1 << 30));
        }
      }
    };
    // Each source stays open for the whole copy.
    sources.reduceRight<() => void>((work, source) => () => source.whileOpen(work), write)();
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Makes the renames last. The files are complete by now, so a system that cannot flush folders is no failure. */
function flushDirectory(directory: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(directory, 'r');
    fs.fsyncSync(descriptor);
  } catch {
    // Windows does not open folders, and some network drives do not flush them: there the renames last as long as they do.
  } finally {
    if (descriptor !== undefined) {
      fs.closeSync(descriptor);
    }
  }
}
