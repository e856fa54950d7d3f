import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { findLayers } from '../../../src/analysis';
import { exportModel, METADATA_PREFIX } from '../../../src/export/exportModel';
import { insertQdq, quantizeWeight, type QdqResult } from '../../../src/methods';
import { buildModel, DataType, openModel, saveModel, Tensor, type Model } from '../../../src/onnx';
import { seededNormal } from '../../../src/base/random';

function normal(name: string, dims: readonly number[], seed: number): Tensor {
  const next = seededNormal(seed);
  return Tensor.fromFloat32(
    name,
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => next()),
  );
}

function network(): Model {
  return buildModel({
    opset: 13,
    irVersion: 7,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 3, 8, 8] }],
    outputs: ['y'],
    initializers: [
      normal('w1', [16, 3, 3, 3], 1),
      normal('b1', [16], 2),
      normal('w2', [4, 16, 1, 1], 3),
      normal('untouched', [4, 1, 1], 4),
    ],
    nodes: [
      { opType: 'Conv', name: 'first', inputs: ['x', 'w1', 'b1'], outputs: ['a'] },
      { opType: 'Relu', inputs: ['a'], outputs: ['r'] },
      { opType: 'Conv', name: 'second', inputs: ['r', 'w2'], outputs: ['c'] },
      { opType: 'Mul', name: 'scaled', inputs: ['c', 'untouched'], outputs: ['y'] },
    ],
  });
}

function quantize(model: Model, bits: number): QdqResult {
  const layers = findLayers(model);
  return insertQdq(model, layers, {
    layers: new Map(
      layers.map((layer) => [
        layer.name,
        {
          weight: quantizeWeight(layer, { bits, granularity: 'per-channel', symmetric: true, range: 'min-max' }),
          activation: { scale: 0.05, zeroPoint: 0, qmin: 0, qmax: 255, bits: 8 },
        },
      ]),
    ),
  });
}

