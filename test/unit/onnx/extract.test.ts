import assert from 'node:assert/strict';
import * as path from 'node:path';
import { seededNormal } from '../../../src/base/random';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import {
  buildModel,
  DataType,
  extractModel,
  openModel,
  parseModel,
  serializeModel,
  Tensor,
  verifyModel,
  type Model,
  type TensorType,
} from '../../../src/onnx';
import { kitchenSinkBytes } from '../../support/onnx/kitchenSink';
import { decodeModel, encodeModel, floatTensor, valueInfo } from '../../support/onnx/protobuf';

const float = (...shape: (number | string | undefined)[]): TensorType => ({
  kind: 'tensor',
  elementType: DataType.FLOAT,
  shape,
});

interface Array4 {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

async function run(
  model: Model,
  feeds: Readonly<Record<string, Array4>>,
  fetches: readonly string[],
): Promise<Map<string, Array4>> {
  const runner = await createOnnxRuntime().create(serializeModel(model), { mode: 'plain', threads: 1 });
  try {
    const inputs = new Map(Object.entries(feeds).map(([name, feed]) => [name, { type: DataType.FLOAT, ...feed }]));
    const results = await runner.run(inputs, fetches);
    return new Map([...results].map(([name, { dims, data }]) => [name, { dims, data: data as Float32Array }]));
  } finally {
    await runner.release();
  }
}

describe('extractModel', () => {
  for (const name of ['resnet20', 'vit']) {
    it(`cuts ${name} in two that compute what the whole computes`, async () => {
      const model = openModel(path.resolve(__dirname, `../../fixtures/models/${name}.onnx`));
      const { graph } = model;
      // A value in the middle that everything passes through: with it fed, the rest needs no other input.
      const cut = graph.nodes
        .slice(Math.floor(graph.nodes.length / 3))
        .map((node) => node.outputs[0]!)
        .find((value) => {
          try {
            extractModel(model, { inputs: [{ name: value.name, type: float() }], outputs: ['logits'] });
            return true;
          } catch {
            return false;
          }
        })!;
      const head = extractModel(model, {
        inputs: [{ name: 'input', type: float('n', 1, 28, 28) }],
        outputs: [cut.name],
      });
      const tail = extractModel(model, {
        inputs: [{ name: cut.name, type: { ...float(), shape: undefined } }],
        outputs: ['logits'],
      });
      for (const part of [head, tail]) {
        assert.deepEqual(verifyModel(part), []);
        assert.ok(part.graph.nodes.length < graph.nodes.length);
        assert.ok(part.graph.nodes.every((node) => model.node(node.key) !== undefined));
      }
      const unused = new Set(head.graph.nodes.map((n) => n.key));
      assert.ok(tail.graph.nodes.some((n) => !unused.has(n.key)));
      const random = seededNormal(7);
      const input = { dims: [2, 1, 28, 28], data: Float32Array.from({ length: 2 * 784 }, random) };
      const whole = (await run(model, { input }, ['logits'])).get('logits')!;
      const middle = (await run(head, { input }, [cut.name])).get(cut.name)!;
      const end = (await run(tail, { [cut.name]: middle }, ['logits'])).get('logits')!;
      assert.deepEqual(end.dims, whole.dims);
      assert.deepEqual(end.data, whole.data);
    });
  }

  it('brings what sub-graphs capture, functions and operator sets', () => {
    const model = parseModel(kitchenSinkBytes());
    const cut = extractModel(model, {
      inputs: [
        { name: 'q', type: float('n', 4) },
        { name: 'h', type: float('n', 4) },
        { name: 'cond', type: { kind: 'tensor', elementType: DataType.BOOL, shape: [] } },
      ],
      outputs: ['y'],
    });
    assert.deepEqual(verifyModel(cut), []);
    assert.deepEqual([...cut.graph.initializers.keys()], ['shape']);
    assert.deepEqual(
      cut.graph.nodes.map((n) => n.key),
      ['branch'],
    );
    const decoded = decodeModel(serializeModel(cut));
    assert.equal(decoded.functions.length, 1);
    assert.equal(decoded.functions[0]!.docString, 'twice');
    assert.equal(decoded.opsetImport.length, 2);
    assert.equal(decoded.trainingInfo.length, 0);
    assert.deepEqual(decoded.graph!.node[0]!.attribute[0]!.g!.node[0]!.input, ['q', 'two']);
    // The original is as it was.
    assert.ok(!model.isModified);
    assert.deepEqual(verifyModel(model), []);
  });

  it('renames an output that is fed now', () => {
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [4] }],
      outputs: ['y'],
      nodes: [
        { opType: 'Split', inputs: ['x'], outputs: ['a', 'b'] },
        { opType: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
      ],
    });
    const cut = extractModel(model, {
      inputs: [
        { name: 'x', type: float(4) },
        { name: 'a', type: float(2) },
      ],
      outputs: ['y'],
    });
    assert.deepEqual(verifyModel(cut), []);
    const decoded = decodeModel(serializeModel(cut)).graph!;
    assert.deepEqual(decoded.node[0]!.output, ['a_unused', 'b']);
    assert.deepEqual(
      decoded.input.map((v) => v.name),
      ['x', 'a'],
    );
  });

  it('says what is missing', () => {
    const model = parseModel(kitchenSinkBytes());
    assert.throws(() => extractModel(model, { inputs: [], outputs: ['nothing'] }), {
      code: 'onnx/extract',
      message: /"nothing"/,
    });
    assert.throws(() => extractModel(model, { inputs: [], outputs: ['h'] }), {
      code: 'onnx/extract',
      message: /input "x"/,
    });
    assert.throws(() => extractModel(model, { inputs: [{ name: 'no', type: float() }], outputs: ['h'] }), {
      code: 'onnx/extract',
    });
  });

  it('keeps initializers among the inputs where the IR version asks for it', () => {
    const model = parseModel(
      encodeModel({
        irVersion: 3n,
        opsetImport: [{ version: 7n }],
        graph: {
          name: 'g',
          input: [valueInfo('x', [2]), valueInfo('w', [2]), valueInfo('v', [2])],
          output: [valueInfo('y', [2])],
          initializer: [floatTensor('w', [2], [1, 2]), floatTensor('v', [2], [1, 2])],
          node: [
            { opType: 'Mul', input: ['x', 'v'], output: ['m'] },
            { opType: 'Add', input: ['m', 'w'], output: ['y'] },
          ],
        },
      }),
    );
    const cut = extractModel(model, { inputs: [{ name: 'm', type: float(2) }], outputs: ['y'] });
    assert.deepEqual(
      cut.graph.inputs.map((v) => v.name),
      ['m', 'w'],
    );
    assert.deepEqual(verifyModel(cut), []);
  });

  it('cuts a model whose weights were edited', () => {
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2] }],
      outputs: ['y'],
      initializers: [Tensor.fromFloat32('w', [2], Float32Array.of(1, 2))],
      nodes: [{ opType: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    model.graph.replaceInitializer('w', Tensor.fromFloat32('w', [2], Float32Array.of(3, 4)));
    const cut = extractModel(model, { inputs: [{ name: 'x', type: float(2) }], outputs: ['y'] });
    assert.deepEqual(parseModel(serializeModel(cut)).graph.initializers.get('w')!.toNumbers(), [3, 4]);
  });
});
