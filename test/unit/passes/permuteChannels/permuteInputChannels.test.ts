import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLayers, weightAsMatrix } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { maskLayer } from '../../../../src/methods';
import {
  buildModel,
  DataType,
  parseModel,
  printModel,
  Tensor,
  verifyModel,
  type Model,
  type NodeSpec,
} from '../../../../src/onnx';
import { permuteInputChannels, type PermuteResult } from '../../../../src/passes';
import { assertClose, run } from '../comparePass';

const pattern = { keep: 2, group: 4 };

/** Seeded numbers whose size differs from channel to channel on every axis, so that reordering pays. */
function floats(name: string, dims: readonly number[]): Tensor {
  const normal = seededNormal(Array.from(name).reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7));
  const count = dims.reduce((a, b) => a * b, 1);
  return Tensor.fromFloat32(
    name,
    dims,
    Float32Array.from({ length: count }, (_, i) => 0.3 * normal() * (1 + (i % 3))),
  );
}

/** gamma, beta, mean and a positive variance. */
function norm(name: string, channels: number): Tensor[] {
  const variance = floats(`${name}.v`, [channels])
    .toFloat32()
    .map((v) => 0.5 + v * v);
  return [
    ...['g', 'b', 'm'].map((part) => floats(`${name}.${part}`, [channels])),
    Tensor.fromFloat32(`${name}.v`, [channels], variance),
  ];
}

const normInputs = (input: string, name: string): string[] => [
  input,
  ...['g', 'b', 'm', 'v'].map((p) => `${name}.${p}`),
];

function model(
  input: readonly (number | string)[],
  nodes: readonly NodeSpec[],
  initializers: readonly Tensor[],
  outputs: readonly string[] = ['y'],
): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: input }],
    outputs: outputs.map((name) => ({ name, type: DataType.FLOAT })),
    initializers,
    nodes,
  });
}

/** Permutes a copy, and checks that it is sound, computes the same and that its masks keep what was promised. */
async function permuted(original: Model, tolerance = 1e-5): Promise<{ copy: Model; result: PermuteResult }> {
  const before = printModel(original, { weights: 'hash' });
  const copy = original.clone();
  const result = permuteInputChannels(copy, { pattern, escapes: 2 });
  assert.equal(result.modified, printModel(copy, { weights: 'hash' }) !== before);
  assert.equal(printModel(original, { weights: 'hash' }), before);
  assert.deepEqual(verifyModel(copy), []);
  const expected = await run(original);
  const actual = await run(copy);
  for (const [name, { data }] of expected) {
    const values = data as Float32Array;
    const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    assert.ok(scale > 1e-3, 'the output says something');
    assertClose(name, actual.get(name)!.data as Float32Array, values, tolerance);
  }
  for (const { layers, before: was, after } of result.permutations) {
    assert.ok(after > was);
    const kept = (of: Model): number => {
      let sum = 0;
      let all = 0;
      for (const layer of findLayers(of).filter(({ name }) => layers.includes(name))) {
        const share = maskLayer(layer, { pattern }).retainedMagnitude;
        sum += share * layer.parameters;
        all += layer.parameters;
      }
      return sum / all;
    };
    assert.ok(Math.abs(kept(original) - was) < 1e-6, `${kept(original)} before, ${was} reported`);
    assert.ok(Math.abs(kept(copy) - after) < 1e-6, `${kept(copy)} after, ${after} reported`);
  }
  return { copy, result };
}

