import {
  AttributeType,
  encodeModel,
  floatTensor,
  int64Tensor,
  valueInfo,
  type GraphInit,
  type ModelInit,
} from './protobuf';

/** Protobuf fields that no schema knows: a varint, bytes and a group, with high numbers. */
export const unknownFields = Buffer.from([
  // field 1000, varint 5
  0xc0, 0x3e, 0x05,
  // field 1001, "abc"
  0xca, 0x3e, 0x03, 0x61, 0x62, 0x63,
  // field 1002, a group holding field 1 = 7
  0xd3, 0x3e, 0x08, 0x07, 0xd4, 0x3e,
]);

/**
 * A model with everything a round trip must keep: a sub-graph that captures outer values, functions, an unknown domain,
 * training information, quantisation annotations, device configurations, a sparse initializer, an overridable one, empty and
 * double node names, documentation and metadata everywhere.
 */
export const kitchenSink: ModelInit = {
  irVersion: 11n,
  producerName: 'test',
  producerVersion: '1',
  domain: 'com.example',
  modelVersion: 3n,
  docString: 'A model',
  opsetImport: [
    { domain: '', version: 21n },
    { domain: 'com.example.ops', version: 2n },
  ],
  metadataProps: [
    { key: 'author', value: 'someone' },
    { key: 'empty', value: '' },
  ],
  configuration: [{ name: 'two', numDevices: 2, device: ['a', 'b'] }],
  functions: [
    {
      name: 'Twice',
      domain: 'com.example.ops',
      input: ['a'],
      output: ['b'],
      attribute: ['alpha'],
      opsetImport: [{ domain: '', version: 21n }],
      node: [
        { opType: 'Add', input: ['a', 'a'], output: ['s'] },
        {
          opType: 'LeakyRelu',
          input: ['s'],
          output: ['b'],
          attribute: [{ name: 'alpha', refAttrName: 'alpha', type: AttributeType.FLOAT }],
        },
      ],
      docString: 'twice',
    },
  ],
  trainingInfo: [
    {
      algorithm: {
        name: 'step',
        node: [{ opType: 'Identity', input: ['w'], output: ['w_new'] }],
        initializer: [floatTensor('rate', [], [0.5])],
      },
      updateBinding: [{ key: 'w', value: 'w_new' }],
    },
  ],
  graph: {
    name: 'main',
    docString: 'the graph',
    input: [valueInfo('x', ['n', 4]), valueInfo('cond', [], 9), valueInfo('w', [4, 4])],
    output: [valueInfo('y', ['n', 4]), { name: 'z' }],
    valueInfo: [valueInfo('h', ['n', 4]), { name: 'odd', type: { value: { case: 'sequenceType', value: {} } } }],
    initializer: [
      {
        ...floatTensor(
          'w',
          [4, 4],
          Array.from({ length: 16 }, (_, i) => i / 8),
        ),
        docString: 'weights',
        metadataProps: [{ key: 'k', value: 'v' }],
      },
      floatTensor('b', [4], [1, 2, 3, 4]),
      int64Tensor('shape', [2], [-1, 4]),
      { name: 'typed', dataType: 1, dims: [3n], floatData: [1.5, -2, 0.25] },
    ],
    sparseInitializer: [
      { values: floatTensor('sparse', [2], [7, 8]), indices: int64Tensor('', [2], [1, 2]), dims: [4n] },
    ],
    quantizationAnnotation: [{ tensorName: 'h', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 's' }] }],
    metadataProps: [{ key: 'graph', value: 'yes' }],
    node: [
      {
        opType: 'MatMul',
        name: 'same',
        input: ['x', 'w'],
        output: ['m'],
        docString: 'first',
        metadataProps: [{ key: 'n', value: '1' }],
        deviceConfigurations: [{ configurationId: 'two', pipelineStage: 1 }],
      },
      { opType: 'Add', name: 'same', input: ['m', 'b'], output: ['h'] },
      { opType: 'Clip', input: ['h', '', 'clip_max'], output: ['c'] },
      {
        opType: 'Constant',
        output: ['clip_max'],
        attribute: [{ name: 'value_float', type: AttributeType.FLOAT, f: 6 }],
      },
      {
        opType: 'Twice',
        domain: 'com.example.ops',
        input: ['c'],
        output: ['t'],
        attribute: [{ name: 'alpha', type: AttributeType.FLOAT, f: 0.5 }],
      },
      { opType: 'Mystery', domain: 'com.example.ops', input: ['t', 'sparse'], output: ['q', ''] },
      {
        opType: 'If',
        name: 'branch',
        input: ['cond'],
        output: ['y'],
        attribute: [
          {
            name: 'then_branch',
            type: AttributeType.GRAPH,
            g: {
              name: 'then',
              initializer: [floatTensor('two', [], [2])],
              node: [{ opType: 'Mul', name: 'inner', input: ['q', 'two'], output: ['then_out'] }],
              output: [{ name: 'then_out' }],
            },
          },
          {
            name: 'else_branch',
            type: AttributeType.GRAPH,
            g: {
              name: 'else',
              node: [{ opType: 'Reshape', input: ['h', 'shape'], output: ['else_out'] }],
              output: [{ name: 'else_out' }],
            },
          },
        ],
      },
      { opType: 'Neg', input: ['y'], output: ['z'], attribute: [] },
    ],
  },
};

/** The kitchen sink as bytes, in a running order, with unknown fields at the end of the model. */
export function kitchenSinkBytes(): Uint8Array {
  const graph = kitchenSink.graph as GraphInit;
  const node = [...graph.node!];
  // The constant before its reader.
  node.splice(2, 0, ...node.splice(3, 1));
  return Buffer.concat([encodeModel({ ...kitchenSink, graph: { ...graph, node } }), unknownFields]);
}
