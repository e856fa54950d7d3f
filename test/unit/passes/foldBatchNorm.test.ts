import assert from 'node:assert/strict';
import { seededNormal } from '../../../src/base/random';
import { toBfloat16Into, toFloat16Into } from '../../../src/kernels';
import { buildModel, DataType, openModel, Tensor, type ModelSpec, type NodeSpec } from '../../../src/onnx';
import { foldBatchNorm } from '../../../src/passes';
import { comparePass } from './comparePass';

/** Seeded float tensor of any floating type. */
function floatsOf(name: string, dims: readonly number[], seed: number, type: DataType = DataType.FLOAT): Tensor {
  const normal = seededNormal(seed);
  const count = dims.reduce((a, b) => a * b, 1);
  return encode(name, dims, Float64Array.from({ length: count }, normal), type);
}

function encode(name: string, dims: readonly number[], values: Float64Array, type: DataType): Tensor {
  if (type === DataType.FLOAT) {
    return Tensor.fromFloat32(name, dims, Float32Array.from(values));
  }
  if (type === DataType.DOUBLE) {
    return Tensor.fromBytes(name, type, dims, new Uint8Array(values.buffer));
  }
  const bits = new Uint16Array(values.length);
  (type === DataType.FLOAT16 ? toFloat16Into : toBfloat16Into)(values, 0, values.length, bits, 0);
  return Tensor.fromBytes(name, type, dims, new Uint8Array(bits.buffer));
}

/** gamma (some negative, one zero), beta, mean, var of a norm named `bn`. */
function normParameters(channels: number, bn = 'bn', type: DataType = DataType.FLOAT): Tensor[] {
  const seed = bn.length * 100 + channels;
  const gamma = Float64Array.from({ length: channels }, (_, c) =>
    c === 1 ? 0 : c % 3 === 2 ? -0.7 - c / 10 : 1 + c / 10,
  );
  const variance = Float64Array.from({ length: channels }, (_, c) => 0.2 + 0.3 * c);
  return [
    encode(`${bn}.gamma`, [channels], gamma, type),
    floatsOf(`${bn}.beta`, [channels], seed + 1, type),
    floatsOf(`${bn}.mean`, [channels], seed + 2, type),
    encode(`${bn}.var`, [channels], variance, type),
  ];
}

function normNode(input: string, output: string, bn = 'bn', attributes: NodeSpec['attributes'] = {}): NodeSpec {
  return {
    opType: 'BatchNormalization',
    name: bn,
    inputs: [input, `${bn}.gamma`, `${bn}.beta`, `${bn}.mean`, `${bn}.var`],
    outputs: [output],
    attributes,
  };
}

interface Case {
  readonly opType: string;
  readonly input: readonly (number | string)[];
  readonly weight: readonly number[];
  readonly channels: number;
  readonly bias?: readonly number[];
  readonly attributes?: NodeSpec['attributes'];
  readonly type?: DataType;
  readonly opset?: number;
  readonly bn?: NodeSpec['attributes'];
}

/** input → layer → norm → Relu → output. */
function layerThenNorm(c: Case): ModelSpec {
  const type = c.type ?? DataType.FLOAT;
  return {
    opset: c.opset ?? 17,
    inputs: [{ name: 'x', type, shape: c.input }],
    outputs: [{ name: 'y', type }],
    initializers: [
      floatsOf('layer.weight', c.weight, 3, type),
      ...(c.bias === undefined ? [] : [floatsOf('layer.bias', c.bias, 4, type)]),
      ...normParameters(c.channels, 'bn', type),
    ],
    nodes: [
      {
        opType: c.opType,
        name: 'layer',
        inputs: ['x', 'layer.weight', ...(c.bias === undefined ? [] : ['layer.bias'])],
        outputs: ['h'],
        attributes: c.attributes ?? {},
      },
      normNode('h', 'n', 'bn', c.bn),
      { opType: 'Relu', name: 'relu', inputs: ['n'], outputs: ['y'] },
    ],
  };
}