/** Codes of a packed tensor, low bits first, sign extended: written here apart from Lathe's own decoder. */
function unpack(bytes: Uint8Array, bits: number, count: number): number[] {
  const perByte = 8 / bits;
  return Array.from({ length: count }, (_, i) => {
    const code = (bytes[Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & (2 ** bits - 1);
    return code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
  });
}

describe('exportModel', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-export-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function opened(): Model {
    return openModel(saveModel(network(), join(folder, 'net.onnx')).path);
  }

  for (const [bits, type] of [
    [3, DataType.INT4],
    [4, DataType.INT4],
    [7, DataType.INT8],
    [8, DataType.INT8],
  ] as const) {
    it(`writes ${bits}-bit weights another reader finds in their grid`, () => {
      const source = opened();
      const model = source.clone();
      const expected = findLayers(model).map((layer) =>
        quantizeWeight(layer, { bits, granularity: 'per-channel', symmetric: true, range: 'min-max' }),
      );
      const quantization = quantize(model, bits);
      const path = join(folder, 'small.onnx');
      const result = exportModel({
        source,
        model,
        quantization,
        path,
        provenance: { version: '1.2.3', source: 'net.onnx' },
      });

      const file = fromBinary(ModelProtoSchema, readFileSync(path));
      assert.equal(result.bytes, readFileSync(path).length);
      const opset = bits <= 4 ? 21n : 13n;
      assert.deepEqual(
        file.opsetImport.map(({ domain, version }) => [domain, version]),
        [['', opset]],
      );
      assert.equal(file.irVersion, bits <= 4 ? 10n : 7n);
      assert.deepEqual(
        file.metadataProps.map(({ key, value }) => [key, value]),
        [
          [`${METADATA_PREFIX}source`, 'net.onnx'],
          [`${METADATA_PREFIX}version`, '1.2.3'],
        ],
      );
      const tensors = new Map(file.graph!.initializer.map((tensor) => [tensor.name, tensor]));
      assert.equal(tensors.has('w1'), false);
      quantization.layers.forEach((layer, i) => {
        const tensor = tensors.get(layer.weightTensor!.name)!;
        assert.equal(tensor.dataType, type);
        const width = type === DataType.INT4 ? 4 : 8;
        const codes = unpack(tensor.rawData, width, expected[i]!.codes.length);
        assert.ok(codes.every((code) => Math.abs(code) <= 2 ** (bits - 1) - 1));
        assert.deepEqual(codes, Array.from(expected[i]!.codes));
      });
      const bias = tensors.get('b1_quantized')!;
      assert.equal(bias.dataType, DataType.INT32);
      // What was not touched is what it was.
      const original = fromBinary(ModelProtoSchema, readFileSync(join(folder, 'net.onnx')));
      assert.deepEqual(
        tensors.get('untouched'),
        original.graph!.initializer.find((tensor) => tensor.name === 'untouched'),
      );
      assert.deepEqual(
        file.graph!.node.find((node) => node.name === 'scaled'),
        original.graph!.node.find((node) => node.name === 'scaled'),
      );
      assert.deepEqual(file.graph!.input, original.graph!.input);
    });
  }

  it('writes the same bytes every time, and leaves nothing else behind', () => {
    const write = (name: string) => {
      const source = opened();
      const model = source.clone();
      const quantization = quantize(model, 4);
      exportModel({ source, model, quantization, path: join(folder, name), provenance: { version: '1' } });
      return readFileSync(join(folder, name));
    };
    assert.deepEqual(write('a.onnx'), write('b.onnx'));
    assert.deepEqual(readdirSync(folder).sort(), ['a.onnx', 'b.onnx', 'net.onnx']);
  });

  it('never writes over the input, also through a link or another spelling', () => {
    const source = opened();
    const before = readFileSync(source.path!);
    symlinkSync(folder, `${folder}-link`);
    mkdirSync(join(folder, 'deep'));
    try {
      for (const path of [source.path!, join(`${folder}-link`, 'net.onnx'), `${folder}/deep/../net.onnx`]) {
        const model = source.clone();
        const quantization = quantize(model, 8);
        assert.throws(() => exportModel({ source, model, quantization, path, provenance: {} }), {
          code: 'export/over-input',
          category: 'usage',
        });
      }
      assert.deepEqual(readFileSync(source.path!), before);
    } finally {
      rmSync(`${folder}-link`);
    }
  });

  it('never writes over the external data of the input', () => {
    const saved = saveModel(network(), join(folder, 'net.onnx'), { externalData: 'always' });
    const source = openModel(saved.path);
    const data = source.externalFiles[0]!.path;
    const before = readFileSync(data);
    const model = source.clone();
    const quantization = quantize(model, 8);
    assert.throws(() => exportModel({ source, model, quantization, path: data, provenance: {} }), {
      code: 'export/over-input',
    });
    exportModel({ source, model, quantization, path: join(folder, 'small.onnx'), provenance: {} });
    assert.deepEqual(readFileSync(data), before);
  });

  it('refuses a model whose structure is broken', () => {
    const source = opened();
    const model = source.clone();
    const relu = model.graph.nodes.find((node) => node.opType === 'Relu')!;
    relu.setInput(0, model.graph.value('y'));
    const path = join(folder, 'small.onnx');
    assert.throws(() => exportModel({ source, model, quantization: undefined, path, provenance: {} }), {
      code: 'export/unsound',
    });
    assert.deepEqual(readdirSync(folder), ['net.onnx']);
  });

  it('notices codes that are not what was promised', () => {
    const source = opened();
    const model = source.clone();
    const quantization = quantize(model, 3);
    const name = quantization.layers[0]!.weightTensor!.name;
    const tensor = model.graph.initializers.get(name)!;
    const codes = tensor.toInt32();
    codes[5] = -8;
    model.graph.replaceInitializer(name, Tensor.fromIntegers(name, DataType.INT4, tensor.dims, codes));
    const path = join(folder, 'small.onnx');
    assert.throws(() => exportModel({ source, model, quantization, path, provenance: {} }), {
      code: 'export/codes',
      message: /layer "first": code -8 lies outside \[-3, 3\]/,
    });
  });

  it('keeps an existing file when told to', () => {
    const source = opened();
    const path = join(folder, 'small.onnx');
    writeFileSync(path, 'mine');
    assert.throws(() =>
      exportModel({ source, model: source.clone(), quantization: undefined, path, provenance: {}, overwrite: false }),
    );
    assert.equal(readFileSync(path, 'utf8'), 'mine');
  });
});
