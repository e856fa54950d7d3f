import assert from 'node:assert/strict';
import {
  knownOperators,
  NEWEST_KNOWN_OPSET,
  operatorVersions,
  opsetRaise,
  sinceVersion,
} from '../../../../src/methods';
import { buildModel, DataType, serializeModel, Tensor, type Model } from '../../../../src/onnx';
import { factory } from './runModel';

describe('operatorVersions', () => {
  it('agrees with the version lists of the ONNX operator documentation', () => {
    const documented: Readonly<Record<string, readonly number[]>> = {
      Add: [1, 6, 7, 13, 14],
      AveragePool: [1, 7, 10, 11, 19, 22],
      BatchNormalization: [1, 6, 7, 9, 14, 15],
      Clip: [1, 6, 11, 12, 13],
      Conv: [1, 11, 22],
      DequantizeLinear: [10, 13, 19, 21, 23, 24, 25],
      Gemm: [1, 6, 7, 9, 11, 13],
      GroupNormalization: [18, 21],
      LayerNormalization: [17],
      MatMul: [1, 9, 13],
      QuantizeLinear: [10, 13, 19, 21, 23, 24, 25],
      ReduceMean: [1, 11, 13, 18],
      Resize: [10, 11, 13, 18, 19],
      Size: [1, 13, 19, 21, 23, 24, 25],
      Softmax: [1, 11, 13],
      Split: [1, 2, 11, 13, 18],
      Squeeze: [1, 11, 13, 21, 23, 24, 25],
      TopK: [1, 10, 11, 24],
    };
    for (const [name, versions] of Object.entries(documented)) {
      assert.deepEqual(operatorVersions(name), versions, name);
    }
    assert.deepEqual(operatorVersions('Blend'), []);
    assert.deepEqual(operatorVersions('toString'), []);
  });

  it('agrees with ONNX Runtime on the opset each operator appears in', async function () {
    this.timeout(120000);
    // A node need not be valid here, only known. The runtime checks names from opset 7 on.
    const unknown = async (opType: string, opset: number): Promise<boolean> => {
      try {
        await factory
          .create(serializeModel(single(opset, opType)), { mode: 'plain', threads: 1 })
          .then((r) => r.release());
        return false;
      } catch (error) {
        return /No Op registered/.test(String(error));
      }
    };
    const differences: string[] = [];
    for (const opType of knownOperators()) {
      const first = operatorVersions(opType)[0]!;
      if (await unknown(opType, Math.max(7, first))) {
        differences.push(`${opType} is unknown at opset ${Math.max(7, first)}`);
      }
      if (first > 7 && !(await unknown(opType, first - 1))) {
        differences.push(`${opType} is known at opset ${first - 1}`);
      }
    }
    // The runtime keeps definitions of these from before the standard took them in.
    assert.deepEqual(differences, [
      'LayerNormalization is known at opset 16',
      'MeanVarianceNormalization is known at opset 8',
      'ThresholdedRelu is known at opset 9',
    ]);
  });

  it('finds the version a model means', () => {
    assert.equal(sinceVersion('Conv', 7), 1);
    assert.equal(sinceVersion('Conv', 21), 11);
    assert.equal(sinceVersion('Conv', 22), 22);
    assert.equal(sinceVersion('LayerNormalization', 16), undefined);
    assert.equal(NEWEST_KNOWN_OPSET, 26);
  });
});

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** One node on an input of rank `rank`. */
function single(
  opset: number,
  opType: string,
  attributes: Attributes = {},
  extra: { readonly inputs?: number; readonly outputs?: number; readonly rank?: number } = {},
): Model {
  const constants = Array.from({ length: extra.inputs ?? 0 }, (_, i) =>
    Tensor.fromIntegers(`c${i}`, DataType.INT64, [1], [1]),
  );
  return buildModel({
    opset,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: Array.from({ length: extra.rank ?? 4 }, () => 2) }],
    outputs: Array.from({ length: extra.outputs ?? 1 }, (_, i) => `y${i}`),
    initializers: constants,
    nodes: [
      {
        opType,
        name: 'n',
        inputs: ['x', ...constants.map((c) => c.name)],
        outputs: Array.from({ length: extra.outputs ?? 1 }, (_, i) => `y${i}`),
        attributes: attributes,
      },
    ],
  });
}

