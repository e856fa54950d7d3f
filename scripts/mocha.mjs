// Mocha in a process of its own, with its figures.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** Runs the files of a glob and prints them as they go. A run that dies counts as one failure. */
export function runMocha(glob, { timeout = 20_000, env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lathe-mocha-'));
  const counts = join(folder, 'counts.json');
  try {
    const run = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
        ...['--require', 'tsx', '--forbid-only', '--timeout', String(timeout)],
        ...['--reporter', join(root, 'scripts', 'countingReporter.mjs')],
        glob,
      ],
      { cwd: root, stdio: 'inherit', env: { ...process.env, ...env, LATHE_MOCHA_COUNTS: counts } },
    );
    if (!existsSync(counts)) {
      return { passed: 0, failed: 1 };
    }
    const { passes, failures } = JSON.parse(readFileSync(counts, 'utf8'));
    return { passed: passes, failed: failures > 0 ? failures : run.status === 0 ? 0 : 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
