import { CancelledError, LatheError } from '../base/errors';
import { ChannelCode, RemoteError } from '../protocol/channel';
import type { WireError } from '../protocol/job';

export type ExtensionErrorCode =
  | 'extension/file-exists'
  | 'extension/not-on-disk'
  | 'extension/lfs-pointer'
  | 'extension/no-git'
  | 'extension/not-trusted'
  | 'extension/no-recipe'
  | 'extension/no-report'
  | 'extension/no-lock'
  | 'extension/no-model'
  | 'extension/busy'
  | 'extension/unsaved'
  | 'extension/wrong-selection'
  | 'extension/edit-refused';

export function extensionError(code: ExtensionErrorCode, message: string): LatheError<ExtensionErrorCode> {
  return new LatheError(code, message, {}, { category: 'usage' });
}

export function toWireError(error: unknown): WireError {
  if (error instanceof RemoteError || LatheError.is(error)) {
    return { code: error.code, message: error.message, details: error.details };
  }
  if (error instanceof CancelledError) {
    return { code: ChannelCode.cancelled, message: error.message };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** A stop on request is never shown as an error. */
export function isCancellation(error: unknown): boolean {
  return error instanceof CancelledError || RemoteError.is(error, ChannelCode.cancelled);
}