const conv = (
  name: string,
  from: string,
  to: string,
  bias = false,
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({
  opType: 'Conv',
  name,
  inputs: [from, `${name}.w`, ...(bias ? [`${name}.b`] : [])],
  outputs: [to],
  attributes: { pads: [1, 1, 1, 1], ...attributes },
});
const op = (
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({
  opType,
  name: output,
  inputs,
  outputs: [output],
  attributes,
});

describe('permuteInputChannels', () => {
  for (const [file, permutations] of [
    ['resnet20', 12],
    ['resnet20_folded', 12],
    ['mobilenetv2', 15],
    ['vit', 5],
  ] as const) {
    it(`leaves the function of ${file} as it is`, async () => {
      const original = parseModel(readFileSync(join(__dirname, `../../../fixtures/models/${file}.onnx`)));
      const { result } = await permuted(original, 2e-5);
      assert.equal(result.permutations.length, permutations);
      // What is refused in the transformer are the joined attention heads, nothing else anywhere.
      assert.ok(result.refused.every(({ reason }) => file === 'vit' && reason.startsWith('Reshape merges')));
    }).timeout(120_000);
  }

  it('follows biases, norms, depthwise layers, constants, pools and a flattened head', async () => {
    const { result } = await permuted(
      model(
        ['N', 3, 8, 8],
        [
          conv('a', 'x', 'h0', true),
          op('BatchNormalization', normInputs('h0', 'n'), 'h1'),
          op('PRelu', ['h1', 'slope'], 'h2'),
          conv('d', 'h2', 'h3', true, { group: 12 }),
          op('Mul', ['h3', 'scale'], 'h4'),
          op('Add', ['half', 'h4'], 'h5'),
          op('MaxPool', ['h5'], 'h6', { kernel_shape: [2, 2], strides: [2, 2] }),
          op('GlobalAveragePool', ['h6'], 'h7'),
          op('Flatten', ['h7'], 'h8'),
          op('Gemm', ['h8', 'f.w', 'f.b'], 'h9', { beta: { float: 0.5 } }),
          op('Tanh', ['h9'], 'h10'),
          op('Gemm', ['h10', 'e.w'], 'y', { transB: 1 }),
        ],
        [
          floats('a.w', [12, 3, 3, 3]),
          floats('a.b', [12]),
          ...norm('n', 12),
          floats('slope', [12, 1, 1]),
          floats('d.w', [12, 1, 3, 3]),
          floats('d.b', [12]),
          floats('scale', [1, 12, 1, 1]),
          floats('half', [1]),
          floats('f.w', [12, 16]),
          floats('f.b', [1, 16]),
          floats('e.w', [5, 16]),
        ],
      ),
    );
    assert.deepEqual(result.refused, []);
    assert.deepEqual(
      result.permutations.map(({ layers, channels }) => [layers, channels]),
      [
        [['h9'], 12],
        [['y'], 16],
      ],
    );
  });

  it('gives channels tied by residual adds one order, both axes of a convolution among them', async () => {
    const { result, copy } = await permuted(
      model(
        ['N', 3, 6, 6],
        [
          conv('a', 'x', 'h0'),
          conv('b', 'h0', 'h1', true),
          op('Relu', ['h1'], 'h2'),
          op('Add', ['h2', 'h0'], 'h3'),
          op('GlobalAveragePool', ['h3'], 'gate'),
          op('Sigmoid', ['gate'], 'open'),
          op('Mul', ['h3', 'open'], 'h4'),
          op('ConvTranspose', ['h4', 't.w'], 'y'),
        ],
        [
          floats('a.w', [16, 3, 3, 3]),
          floats('b.w', [16, 16, 3, 3]),
          floats('b.b', [16]),
          floats('t.w', [16, 4, 2, 2]),
        ],
      ),
    );
    assert.deepEqual(
      result.permutations.map(({ layers }) => layers),
      [['b', 'y']],
    );
    const { order } = result.permutations[0]!;
    const weight = weightAsMatrix(findLayers(copy).find(({ name }) => name === 'b')!).data;
    const old = floats('b.w', [16, 16, 3, 3]).toFloat32();
    for (let o = 0; o < 16; o++) {
      for (let i = 0; i < 144; i++) {
        const channel = order[Math.floor(i / 9)]!;
        assert.equal(weight[o * 144 + i], old[order[o]! * 144 + channel * 9 + (i % 9)]);
      }
    }
  });

  it('follows channels on the last axis through norms, means, slices and joins of tokens', async () => {
    const { result } = await permuted(
      model(
        [2, 6, 5],
        [
          op('MatMul', ['x', 'in.w'], 'h0'),
          op('Add', ['h0', 'in.b'], 'h1'),
          op('Concat', ['token', 'h1'], 'h2', { axis: 1 }),
          op('ReduceMean', ['h2'], 'mean', { axes: [-1] }),
          op('Sub', ['h2', 'mean'], 'h3'),
          op('LayerNormalization', ['h3', 'ln.g', 'ln.b'], 'h4'),
          op('Transpose', ['up.w'], 'up.t', { perm: [1, 0] }),
          op('MatMul', ['h4', 'up.t'], 'u0'),
          op('Erf', ['u0'], 'u1'),
          op('MatMul', ['u1', 'down.w'], 'u2'),
          op('Add', ['h2', 'u2'], 'h5'),
          op('Transpose', ['h5'], 'h6', { perm: [1, 0, 2] }),
          op('Gather', ['h6', 'first'], 'h7', { axis: 0 }),
          op('Reshape', ['h7', 'flat'], 'h8'),
          op('Gemm', ['h8', 'head.w'], 'y', { transB: 1 }),
        ],
        [
          floats('in.w', [5, 16]),
          floats('in.b', [16]),
          floats('token', [2, 1, 16]),
          floats('ln.g', [16]),
          floats('ln.b', [16]),
          floats('up.w', [24, 16]),
          floats('down.w', [24, 16]),
          floats('head.w', [3, 16]),
          Tensor.fromIntegers('first', DataType.INT64, [], [0]),
          Tensor.fromIntegers('flat', DataType.INT64, [2], [-1, 16]),
        ],
      ),
    );
    assert.deepEqual(
      result.refused.map(({ nodes, reason }) => [nodes, reason]),
      [[['h0'], '"x" is an input of the model']],
    );
    assert.deepEqual(
      result.permutations.map(({ layers }) => layers),
      [['u0', 'y'], ['u2']],
    );
  });

  const refusals: [string, RegExp, () => Model][] = [
    [
      'an input of the model',
      /"x" is an input of the model/,
      () => model(['N', 8, 4, 4], [conv('a', 'x', 'y')], [floats('a.w', [4, 8, 3, 3])]),
    ],
    [
      'an output of the model',
      /"h" is an output of the model/,
      () =>
        model(
          ['N', 3, 4, 4],
          [conv('a', 'x', 'h'), conv('b', 'h', 'y')],
          [floats('a.w', [8, 3, 3, 3]), floats('b.w', [4, 8, 3, 3])],
          ['y', 'h'],
        ),
    ],
    [
      'a grouped convolution',
      /2 groups/,
      () =>
        model(
          ['N', 3, 4, 4],
          [conv('a', 'x', 'h'), conv('b', 'h', 'y', false, { group: 2 })],
          [floats('a.w', [16, 3, 3, 3]), floats('b.w', [4, 8, 3, 3])],
        ),
    ],
    [
      'a Concat of channels',
      /Concat joins them/,
      () =>
        model(
          ['N', 3, 4, 4],
          [conv('a', 'x', 'h'), op('Concat', ['h', 'x'], 'j', { axis: 1 }), conv('b', 'j', 'y')],
          [floats('a.w', [5, 3, 3, 3]), floats('b.w', [4, 8, 3, 3])],
        ),
    ],
    [
      'positions flattened into channels',
      /Flatten merges them/,
      () =>
        model(
          ['N', 3, 4, 4],
          [conv('a', 'x', 'h'), op('Flatten', ['h'], 'f'), op('Gemm', ['f', 'g.w'], 'y')],
          [floats('a.w', [8, 3, 3, 3]), floats('g.w', [128, 4])],
        ),
    ],
    [
      'normalisation across neighbouring channels',
      /LRN is not known/,
      () =>
        model(
          ['N', 3, 4, 4],
          [conv('a', 'x', 'h'), op('LRN', ['h'], 'l', { size: 3 }), conv('b', 'l', 'y')],
          [floats('a.w', [8, 3, 3, 3]), floats('b.w', [4, 8, 3, 3])],
        ),
    ],
    [
      'a bias that another layer reads',
      /"shared" is shared with Conv "c"/,
      () =>
        model(
          ['N', 3, 4, 4],
          [
            { ...conv('a', 'x', 'h'), inputs: ['x', 'a.w', 'shared'] },
            conv('b', 'h', 'i'),
            { ...conv('c', 'x', 'k'), inputs: ['x', 'c.w', 'shared'] },
            op('GlobalAveragePool', ['k'], 'y'),
            op('Relu', ['i'], 'z'),
          ],
          [
            floats('a.w', [8, 3, 3, 3]),
            floats('b.w', [4, 8, 3, 3]),
            floats('c.w', [8, 3, 3, 3]),
            floats('shared', [8]),
          ],
          ['y', 'z'],
        ),
    ],
  ];
  for (const [name, reason, build] of refusals) {
    it(`refuses ${name}`, async () => {
      const { result } = await permuted(build());
      assert.equal(result.modified, false);
      assert.ok(
        result.refused.some((refusal) => reason.test(refusal.reason)),
        JSON.stringify(result.refused),
      );
      assert.ok(result.refused.every(({ nodes }) => nodes.length > 0));
    });
  }

  it('refuses layers of one order with different patterns, and leaves out those without', () => {
    const build = (): Model =>
      model(
        ['N', 3, 4, 4],
        [conv('a', 'x', 'h'), conv('b', 'h', 'y'), conv('c', 'h', 'z')],
        [floats('a.w', [16, 3, 3, 3]), floats('b.w', [4, 16, 3, 3]), floats('c.w', [4, 16, 3, 3])],
        ['y', 'z'],
      );
    const mixed = permuteInputChannels(build(), {
      pattern: ({ name }) => (name === 'b' ? pattern : { keep: 4, group: 8 }),
    });
    assert.match(mixed.refused.at(-1)!.reason, /"c" reads the same channels and has another pattern/);
    const alone = permuteInputChannels(build(), { pattern: ({ name }) => (name === 'b' ? pattern : undefined) });
    assert.deepEqual(
      alone.permutations.map(({ layers }) => layers),
      [['b']],
    );
    assert.deepEqual(alone.refused, []);
  });
});
