import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Channel, ChannelCode, type Link, RemoteError } from '../../../src/protocol/channel';

interface ServerSide {
  readonly requests: {
    add: { params: { a: number; b: number }; result: number };
    wait: { params: null; result: string };
    fail: { params: null; result: null };
    unsendable: { params: null; result: unknown };
  };
  readonly notifications: { note: string };
}
interface ClientSide {
  readonly requests: object;
  readonly notifications: { progress: number };
}

/** Two ends of a pipe that delivers in order and asynchronously, as every real one does. Messages are cloned as JSON. */
class Pipe {
  readonly sent: unknown[] = [];
  private readonly listeners: Set<(message: unknown) => void>[] = [new Set(), new Set()];
  private readonly closers = new Set<(reason: string) => void>();
  broken = false;

  end(which: 0 | 1): Link {
    return {
      send: (message) => {
        if (this.broken) {
          throw new Error('pipe is broken');
        }
        const copy = JSON.parse(JSON.stringify(message)) as unknown;
        this.sent.push(copy);
        setImmediate(() => {
          for (const listener of this.listeners[1 - which]!) {
            listener(copy);
          }
        });
      },
      onMessage: (listener) => {
        this.listeners[which]!.add(listener);
        return { dispose: () => void this.listeners[which]!.delete(listener) };
      },
      onClose: (listener) => {
        this.closers.add(listener);
        return { dispose: () => void this.closers.delete(listener) };
      },
    };
  }

  inject(which: 0 | 1, message: unknown): void {
    for (const listener of this.listeners[which]!) {
      listener(message);
    }
  }

  close(reason: string): void {
    for (const closer of this.closers) {
      closer(reason);
    }
  }
}

function server(link: Link, log: string[] = [], heard: string[] = [], version = 1) {
  const aborted: string[] = [];
  const channel = new Channel<ServerSide, ClientSide>(
    link,
    {
      add: ({ a, b }) => a + b,
      wait: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push('wait');
            reject(new RemoteError(ChannelCode.cancelled, 'Cancelled'));
          });
        }),
      unsendable: () => 1n,
      fail: () => {
        throw Object.assign(new Error('no such file'), { code: 'onnx/missing' });
      },
    },
    { note: (text) => heard.push(text) },
    {
      version,
      log: (message) => log.push(message),
      toErrorData: (error) => ({ code: (error as { code: string }).code, message: (error as Error).message }),
    },
  );
  return { channel, aborted };
}

function client(link: Link, log: string[] = [], version = 1) {
  return new Channel<ClientSide, ServerSide>(link, {}, {}, { version, log: (message) => log.push(message) });
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof RemoteError, String(error));
    return error.code;
  }
  return 'resolved';
}

