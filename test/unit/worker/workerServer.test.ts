import { strict as assert } from 'node:assert';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { Channel, type Link } from '../../../src/protocol/channel';
import type { LayerStatistics } from '../../../src/protocol/model';
import { WORKER_PROTOCOL_VERSION, type WorkerClientSide, type WorkerSide } from '../../../src/protocol/workerProtocol';
import { WorkerServer } from '../../../src/worker/workerServer';

const sample = join(__dirname, '..', '..', '..', 'samples', 'fmnist-resnet20');
const model = join(sample, 'resnet20.onnx');
const recipe = join(sample, 'resnet20.lathe.json');

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

describe('WorkerServer', () => {
  const received: LayerStatistics[] = [];
  const logged: string[] = [];
  let client: Channel<WorkerClientSide, WorkerSide>;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-worker-'));
    const [here, there] = pipe();
    new WorkerServer(there, () => undefined);
    client = new Channel<WorkerClientSide, WorkerSide>(
      here,
      {},
      {
        'model/statistics': ({ layers }) => received.push(...layers),
        log: ({ message }) => logged.push(message),
      },
      { version: WORKER_PROTOCOL_VERSION },
    );
  });
  after(() => {
    client.dispose();
    rmSync(folder, { recursive: true });
  });

  it('summarises a model as another protobuf reader sees it', async () => {
    const summary = await client.request('model/open', { path: model, followExternalData: true });
    const graph = fromBinary(ModelProtoSchema, readFileSync(model)).graph!;
    assert.equal(summary.nodeCount, graph.node.length);
    const weights = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dims.map(Number)]));
    const layers = graph.node.filter((node) => node.opType === 'Conv' || node.opType === 'Gemm');
    assert.deepEqual(
      summary.layers.map((layer) => [layer.name, layer.weightShape]),
      layers.map((node) => [node.name, weights.get(node.input[1]!)]),
    );
    const floats = graph.initializer.filter((tensor) => tensor.dataType === 1);
    const count = floats.reduce((sum, tensor) => sum + tensor.dims.reduce((n, d) => n * Number(d), 1), 0);
    assert.equal(summary.parameters, count);
    assert.equal(summary.fileBytes, readFileSync(model).length);
  });

  it('streams the statistics of every layer before it answers', async () => {
    received.length = 0;
    await client.request('model/statistics', { path: model, followExternalData: true, token: 1 });
    assert.equal(received.length, 22);
    const graph = fromBinary(ModelProtoSchema, readFileSync(model)).graph!;
    const tensor = graph.initializer.find((one) => one.name === 'conv1.weight')!;
    const values = new Float32Array(Uint8Array.from(tensor.rawData).buffer);
    const first = received.find((layer) => layer.name === '/conv1/Conv')!;
    assert.equal(first.min, Math.min(...values));
    assert.equal(first.max, Math.max(...values));
    assert.equal(
      first.histogram.reduce((sum, n) => sum + n, 0),
      values.length,
    );
    assert.deepEqual(
      first.nm.map(({ keep, group }) => `${keep}:${group}`),
      ['1:2', '2:4', '4:8', '8:16', '1:4'],
    );
  });

  it('stops reading statistics when they are no longer wanted', async () => {
    const controller = new AbortController();
    const reading = client.request(
      'model/statistics',
      { path: model, followExternalData: true, token: 2 },
      controller.signal,
    );
    controller.abort();
    await assert.rejects(reading, { code: 'cancelled' });
  });

  it('answers a broken model with its code', async () => {
    const path = join(folder, 'broken.onnx');
    writeFileSync(path, readFileSync(model).subarray(0, 5000));
    await assert.rejects(client.request('model/open', { path, followExternalData: true }), (error: unknown) => {
      const { code, message } = error as { code: string; message: string };
      assert.match(code, /^onnx\//);
      assert.match(message, /broken\.onnx/);
      return true;
    });
  });

  it('reads a model anew when the file changed', async () => {
    const path = join(folder, 'changing.onnx');
    writeFileSync(path, 'no model');
    await assert.rejects(client.request('model/open', { path, followExternalData: true }));
    copyFileSync(model, path);
    const summary = await client.request('model/open', { path, followExternalData: true });
    assert.equal(summary.layers.length, 22);
  });

  it('says what a recipe says, and where its overrides stand', async () => {
    const text = readFileSync(recipe, 'utf8').replace(
      '"seed": 1',
      '"layers": { "layers.0.*": { "weights": 4 } }, "seed": 1',
    );
    const { diagnostics, summary } = await client.request('recipe/parse', {
      path: recipe,
      text,
      followExternalData: true,
    });
    assert.deepEqual(diagnostics, []);
    assert.equal(summary?.modelPath, model);
    assert.deepEqual(summary.budget, { size: 0.13 });
    const [override] = summary.overrides;
    assert.equal(override?.text, '"layers.0.*": { "weights": 4 }');
    assert.equal(text.slice(override.offset, override.offset + override.text.length), override.text);
    assert.deepEqual(override.layers, ['/layers/layers.0/conv1/Conv', '/layers/layers.0/conv2/Conv']);
  });

  it('names the model even of a recipe with errors', async () => {
    const text = readFileSync(recipe, 'utf8').replace('"budget"', '"budgte"');
    const { diagnostics, summary } = await client.request('recipe/parse', {
      path: recipe,
      text,
      followExternalData: true,
    });
    assert.ok(diagnostics.some((diagnostic) => diagnostic.severity === 'error'));
    assert.equal(summary?.modelPath, model);
  });

  it('tells the layers that a pattern means', async () => {
    const text = readFileSync(recipe, 'utf8');
    const ask = async (pattern: string) => {
      const { layers } = await client.request('recipe/layers', {
        path: recipe,
        text,
        followExternalData: true,
        pattern,
      });
      return layers.map((layer) => layer.shortName);
    };
    assert.deepEqual(await ask('/conv1/Conv'), ['conv1']);
    assert.deepEqual(await ask('*down*'), ['layers.3.down.0', 'layers.6.down.0']);
    assert.deepEqual(await ask('nothing'), []);
  });

  it('has nothing to say of what was not measured or run', async () => {
    copyFileSync(model, join(folder, 'resnet20.onnx'));
    const path = join(folder, 'new.lathe.json');
    writeFileSync(path, '{ "model": "resnet20.onnx" }');
    assert.deepEqual(await client.request('measurements/read', { recipePath: path }), {});
    assert.deepEqual(await client.request('report/read', { recipePath: path }), { files: {} });
    assert.equal((await client.request('recipe/lockState', { recipePath: path })).lock, 'missing');
    await assert.rejects(client.request('allocation/solve', { recipePath: path, pins: [], precision: 'hull' }), {
      code: 'job/not-measured',
    });
  });

  it('proposes a first recipe that parses without a fault', async () => {
    const { path, text } = await client.request('model/initRecipe', { path: join(folder, 'resnet20.onnx') });
    assert.equal(path, join(folder, 'resnet20.lathe.json'));
    const { diagnostics } = await client.request('recipe/parse', { path, text, followExternalData: true });
    assert.deepEqual(diagnostics, []);
  });
});