const forms: Readonly<Record<string, Case>> = {
  'Conv without bias': { opType: 'Conv', input: ['N', 3, 7, 6], weight: [5, 3, 3, 2], channels: 5 },
  'Conv with bias, strides, pads, dilations and epsilon': {
    opType: 'Conv',
    input: ['N', 3, 9, 8],
    weight: [5, 3, 3, 3],
    bias: [5],
    channels: 5,
    attributes: { strides: [2, 1], pads: [1, 2, 1, 0], dilations: [1, 2] },
    bn: { epsilon: { float: 0.01 }, momentum: { float: 0.5 } },
  },
  'grouped Conv': {
    opType: 'Conv',
    input: ['N', 4, 5, 5],
    weight: [6, 2, 3, 3],
    bias: [6],
    channels: 6,
    attributes: { group: 2 },
  },
  'depthwise Conv with multiplier': {
    opType: 'Conv',
    input: ['N', 3, 5, 5],
    weight: [6, 1, 3, 3],
    channels: 6,
    attributes: { group: 3 },
  },
  'Conv in one dimension': { opType: 'Conv', input: ['N', 3, 9], weight: [4, 3, 3], channels: 4 },
  'Conv in three dimensions': { opType: 'Conv', input: ['N', 2, 4, 4, 5], weight: [4, 2, 2, 2, 2], channels: 4 },
  ConvTranspose: {
    opType: 'ConvTranspose',
    input: ['N', 4, 5, 5],
    weight: [4, 3, 3, 3],
    bias: [3],
    channels: 3,
    attributes: { strides: [2, 2], pads: [1, 1, 0, 1], output_padding: [1, 0] },
  },
  'grouped ConvTranspose': {
    opType: 'ConvTranspose',
    input: ['N', 4, 5, 5],
    weight: [4, 3, 2, 2],
    channels: 6,
    attributes: { group: 2 },
  },
  'depthwise ConvTranspose': {
    opType: 'ConvTranspose',
    input: ['N', 3, 4, 4],
    weight: [3, 1, 2, 2],
    bias: [3],
    channels: 3,
    attributes: { group: 3 },
  },
  'Gemm with transB': {
    opType: 'Gemm',
    input: ['N', 6],
    weight: [4, 6],
    bias: [4],
    channels: 4,
    attributes: { transB: 1 },
  },
  'Gemm without transB, without C': { opType: 'Gemm', input: ['N', 6], weight: [6, 4], channels: 4 },
  'Gemm with alpha and beta': {
    opType: 'Gemm',
    input: ['N', 6],
    weight: [6, 4],
    bias: [4],
    channels: 4,
    attributes: { alpha: { float: 0.5 }, beta: { float: -1.75 } },
  },
  'Gemm with beta 0': {
    opType: 'Gemm',
    input: ['N', 6],
    weight: [4, 6],
    bias: [1, 4],
    channels: 4,
    attributes: { transB: 1, beta: { float: 0 } },
  },
  'Gemm with transA and a scalar C': {
    opType: 'Gemm',
    input: [6, 3],
    weight: [6, 4],
    bias: [],
    channels: 4,
    attributes: { transA: 1 },
  },
  'Gemm with a C of rows': {
    opType: 'Gemm',
    input: [3, 6],
    weight: [6, 4],
    bias: [3, 1],
    channels: 4,
    attributes: { beta: { float: 2 } },
  },
  'plain MatMul': { opType: 'MatMul', input: ['N', 6], weight: [6, 4], channels: 4 },
  'float64 Gemm': { opType: 'Gemm', input: ['N', 6], weight: [6, 4], bias: [4], channels: 4, type: DataType.DOUBLE },
  'Conv of operator set 7': {
    opType: 'Conv',
    input: ['N', 3, 5, 5],
    weight: [5, 3, 3, 3],
    channels: 5,
    opset: 7,
    bn: { spatial: 1 },
  },
  'Conv of operator set 13': { opType: 'Conv', input: ['N', 3, 5, 5], weight: [5, 3, 3, 3], channels: 5, opset: 13 },
};

