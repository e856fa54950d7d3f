import assert from 'node:assert/strict';
import {
  declaredShapes,
  findLayers,
  inferShapes,
  layerMacs,
  sampleShapes,
  totalMacs,
  type ShapeTable,
} from '../../../src/analysis';
import { buildModel, DataType, openModel, serializeModel, Tensor, type Model, type ModelSpec } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { floatsOf, input, int64s, node } from './builders';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const runtime = createOnnxRuntime();

/** A copy that states no types but those of its inputs. */
function bare(model: Model): Model {
  const copy = model.clone();
  for (const n of copy.graph.nodes) {
    for (const output of n.outputs) {
      if (output !== undefined) {
        copy.graph.setType(output, undefined);
      }
    }
  }
  return copy;
}

function shapeOf(table: ShapeTable, name: string): unknown {
  return table.get(name)?.shape;
}

/** Own inference against ONNX Runtime's: equal where both know, and never more than the runtime contradicts. */
async function compare(model: Model, mayLack: readonly string[] = []): Promise<void> {
  const own = declaredShapes(bare(model));
  const theirs = await inferShapes(bare(model), runtime);
  for (const n of model.graph.nodes) {
    for (const output of n.outputs) {
      if (output !== undefined && !mayLack.includes(output.name)) {
        assert.deepEqual(own.get(output.name), theirs.get(output.name), `${n.opType} "${output.name}"`);
      }
    }
  }
}

