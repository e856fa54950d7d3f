import assert from 'node:assert/strict';
import { inferShapes, type TensorData } from '../../../src/analysis';
import { seededNormal } from '../../../src/base/random';
import { addGradients, type Gradients } from '../../../src/methods';
import { buildModel, DataType, Tensor, verifyModel, type Model, type NodeSpec } from '../../../src/onnx';
import { factory, floatData, runModel } from './quantize/runModel';

interface Case {
  readonly name: string;
  /** Shapes of the inputs x, p…, all of which are differentiated by. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly nodes: readonly NodeSpec[];
  readonly output: readonly number[];
  readonly opset?: number;
  /** Elements of x, where chance could put them on a kink. */
  readonly at?: Float32Array;
}

const node = (
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({ opType, name: output, inputs, outputs: [output], attributes });

function values(count: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length: count }, () => normal());
}

const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function build({ inputs, constants = {}, nodes, output, opset = 17 }: Case): Model {
  const float = (name: string, shape: readonly number[]) => ({ name, type: DataType.FLOAT, shape });
  return buildModel({
    opset,
    inputs: [...Object.entries(inputs).map(([name, dims]) => float(name, dims)), float('seed', output)],
    outputs: ['y'],
    initializers: Object.entries(constants).map(([name, dims], i) =>
      name.startsWith('axes')
        ? Tensor.fromIntegers(name, DataType.INT64, [dims.length], dims)
        : Tensor.fromFloat32(name, dims, values(sizeOf(dims), 50 + i)),
    ),
    nodes: [...nodes, { opType: 'Identity', name: 'keepSeed', inputs: ['seed'], outputs: ['kept'] }],
  });
}

async function differentiate(model: Model, wanted: readonly string[]): Promise<Gradients> {
  const shapes = await inferShapes(model, factory);
  const { graph } = model;
  const gradients = addGradients(
    model,
    new Map([[graph.value('y')!, graph.value('seed')!]]),
    wanted.map((name) => graph.value(name)!),
    shapes,
  );
  for (const gradient of gradients.of.values()) {
    graph.addOutput(gradient);
  }
  return gradients;
}