describe('foldBatchNorm: a norm behind a layer', () => {
  for (const [name, form] of Object.entries(forms)) {
    it(name, async () => {
      const { model, result } = await comparePass(buildModel(layerThenNorm(form)), foldBatchNorm);
      assert.deepEqual(result.refused, []);
      assert.deepEqual(
        result.applied.map(({ nodes }) => nodes),
        [['bn', 'layer']],
      );
      assert.equal(
        model.graph.nodes.some((node) => node.is('BatchNormalization')),
        false,
      );
      const layer = model.node('layer')!;
      assert.equal(layer.outputs[0]!.name, 'h', 'the layer keeps the name of its output');
      assert.equal(layer.inputs[1]!.constant()!.dataType, form.type ?? DataType.FLOAT);
      assert.deepEqual(
        [...model.graph.initializers.keys()].filter((key) => key.startsWith('bn.')),
        [],
      );
      assert.deepEqual(
        result.folded.map((folded) => [folded.layer, folded.side]),
        [['layer', 'after']],
      );
      assert.deepEqual(
        Array.from(result.folded[0]!.gamma),
        Array.from(normParameters(form.channels)[0]!.toFloat32()),
        'gamma is kept for later tuning',
      );
    });
  }

  it('float16 Conv keeps its type and rounds once', async () => {
    const spec = layerThenNorm({
      opType: 'Conv',
      input: ['N', 3, 5, 5],
      weight: [5, 3, 2, 2],
      bias: [5],
      channels: 5,
      type: DataType.FLOAT16,
    });
    const { model, result } = await comparePass(buildModel(spec), foldBatchNorm, { tolerance: 0.02 });
    assert.equal(result.applied.length, 1);
    const weight = model.graph.initializers.get('layer.weight')!;
    assert.equal(weight.dataType, DataType.FLOAT16);
    assert.equal(model.graph.initializers.get('layer.bias')!.dataType, DataType.FLOAT16);
  });

  it('gives the reference numbers for Conv, Gemm and ConvTranspose', () => {
    const w = Float32Array.of(0.5, -1, 2, 0.25);
    const parameters = [
      Tensor.fromFloat32('bn.gamma', [2], Float32Array.of(1.5, 0.8)),
      Tensor.fromFloat32('bn.beta', [2], Float32Array.of(0.3, -0.4)),
      Tensor.fromFloat32('bn.mean', [2], Float32Array.of(0.2, -0.1)),
      Tensor.fromFloat32('bn.var', [2], Float32Array.of(4, 0.25)),
      Tensor.fromFloat32('b', [2], Float32Array.of(0.1, -0.2)),
    ];
    const rowwise = [0.374999531251, -0.749999062502, 3.19993600192, 0.39999200024];
    const columnwise = [0.374999531251, -1.59996800096, 1.499998125004, 0.39999200024];
    for (const [opType, dims, attributes, expected] of [
      ['Conv', [2, 2, 1, 1], {}, rowwise],
      ['Gemm', [2, 2], { transB: 1 }, rowwise],
      ['Gemm', [2, 2], {}, columnwise],
      ['ConvTranspose', [2, 2, 1, 1], {}, columnwise],
    ] as const) {
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', ...dims.slice(1)] }],
        outputs: ['y'],
        initializers: [Tensor.fromFloat32('w', dims, w), ...parameters],
        nodes: [{ opType, inputs: ['x', 'w', 'b'], outputs: ['h'], attributes }, normNode('h', 'y')],
      });
      foldBatchNorm(model);
      const near = (name: string, values: readonly number[]): void => {
        const stored = model.graph.initializers.get(name)!.toFloat32();
        values.forEach((v, i) =>
          assert.ok(Math.abs(stored[i]! - v) <= 6e-8 * Math.abs(v) + 1e-9, `${name}: ${stored[i]!} is not ${v}`),
        );
      };
      near('w', expected);
      near('b', [0.22500009375, -0.559996800096]);
    }
  });

  it('MatMul + Add, with the constant on either side', async () => {
    for (const [dims, first] of [
      [[4], true],
      [[1, 4], false],
      [[1], false],
    ] as const) {
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 6] }],
        outputs: [{ name: 'y', type: DataType.FLOAT }],
        initializers: [floatsOf('w', [6, 4], 1), floatsOf('b', dims, 2), ...normParameters(4)],
        nodes: [
          { opType: 'MatMul', name: 'mm', inputs: ['x', 'w'], outputs: ['h'] },
          { opType: 'Add', name: 'add', inputs: first ? ['b', 'h'] : ['h', 'b'], outputs: ['a'] },
          normNode('a', 'n'),
          { opType: 'Relu', inputs: ['n'], outputs: ['y'] },
        ],
      });
      const { model: folded, result } = await comparePass(model, foldBatchNorm);
      assert.deepEqual(
        result.applied.map(({ nodes }) => nodes),
        [['bn', 'mm']],
      );
      assert.deepEqual(
        folded.graph.nodes.map((node) => node.opType),
        ['MatMul', 'Add', 'Relu'],
      );
    }
  });

  it('follows a weight through Transpose and parameters through Identity and Constant', async () => {
    const [gamma, beta, mean, variance] = normParameters(4) as [Tensor, Tensor, Tensor, Tensor];
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 6] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      initializers: [floatsOf('w', [4, 6], 1), gamma, mean, variance.renamed('stored')],
      nodes: [
        { opType: 'Transpose', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
        { opType: 'Identity', inputs: ['stored'], outputs: ['bn.var'] },
        { opType: 'Constant', inputs: [], outputs: ['bn.beta'], attributes: { value: beta } },
        { opType: 'MatMul', name: 'mm', inputs: ['x', 'wt'], outputs: ['h'] },
        normNode('h', 'y'),
      ],
    });
    const { model: folded } = await comparePass(model, foldBatchNorm);
    assert.deepEqual(
      folded.graph.nodes.map((node) => node.opType),
      ['Transpose', 'MatMul', 'Add'],
    );
    assert.deepEqual([...folded.graph.initializers.keys()].sort(), ['w', 'w_bias']);
    assert.equal(folded.graph.outputs[0]!.name, 'y');
  });

  it('gives a layer whose weight is a Constant node an initializer', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 3, 5, 5] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      initializers: normParameters(4),
      nodes: [
        { opType: 'Constant', inputs: [], outputs: ['w'], attributes: { value: floatsOf('', [4, 3, 2, 2], 1) } },
        { opType: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['h'] },
        normNode('h', 'y'),
      ],
    });
    const { model: folded } = await comparePass(model, foldBatchNorm);
    assert.deepEqual([...folded.graph.initializers.keys()], ['w', 'w_bias']);
  });

  it('keeps the name of an output of the model', async () => {
    const spec = layerThenNorm({ opType: 'Conv', input: ['N', 3, 5, 5], weight: [4, 3, 3, 3], channels: 4 });
    const model = buildModel({
      ...spec,
      outputs: [
        { name: 'n', type: DataType.FLOAT },
        { name: 'y', type: DataType.FLOAT },
      ],
    });
    const { model: folded, result } = await comparePass(model, foldBatchNorm);
    assert.equal(result.applied.length, 1);
    assert.equal(folded.node('layer')!.outputs[0]!.name, 'n');
  });

  it('follows a reader inside a sub-graph', async () => {
    const spec = layerThenNorm({ opType: 'Conv', input: [1, 3, 4, 4], weight: [4, 3, 3, 3], channels: 4 });
    const branch = (name: string, opType: string): { graph: ModelSpec } => ({
      graph: {
        opset: 17,
        name,
        outputs: [`${name}.out`],
        nodes: [{ opType, inputs: ['n'], outputs: [`${name}.out`] }],
      },
    });
    const model = buildModel({
      ...spec,
      inputs: [...spec.inputs!, { name: 'c', type: DataType.BOOL, shape: [] }],
      outputs: [{ name: 'z', type: DataType.FLOAT }],
      nodes: [
        ...spec.nodes.slice(0, 2),
        {
          opType: 'If',
          inputs: ['c'],
          outputs: ['z'],
          attributes: { then_branch: branch('then', 'Relu'), else_branch: branch('else', 'Neg') },
        },
      ],
    });
    const { result } = await comparePass(model, foldBatchNorm);
    assert.equal(result.applied.length, 1);
  });

  it('folds two norms in a row, and one on each side of a layer', async () => {
    const row = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 3, 5, 5] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      initializers: [floatsOf('w', [4, 3, 3, 3], 1), ...normParameters(4, 'bn'), ...normParameters(4, 'second')],
      nodes: [
        { opType: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['h'] },
        normNode('h', 'n', 'bn'),
        normNode('n', 'y', 'second'),
      ],
    });
    const inRow = await comparePass(row, foldBatchNorm);
    assert.deepEqual(
      inRow.model.graph.nodes.map((node) => node.opType),
      ['Conv'],
    );
    const around = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 3, 5, 5] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      initializers: [floatsOf('w', [4, 3, 3, 3], 1), ...normParameters(3, 'before'), ...normParameters(4, 'after')],
      nodes: [
        normNode('x', 'n', 'before'),
        { opType: 'Conv', name: 'conv', inputs: ['n', 'w'], outputs: ['h'] },
        normNode('h', 'y', 'after'),
      ],
    });
    const both = await comparePass(around, foldBatchNorm);
    assert.deepEqual(
      both.model.graph.nodes.map((node) => node.opType),
      ['Conv'],
    );
    assert.deepEqual(both.result.folded.map(({ side }) => side).sort(), ['after', 'before']);
  });

  it('lists initializers as inputs before IR version 4', async () => {
    const spec = layerThenNorm({ opType: 'Conv', input: ['N', 3, 5, 5], weight: [4, 3, 3, 3], channels: 4, opset: 8 });
    const model = buildModel({
      ...spec,
      irVersion: 3,
      inputs: [
        ...spec.inputs!,
        ...spec.initializers!.map(({ name, dataType, dims }) => ({ name, type: dataType, shape: dims })),
      ],
    });
    const { model: folded, result } = await comparePass(model, foldBatchNorm);
    assert.equal(result.applied.length, 1);
    assert.deepEqual(
      folded.graph.inputs.map(({ name }) => name),
      ['x', 'layer.weight', 'layer.bias'],
    );
  });
});

