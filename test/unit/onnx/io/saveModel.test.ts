import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  buildModel,
  DataType,
  modelHash,
  openModel,
  parseModel,
  saveModel,
  serializeModel,
  Tensor,
} from '../../../../src/onnx';
import { kitchenSink, kitchenSinkBytes } from '../../../support/onnx/kitchenSink';
import { AttributeType, EXTERNAL, decodeModel, encodeModel, floatTensor } from '../../../support/onnx/protobuf';
import { temporaryFolder } from '../../../support/onnx/temporaryFolder';

describe('saveModel', () => {
  const at = temporaryFolder();

  function source(name = 'source.onnx'): string {
    fs.writeFileSync(at(name), kitchenSinkBytes());
    return at(name);
  }

  /** Tensors outside the model in every place a model can have them. */
  function externalEverywhere(folder: string): string {
    fs.mkdirSync(at(folder), { recursive: true });
    fs.writeFileSync(at(`${folder}/data.bin`), new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer));
    const outside = (name: string, offset: number) => ({
      name,
      dataType: 1,
      dims: [2n],
      docString: name,
      dataLocation: EXTERNAL,
      externalData: [
        { key: 'location', value: 'data.bin' },
        { key: 'offset', value: String(4 * offset) },
        { key: 'length', value: '8' },
      ],
    });
    const constant = (name: string, offset: number) => ({
      opType: 'Constant',
      output: [name],
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t: outside(name, offset) }],
    });
    const bytes = encodeModel({
      ...kitchenSink,
      functions: [{ name: 'F', domain: 'com.example.ops', output: ['f'], node: [constant('f', 1)] }],
      trainingInfo: [{ algorithm: { name: 't', initializer: [outside('t', 2)] } }],
      graph: {
        name: 'g',
        initializer: [outside('main', 0), floatTensor('inline', [1], [9])],
        sparseInitializer: [
          { values: outside('sparse', 3), indices: { dims: [2n], dataType: 7, int64Data: [0n, 3n] }, dims: [4n] },
        ],
        node: [
          constant('c', 4),
          {
            opType: 'If',
            input: ['cond'],
            output: ['y'],
            attribute: [
              {
                name: 'then_branch',
                type: AttributeType.GRAPH,
                g: { name: 'then', initializer: [outside('inner', 5)], node: [] },
              },
            ],
          },
        ],
      },
    });
    fs.writeFileSync(at(`${folder}/model.onnx`), bytes);
    return at(`${folder}/model.onnx`);
  }

  function leftovers(folder: string): string[] {
    return fs.readdirSync(folder).filter((name) => name.endsWith('.tmp'));
  }

  it('writes the same bytes as serializeModel and hashes them as it writes them', () => {
    const model = openModel(source());
    model.graph.replaceInitializer('b', Tensor.fromFloat32('b', [4], Float32Array.of(4, 3, 2, 1)));
    const saved = saveModel(model, at('saved.onnx'));
    const bytes = fs.readFileSync(saved.path);
    assert.deepEqual(Buffer.from(serializeModel(model)), bytes);
    assert.equal(saved.bytes, bytes.length);
    assert.deepEqual(saved.externalFiles, []);
    assert.equal(modelHash(model), createHash('sha256').update(bytes).digest('hex'));
    assert.deepEqual(leftovers(at()), []);
  });

  it('refuses to write over what it reads from, whatever the name', () => {
    const file = source();
    const model = openModel(file);
    fs.symlinkSync(file, at('symbolic.onnx'));
    fs.linkSync(file, at('hard.onnx'));
    for (const target of [file, at('symbolic.onnx'), at('hard.onnx'), path.join(at(), '.', 'source.onnx')]) {
      assert.throws(() => saveModel(model, target), { code: 'onnx/overwrite-source', category: 'usage' });
      assert.throws(() => saveModel(model.clone(), target), { code: 'onnx/overwrite-source' });
    }
    const external = openModel(externalEverywhere('sources'));
    assert.throws(() => saveModel(external, at('sources/data.bin')), { code: 'onnx/overwrite-source' });
    assert.deepEqual(fs.readFileSync(file), Buffer.from(kitchenSinkBytes()));
    assert.deepEqual(leftovers(at()), []);
  });

  it('writes over other files only when allowed', () => {
    const model = openModel(source());
    fs.writeFileSync(at('old.onnx'), 'old');
    assert.throws(() => saveModel(model, at('old.onnx'), { overwrite: false }), {
      code: 'onnx/exists',
      category: 'usage',
    });
    assert.equal(fs.readFileSync(at('old.onnx'), 'utf8'), 'old');
    saveModel(model, at('old.onnx'));
    assert.deepEqual(fs.readFileSync(at('old.onnx')), Buffer.from(kitchenSinkBytes()));
  });

  it('writes over a model, but over no data file that nobody was asked about', () => {
    const options = { externalData: 'always', overwrite: 'model' } as const;
    const large = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1, 512] }],
      outputs: ['y'],
      initializers: [Tensor.fromFloat32('w', [1, 512], new Float32Array(512).fill(3))],
      nodes: [{ opType: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    const { externalFiles } = saveModel(large, at('asked.onnx'), options);
    assert.equal(externalFiles.length, 1);
    fs.writeFileSync(at('asked.onnx'), 'old');
    fs.writeFileSync(externalFiles[0]!, 'somebody’s');
    assert.throws(() => saveModel(large, at('asked.onnx'), options), { code: 'onnx/exists' });
    assert.equal(fs.readFileSync(externalFiles[0]!, 'utf8'), 'somebody’s');
    assert.equal(fs.readFileSync(at('asked.onnx'), 'utf8'), 'old');
    fs.rmSync(externalFiles[0]!);
    saveModel(large, at('asked.onnx'), options);
    assert.equal(openModel(at('asked.onnx')).graph.initializers.get('w')!.toFloat32()[0], 3);
  });

  it('says why it cannot write and leaves nothing behind', () => {
    const model = openModel(source());
    assert.throws(() => saveModel(model, at('no/such/folder/model.onnx')), {
      code: 'onnx/write',
      message: /does not exist/,
    });
    fs.writeFileSync(at('file'), '');
    assert.throws(() => saveModel(model, at('file/model.onnx')), { code: 'onnx/write', message: /not a folder/ });
    fs.mkdirSync(at('folder.onnx'));
    assert.throws(() => saveModel(model, at('folder.onnx')), { code: 'onnx/write' });
    assert.deepEqual(leftovers(at()), []);
  });

  it('cleans up on a full disk and names a read-only one', function () {
    fs.mkdirSync(at('small'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at('small')], { stdio: 'ignore' });
    } catch {
      // Only root may mount.
      this.skip();
    }
    try {
      const model = parseModel(
        encodeModel({ graph: { name: 'g', initializer: [floatTensor('w', [50_000], new Array(50_000).fill(1))] } }),
      );
      assert.throws(() => saveModel(model, at('small/model.onnx')), { code: 'onnx/write', message: /disk is full/ });
      assert.deepEqual(fs.readdirSync(at('small')), []);
      execFileSync('mount', ['-o', 'remount,ro', at('small')]);
      const tiny = parseModel(kitchenSinkBytes());
      assert.throws(() => saveModel(tiny, at('small/model.onnx')), { code: 'onnx/write', message: /read-only/ });
    } finally {
      execFileSync('umount', [at('small')]);
    }
  });

  it('brings external data in from wherever a model can have it', () => {
    const file = externalEverywhere('everywhere');
    const model = openModel(file);
    const decoded = decodeModel(fs.readFileSync(saveModel(model, at('inlined.onnx')).path));
    const before = decodeModel(fs.readFileSync(file));
    const floats = (
      tensor: { rawData?: Uint8Array; externalData: unknown[]; dataLocation?: number; docString?: string } | undefined,
    ) => {
      assert.deepEqual(tensor!.externalData, []);
      assert.equal(tensor!.dataLocation ?? 0, 0);
      assert.ok(tensor!.docString);
      return [...new Float32Array(tensor!.rawData!.slice().buffer)];
    };
    const graph = decoded.graph!;
    assert.deepEqual(floats(graph.initializer[0]), [1, 2]);
    assert.deepEqual(floats(graph.sparseInitializer[0]!.values), [4, 5]);
    assert.deepEqual(floats(graph.node[0]!.attribute[0]!.t), [5, 6]);
    assert.deepEqual(floats(graph.node[1]!.attribute[0]!.g!.initializer[0]), [6, 7]);
    assert.deepEqual(floats(decoded.functions[0]!.node[0]!.attribute[0]!.t), [2, 3]);
    assert.deepEqual(floats(decoded.trainingInfo[0]!.algorithm!.initializer[0]), [3, 4]);
    assert.deepEqual(decoded.metadataProps, before.metadataProps);
    assert.deepEqual(decoded.configuration, before.configuration);
    assert.deepEqual(Buffer.from(serializeModel(model)), fs.readFileSync(at('inlined.onnx')));
    // Not inlined, it is the file.
    assert.deepEqual(Buffer.from(serializeModel(model, { inlineExternalData: false })), fs.readFileSync(file));
  });

  it('keeps data files beside the model when asked to', () => {
    const file = externalEverywhere('kept');
    fs.mkdirSync(at('copy'));
    const saved = saveModel(openModel(file), at('copy/model.onnx'), { externalData: 'keep' });
    assert.deepEqual(saved.externalFiles, [at('copy/data.bin')]);
    assert.deepEqual(fs.readFileSync(at('copy/model.onnx')), fs.readFileSync(file));
    assert.equal(modelHash(openModel(at('copy/model.onnx'))), modelHash(openModel(file)));
    // In the same folder the data is there already.
    assert.deepEqual(saveModel(openModel(file), at('kept/second.onnx'), { externalData: 'keep' }).externalFiles, []);
  });

  it('moves weights of the main graph out when asked to', () => {
    const weights = Float32Array.from({ length: 5000 }, (_, i) => i);
    const model = parseModel(
      encodeModel({
        graph: {
          name: 'g',
          initializer: [
            floatTensor('small', [2], [1, 2]),
            { ...floatTensor('first', [5000], [...weights]), docString: 'kept' },
            { name: 'list', dataType: 1, dims: [5000n], floatData: [...weights].reverse() },
          ],
        },
      }),
    );
    const saved = saveModel(model, at('outside.onnx'), { externalData: 'always' });
    assert.deepEqual(saved.externalFiles, [at('outside.onnx.data')]);
    const decoded = decodeModel(fs.readFileSync(saved.path)).graph!;
    assert.deepEqual(decoded.initializer[0]!.externalData, []);
    const entries = decoded.initializer
      .slice(1)
      .map((tensor) => Object.fromEntries(tensor.externalData.map((e) => [e.key, e.value])));
    assert.deepEqual(entries, [
      { location: 'outside.onnx.data', offset: '0', length: '20000' },
      { location: 'outside.onnx.data', offset: '20480', length: '20000' },
    ]);
    assert.equal(decoded.initializer[1]!.docString, 'kept');
    const again = openModel(saved.path);
    assert.deepEqual(again.graph.initializers.get('first')!.toFloat32(), weights);
    assert.deepEqual(again.graph.initializers.get('list')!.toFloat32(), weights.slice().reverse());
    assert.deepEqual(again.graph.initializers.get('small')!.toNumbers(), [1, 2]);
    // And back in.
    saveModel(again, at('inside.onnx'));
    assert.deepEqual(
      openModel(at('inside.onnx')).graph.initializers.get('list')!.toFloat32(),
      weights.slice().reverse(),
    );
  });
});
