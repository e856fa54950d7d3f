import { LatheError } from '../base/errors';

export type RuntimeErrorCode = 'runtime/missing' | 'runtime/load' | 'runtime/run';

/** The engine itself cannot be loaded on this machine. */
export function runtimeMissing(platform: string, why: string, cause?: unknown): LatheError<RuntimeErrorCode> {
  return new LatheError(
    'runtime/missing',
    `ONNX Runtime cannot be loaded on ${platform}: ${why}.`,
    { platform },
    { cause },
  );
}

/** The engine refuses a model. `where` is its path, or a word for a model held in memory. */
export function runtimeLoad(where: string, reason: string, cause?: unknown): LatheError<RuntimeErrorCode> {
  return new LatheError(
    'runtime/load',
    `ONNX Runtime refuses ${where}: ${reason}`,
    { model: where, reason },
    { cause },
  );
}

/** A loaded model cannot be run on these inputs. */
export function runtimeRun(where: string, reason: string, cause?: unknown): LatheError<RuntimeErrorCode> {
  return new LatheError('runtime/run', `Running ${where} failed: ${reason}`, { model: where, reason }, { cause });
}
