import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { Channel, type Link } from '../../../src/protocol/channel';
import { USUAL_PATTERNS, type LayerSparsity } from '../../../src/protocol/sparsity';
import { WORKER_PROTOCOL_VERSION, type WorkerClientSide, type WorkerSide } from '../../../src/protocol/workerProtocol';
import { WorkerServer } from '../../../src/worker/workerServer';

const path = join(__dirname, '..', '..', '..', 'samples', 'fmnist-resnet20', 'resnet20.onnx');
const access = { path, followExternalData: true };

/** Two ends of a pipe that carries JSON, as the real one does. */
function pipe(): [Link, Link] {
  const listeners: ((message: unknown) => void)[][] = [[], []];
  const end = (own: number): Link => ({
    send: (message) => {
      const text = JSON.stringify(message);
      setImmediate(() => listeners[1 - own]!.forEach((listener) => listener(JSON.parse(text))));
    },
    onMessage: (listener) => {
      listeners[own]!.push(listener);
      return { dispose: () => undefined };
    },
  });
  return [end(0), end(1)];
}

describe('Sparsity questions to the worker', () => {
  const received: { readonly token: number; readonly layers: readonly LayerSparsity[] }[] = [];
  let client: Channel<WorkerClientSide, WorkerSide>;
  before(() => {
    const [here, there] = pipe();
    new WorkerServer(there, () => undefined);
    client = new Channel<WorkerClientSide, WorkerSide>(
      here,
      {},
      { 'model/sparsity': (lot) => received.push(lot) },
      { version: WORKER_PROTOCOL_VERSION },
    );
  });
  after(() => client.dispose());

  it('streams every pattern of every layer before it answers', async () => {
    await client.request('model/sparsity', { ...access, token: 7, patterns: USUAL_PATTERNS });
    assert.ok(received.every(({ token }) => token === 7));
    const counts = new Map<string, number>();
    for (const layer of received.flatMap(({ layers }) => layers)) {
      counts.set(layer.name, (counts.get(layer.name) ?? 0) + layer.patterns.length);
    }
    assert.equal(counts.size, 22);
    assert.ok([...counts.values()].every((count) => count === USUAL_PATTERNS.length));
  });

  it('answers for a block while it measures, and stops when nobody wants the rest', async () => {
    const cancel = new AbortController();
    const measuring = client.request(
      'model/sparsity',
      { ...access, token: 8, patterns: [{ keep: 3, group: 32 }] },
      cancel.signal,
    );
    const block = await client.request('model/maskBlock', {
      ...access,
      place: { layer: '/fc/Gemm', rowGroup: 0, position: 0, row: 0, column: 8, rows: 32, columns: 32 },
      pattern: { keep: 2, group: 4 },
    });
    assert.deepEqual([block.rows, block.columns, block.plane.kernel], [10, 32, []]);
    assert.equal(block.masks.exact?.length, 320);
    cancel.abort();
    await assert.rejects(measuring);
  });

  it('refuses patterns that no mask has', async () => {
    await assert.rejects(client.request('masks/diversity', { patterns: [{ keep: 5, group: 4 }] }), /5:4/);
    await assert.rejects(
      client.request('model/sparsity', { ...access, token: 9, patterns: [{ keep: 1, group: 64 }] }),
      /1:64/,
    );
  });
});