describe('opsetRaise', () => {
  const possible: readonly (readonly [string, Model, number])[] = [
    ['Conv and other operators that only gained types', single(7, 'Relu'), 26],
    ['Clip without bounds as attributes', single(10, 'Clip'), 25],
    ['inference batch norm', single(9, 'BatchNormalization', { epsilon: 1 }), 21],
    ['Softmax along the last axis', single(12, 'Softmax', { axis: -1 }), 13],
    ['Softmax on the last of four axes', single(11, 'Softmax', { axis: 3 }), 21],
    ['Softmax by default on a matrix', single(11, 'Softmax', {}, { rank: 2 }), 21],
    ['ReduceMean over all axes', single(13, 'ReduceMean', { keepdims: 0 }), 21],
    ['ReduceSum with axes as an input', single(13, 'ReduceSum', {}, { inputs: 1 }), 21],
    ['Split with sizes as an input', single(13, 'Split', {}, { inputs: 1, outputs: 2 }), 21],
    ['Dropout without a mask', single(7, 'Dropout'), 22],
    ['GridSample of the nearest', single(16, 'GridSample', { mode: 'nearest' }, { inputs: 1 }), 22],
    ['ConvTranspose with written pads', single(7, 'ConvTranspose', { pads: [1, 1, 1, 1] }, { inputs: 1 }), 21],
    ['a lower target', single(17, 'Softmax'), 13],
  ];
  for (const [what, model, target] of possible) {
    it(`lets through: ${what}`, () => {
      assert.deepEqual(opsetRaise(model, target), { possible: true, to: Math.max(target, model.opset()) });
    });
  }

  const blocked: readonly (readonly [string, Model, number, RegExp])[] = [
    ['Clip with bounds as attributes', single(10, 'Clip', { max: 6 }), 13, /max moved from attributes/],
    ['Softmax that flattens', single(12, 'Softmax', { axis: 1 }), 13, /axis/],
    ['Softmax by default on four axes', single(12, 'Softmax'), 13, /axis/],
    ['ReduceMean with axes as an attribute', single(13, 'ReduceMean', { axes: [2, 3] }), 21, /axes/],
    ['Unsqueeze', single(12, 'Unsqueeze', { axes: [0] }), 13, /axes/],
    ['Split without sizes', single(17, 'Split', {}, { outputs: 2 }), 21, /number of parts/],
    ['Dropout with a mask', single(11, 'Dropout', {}, { outputs: 2 }), 13, /mask/],
    ['Pad', single(10, 'Pad', { pads: [0, 0, 0, 0, 0, 0, 0, 0] }), 13, /pads/],
    ['Upsample', single(9, 'Upsample', {}, { inputs: 1 }), 13, /retired/],
    ['GroupNormalization', single(18, 'GroupNormalization', { num_groups: 1 }, { inputs: 2 }), 21, /per channel/],
    ['bilinear GridSample', single(16, 'GridSample', { mode: 'bilinear' }, { inputs: 1 }), 21, /renamed/],
    ['an operator nobody knows', single(13, 'Blend'), 21, /not an operator/],
    ['an opset nobody knows', single(13, 'Relu'), 27, /newer/],
  ];
  for (const [what, model, target, reason] of blocked) {
    it(`stops at: ${what}`, () => {
      const raise = opsetRaise(model, target);
      assert.ok(!raise.possible);
      assert.equal(raise.blockers[0]!.node, 'n');
      assert.match(raise.blockers[0]!.reason, reason);
    });
  }
});
