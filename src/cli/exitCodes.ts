/** Exit codes of the command line: an interface, never to be renumbered. */
export const ExitCode = {
  done: 0,
  failed: 1,
  /** Bad arguments or a bad recipe. */
  usage: 2,
  /** Done, but outside a limit of the recipe. */
  outsideLimits: 3,
  cancelled: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