const image = [2, 4, 5, 5];
const CASES: readonly Case[] = [
  {
    name: 'a convolution of stride 1, padded, in groups',
    inputs: { x: image },
    constants: { w: [6, 2, 3, 3], b: [6] },
    nodes: [node('Conv', ['x', 'w', 'b'], 'y', { pads: { ints: [1, 1, 1, 1] }, group: 2 })],
    output: [2, 6, 5, 5],
  },
  {
    name: 'a depthwise convolution of stride 2, padded on one side',
    inputs: { x: [2, 4, 6, 5] },
    constants: { w: [4, 1, 3, 3] },
    nodes: [node('Conv', ['x', 'w'], 'y', { pads: { ints: [0, 1, 1, 1] }, strides: { ints: [2, 2] }, group: 4 })],
    output: [2, 4, 3, 3],
  },
  {
    name: 'a transposed convolution of stride 2 in groups',
    inputs: { x: [2, 4, 3, 3] },
    constants: { w: [4, 3, 3, 3] },
    nodes: [
      node('ConvTranspose', ['x', 'w'], 'y', {
        strides: { ints: [2, 2] },
        pads: { ints: [1, 1, 1, 1] },
        output_padding: { ints: [1, 0] },
        group: 2,
      }),
    ],
    output: [2, 6, 6, 5],
  },
  {
    name: 'a dilated convolution along one axis',
    inputs: { x: [2, 3, 11] },
    constants: { w: [2, 3, 3] },
    nodes: [node('Conv', ['x', 'w'], 'y', { dilations: { ints: [2] } })],
    output: [2, 2, 7],
  },
  {
    name: 'a Gemm with factors, by its bias too',
    inputs: { x: [3, 4], p: [5] },
    constants: { w: [4, 5] },
    nodes: [node('Gemm', ['x', 'w', 'p'], 'y', { alpha: { float: 0.5 }, beta: { float: 2 } })],
    output: [3, 5],
  },
  {
    name: 'attention: products of two activations, a softmax, transposes',
    inputs: { x: [2, 3, 4] },
    constants: { k: [4, 4], v: [4, 4], c: [1] },
    nodes: [
      node('MatMul', ['x', 'k'], 'keys'),
      node('Transpose', ['keys'], 'turned', { perm: { ints: [0, 2, 1] } }),
      node('MatMul', ['x', 'turned'], 'product'),
      node('Mul', ['product', 'c'], 'scaled'),
      node('Softmax', ['scaled'], 'weights', { axis: -1 }),
      node('MatMul', ['x', 'v'], 'content'),
      node('MatMul', ['weights', 'content'], 'y'),
    ],
    output: [2, 3, 4],
  },
  {
    name: 'a layer norm and GELU',
    inputs: { x: [2, 3, 6], p: [6] },
    constants: { gamma: [6], beta: [6], root: [1], one: [1] },
    nodes: [
      node('Add', ['x', 'p'], 'shifted'),
      node('LayerNormalization', ['shifted', 'gamma', 'beta'], 'normed', { axis: -1 }),
      node('Div', ['normed', 'root'], 'divided'),
      node('Erf', ['divided'], 'erf'),
      node('Add', ['erf', 'one'], 'plusOne'),
      node('Mul', ['normed', 'plusOne'], 'y'),
    ],
    output: [2, 3, 6],
  },
  {
    name: 'squeeze and excite, the gate broadcast',
    inputs: { x: image, p: [4, 1, 1] },
    constants: { w: [4, 4, 1, 1] },
    nodes: [
      node('Mul', ['x', 'p'], 'scaled'),
      node('GlobalAveragePool', ['scaled'], 'mean'),
      node('Conv', ['mean', 'w'], 'mixed'),
      node('Sigmoid', ['mixed'], 'gate'),
      node('Mul', ['scaled', 'gate'], 'y'),
    ],
    output: image,
  },
  {
    name: 'a shape that is computed from what is reshaped',
    inputs: { x: [2, 3, 4] },
    constants: { w: [3, 4] },
    nodes: [
      node('Mul', ['x', 'w'], 'scaled'),
      node('Shape', ['scaled'], 'shape'),
      node('Flatten', ['scaled'], 'flat'),
      node('Reshape', ['flat', 'shape'], 'y'),
    ],
    output: [2, 3, 4],
  },
  {
    name: 'other activations',
    inputs: { x: [40] },
    at: Float32Array.from({ length: 40 }, (_, i) => 0.21 * (i - 20) + 0.05),
    nodes: [
      node('HardSwish', ['x'], 'a'),
      node('HardSigmoid', ['a'], 'b'),
      node('Tanh', ['x'], 'c'),
      node('LeakyRelu', ['x'], 'd', { alpha: { float: 0.2 } }),
      node('Neg', ['d'], 'e'),
      node('Sub', ['b', 'c'], 'f'),
      node('Sub', ['f', 'e'], 'y'),
    ],
    output: [40],
  },
  {
    name: 'parts cut out, put together again, reshaped and averaged',
    inputs: { x: [2, 6, 4] },
    constants: { axesSizes: [2, 3, 1], axesShape: [2, 4, 5] },
    nodes: [
      { opType: 'Split', name: 'split', inputs: ['x', 'axesSizes'], outputs: ['a', 'b', 'c'], attributes: { axis: 1 } },
      node('Concat', ['b', 'a'], 'joined', { axis: 1 }),
      node('Reshape', ['joined', 'axesShape'], 'shaped'),
      node('ReduceMean', ['shaped'], 'y', { axes: { ints: [1] }, keepdims: 0 }),
    ],
    output: [2, 5],
  },
];

