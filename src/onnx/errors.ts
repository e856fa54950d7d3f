import { LatheError } from '../base/errors';

/** What can go wrong between a model file and the graph in memory. */
export type OnnxErrorCode =
  | 'onnx/read'
  | 'onnx/not-onnx'
  | 'onnx/truncated'
  | 'onnx/malformed'
  | 'onnx/too-deep'
  | 'onnx/too-many'
  | 'onnx/unsupported-version'
  | 'onnx/shape'
  | 'onnx/data-length'
  | 'onnx/data-type'
  | 'onnx/range'
  | 'onnx/external-refused'
  | 'onnx/external-missing'
  | 'onnx/external-short'
  | 'onnx/changed'
  | 'onnx/cycle'
  | 'onnx/too-large'
  | 'onnx/write'
  | 'onnx/overwrite-source'
  | 'onnx/exists'
  | 'onnx/extract'
  | 'onnx/build';

export type OnnxError = LatheError<OnnxErrorCode>;

function systemReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ENOENT':
      return 'it does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'permission is denied';
    case 'EISDIR':
      return 'it is a folder';
    case 'ENOTDIR':
      return 'a part of its path is not a folder';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full';
    case 'EROFS':
      return 'the disk is read-only';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open';
    case 'ELOOP':
      return 'it is a symbolic link';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

export function readFailed(file: string, cause: unknown): OnnxError {
  return new LatheError(
    'onnx/read',
    `Cannot read ${file}: ${systemReason(cause)}. Check the path and its permissions.`,
    { file },
    { cause },
  );
}

export function notOnnx(file: string, reason: string): OnnxError {
  return new LatheError('onnx/not-onnx', `${file} is not an ONNX model: ${reason}. Choose an .onnx file.`, { file });
}

export function truncated(file: string, byteOffset: number, where: string): OnnxError {
  return new LatheError(
    'onnx/truncated',
    `${file} is cut short: it ends at byte ${byteOffset}, inside ${where}. Copy or download it again.`,
    { file, byteOffset, where },
  );
}

export function malformed(file: string, byteOffset: number, where: string, reason: string): OnnxError {
  return new LatheError(
    'onnx/malformed',
    `${file} is damaged at byte ${byteOffset}, in ${where}: ${reason}. Copy or export it again.`,
    { file, byteOffset, where },
  );
}

export function tooDeep(file: string, byteOffset: number, limit: number): OnnxError {
  return new LatheError(
    'onnx/too-deep',
    `${file} nests messages more than ${limit} deep at byte ${byteOffset}, as no real model does. It is damaged or made to do harm.`,
    { file, byteOffset, limit },
  );
}

export function tooMany(file: string, what: string, limit: number): OnnxError {
  return new LatheError(
    'onnx/too-many',
    `${file} holds more than ${limit} ${what}, more than Lathe handles. It is damaged or made to do harm.`,
    { file, what, limit },
  );
}

export function unsupportedVersion(file: string, irVersion: number): OnnxError {
  return new LatheError(
    'onnx/unsupported-version',
    `${file} has IR version ${irVersion}; Lathe reads version 3 and later. Export the model with a newer exporter.`,
    { file, irVersion },
  );
}

export function badShape(file: string, tensor: string, reason: string): OnnxError {
  return new LatheError(
    'onnx/shape',
    `Tensor "${tensor}" in ${file} has an impossible shape: ${reason}. Export the model again.`,
    { file, tensor },
  );
}

export function dataLength(tensor: string, expected: string, found: string): OnnxError {
  return new LatheError(
    'onnx/data-length',
    `Tensor "${tensor}" should hold ${expected} but holds ${found}. The model is damaged; export it again.`,
    { tensor },
  );
}

export function dataTypeNotSupported(tensor: string, dataType: string, wanted: string): OnnxError {
  return new LatheError('onnx/data-type', `Tensor "${tensor}" has type ${dataType}, which has no ${wanted}.`, {
    tensor,
    dataType,
  });
}

export function outOfRange(tensor: string, index: number, value: number, wanted: string): OnnxError {
  return new LatheError(
    'onnx/range',
    `Element ${index} of tensor "${tensor}" is ${value}, which does not fit ${wanted}.`,
    {
      tensor,
      index,
    },
  );
}

export function externalRefused(tensor: string, location: string, reason: string): OnnxError {
  return new LatheError(
    'onnx/external-refused',
    `The data of tensor "${tensor}" is not read from "${location}": ${reason}.`,
    { tensor, location },
  );
}

export function externalMissing(tensor: string, location: string, file: string, cause: unknown): OnnxError {
  return new LatheError(
    'onnx/external-missing',
    `The data of tensor "${tensor}" should be in ${file}, which cannot be read: ${systemReason(cause)}. Put the file "${location}" beside the model.`,
    { tensor, location, file },
    { cause },
  );
}

export function externalShort(tensor: string, location: string, needed: string, bytes: number): OnnxError {
  return new LatheError(
    'onnx/external-short',
    `The data of tensor "${tensor}" needs ${needed} of "${location}", but the file has ${bytes} bytes. Copy or download it again.`,
    { tensor, location, bytes },
  );
}

export function fileChanged(file: string): OnnxError {
  return new LatheError('onnx/changed', `${file} has changed since the model was opened. Open the model again.`, {
    file,
  });
}

export function cycle(nodes: readonly string[]): OnnxError {
  return new LatheError(
    'onnx/cycle',
    `The graph has a cycle through ${nodes.length} node(s): ${nodes.slice(0, 5).join(', ')}. Such a model cannot be run.`,
    { nodes },
  );
}

export function tooLarge(bytes: number, advice: string): OnnxError {
  return new LatheError(
    'onnx/too-large',
    `The model would take ${bytes} bytes, over the 2147483647 a protobuf file may have. ${advice}`,
    { bytes },
  );
}

export function writeFailed(file: string, cause: unknown): OnnxError {
  return new LatheError(
    'onnx/write',
    `Cannot write ${file}: ${systemReason(cause)}. Nothing was left behind; choose another folder or make room.`,
    { file },
    { cause },
  );
}

export function overwriteSource(file: string, source: string): OnnxError {
  return new LatheError(
    'onnx/overwrite-source',
    `${file} is what the model is read from (${source}); Lathe does not write over it. Choose another name.`,
    { file, source },
    { category: 'usage' },
  );
}

export function targetExists(file: string): OnnxError {
  return new LatheError(
    'onnx/exists',
    `${file} exists already. Choose another name or allow overwriting.`,
    { file },
    {
      category: 'usage',
    },
  );
}

export function cannotExtract(reason: string, details: Readonly<Record<string, unknown>>): OnnxError {
  return new LatheError('onnx/extract', `Cannot cut the model: ${reason}.`, details);
}

export function cannotBuild(reason: string): OnnxError {
  return new LatheError('onnx/build', `Cannot build the model: ${reason}.`);
}
