import assert from 'node:assert/strict';
import { buildModel, DataType, serializeModel, Tensor, verifyModel } from '../../../src/onnx';
import { decodeModel } from '../../support/onnx/protobuf';

describe('buildModel', () => {
  it('builds what the second implementation reads', () => {
    const model = buildModel({
      opset: { '': 18, 'com.microsoft': 1 },
      irVersion: 9,
      producerName: 'maker',
      metadata: { key: 'value' },
      name: 'built',
      inputs: [
        { name: 'x', type: DataType.FLOAT, shape: ['n', 3, undefined] },
        { name: 'c', type: DataType.BOOL },
      ],
      outputs: [{ name: 'y', type: DataType.FLOAT }, 'z'],
      values: [{ name: 'm', type: DataType.FLOAT, shape: [] }],
      initializers: [Tensor.fromIntegers('codes', DataType.INT4, [3], [-8, 0, 7])],
      nodes: [
        {
          opType: 'Op',
          domain: 'com.microsoft',
          name: 'op',
          inputs: ['x', '', 'codes'],
          outputs: ['m'],
          attributes: {
            int: 3,
            half: 0.5,
            float: { float: 2 },
            text: 'abc',
            ints: [1, -1],
            empty: { ints: [] },
            floats: { floats: [1, 2.5] },
            texts: ['a', 'b'],
            tensor: Tensor.fromFloat32('t', [1], Float32Array.of(1)),
          },
        },
        {
          opType: 'If',
          inputs: ['c'],
          outputs: ['y', 'z'],
          attributes: {
            then_branch: { graph: { outputs: ['o'], nodes: [{ opType: 'Neg', inputs: ['m'], outputs: ['o'] }] } },
          },
        },
      ],
    });
    assert.deepEqual(verifyModel(model), []);
    const decoded = decodeModel(serializeModel(model));
    assert.equal(decoded.irVersion, 9n);
    assert.equal(decoded.producerName, 'maker');
    assert.deepEqual(
      decoded.opsetImport.map((o) => [o.domain, o.version]),
      [
        ['', 18n],
        ['com.microsoft', 1n],
      ],
    );
    const graph = decoded.graph!;
    assert.equal(graph.name, 'built');
    const [op, branch] = graph.node;
    assert.deepEqual([op!.domain, op!.name, op!.input, op!.output], ['com.microsoft', 'op', ['x', '', 'codes'], ['m']]);
    const attributes = new Map(op!.attribute.map((a) => [a.name, a]));
    assert.deepEqual([attributes.get('int')!.type, attributes.get('int')!.i], [2, 3n]);
    assert.deepEqual([attributes.get('half')!.type, attributes.get('half')!.f], [1, 0.5]);
    assert.deepEqual([attributes.get('float')!.type, attributes.get('float')!.f], [1, 2]);
    assert.deepEqual(Buffer.from(attributes.get('text')!.s).toString(), 'abc');
    assert.deepEqual([attributes.get('ints')!.type, attributes.get('ints')!.ints], [7, [1n, -1n]]);
    assert.deepEqual([attributes.get('empty')!.type, attributes.get('empty')!.ints], [7, []]);
    assert.deepEqual([attributes.get('floats')!.type, attributes.get('floats')!.floats], [6, [1, 2.5]]);
    assert.deepEqual(attributes.get('texts')!.strings.map(String), ['97', '98']);
    assert.deepEqual(attributes.get('tensor')!.t!.dims, [1n]);
    assert.deepEqual(branch!.attribute[0]!.g!.node[0]!.input, ['m']);
    assert.deepEqual([...graph.initializer[0]!.rawData], [0x08, 0x07]);
    assert.equal(graph.initializer[0]!.dataType, DataType.INT4);
    const dims = graph.input[0]!.type!.value;
    assert.ok(dims.case === 'tensorType');
    assert.deepEqual(
      dims.value.shape!.dim.map((d) => d.value.value),
      ['n', 3n, undefined],
    );
    assert.equal(graph.output[1]!.type, undefined);
  });

  it('names a value that nothing defines', () => {
    assert.throws(
      () => buildModel({ opset: 17, outputs: ['y'], nodes: [{ opType: 'Neg', inputs: ['x'], outputs: ['y'] }] }),
      { code: 'onnx/build', message: /"x"/ },
    );
  });
});
