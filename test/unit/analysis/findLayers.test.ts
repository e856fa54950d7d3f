import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { describeLayer, findLayers, type Layer, type Verdict } from '../../../src/analysis';
import { buildModel, DataType, openModel, parseModel, Tensor, type ModelSpec } from '../../../src/onnx';
import { floatsOf, input, int64s, node } from './builders';

function layersOf(spec: Omit<ModelSpec, 'opset'> & { opset?: ModelSpec['opset'] }): Layer[] {
  return findLayers(buildModel({ opset: 17, ...spec }));
}

function only(layers: readonly Layer[]): Layer {
  assert.equal(layers.length, 1);
  return layers[0]!;
}

function reason(verdict: Verdict): string {
  return verdict.possible ? 'it is possible' : verdict.reason;
}

describe('findLayers: kinds and axes', () => {
  it('Conv in one to three dimensions, grouped and depthwise', () => {
    const conv = (weight: readonly number[], shape: readonly number[], group: number): Layer =>
      only(
        layersOf({
          inputs: [input('x', shape)],
          outputs: ['y'],
          initializers: [floatsOf('w', weight), floatsOf('b', [weight[0]!])],
          nodes: [node('Conv', ['x', 'w', 'b'], ['y'], { group })],
        }),
      );
    const grouped = conv([6, 2, 3, 3], [1, 4, 8, 8], 2);
    assert.deepEqual(
      [grouped.kind, grouped.weight.outAxis, grouped.weight.inAxis, grouped.groups, grouped.isDepthwise],
      ['Conv', 0, 1, 2, false],
    );
    assert.equal(grouped.parameters, 108);
    assert.equal(grouped.bias?.tensor.name, 'b');
    assert.equal(grouped.bias.inputIndex, 2);
    assert.deepEqual([grouped.quantizeWeights, grouped.quantizeActivations], [{ possible: true }, { possible: true }]);
    assert.equal(describeLayer(grouped), 'Conv 3×3, 4 → 6, 2 groups');
    assert.match(reason(grouped.sparsify), /2 input channels/);
    const depthwise = conv([4, 1, 3], [1, 4, 8], 4);
    assert.equal(depthwise.isDepthwise, true);
    assert.equal(describeLayer(depthwise), 'depthwise Conv 3, 4 channels');
    assert.match(reason(depthwise.sparsify), /depthwise/);
    assert.equal(conv([4, 8, 2, 2, 2], [1, 8, 4, 4, 4], 1).sparsify.possible, true);
  });

  it('ConvTranspose, whose output channels lie on axis 1', () => {
    const layer = only(
      layersOf({
        inputs: [input('x', [1, 8, 4, 4])],
        outputs: ['y'],
        initializers: [floatsOf('w', [8, 3, 2, 2]), floatsOf('b', [6])],
        nodes: [node('ConvTranspose', ['x', 'w', 'b'], ['y'], { group: 2, strides: [2, 2] })],
      }),
    );
    assert.deepEqual([layer.weight.outAxis, layer.weight.inAxis, layer.isDepthwise], [1, 0, false]);
    assert.equal(layer.bias?.tensor.name, 'b');
    assert.equal(describeLayer(layer), 'ConvTranspose 2×2, stride 2, 8 → 6, 2 groups');
  });

  it('Gemm in all transpositions and with the weight on the left', () => {
    const gemm = (transB: number): Layer =>
      only(
        layersOf({
          inputs: [input('x', ['N', 6])],
          outputs: ['y'],
          initializers: [floatsOf('w', transB === 1 ? [4, 6] : [6, 4]), floatsOf('c', [1, 4])],
          nodes: [node('Gemm', ['x', 'w', 'c'], ['y'], { transB })],
        }),
      );
    assert.deepEqual([gemm(1).weight.outAxis, gemm(0).weight.outAxis], [0, 1]);
    assert.equal(gemm(0).bias?.tensor.name, 'c');
    assert.equal(describeLayer(gemm(0)), 'Gemm 6 → 4');
    for (const transA of [0, 1]) {
      const left = only(
        layersOf({
          inputs: [input('x', [6, 'N'])],
          outputs: ['y'],
          initializers: [floatsOf('w', transA === 1 ? [6, 4] : [4, 6])],
          nodes: [node('Gemm', ['w', 'x'], ['y'], { transA })],
        }),
      );
      assert.deepEqual([left.dataInputIndex, left.weight.inputIndex, left.weight.outAxis], [1, 0, transA]);
      assert.equal(describeLayer(left), 'Gemm 6 → 4, weight on the left');
    }
  });

  it('MatMul with the constant on either side, stacked, and a vector', () => {
    const matMul = (weight: readonly number[], x: readonly (number | string)[], left = false): Layer =>
      only(
        layersOf({
          inputs: [input('x', x)],
          outputs: ['y'],
          initializers: [floatsOf('w', weight)],
          nodes: [node('MatMul', left ? ['w', 'x'] : ['x', 'w'], ['y'])],
        }),
      );
    assert.deepEqual([matMul([6, 4], ['N', 6]).weight.outAxis, matMul([6, 4], ['N', 6]).weight.inAxis], [1, 0]);
    const left = matMul([4, 6], [6, 'N'], true);
    assert.deepEqual([left.weight.outAxis, left.weight.inAxis, left.dataInputIndex], [0, 1, 1]);
    const stacked = matMul([3, 6, 4], [3, 5, 6]);
    assert.deepEqual([stacked.weight.outAxis, stacked.weight.inAxis], [2, 1]);
    assert.equal(describeLayer(stacked), 'MatMul 6 → 4, 3 matrices');
    assert.match(reason(matMul([6], ['N', 6]).quantizeWeights), /vector operand/);
  });

  it('takes the constant vector of an Add right behind a MatMul as its bias, and nothing else', () => {
    const withAdd = (b: Tensor, more: Partial<ModelSpec> = {}): Layer =>
      only(
        layersOf({
          inputs: [input('x', ['N', 5, 6])],
          outputs: ['y'],
          initializers: [floatsOf('w', [6, 4]), b],
          nodes: [node('MatMul', ['x', 'w'], ['h']), node('Add', ['b', 'h'], ['y'])],
          ...more,
        }),
      );
    const { bias } = withAdd(floatsOf('b', [4]));
    assert.deepEqual([bias?.node.opType, bias?.inputIndex, bias?.value.name], ['Add', 0, 'b']);
    assert.equal(withAdd(floatsOf('b', [1, 1, 4])).bias?.tensor.name, 'b');
    assert.equal(withAdd(floatsOf('b', [5, 4])).bias, undefined);
    assert.equal(withAdd(floatsOf('b', [4]), { outputs: ['y', 'h'] }).bias, undefined);
  });

  it('Gather as an embedding, but not look-ups of shapes or with fixed indices', () => {
    const layer = only(
      layersOf({
        inputs: [input('i', ['N', 7], DataType.INT64)],
        outputs: ['y', 'z', 'v'],
        initializers: [floatsOf('table', [30, 8]), int64s('shape', [1, 2, 3]), int64s('zero', [0])],
        nodes: [
          node('Gather', ['table', 'i'], ['y'], {}, 'embed'),
          node('Gather', ['shape', 'i'], ['z'], {}, 'integers'),
          node('Gather', ['table', 'zero'], ['v'], {}, 'fixed'),
        ],
      }),
    );
    assert.deepEqual([layer.name, layer.kind, layer.weight.outAxis, layer.dataInputIndex], ['embed', 'Gather', 0, 1]);
    assert.equal(describeLayer(layer), 'embedding 30 × 8');
    assert.equal(layer.quantizeWeights.possible, true);
    assert.match(reason(layer.quantizeActivations), /indices/);
    assert.match(reason(layer.sparsify), /looked up/);
  });

  it('lists recurrent layers with what cannot be done', () => {
    const layer = only(
      layersOf({
        inputs: [input('x', [5, 'N', 3])],
        outputs: ['y'],
        initializers: [floatsOf('w', [2, 16, 3]), floatsOf('r', [2, 16, 4])],
        nodes: [node('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 4, direction: 'bidirectional' })],
      }),
    );
    assert.equal(layer.parameters, 2 * 16 * 3 + 2 * 16 * 4);
    assert.equal(describeLayer(layer), 'LSTM 3 → 4, two directions');
    assert.match(reason(layer.quantizeWeights), /recurrent/);
  });

  it('lists layers that are quantised already, in every dialect', () => {
    const codes = Tensor.fromIntegers(
      'q',
      DataType.INT8,
      [4, 3, 1, 1],
      Array.from({ length: 12 }, (_, i) => i - 6),
    );
    const scale = Tensor.fromFloat32('s', [4], Float32Array.of(0.1, 0.2, 0.3, 0.4));
    const one = Tensor.fromFloat32('one', [], Float32Array.of(1));
    const zero = Tensor.fromIntegers('zero', DataType.UINT8, [], [0]);
    const weightZero = Tensor.fromIntegers('wz', DataType.INT8, [], [0]);
    const dequantized = only(
      layersOf({
        inputs: [input('x', [1, 3, 4, 4], DataType.UINT8)],
        outputs: ['y'],
        initializers: [codes, scale, one, zero],
        nodes: [
          node('DequantizeLinear', ['x', 'one', 'zero'], ['xf'], {}, 'dx'),
          node('DequantizeLinear', ['q', 's'], ['w'], { axis: 0 }, 'dw'),
          node('Conv', ['xf', 'w'], ['y']),
        ],
      }),
    );
    assert.match(reason(dequantized.quantizeWeights), /int8 weights behind DequantizeLinear/);
    assert.match(reason(dequantized.quantizeActivations), /already quantised/);
    assert.equal(dequantized.weight.tensor.name, 'q');
    const faked = only(
      layersOf({
        inputs: [input('x', [1, 3, 4, 4])],
        outputs: ['y'],
        initializers: [floatsOf('f', [4, 3, 1, 1]), one, weightZero],
        nodes: [
          node('QuantizeLinear', ['f', 'one', 'wz'], ['c']),
          node('DequantizeLinear', ['c', 'one', 'wz'], ['w']),
          node('Conv', ['x', 'w'], ['y']),
        ],
      }),
    );
    assert.match(reason(faked.quantizeWeights), /pass QuantizeLinear/);
    const integers = layersOf({
      opset: { '': 17, 'com.microsoft': 1 },
      inputs: [input('x', [1, 3, 4, 4], DataType.UINT8), input('a', ['N', 64])],
      outputs: ['y', 'z', 'n'],
      initializers: [
        codes,
        one,
        zero,
        weightZero,
        Tensor.fromIntegers('packed', DataType.UINT8, [8, 2, 16], new Uint8Array(256)),
        floatsOf('scales', [16]),
      ],
      nodes: [
        node('QLinearConv', ['x', 'one', 'zero', 'q', 'one', 'wz', 'one', 'zero'], ['y']),
        node('ConvInteger', ['x', 'q'], ['z']),
        {
          ...node('MatMulNBits', ['a', 'packed', 'scales'], ['n'], { K: 64, N: 8, bits: 4, block_size: 32 }),
          domain: 'com.microsoft',
        },
      ],
    });
    assert.deepEqual(
      integers.map(({ kind }) => kind),
      ['QLinearConv', 'ConvInteger', 'MatMulNBits'],
    );
    for (const layer of integers) {
      assert.match(reason(layer.quantizeWeights), /already quantised/);
    }
    assert.equal(integers[2]!.parameters, 512);
    assert.equal(describeLayer(integers[2]!), 'MatMulNBits 64 → 8, 4 bits');
  });

  it('passes over products of two activations, constants among themselves and other domains', () => {
    assert.deepEqual(
      layersOf({
        opset: { '': 17, acme: 1 },
        inputs: [input('x', [3, 3])],
        outputs: ['y', 'z', 'u'],
        initializers: [floatsOf('w', [3, 3])],
        nodes: [
          node('MatMul', ['x', 'x'], ['y']),
          node('MatMul', ['w', 'w'], ['z'], {}, 'constant'),
          { ...node('Conv', ['x', 'w'], ['u']), domain: 'acme' },
        ],
      }),
      [],
    );
  });
});

describe('findLayers: where the weight comes from', () => {
  it('follows Transpose, Reshape, Identity, Cast, Squeeze and Unsqueeze and maps the axes back', () => {
    const chain = (stored: Tensor, nodes: ModelSpec['nodes'], more: Tensor[] = []): Layer =>
      only(
        layersOf({
          inputs: [input('x', ['N', 6])],
          outputs: ['y'],
          initializers: [stored, ...more],
          nodes: [...nodes, node('MatMul', ['x', 'w'], ['y'])],
        }),
      );
    const turned = chain(floatsOf('s', [4, 6]), [node('Transpose', ['s'], ['w'], { perm: [1, 0] })]);
    assert.deepEqual(turned.weight.shape, [6, 4]);
    assert.deepEqual([turned.weight.storedOutAxis, turned.weight.storedInAxis], [0, 1]);
    const long = chain(
      floatsOf('s', [1, 4, 6]),
      [
        node('Identity', ['s'], ['a']),
        node('Squeeze', ['a', 'first'], ['b']),
        node('Transpose', ['b'], ['c']),
        node('Unsqueeze', ['c', 'first'], ['d']),
        node('Reshape', ['d', 'shape'], ['w']),
      ],
      [int64s('first', [0]), int64s('shape', [6, -1])],
    );
    assert.deepEqual(
      long.weight.chain.map((n) => n.opType),
      ['Identity', 'Squeeze', 'Transpose', 'Unsqueeze', 'Reshape'],
    );
    assert.deepEqual([long.weight.storedOutAxis, long.weight.storedInAxis], [1, 2]);
    const merged = chain(floatsOf('s', [6, 2, 2]), [node('Reshape', ['s', 'shape'], ['w'])], [int64s('shape', [6, 4])]);
    assert.deepEqual([merged.weight.storedOutAxis, merged.weight.storedInAxis], [undefined, 0]);
    assert.deepEqual(merged.quantizeWeights, {
      possible: true,
      note: 'the output channels are not an axis of the stored tensor: its Reshape has to be folded first',
    });
    const constant = chain(floatsOf('unused', [1]), [node('Constant', [], ['w'], { value: floatsOf('', [6, 4]) })]);
    assert.equal(constant.weight.tensor.name, 'w');
    assert.deepEqual(
      layersOf({
        inputs: [input('x', ['N', 6]), input('shape', [2], DataType.INT64)],
        outputs: ['y'],
        initializers: [floatsOf('s', [6, 4])],
        nodes: [node('Reshape', ['s', 'shape'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
      }),
      [],
      'a Reshape whose target is not constant is not followed',
    );
  });

  it('ties layers that read the same stored constant, also through different nodes', () => {
    const layers = layersOf({
      inputs: [input('i', ['N'], DataType.INT64)],
      outputs: ['y', 'z'],
      initializers: [floatsOf('table', [9, 6]), floatsOf('w', [6, 6])],
      nodes: [
        node('Gather', ['table', 'i'], ['h']),
        node('MatMul', ['h', 'w'], ['z']),
        node('Transpose', ['table'], ['t'], { perm: [1, 0] }),
        node('MatMul', ['h', 't'], ['y'], {}, 'head'),
      ],
    });
    assert.deepEqual(
      layers.map(({ tie }) => tie),
      ['table', undefined, 'table'],
    );
    assert.equal(new Set(layers.map(({ shortName }) => shortName)).size, 3);
  });

  it('refuses weights that whoever runs the model may replace, except before IR version 4', () => {
    const spec: ModelSpec = {
      opset: 8,
      irVersion: 8,
      inputs: [input('x', ['N', 6]), input('w', [6, 4])],
      outputs: ['y'],
      initializers: [floatsOf('w', [6, 4])],
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    };
    assert.match(reason(only(layersOf(spec)).quantizeWeights), /also an input of the model/);
    assert.match(reason(only(layersOf(spec)).sparsify), /also an input of the model/);
    assert.equal(only(layersOf({ ...spec, irVersion: 3 })).quantizeWeights.possible, true);
  });

  it('refuses other float types for export, but lists them', () => {
    const half = Tensor.fromBytes('w', DataType.FLOAT16, [6, 4], new Uint8Array(48));
    const layer = only(
      layersOf({
        inputs: [input('x', ['N', 6], DataType.FLOAT16)],
        outputs: ['y'],
        initializers: [half],
        nodes: [node('MatMul', ['x', 'w'], ['y'])],
      }),
    );
    assert.match(reason(layer.quantizeWeights), /float16 weights/);
    assert.match(reason(layer.quantizeActivations), /float16 input/);
    assert.equal(layer.sparsify.possible, true);
  });

  it('lists layers inside sub-graphs with the reason they stay', () => {
    const layers = layersOf({
      inputs: [input('x', ['N', 6]), input('c', [], DataType.BOOL)],
      outputs: ['y'],
      initializers: [floatsOf('w', [6, 4])],
      nodes: [
        node(
          'If',
          ['c'],
          ['y'],
          {
            then_branch: { graph: { outputs: ['t'], nodes: [node('MatMul', ['x', 'w'], ['t'], {}, 'inner')] } },
            else_branch: {
              graph: { outputs: ['e'], nodes: [node('Constant', [], ['e'], { value: floatsOf('', [1, 4]) }, 'k')] },
            },
          },
          'choose',
        ),
      ],
    });
    assert.equal(layers[0]!.name, 'inner');
    assert.equal(
      reason(layers[0]!.quantizeWeights),
      'inside a sub-graph (then_branch of If "choose"), which is listed but not rewritten',
    );
  });

  it('lists layers inside functions', () => {
    const tensor = create(TensorProtoSchema, {
      dims: [6n, 4n],
      dataType: 1,
      floatData: Array.from({ length: 24 }, (_, i) => i),
    });
    const attribute = create(AttributeProtoSchema, {
      name: 'value',
      type: AttributeProto_AttributeType.TENSOR,
      t: tensor,
    });
    const model = create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [
        create(OperatorSetIdProtoSchema, { domain: '', version: 17n }),
        create(OperatorSetIdProtoSchema, { domain: 'acme', version: 1n }),
      ],
      graph: create(GraphProtoSchema, {
        name: 'g',
        input: [create(ValueInfoProtoSchema, { name: 'x' })],
        output: [create(ValueInfoProtoSchema, { name: 'y' })],
        node: [create(NodeProtoSchema, { opType: 'Block', domain: 'acme', input: ['x'], output: ['y'] })],
      }),
      functions: [
        create(FunctionProtoSchema, {
          name: 'Block',
          domain: 'acme',
          input: ['a'],
          output: ['b'],
          opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
          node: [
            create(NodeProtoSchema, { opType: 'Constant', output: ['w'], attribute: [attribute] }),
            create(NodeProtoSchema, { opType: 'MatMul', name: 'mm', input: ['a', 'w'], output: ['b'] }),
          ],
        }),
      ],
    });
    const layer = only(findLayers(parseModel(toBinary(ModelProtoSchema, model))));
    assert.equal(layer.name, 'Block::mm');
    assert.match(reason(layer.quantizeWeights), /inside the function "Block"/);
  });
});

describe('findLayers on trained networks', () => {
  const model = (name: string): Layer[] => findLayers(openModel(`test/fixtures/models/${name}.onnx`));

  it('finds the 22 layers of ResNet-20, by the same names with and without folded norms', () => {
    const layers = model('resnet20');
    assert.equal(layers.length, 22);
    assert.deepEqual(
      layers.map(({ shortName }) => shortName),
      model('resnet20_folded').map(({ shortName }) => shortName),
    );
    assert.deepEqual(
      layers.slice(0, 3).map(({ name, shortName }) => [name, shortName]),
      [
        ['/conv1/Conv', 'conv1'],
        ['/layers/layers.0/conv1/Conv', 'layers.0.conv1'],
        ['/layers/layers.0/conv2/Conv', 'layers.0.conv2'],
      ],
    );
    assert.deepEqual(
      layers.slice(-1).map(({ kind, shortName }) => [kind, shortName]),
      [['Gemm', 'fc']],
    );
    // 270 k parameters in all; these are the weights without norms and bias.
    assert.equal(
      layers.reduce((sum, { parameters }) => sum + parameters, 0),
      270608,
    );
  });

  it('tells the depthwise layers of MobileNetV2', () => {
    const layers = model('mobilenetv2');
    assert.equal(layers.length, 32);
    assert.equal(layers.filter(({ isDepthwise }) => isDepthwise).length, 10);
  });

  it('finds the MatMul layers of a vision transformer behind Transpose, with their biases', () => {
    const layers = model('vit');
    assert.deepEqual(
      layers.map(({ kind }) => kind),
      ['Conv', ...Array<string>(16).fill('MatMul'), 'Gemm'],
    );
    assert.ok(layers.every(({ bias }) => bias !== undefined));
    assert.deepEqual(
      layers[1]!.weight.chain.map((n) => n.opType),
      ['Transpose'],
    );
    assert.deepEqual([layers[1]!.weight.storedOutAxis, layers[1]!.weight.storedInAxis], [0, 1]);
    assert.deepEqual(
      layers.slice(0, 3).map(({ shortName }) => shortName),
      ['patch', 'blocks.0.qkv', 'blocks.0.proj'],
    );
  });
});
