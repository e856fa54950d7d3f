import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { buildSync } from 'esbuild';

export const root = join(__dirname, '../..');
export const models = join(root, 'test/fixtures/models');
export const sample = join(root, 'samples/fmnist-resnet20');

let program: string | undefined;

/** The command line bundled as it ships, once per test run, beside the packages it loads. */
export function cliProgram(): string {
  if (program === undefined) {
    program = join(root, 'out/test-cli/dist/cli.js');
    buildSync({
      absWorkingDir: root,
      entryPoints: ['src/cli/cli.ts'],
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      mainFields: ['module', 'main'],
      external: ['onnxruntime-node', 'sharp', 'highs'],
      logLevel: 'warning',
    });
  }
  return program;
}

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface LatheOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Arguments for Node itself. */
  readonly node?: readonly string[];
}

/** Runs `lathe` to its end. */
export function lathe(args: readonly string[], options: LatheOptions = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...(options.node ?? []), cliProgram(), ...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: status, out: stdout, err: stderr };
}

/** Starts `lathe` and leaves it running. */
export function startLathe(args: readonly string[], cwd: string): { child: ChildProcess; ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [cliProgram(), ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const ended = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  return { child, ended };
}

/** Compares with a file in `expected/`; LATHE_ACCEPT=1 takes the present output over, to be reviewed as a diff. */
export function assertExpected(name: string, actual: string): void {
  const path = join(__dirname, 'expected', name);
  if (process.env.LATHE_ACCEPT === '1') {
    writeFileSync(path, actual);
  }
  assert.ok(existsSync(path), `${path} is missing; LATHE_ACCEPT=1 writes it`);
  assert.equal(actual, readFileSync(path, 'utf8'));
}

/** Parses JSON and holds it to a schema in schemas/. */
export function assertSchema(name: string, text: string): Record<string, unknown> {
  const value = JSON.parse(text) as Record<string, unknown>;
  const schema = JSON.parse(readFileSync(join(root, `schemas/lathe.${name}.schema.json`), 'utf8')) as object;
  const validate = new Ajv({ strict: false }).compile(schema);
  assert.ok(validate(value), JSON.stringify(validate.errors));
  return value;
}

export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'lathe-cli-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