describe('declaredShapes', () => {
  for (const name of ['resnet20', 'resnet20_folded', 'mobilenetv2', 'vit']) {
    it(`agrees with ONNX Runtime on every value of ${name}, without the file's own value_info`, async () => {
      await compare(openModel(`test/fixtures/models/${name}.onnx`));
    });
  }

  const zoo: Readonly<Record<string, Omit<ModelSpec, 'opset' | 'outputs'>>> = {
    'convolutions and pools': {
      inputs: [input('x', ['N', 4, 17, 13])],
      initializers: [floatsOf('w', [6, 2, 3, 2]), floatsOf('t', [6, 2, 3, 3]), floatsOf('k', [6, 6, 3, 3])],
      nodes: [
        node('Conv', ['x', 'w'], ['a'], { group: 2, strides: [2, 1], pads: [1, 0, 2, 1], dilations: [2, 3] }),
        node('Conv', ['a', 'k'], ['b'], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
        node('Conv', ['a', 'k'], ['b2'], { auto_pad: 'VALID' }),
        node('ConvTranspose', ['b', 't'], ['c'], {
          group: 3,
          strides: [2, 3],
          pads: [1, 0, 1, 1],
          output_padding: [1, 2],
        }),
        node('ConvTranspose', ['b', 't'], ['c2'], { group: 3, strides: [2, 2], auto_pad: 'SAME_LOWER' }),
        node('MaxPool', ['c'], ['d'], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
        node('AveragePool', ['c'], ['e'], { kernel_shape: [2, 2], strides: [2, 3], pads: [1, 1, 0, 0] }),
        node('GlobalAveragePool', ['e'], ['f']),
        node('BatchNormalization', ['a', 'g', 'g', 'g', 'g2'], ['n']),
        node('DepthToSpace', ['x'], ['ds'], { blocksize: 2 }),
        node('Pad', ['x', 'pads'], ['p']),
        node('Resize', ['x', '', 'scales'], ['r']),
      ],
    },
    'matrices and movements': {
      inputs: [input('x', ['N', 6, 8]), input('m', [5, 8])],
      initializers: [
        floatsOf('w', [8, 3]),
        floatsOf('v', [7, 1, 8, 2]),
        floatsOf('vec', [8]),
        floatsOf('g', [4, 8]),
        int64s('shape', [0, -1, 4]),
        int64s('axes', [1]),
        int64s('starts', [-3, 0]),
        int64s('ends', [9223372036854775807, 5]),
        int64s('on', [2, 1]),
        int64s('steps', [1, 2]),
        int64s('reps', [1, 2, 3]),
        int64s('idx', [1, 0, 2]),
        int64s('sizes', [2, 4]),
        int64s('ex', [2, 1, 1, 8]),
      ],
      nodes: [
        node('MatMul', ['x', 'w'], ['a']),
        node('MatMul', ['m', 'v'], ['b']),
        node('MatMul', ['x', 'vec'], ['c']),
        node('Gemm', ['m', 'g'], ['d'], { transB: 1 }),
        node('Reshape', ['x', 'shape'], ['e']),
        node('Transpose', ['x'], ['f'], { perm: [2, 0, 1] }),
        node('Transpose', ['x'], ['f2']),
        node('Unsqueeze', ['x', 'axes'], ['g1']),
        node('Squeeze', ['g1', 'axes'], ['g2']),
        node('Flatten', ['m'], ['h'], { axis: 0 }),
        node('Slice', ['x', 'starts', 'ends', 'on', 'steps'], ['i']),
        node('Tile', ['x', 'reps'], ['j']),
        node('Gather', ['x', 'idx'], ['k'], { axis: 1 }),
        node('Split', ['x', 'sizes'], ['l1', 'l2'], { axis: 1 }),
        node('Concat', ['x', 'l1'], ['o'], { axis: -2 }),
        node('Expand', ['m', 'ex'], ['q']),
        node('Add', ['x', 'vec'], ['r']),
        node('Equal', ['m', 'vec'], ['s']),
        node('Where', ['s', 'm', 'vec'], ['t']),
        node('Cast', ['s'], ['u'], { to: DataType.FLOAT16 }),
        node('ReduceMean', ['x'], ['v1'], { axes: [-1], keepdims: 0 }),
        node('ReduceSum', ['x', 'axes'], ['v2']),
        node('ReduceMax', ['x'], ['v3'], { keepdims: 0 }),
        node('ArgMax', ['x'], ['v4'], { axis: 2 }),
        node('Softmax', ['x'], ['v5'], { axis: -1 }),
        node('LayerNormalization', ['x', 'vec'], ['v6']),
        node('Shape', ['x'], ['v7'], { start: 1 }),
        node('Size', ['x'], ['v8']),
      ],
    },
    'shapes computed on the way': {
      inputs: [input('x', ['N', 6, 8])],
      initializers: [int64s('zero', [0]), int64s('one', [1]), int64s('two', [2]), int64s('minus', [-1])],
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Slice', ['s', 'zero', 'one'], ['n']),
        node('Gather', ['s', 'two'], ['c']),
        node('Div', ['c', 'two'], ['half']),
        node('Concat', ['n', 'minus', 'half'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
        node('Mul', ['y', 'y'], ['z']),
      ],
    },
    quantised: {
      inputs: [input('x', ['N', 6])],
      initializers: [
        Tensor.fromFloat32('s', [], Float32Array.of(0.1)),
        Tensor.fromIntegers('z', DataType.INT8, [], [0]),
        Tensor.fromIntegers('w', DataType.INT8, [6, 4], new Int8Array(24)),
      ],
      nodes: [
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['d']),
        node('DynamicQuantizeLinear', ['x'], ['a', 'b', 'c']),
        node('MatMulInteger', ['a', 'w'], ['m']),
        node('QLinearMatMul', ['q', 's', 'z', 'w', 's', 'z', 's', 'z'], ['l']),
      ],
    },
    recurrent: {
      inputs: [input('x', [5, 'N', 3])],
      initializers: [floatsOf('w', [2, 16, 3]), floatsOf('r', [2, 16, 4])],
      nodes: [node('LSTM', ['x', 'w', 'r'], ['y', 'h', 'c'], { hidden_size: 4, direction: 'bidirectional' })],
    },
  };
  for (const [name, spec] of Object.entries(zoo)) {
    it(`agrees with ONNX Runtime on ${name}`, async () => {
      const extra =
        name === 'convolutions and pools'
          ? [
              floatsOf('g', [6]),
              Tensor.fromFloat32('g2', [6], new Float32Array(6).fill(1)),
              int64s('pads', [0, 0, 1, 2, 0, 0, 3, 0]),
              Tensor.fromFloat32('scales', [4], Float32Array.of(1, 1, 2, 1.5)),
            ]
          : [];
      const outputs = spec.nodes.flatMap((n) => n.outputs);
      // Names that the runtime gives to sizes it cannot follow are its own.
      const mayLack =
        name === 'quantised'
          ? []
          : ['target', 'half', 'c', 'n', 's'].filter(
              (v) => name === 'shapes computed on the way' && outputs.includes(v),
            );
      const model = buildModel({
        opset: 17,
        ...spec,
        initializers: [...spec.initializers!, ...extra],
        outputs: outputs.slice(-1),
      });
      await compare(model, mayLack);
    });
  }

  it('keeps what the file states for operators it does not know', () => {
    const model = buildModel({
      opset: { '': 17, acme: 1 },
      inputs: [input('x', ['N', 6])],
      outputs: ['y'],
      values: [{ name: 'h', type: DataType.FLOAT, shape: ['N', 3] }],
      initializers: [floatsOf('w', [3, 2])],
      nodes: [{ ...node('Odd', ['x'], ['h']), domain: 'acme' }, node('MatMul', ['h', 'w'], ['y'])],
    });
    assert.deepEqual(shapeOf(declaredShapes(model), 'y'), ['N', 2]);
  });
});

describe('inferShapes', () => {
  it('runs the model where inference leaves a size open, and keeps the name of the batch', async () => {
    // The number of non-zero elements shows only in a run.
    const model = buildModel({
      opset: 17,
      inputs: [input('x', ['batch', 4])],
      outputs: ['y'],
      initializers: [floatsOf('w', [1, 3])],
      nodes: [
        node('NonZero', ['x'], ['nz']),
        node('Cast', ['nz'], ['f'], { to: DataType.FLOAT }),
        node('Transpose', ['f'], ['t']),
        node('ReduceSum', ['t'], ['one'], {}),
        node('MatMul', ['one', 'w'], ['y']),
        node('Relu', ['x'], ['r']),
      ],
    });
    const x = Float32Array.of(1, 0, 2, 3);
    const feeds = new Map([['x', { type: DataType.FLOAT, dims: [1, 4], data: x }]]);
    const table = await inferShapes(model, runtime, { feeds });
    assert.deepEqual(shapeOf(table, 'nz'), [2, 3]);
    assert.deepEqual(shapeOf(table, 'r'), ['batch', 4]);
    await assert.rejects(inferShapes(model, runtime, { feeds: new Map() }), { code: 'analysis/feeds' });
  });

  it('steps around values of types that the runtime cannot list', async () => {
    const model = buildModel({
      opset: 21,
      irVersion: 10,
      inputs: [input('x', ['N', 6])],
      outputs: ['y'],
      initializers: [
        Tensor.fromFloat32('s', [], Float32Array.of(0.1)),
        Tensor.fromIntegers('z', DataType.UINT4, [], [3]),
      ],
      nodes: [
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['d']),
        node('Cast', ['d'], ['b'], { to: DataType.BFLOAT16 }),
        node('Cast', ['b'], ['y'], { to: DataType.FLOAT }),
      ],
    });
    const table = await inferShapes(model, runtime);
    assert.deepEqual(table.get('q'), { kind: 'tensor', elementType: DataType.UINT4, shape: ['N', 6] });
    assert.deepEqual(table.get('b'), { kind: 'tensor', elementType: DataType.BFLOAT16, shape: ['N', 6] });
    assert.deepEqual(shapeOf(table, 'd'), ['N', 6]);
  });

  it('does not take an unknown rank for a scalar', async () => {
    // The runtime gives up on a Reshape to a computed target and lists no sizes at all.
    const model = buildModel({
      opset: 17,
      inputs: [input('x', ['N', 'M']), input('target', ['K'], DataType.INT64)],
      outputs: ['y'],
      nodes: [node('Reshape', ['x', 'target'], ['y'])],
    });
    assert.equal((await inferShapes(model, runtime)).get('y')?.shape, undefined);
    const feeds = new Map([
      ['x', { type: DataType.FLOAT, dims: [2, 6], data: new Float32Array(12) }],
      ['target', { type: DataType.INT64, dims: [3], data: BigInt64Array.of(1n, 3n, 4n) }],
    ]);
    assert.deepEqual(shapeOf(await inferShapes(model, runtime, { feeds }), 'y'), [1, 3, 4]);
  });

  it('leaves the model as it is', async () => {
    const model = openModel('test/fixtures/models/resnet20.onnx');
    const before = serializeModel(model);
    await inferShapes(model, runtime);
    assert.deepEqual(serializeModel(model), before);
  });
});

describe('sampleShapes', () => {
  it('gives the sizes of one sample, so that MACs are known where only the rank is', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [input('x', ['N', 3, 'height', 'width'])],
      outputs: ['y'],
      initializers: [floatsOf('w', [8, 3, 3, 3])],
      nodes: [node('Conv', ['x', 'w'], ['h'], { strides: [2, 2] }), node('Relu', ['h'], ['y'])],
    });
    const layers = findLayers(model);
    assert.equal(totalMacs(layers, await inferShapes(model, runtime)), undefined);
    const feeds = new Map([['x', { type: DataType.FLOAT, dims: [1, 3, 9, 11], data: new Float32Array(297) }]]);
    const table = await sampleShapes(model, runtime, feeds);
    assert.deepEqual(
      [shapeOf(table, 'x'), shapeOf(table, 'h'), shapeOf(table, 'y')],
      [
        [1, 3, 9, 11],
        [1, 8, 4, 5],
        [1, 8, 4, 5],
      ],
    );
    assert.equal(totalMacs(layers, table), 4 * 5 * 8 * 27);
    await assert.rejects(sampleShapes(model, runtime, new Map()), { code: 'analysis/feeds' });
  });
});

