#!/usr/bin/env node
import { ExitCode } from './exitCodes';
import { main } from './main';
import { writeError } from './terminal';

const controller = new AbortController();
let interrupts = 0;

/** The first Ctrl-C ends the job at its next step, which leaves it resumable; the second one ends the process. */
function interrupt(): void {
  interrupts++;
  if (interrupts > 1) {
    process.exit(ExitCode.cancelled);
  }
  writeError('\nStopping after this step. Press Ctrl-C again to stop at once.\n');
  controller.abort();
}

process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// A reader that has seen enough (`lathe inspect … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    process.exit(ExitCode.done);
  }
  throw error;
});

void main(process.argv.slice(2), controller.signal).then((code) => {
  process.exitCode = code;
  // Native engines may hold the process; leave once all is written.
  process.stdout.write('', () => process.exit(code));
});
