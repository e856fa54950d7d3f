import { strict as assert } from 'node:assert';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobId, JobSnapshot } from '../../../src/protocol/job';
import { Channel } from '../../../src/protocol/channel';
import { WORKER_PROTOCOL_VERSION, type WorkerClientSide, type WorkerSide } from '../../../src/protocol/workerProtocol';

const root = join(__dirname, '..', '..', '..');
const entry = join(root, 'src', 'worker', 'worker.ts');
const execArgv = ['--import', 'tsx'];

function connect(child: ChildProcess, snapshots: JobSnapshot[] = []): Channel<WorkerClientSide, WorkerSide> {
  return new Channel<WorkerClientSide, WorkerSide>(
    {
      send: (message) => void child.send(message as object, () => undefined),
      onMessage: (listener) => {
        child.on('message', listener);
        return { dispose: () => void child.off('message', listener) };
      },
      onClose: (listener) => {
        child.on('exit', (code, signal) => listener(signal ?? String(code)));
        return { dispose: () => undefined };
      },
    },
    {},
    { 'job/snapshot': (snapshot) => snapshots.push(snapshot) },
    { version: WORKER_PROTOCOL_VERSION },
  );
}

describe('Worker process', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-process-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('ends when the process that forked it is killed', async () => {
    const parent = join(folder, 'parent.cjs');
    writeFileSync(
      parent,
      `const child = require('node:child_process').fork(${JSON.stringify(entry)}, [], { execArgv: ${JSON.stringify(execArgv)}, cwd: ${JSON.stringify(root)} });
       child.on('message', () => console.log(child.pid));`,
    );
    const running = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = await new Promise<number>((resolve) => {
      running.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())));
    });
    process.kill(pid, 0);
    running.kill('SIGKILL');
    const deadline = Date.now() + 20_000;
    while (isAlive(pid)) {
      assert.ok(Date.now() < deadline, 'the worker outlived its parent');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it('tells how a job failed in its last snapshot, and ends', async () => {
    const recipe = join(folder, 'lost.lathe.json');
    writeFileSync(recipe, '{ "model": "missing.onnx" }');
    const snapshots: JobSnapshot[] = [];
    const child = fork(entry, [], { execArgv, cwd: root });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const channel = connect(child, snapshots);
    const id = 'job-1' as JobId;
    assert.deepEqual(await channel.request('job/start', { id, kind: 'analyze', recipePath: recipe }), { id });
    assert.equal(await ended, 0);
    const last = snapshots.at(-1);
    assert.equal(last?.status, 'failed');
    assert.equal(last.id, id);
    assert.match(last.error?.message ?? '', /missing\.onnx/);
    assert.notEqual(last.error?.code, 'internal');
  });

  it('rejects what was asked of it when it is killed', async () => {
    const child = fork(entry, [], { execArgv, cwd: root });
    const channel = connect(child);
    const asked = channel.request('model/open', { path: join(folder, 'none.onnx'), followExternalData: false });
    child.kill('SIGKILL');
    await assert.rejects(asked, { code: 'channel/closed' });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