describe('Channel', () => {
  it('carries the protocol version in the first message of each end', async () => {
    const pipe = new Pipe();
    client(pipe.end(0));
    server(pipe.end(1));
    await settle();
    assert.deepEqual(
      pipe.sent
        .slice(0, 2)
        .map((m) => ({ type: (m as { type: string }).type, version: (m as { version: number }).version })),
      [
        { type: 'hello', version: 1 },
        { type: 'hello', version: 1 },
      ],
    );
  });

  it('answers each request exactly once, out of order too', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    const controller = new AbortController();
    const waiting = asking.request('wait', null, controller.signal);
    assert.equal(await asking.request('add', { a: 2, b: 3 }), 5);
    controller.abort();
    assert.equal(await codeOf(waiting), ChannelCode.cancelled);
    await settle();
    const answers = pipe.sent
      .filter((m) => (m as { type: string }).type === 'answer')
      .map((m) => (m as { id: number }).id);
    assert.deepEqual([...answers].sort(), [1, 2]);
  });

  it('answers requests of unknown type, and names of Object.prototype are unknown', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    for (const name of ['nothing/here', 'toString', 'constructor', '__proto__']) {
      assert.equal(await codeOf(asking.request(name as 'wait', null)), ChannelCode.unknown);
    }
  });

  it('answers failures as data with their code', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    await assert.rejects(asking.request('fail', null), (error) => {
      assert.ok(RemoteError.is(error, 'onnx/missing'));
      assert.equal(error.message, 'no such file');
      return true;
    });
  });

  it('answers a failure when a value cannot be sent, and stays open', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    assert.equal(await codeOf(asking.request('unsendable', null)), 'internal');
    assert.equal(await asking.request('add', { a: 1, b: 1 }), 2);
  });

  it('aborts the handler when the signal fires, and sends nothing when it has fired before', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    const { aborted } = server(pipe.end(1));
    const controller = new AbortController();
    const waiting = asking.request('wait', null, controller.signal);
    await settle();
    controller.abort();
    assert.equal(await codeOf(waiting), ChannelCode.cancelled);
    await settle();
    assert.deepEqual(aborted, ['wait']);
    const before = pipe.sent.length;
    assert.equal(await codeOf(asking.request('wait', null, AbortSignal.abort())), ChannelCode.cancelled);
    assert.equal(pipe.sent.length, before);
  });

  it('delivers notifications both ways and survives a failing listener', async () => {
    const pipe = new Pipe();
    const log: string[] = [];
    const heard: string[] = [];
    const numbers: number[] = [];
    const asking = new Channel<ClientSide, ServerSide>(
      pipe.end(0),
      {},
      {
        progress: (value) => {
          numbers.push(value);
          if (value === 1) {
            throw new Error('listener broke');
          }
        },
      },
      { version: 1, log: (message) => log.push(message) },
    );
    const { channel } = server(pipe.end(1), [], heard);
    asking.notify('note', 'hello');
    channel.notify('progress', 1);
    channel.notify('progress', 2);
    await settle();
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(numbers, [1, 2]);
    assert.match(log.join('\n'), /listener broke/);
  });

  it('rejects all that is pending when the link closes, tells listeners once, and refuses later requests', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    const reasons: string[] = [];
    asking.onDidClose((reason) => reasons.push(reason));
    const pending = [asking.request('wait', null), asking.request('wait', null)];
    await settle();
    pipe.close('the process ended with code 3');
    asking.dispose();
    for (const one of pending) {
      await assert.rejects(one, /ended with code 3/);
    }
    assert.deepEqual(reasons, ['the process ended with code 3']);
    assert.equal(await codeOf(asking.request('add', { a: 1, b: 1 })), ChannelCode.closed);
    asking.onDidClose((reason) => reasons.push(reason));
    assert.equal(reasons.length, 2);
  });

  it('aborts what runs for the other end when it is disposed, and drops the answer', async () => {
    const pipe = new Pipe();
    const log: string[] = [];
    const asking = client(pipe.end(0));
    const { channel, aborted } = server(pipe.end(1), log);
    const waiting = asking.request('wait', null);
    await settle();
    channel.dispose();
    await settle();
    assert.deepEqual(aborted, ['wait']);
    assert.match(log.join('\n'), /dropped the answer to request 1/);
    pipe.close('gone');
    assert.equal(await codeOf(waiting), ChannelCode.closed);
  });

  it('drops and logs what arrives after the link closed', () => {
    const pipe = new Pipe();
    const log: string[] = [];
    client(pipe.end(0), log);
    pipe.close('gone');
    pipe.inject(0, { type: 'notify', method: 'progress', params: 3 });
    assert.match(log.join('\n'), /dropped after closing: notify progress/);
  });

  it('closes when sending fails', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0));
    server(pipe.end(1));
    await settle();
    pipe.broken = true;
    await assert.rejects(asking.request('add', { a: 1, b: 2 }), /pipe is broken/);
    assert.equal(asking.isClosed, true);
  });

  it('logs and ignores what is no message', () => {
    const pipe = new Pipe();
    const log: string[] = [];
    client(pipe.end(0), log);
    for (const message of [undefined, null, 7, 'text', [], {}, { type: 'riddle' }, { type: 'request' }]) {
      pipe.inject(0, message);
    }
    assert.equal(log.length, 8);
  });

  it('refuses an end of another version in both directions, and answers it', async () => {
    const pipe = new Pipe();
    const asking = client(pipe.end(0), [], 2);
    const { channel } = server(pipe.end(1), [], [], 1);
    assert.equal(await codeOf(asking.request('add', { a: 1, b: 1 })), ChannelCode.version);
    await settle();
    assert.equal(await codeOf(asking.request('add', { a: 1, b: 1 })), ChannelCode.version);
    assert.equal(channel.isClosed, false);
  });

  it('answers a request that comes before any hello', async () => {
    const pipe = new Pipe();
    server(pipe.end(1));
    pipe.inject(1, { type: 'request', id: 9, method: 'add', params: { a: 1, b: 1 } });
    await settle();
    const answer = pipe.sent.find((m) => (m as { type: string }).type === 'answer') as { id: number; ok: boolean };
    assert.deepEqual([answer.id, answer.ok], [9, false]);
  });

  it('settles what was pending with an end that starts anew, and serves the new one', async () => {
    const pipe = new Pipe();
    const old = client(pipe.end(0));
    const { channel, aborted } = server(pipe.end(1));
    const lost = old.request('wait', null);
    lost.catch(() => undefined);
    await settle();
    old.dispose();
    const fresh = client(pipe.end(0));
    assert.equal(await fresh.request('add', { a: 20, b: 22 }), 42);
    assert.deepEqual(aborted, ['wait']);
    assert.equal(channel.isClosed, false);
  });

  it('rejects a request whose process is killed in the middle of it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lathe-channel-'));
    try {
      const script = join(directory, 'child.cjs');
      // A peer that greets, takes the request and never answers.
      writeFileSync(
        script,
        `process.send({ type: 'hello', version: 1, session: 1, reply: false });
         process.on('message', (m) => { if (m.type === 'request') process.send({ type: 'notify', method: 'progress', params: 1 }); });`,
      );
      const child = fork(script);
      const channel = new Channel<ClientSide, ServerSide>(
        {
          send: (message) => void child.send(message as object),
          onMessage: (listener) => {
            child.on('message', listener);
            return { dispose: () => void child.off('message', listener) };
          },
          onClose: (listener) => {
            const exit = (code: number | null, signal: string | null) => listener(`ended by ${signal ?? String(code)}`);
            child.on('exit', exit);
            return { dispose: () => void child.off('exit', exit) };
          },
        },
        {},
        { progress: () => void child.kill('SIGKILL') },
        { version: 1 },
      );
      await assert.rejects(channel.request('wait', null), /ended by SIGKILL/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