describe('foldBatchNorm: a norm in front of a layer', () => {
  function normThenLayer(c: Case & { readonly rank?: number }): ModelSpec {
    const type = c.type ?? DataType.FLOAT;
    return {
      opset: 17,
      inputs: [{ name: 'x', type, shape: c.input }],
      outputs: [{ name: 'y', type }],
      initializers: [
        floatsOf('w', c.weight, 3, type),
        ...(c.bias === undefined ? [] : [floatsOf('b', c.bias, 4, type)]),
        ...normParameters(c.channels, 'bn', type),
      ],
      nodes: [
        { opType: 'Relu', inputs: ['x'], outputs: ['r'] },
        normNode('r', 'n'),
        {
          opType: c.opType,
          name: 'layer',
          inputs: ['n', 'w', ...(c.bias === undefined ? [] : ['b'])],
          outputs: ['y'],
          attributes: c.attributes ?? {},
        },
      ],
    };
  }

  const exact: Readonly<Record<string, Case>> = {
    'Conv without padding': {
      opType: 'Conv',
      input: ['N', 4, 6, 6],
      weight: [5, 4, 3, 3],
      channels: 4,
      bias: [5],
      attributes: { strides: [2, 1] },
    },
    'grouped Conv, pads of zero': {
      opType: 'Conv',
      input: ['N', 4, 6, 6],
      weight: [6, 2, 3, 3],
      channels: 4,
      attributes: { group: 2, pads: [0, 0, 0, 0] },
    },
    'depthwise Conv, VALID': {
      opType: 'Conv',
      input: ['N', 4, 6, 6],
      weight: [4, 1, 2, 2],
      channels: 4,
      attributes: { group: 4, auto_pad: 'VALID' },
    },
    'Gemm with alpha and beta': {
      opType: 'Gemm',
      input: ['N', 4],
      weight: [5, 4],
      channels: 4,
      bias: [5],
      attributes: { transB: 1, alpha: { float: 0.3 }, beta: { float: 2 } },
    },
    'Gemm without C': {
      opType: 'Gemm',
      input: ['N', 4],
      weight: [4, 5],
      channels: 4,
      attributes: { alpha: { float: -2 } },
    },
    'plain MatMul': { opType: 'MatMul', input: ['N', 4], weight: [4, 5], channels: 4 },
  };
  for (const [name, form] of Object.entries(exact)) {
    it(`folds into ${name}`, async () => {
      const { model, result } = await comparePass(buildModel(normThenLayer(form)), foldBatchNorm);
      assert.deepEqual(result.refused, []);
      assert.deepEqual(
        result.folded.map(({ layer, side }) => [layer, side]),
        [['layer', 'before']],
      );
      assert.equal(model.graph.outputs[0]!.name, 'y');
    });
  }

  it('folds into MatMul + Add', async () => {
    const spec = normThenLayer({ opType: 'MatMul', input: ['N', 4], weight: [4, 5], channels: 4 });
    const model = buildModel({
      ...spec,
      outputs: [{ name: 'z', type: DataType.FLOAT }],
      initializers: [...spec.initializers!, floatsOf('b', [5], 9)],
      nodes: [...spec.nodes, { opType: 'Add', inputs: ['b', 'y'], outputs: ['z'] }],
    });
    const { model: folded } = await comparePass(model, foldBatchNorm);
    assert.deepEqual(
      folded.graph.nodes.map((node) => node.opType),
      ['Relu', 'MatMul', 'Add'],
    );
  });

  const inexact: Readonly<Record<string, [Case, RegExp]>> = {
    'padded Conv': [
      { opType: 'Conv', input: ['N', 4, 6, 6], weight: [5, 4, 3, 3], channels: 4, attributes: { pads: [0, 1, 0, 0] } },
      /pads with zeros/,
    ],
    'Conv padded by SAME': [
      {
        opType: 'Conv',
        input: ['N', 4, 6, 6],
        weight: [5, 4, 3, 3],
        channels: 4,
        attributes: { auto_pad: 'SAME_UPPER' },
      },
      /pads with zeros/,
    ],
    ConvTranspose: [
      { opType: 'ConvTranspose', input: ['N', 4, 6, 6], weight: [4, 2, 3, 3], channels: 4 },
      /at the border/,
    ],
    'MatMul of rank 3': [{ opType: 'MatMul', input: ['N', 4, 6], weight: [6, 5], channels: 4 }, /rank 2/],
    'Gemm that transposes it': [
      { opType: 'Gemm', input: [4, 6], weight: [4, 5], channels: 6, attributes: { transA: 1 } },
      /transposed/,
    ],
  };
  for (const [name, [form, reason]] of Object.entries(inexact)) {
    it(`leaves it in front of a ${name}`, async () => {
      const { result } = await comparePass(buildModel(normThenLayer(form)), foldBatchNorm);
      assert.equal(result.modified, false);
      assert.match(result.refused[0]!.reason, reason);
    });
  }
});