describe('multiply-accumulates', () => {
  it('match a count by hand for ResNet-20', () => {
    const model = openModel('test/fixtures/models/resnet20.onnx');
    const first = 9 * 16 * 28 * 28;
    const stage1 = 6 * 9 * 16 * 16 * 28 * 28;
    const stage2 = 9 * 16 * 32 * 14 * 14 + 5 * 9 * 32 * 32 * 14 * 14 + 16 * 32 * 14 * 14;
    const stage3 = 9 * 32 * 64 * 7 * 7 + 5 * 9 * 64 * 64 * 7 * 7 + 32 * 64 * 7 * 7;
    assert.equal(totalMacs(findLayers(model), declaredShapes(model)), first + stage1 + stage2 + stage3 + 64 * 10);
  });

  it('match a count by hand for the vision transformer', () => {
    const model = openModel('test/fixtures/models/vit.onnx');
    const tokens = 49;
    const block = tokens * 64 * (3 * 64 + 64 + 256 + 256);
    assert.equal(totalMacs(findLayers(model), declaredShapes(model)), tokens * 16 * 64 + 4 * block + 64 * 10);
  });

  it('match counting every product of a run, for each kind of layer', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [input('x', ['N', 4, 9, 7]), input('t', ['N', 5, 6]), input('i', ['N', 3], DataType.INT64)],
      outputs: ['y1', 'y2', 'y3', 'y4', 'y5'],
      initializers: [
        floatsOf('wc', [6, 2, 3, 2]),
        floatsOf('wt', [6, 3, 2, 3]),
        floatsOf('wm', [6, 7]),
        floatsOf('wl', [8, 5]),
        floatsOf('we', [10, 4]),
      ],
      nodes: [
        node('Conv', ['x', 'wc'], ['h'], { group: 2, strides: [2, 1] }),
        node('ConvTranspose', ['h', 'wt'], ['y1'], { group: 2 }),
        node('MatMul', ['t', 'wm'], ['y2']),
        node('MatMul', ['wl', 't'], ['y3'], {}, 'left'),
        node('Gather', ['we', 'i'], ['y4']),
        node('Relu', ['h'], ['y5']),
      ],
    });
    const layers = findLayers(model);
    const shapes = await inferShapes(model, runtime);
    // Convolutions: one product per output element (input element for the transposed one) and tap it meets.
    const expected = [4 * 6 * 6 * (2 * 3 * 2), 4 * 6 * 6 * (3 * 2 * 3), 5 * 7 * 6, 8 * 6 * 5, 0];
    assert.deepEqual(
      layers.map((layer) => layerMacs(layer, shapes)),
      expected,
    );
  });

  it('are undefined where a size other than the batch is open', () => {
    const model = buildModel({
      opset: 17,
      inputs: [input('x', ['N', 'steps', 6])],
      outputs: ['y'],
      initializers: [floatsOf('w', [6, 4])],
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    });
    const layers = findLayers(model);
    assert.equal(layerMacs(layers[0]!, declaredShapes(model)), undefined);
    assert.equal(totalMacs(layers, declaredShapes(model)), undefined);
  });
});
