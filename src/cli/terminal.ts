import { writeSync } from 'node:fs';

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly warn: (text: string) => string;
}

/** Colours only for people: on a terminal, and not where NO_COLOR (no-color.org) or a dumb terminal says no. */
export function styleFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): Style {
  const plain = stream.isTTY !== true || (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb';
  const paint = (on: number, off: number) => (text: string) => (plain ? text : `\u001b[${on}m${text}\u001b[${off}m`);
  return { bold: paint(1, 22), dim: paint(2, 22), warn: paint(33, 39) };
}

/** Names come from files; control characters must not reach a terminal. Tabs and line breaks become spaces. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

/** What a command writes to. Results go to `out`, all else to `err`. */
export interface Terminal {
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Columns of the result; 100 where that is not a terminal, so that output does not depend on the window of a pipe. */
  readonly columns: number;
  out(text: string): void;
  err(text: string): void;
  /** Rewrites one line on a terminal; does nothing elsewhere. '' removes it. */
  status(line: string): void;
}

export function processTerminal(quiet: boolean): Terminal {
  const { stdout, stderr } = process;
  let statusShown = false;
  const clear = (): void => {
    if (statusShown) {
      stderr.write('\r\u001b[K');
      statusShown = false;
    }
  };
  return {
    outStyle: styleFor(stdout),
    errStyle: styleFor(stderr),
    columns: stdout.isTTY ? Math.max(60, stdout.columns) : 100,
    out: (text) => {
      clear();
      stdout.write(text);
    },
    err: (text) => {
      clear();
      if (!quiet) {
        stderr.write(`${text}\n`);
      }
    },
    status: (line) => {
      if (quiet || !stderr.isTTY) {
        return;
      }
      clear();
      if (line !== '') {
        const width = stderr.columns - 1;
        stderr.write(line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line);
        statusShown = true;
      }
    },
  };
}

/** Writes at once, even when the process is about to end. */
export function writeError(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    return; // Nobody listens any more.
  }
}