describe('foldBatchNorm: near misses', () => {
  const base = layerThenNorm({ opType: 'Conv', input: ['N', 3, 5, 5], weight: [4, 3, 3, 3], channels: 4, bias: [4] });
  const y = { name: 'y', type: DataType.FLOAT };
  const other = { name: 'other', type: DataType.FLOAT };

  const cases: Readonly<Record<string, [ModelSpec, RegExp]>> = {
    'the layer output is read elsewhere': [
      { ...base, outputs: [y, other], nodes: [...base.nodes, { opType: 'Neg', inputs: ['h'], outputs: ['other'] }] },
      /also read by Neg/,
    ],
    'the layer output is an output of the model': [
      { ...base, outputs: [y, { name: 'h', type: DataType.FLOAT }] },
      /also an output of the model/,
    ],
    'a parameter can be replaced by the caller': [
      { ...base, inputs: [...base.inputs!, { name: 'bn.mean', type: DataType.FLOAT, shape: [4] }] },
      /mean "bn.mean" is also an input/,
    ],
    'the weight can be replaced by the caller': [
      { ...base, inputs: [...base.inputs!, { name: 'layer.weight', type: DataType.FLOAT, shape: [4, 3, 3, 3] }] },
      /weight "layer.weight" is also an input/,
    ],
    'a parameter is computed': [
      {
        ...base,
        initializers: [...base.initializers!.filter(({ name }) => name !== 'bn.var')],
        inputs: [...base.inputs!, { name: 'v', type: DataType.FLOAT, shape: [4] }],
        nodes: [{ opType: 'Exp', inputs: ['v'], outputs: ['bn.var'] }, ...base.nodes],
      },
      /variance is not a constant/,
    ],
    'the weight is computed': [
      {
        ...base,
        nodes: [
          { opType: 'Exp', inputs: ['layer.weight'], outputs: ['w'] },
          { ...base.nodes[0]!, inputs: ['x', 'w', 'layer.bias'] },
          ...base.nodes.slice(1),
        ],
      },
      /weight of Conv is not a constant/,
    ],
    'the bias is computed': [
      {
        ...base,
        nodes: [
          { opType: 'Neg', inputs: ['layer.bias'], outputs: ['b'] },
          { ...base.nodes[0]!, inputs: ['x', 'layer.weight', 'b'] },
          ...base.nodes.slice(1),
        ],
      },
      /bias of Conv is not a constant/,
    ],
    'it stands between other nodes': [
      {
        ...base,
        nodes: [
          { opType: 'Relu', inputs: ['x'], outputs: ['h'] },
          normNode('h', 'n'),
          { opType: 'Relu', inputs: ['n'], outputs: ['y'] },
        ],
        initializers: normParameters(3),
      },
      /between Relu and Relu/,
    ],
    'the Add in front adds two activations': [
      {
        ...base,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 4] }],
        initializers: [floatsOf('w', [4, 4], 1), ...normParameters(4)],
        nodes: [
          { opType: 'MatMul', inputs: ['x', 'w'], outputs: ['m'] },
          { opType: 'Add', inputs: ['m', 'x'], outputs: ['h'] },
          normNode('h', 'y'),
        ],
      },
      /adds no constant/,
    ],
    'the MatMul has rank 3 and as many rows as columns': [
      {
        ...base,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 4, 6] }],
        initializers: [floatsOf('w', [6, 4], 1), ...normParameters(4)],
        nodes: [{ opType: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] }, normNode('h', 'y')],
      },
      /rank 3/,
    ],
  };
  for (const [name, [spec, reason]] of Object.entries(cases)) {
    it(`refuses when ${name}`, async () => {
      const { result } = await comparePass(buildModel(spec), foldBatchNorm);
      assert.equal(result.modified, false);
      assert.equal(result.refused.length, 1);
      assert.match(result.refused[0]!.reason, reason);
      assert.ok(result.refused[0]!.nodes.length > 0);
    });
  }

  it('refuses training mode, running statistics as outputs and spatial = 0', () => {
    const refusal = (spec: ModelSpec): string => {
      const result = foldBatchNorm(buildModel(spec));
      assert.equal(result.modified, false);
      return result.refused[0]!.reason;
    };
    const withNorm = (norm: NodeSpec, opset = 17): ModelSpec => ({
      ...base,
      opset,
      nodes: base.nodes.map((node) => (node.opType === 'BatchNormalization' ? norm : node)),
    });
    const norm = normNode('h', 'n');
    assert.match(
      refusal(withNorm({ ...norm, outputs: ['n', 'm', 'v'], attributes: { training_mode: 1 } })),
      /training mode/,
    );
    assert.match(refusal(withNorm({ ...norm, outputs: ['n', 'm', 'v', 'sm', 'sv'] }, 9)), /training mode/);
    assert.match(refusal(withNorm({ ...norm, attributes: { spatial: 0 } }, 8)), /spatial/);
    assert.match(refusal(withNorm(norm, 6)), /operator set 6/);
  });

  it('refuses a variance that gives no factor', () => {
    const broken = base.initializers!.map((tensor) =>
      tensor.name === 'bn.var' ? Tensor.fromFloat32('bn.var', [4], Float32Array.of(1, -1, NaN, 1)) : tensor,
    );
    const result = foldBatchNorm(buildModel({ ...base, initializers: broken }));
    assert.match(result.refused[0]!.reason, /channel 1 has variance -1/);
  });

  it('refuses float16 weights that would overflow', () => {
    const spec = layerThenNorm({
      opType: 'Conv',
      input: ['N', 3, 5, 5],
      weight: [4, 3, 3, 3],
      channels: 4,
      type: DataType.FLOAT16,
    });
    const huge = spec.initializers!.map((tensor) =>
      tensor.name === 'bn.gamma' ? encode('bn.gamma', [4], Float64Array.of(60000, 1, 1, 1), DataType.FLOAT16) : tensor,
    );
    const result = foldBatchNorm(buildModel({ ...spec, initializers: huge }));
    assert.equal(result.modified, false);
    assert.match(result.refused[0]!.reason, /overflow/);
  });

  it('lists a norm inside a sub-graph', () => {
    const inner: ModelSpec = {
      opset: 17,
      outputs: ['inner.y'],
      nodes: [normNode('x', 'inner.y')],
    };
    const model = buildModel({
      opset: 17,
      inputs: [
        { name: 'x', type: DataType.FLOAT, shape: [1, 4, 2, 2] },
        { name: 'c', type: DataType.BOOL, shape: [] },
      ],
      outputs: ['y'],
      initializers: normParameters(4),
      nodes: [
        {
          opType: 'If',
          inputs: ['c'],
          outputs: ['y'],
          attributes: {
            then_branch: { graph: inner },
            else_branch: { graph: { outputs: ['e'], nodes: [{ opType: 'Neg', inputs: ['x'], outputs: ['e'] }] } },
          },
        },
      ],
    });
    const result = foldBatchNorm(model);
    assert.equal(result.modified, false);
    assert.match(result.refused[0]!.reason, /sub-graph/);
  });
});

