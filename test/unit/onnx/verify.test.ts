import assert from 'node:assert/strict';
import { parseModel, verifyModel } from '../../../src/onnx';
import { kitchenSink, kitchenSinkBytes } from '../../support/onnx/kitchenSink';
import { AttributeType, encodeModel, floatTensor, valueInfo, type GraphInit } from '../../support/onnx/protobuf';

function faults(graph: GraphInit): readonly string[] {
  return verifyModel(parseModel(encodeModel({ graph: { name: 'g', ...graph } })));
}

describe('verifyModel', () => {
  it('finds nothing in a sound model', () => {
    assert.deepEqual(verifyModel(parseModel(kitchenSinkBytes())), []);
  });

  it('finds a node before the one it reads', () => {
    assert.deepEqual(verifyModel(parseModel(encodeModel(kitchenSink))), [
      'node c in the graph comes before node clip_max, which it reads',
    ]);
  });

  it('finds names defined twice', () => {
    assert.deepEqual(
      faults({
        input: [valueInfo('x', [1]), valueInfo('x', [1])],
        initializer: [floatTensor('w', [1], [1]), floatTensor('w', [1], [2])],
        node: [
          { opType: 'Neg', input: ['x'], output: ['y'] },
          { opType: 'Neg', input: ['y'], output: ['w'] },
        ],
      }),
      [
        'graph input x in the graph has a name that is defined already',
        'initializer w in the graph has a name that is defined already',
        'output of node "w" w in the graph has a name that is defined already',
      ],
    );
  });

  it('finds a sub-graph value that hides an outer one, and captures of nothing', () => {
    assert.deepEqual(
      faults({
        input: [valueInfo('c', [], 9), valueInfo('x', [1])],
        node: [
          {
            opType: 'If',
            name: 'if',
            input: ['c'],
            output: ['y'],
            attribute: [
              {
                name: 'then_branch',
                type: AttributeType.GRAPH,
                g: {
                  name: 't',
                  node: [
                    { opType: 'Neg', name: 'hides', input: ['c'], output: ['x'] },
                    { opType: 'Neg', name: 'lost', input: ['gone'], output: ['o'] },
                  ],
                  output: [{ name: 'o' }],
                },
              },
            ],
          },
        ],
      }),
      [
        'value x in sub-graph 0 of node if hides one of the same name around it',
        'input 0 of node lost is gone, which nothing defines',
      ],
    );
  });

  it('finds tensors whose data does not fit, in attributes too', () => {
    const list = faults({
      initializer: [
        { ...floatTensor('raw', [2], [1]) },
        { name: 'list', dataType: 6, dims: [2n], int32Data: [1, 2, 3] },
        { name: 'untyped', dims: [1n] },
        { name: 'future', dataType: 99, dims: [1n], rawData: new Uint8Array(3) },
        { name: 'texts', dataType: 8, dims: [2n], stringData: [new Uint8Array(1)] },
      ],
      node: [
        {
          opType: 'Constant',
          output: ['k'],
          attribute: [
            { name: 'value', type: AttributeType.TENSOR, t: floatTensor('', [3], [1]) },
            { name: 'value', type: AttributeType.TENSOR, t: floatTensor('', [1], [1]) },
          ],
        },
      ],
    });
    assert.equal(list.length, 7);
    assert.match(list[0]!, /initializer raw in the graph: .*8 bytes \(2 × float32\) but holds 4 bytes/);
    assert.match(list[1]!, /initializer list in the graph: .*2 entries but holds more/);
    assert.match(list[2]!, /initializer untyped in the graph has no element type/);
    assert.match(list[3]!, /initializer future in the graph has an element type Lathe does not know/);
    assert.match(list[4]!, /initializer texts in the graph: .*2 strings but holds 1/);
    assert.match(list[5]!, /node k has attribute value twice/);
    assert.match(list[6]!, /attribute value of node k: .*12 bytes/);
  });
});
