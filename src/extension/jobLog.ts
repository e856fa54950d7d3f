import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The log of one job: a file, and its last lines for the message of a crash. */
export class JobLog {
  private stream: WriteStream | undefined;
  private failed = false;
  private readonly last: string[] = [];

  constructor(readonly path: string) {}

  async open(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    this.stream = createWriteStream(this.path, { flags: 'w' });
    // A full disk must not take the extension host with it; the last lines stay in memory.
    this.stream.on('error', () => {
      this.failed = true;
    });
  }

  write(line: string): void {
    this.last.push(line);
    if (this.last.length > 40) {
      this.last.shift();
    }
    if (!this.failed) {
      this.stream?.write(`${new Date().toISOString()} ${line}\n`);
    }
  }

  get tail(): readonly string[] {
    return this.last;
  }

  /** Resolves when all is on disk. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.stream === undefined || this.failed) {
        resolve();
      } else {
        this.stream.once('error', () => resolve());
        this.stream.end(() => resolve());
      }
    });
  }
}