describe('foldBatchNorm: shared constants', () => {
  function twoConvs(secondNorm: string, weights: readonly [string, string]): ModelSpec {
    return {
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 3, 5, 5] }],
      outputs: [
        { name: 'y1', type: DataType.FLOAT },
        { name: 'y2', type: DataType.FLOAT },
      ],
      initializers: [
        floatsOf('w', [4, 3, 3, 3], 1),
        floatsOf('v', [4, 3, 3, 3], 2),
        floatsOf('b', [4], 5),
        ...normParameters(4, 'bn'),
        ...normParameters(4, 'second'),
      ],
      nodes: [
        { opType: 'Conv', name: 'c1', inputs: ['x', weights[0], 'b'], outputs: ['h1'] },
        normNode('h1', 'y1', 'bn'),
        { opType: 'Neg', inputs: ['x'], outputs: ['x2'] },
        { opType: 'Conv', name: 'c2', inputs: ['x2', weights[1], 'b'], outputs: ['h2'] },
        { ...normNode('h2', 'y2', secondNorm), name: 'n2' },
      ],
    };
  }

  it('folds a weight shared by layers that end in the same norm once, and keeps it shared', async () => {
    const { model, result } = await comparePass(buildModel(twoConvs('bn', ['w', 'w'])), foldBatchNorm);
    assert.deepEqual(
      result.folded.map(({ layer }) => layer),
      ['c1', 'c2'],
    );
    assert.equal(model.node('c1')!.inputs[1], model.node('c2')!.inputs[1]);
  });

  it('leaves a weight shared by layers that end in different norms', async () => {
    const { result } = await comparePass(buildModel(twoConvs('second', ['w', 'w'])), foldBatchNorm);
    assert.equal(result.modified, false);
    assert.equal(result.refused.length, 2);
    assert.match(result.refused[0]!.reason, /shared with Conv "c2"/);
  });

  it('leaves a weight that something else reads too', async () => {
    const spec = twoConvs('second', ['w', 'v']);
    const model = buildModel({
      ...spec,
      outputs: [...spec.outputs, { name: 'z', type: DataType.FLOAT }],
      nodes: [...spec.nodes, { opType: 'ReduceMax', name: 'max', inputs: ['w'], outputs: ['z'] }],
    });
    const { result } = await comparePass(model, foldBatchNorm);
    assert.deepEqual(
      result.folded.map(({ layer }) => layer),
      ['c2'],
    );
    assert.match(result.refused[0]!.reason, /shared with ReduceMax "max"/);
  });

  it('copies a bias that others read, and drops parameters only when the last norm is gone', async () => {
    const { model, result } = await comparePass(buildModel(twoConvs('bn', ['w', 'v'])), foldBatchNorm);
    assert.equal(result.folded.length, 2);
    assert.notEqual(model.node('c1')!.inputs[2], model.node('c2')!.inputs[2]);
    assert.deepEqual(
      [...model.graph.initializers.keys()].filter((name) => name.startsWith('bn.')),
      [],
    );
  });
});

