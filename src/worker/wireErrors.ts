import { CancelledError, LatheError } from '../base/errors';
import { ChannelCode } from '../protocol/channel';
import type { WireError } from '../protocol/job';

/** Errors as data. What is no failure a user can meet is a bug and says so; its stack goes to the log. */
export function toWireError(error: unknown): WireError {
  if (LatheError.is(error)) {
    return { code: error.code, message: error.message, details: error.details };
  }
  if (error instanceof CancelledError) {
    return { code: ChannelCode.cancelled, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'internal',
    message: `Internal error, please report: ${message}`,
    details: { stack: error instanceof Error ? (error.stack ?? '') : '' },
  };
}