describe('gradients written into a graph', function () {
  this.timeout(60_000);

  for (const given of CASES) {
    it(`are those that finite differences give: ${given.name}`, async () => {
      const model = build(given);
      const names = Object.keys(given.inputs);
      const gradients = await differentiate(model, names);
      assert.deepEqual(verifyModel(model), []);
      assert.deepEqual([...gradients.blockedBy], []);
      const seed = values(sizeOf(given.output), 3);
      const feeds = new Map<string, TensorData>([['seed', floatData(given.output, seed)]]);
      names.forEach((name, i) => {
        const dims = given.inputs[name]!;
        feeds.set(name, floatData(dims, (name === 'x' ? given.at : undefined) ?? values(sizeOf(dims), i)));
      });
      const lossWith = async (name: string, at: number, step: number): Promise<number> => {
        const { dims, data } = feeds.get(name)!;
        const moved = Float32Array.from(data as Float32Array);
        moved[at]! += step;
        const outputs = await runModel(model, new Map([...feeds, [name, floatData(dims, moved)]]), 'plain');
        return (outputs.get('y')!.data as Float32Array).reduce((sum, value, i) => sum + value * seed[i]!, 0);
      };
      const found = await runModel(model, feeds, 'plain');
      for (const name of names) {
        const { dims, data } = found.get(gradients.of.get(model.graph.value(name)!)!.name)!;
        assert.deepEqual(dims, given.inputs[name]);
        const size = (data as Float32Array).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        assert.ok(size > 0);
        for (let at = 0; at < data.length; at += Math.ceil(data.length / 17)) {
          const difference = ((await lossWith(name, at, 0.004)) - (await lossWith(name, at, -0.004))) / 0.008;
          const actual = (data as Float32Array)[at]!;
          assert.ok(
            Math.abs(actual - difference) < 0.004 * size,
            `${name}[${at}]: ${actual}, by differences ${difference}`,
          );
        }
      }
    });
  }

  it('pass a quantiser by the straight-through rule: inside alone, and what LSQ gives for the scale', async () => {
    const nodes = [
      node('Div', ['x', 'scale'], 'quotient'),
      node('Round', ['quotient'], 'rounded'),
      node('Clip', ['rounded', 'low', 'high'], 'code'),
      node('Mul', ['code', 'scale'], 'y'),
    ];
    const inputs = { x: [6], scale: [], low: [], high: [] };
    const model = build({ name: '', inputs, nodes, output: [6] });
    const gradients = await differentiate(model, ['x', 'scale']);
    const x = Float32Array.of(-3, -0.3, 0.1, 0.74, 1.4, 9);
    const seed = Float32Array.of(1, 2, 3, 4, 5, 6);
    const scalar = (value: number): TensorData => floatData([], Float32Array.of(value));
    const found = await runModel(
      model,
      new Map([
        ['x', floatData([6], x)],
        ['seed', floatData([6], seed)],
        ['scale', scalar(0.5)],
        ['low', scalar(-2)],
        ['high', scalar(3)],
      ]),
      'plain',
    );
    const of = (name: string): number[] => [
      ...(found.get(gradients.of.get(model.graph.value(name)!)!.name)!.data as Float32Array),
    ];
    assert.deepEqual(of('x'), [0, 2, 3, 4, 5, 0]);
    // Inside: code − x / scale; outside: the end of the grid (Esser et al., ICLR 2020, equation 3).
    const codes = [-2, -1, 0, 1, 3, 3];
    const expected = codes.reduce((sum, code, i) => {
      const inside = i > 0 && i < 5;
      return sum + seed[i]! * (code - (inside ? x[i]! / 0.5 : 0));
    }, 0);
    assert.ok(Math.abs(of('scale')[0]! - expected) < 1e-5, `${of('scale')[0]} instead of ${expected}`);
  });

  it('are left out where a path leads through an operator that has no rule, and given elsewhere', async () => {
    const model = build({
      name: '',
      inputs: { x: [4], p: [4] },
      nodes: [node('Add', ['x', 'p'], 'sum'), node('Sin', ['x'], 'sine'), node('Add', ['sum', 'sine'], 'y')],
      output: [4],
    });
    const gradients = await differentiate(model, ['x', 'p']);
    assert.deepEqual(
      [...gradients.of.keys()].map(({ name }) => name),
      ['p'],
    );
    assert.deepEqual([...gradients.blockedBy], [['Sin', 'sine']]);
  });
});