describe('foldBatchNorm on trained networks', () => {
  for (const [file, norms] of [
    ['resnet20', 21],
    ['mobilenetv2', 31],
  ] as const) {
    it(`folds all ${norms} norms of ${file}`, async () => {
      const model = openModel(`test/fixtures/models/${file}.onnx`);
      const { model: folded, result } = await comparePass(model, foldBatchNorm, { tolerance: 2e-4 });
      assert.equal(result.applied.length, norms);
      assert.deepEqual(result.refused, []);
      assert.equal(
        folded.graph.nodes.some((node) => node.is('BatchNormalization') || node.is('Identity')),
        false,
      );
    });
  }

  it('gives ResNet-20 the weights that PyTorch folds', () => {
    const model = openModel('test/fixtures/models/resnet20.onnx');
    const reference = openModel('test/fixtures/models/resnet20_folded.onnx');
    foldBatchNorm(model);
    for (const node of model.graph.nodes.filter((n) => n.is('Conv'))) {
      for (const input of [1, 2]) {
        const ours = node.inputs[input]!.constant()!.toFloat32();
        const theirs = reference.node(node.key)!.inputs[input]!.constant()!.toFloat32();
        ours.forEach((v, i) =>
          assert.ok(Math.abs(v - theirs[i]!) <= 1e-5 * (Math.abs(v) + 0.1), `${node.key} ${input} ${i}`),
        );
      }
    }
  });
});
