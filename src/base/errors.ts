/**
 * A failure that a user can meet: bad input, a full disk, a model that cannot be handled.
 *
 * Each layer keeps its codes and one factory per code in its own `errors.ts`; the sentence says what failed, where
 * (file, node, tensor, recipe path) and what to do. The code is stable, the text is not: never match on text.
 * "Does not apply" is not an error but a value ({@link Refusal}), a bug is an {@link invariant}, and a cancellation is a
 * {@link CancelledError}.
 */
export class LatheError<Code extends string = string> extends Error {
  override readonly name = 'LatheError';

  constructor(
    readonly code: Code,
    message: string,
    /** Facts for programs: file, node, tensor, line… JSON values only, since they cross processes. */
    readonly details: Readonly<Record<string, unknown>> = {},
    options: {
      readonly cause?: unknown;
      /** `usage`: the arguments or the recipe are wrong (exit code 2). `failure`: everything else (exit code 1). */
      readonly category?: 'usage' | 'failure';
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.category = options.category ?? 'failure';
  }

  readonly category: 'usage' | 'failure';

  /** By name: bundles that load one another each have a copy of this class. */
  static is<C extends string>(error: unknown, code?: C): error is LatheError<C> {
    return error instanceof Error && error.name === 'LatheError' && (code === undefined || codeOf(error) === code);
  }
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The work was stopped on request. Never shown as an error. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';

  constructor() {
    super('Cancelled');
  }
}

/** Throws {@link CancelledError} when the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new CancelledError();
  }
}

/** "Does not apply": why something is left as it is. A value, listed in reports, never thrown. */
export interface Refusal {
  readonly applied: false;
  /** One sentence without a full stop, e.g. "depthwise convolution: one input channel per group". */
  readonly reason: string;
  /** Keys of the nodes to blame. */
  readonly nodes: readonly string[];
}

/** States what must be true; a failure is a bug of ours and is shown as "internal error, please report". */
export function invariant(condition: unknown, message: string): asserts condition {
  if (condition === false || condition === null || condition === undefined) {
    throw new Error(`Internal error: ${message}`);
  }
}

export function assertNever(value: never): never {
  throw new Error(`Internal error: unexpected value ${JSON.stringify(value)}`);
}
