import assert from 'node:assert/strict';
import { seededRandom } from '../../../../src/base/random';
import {
  buildModel,
  capturedValues,
  DataType,
  parseModel,
  serializeModel,
  Tensor,
  verifyModel,
  type Graph,
  type Model,
  type Node,
  type Value,
} from '../../../../src/onnx';
import { kitchenSinkBytes } from '../../../support/onnx/kitchenSink';
import { AttributeType, decodeModel, encodeModel, floatTensor, valueInfo } from '../../../support/onnx/protobuf';

/** Uses and producers found by looking at every node, against what the values say. */
function assertLinksAreTrue(model: Model): void {
  const uses = new Map<Value, string[]>();
  const producers = new Map<Value, Node>();
  const graphs = [...model.allGraphs()];
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      assert.equal(node.graph, graph);
      for (const [index, value] of node.inputs.entries()) {
        if (value !== undefined) {
          uses.set(value, [...(uses.get(value) ?? []), `${node.key} ${index}`]);
        }
      }
      for (const value of node.outputs) {
        if (value !== undefined) {
          producers.set(value, node);
        }
      }
    }
  }
  for (const graph of graphs) {
    for (const value of graph.values) {
      assert.equal(graph.value(value.name), value);
      assert.deepEqual(
        value
          .uses()
          .map(({ node, index }) => `${node.key} ${index}`)
          .sort(),
        (uses.get(value) ?? []).sort(),
      );
      assert.equal(value.producer(), producers.get(value));
      assert.equal(
        value.isGraphOutput,
        graphs.some((g) => g.outputs.includes(value)),
      );
      assert.equal(value.isGraphInput, graph.inputs.includes(value));
    }
  }
}

/** Inputs x, w and b; MatMul, Add, Relu in a row; y is the output. */
function chain(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 2] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['n', 2] }],
    initializers: [
      Tensor.fromFloat32('w', [2, 2], Float32Array.of(1, 2, 3, 4)),
      Tensor.fromFloat32('b', [2], Float32Array.of(5, 6)),
    ],
    nodes: [
      { opType: 'MatMul', name: 'mm', inputs: ['x', 'w'], outputs: ['m'] },
      { opType: 'Add', name: 'add', inputs: ['m', 'b'], outputs: ['a'] },
      { opType: 'Relu', inputs: ['a'], outputs: ['y'] },
    ],
  });
}

describe('Graph', () => {
  it('may be edited while its lists are walked', () => {
    const model = chain();
    const { graph } = model;
    for (const node of graph.nodes) {
      const [output] = node.outputs;
      const added = graph.addNode(
        { opType: 'Identity', inputs: [output], outputs: [graph.freshName('copy')] },
        { after: node },
      );
      for (const { node: reader, index } of output!.uses()) {
        if (reader !== added) {
          reader.setInput(index, added.outputs[0]);
        }
      }
    }
    assert.equal(graph.nodes.length, 6);
    assertLinksAreTrue(model);
    for (const node of graph.nodes) {
      if (node.opType === 'Identity') {
        graph.replaceAllUses(node.outputs[0]!, node.inputs[0]!);
        graph.removeNode(node);
      }
    }
    assert.equal(graph.nodes.length, 3);
    assertLinksAreTrue(model);
  });

  it('knows uses and producers, captures included', () => {
    const model = parseModel(kitchenSinkBytes());
    assertLinksAreTrue(model);
    const { graph } = model;
    const branch = model.node('branch')!;
    const [then, otherwise] = branch.subgraphs;
    assert.deepEqual(
      graph
        .value('q')!
        .uses()
        .map(({ node }) => [node.key, node.graph]),
      [['inner', then]],
    );
    assert.equal(then!.nodes[0]!.inputs[0], graph.value('q'));
    assert.equal(then!.parent, graph);
    assert.equal(then!.ownerNode, branch);
    assert.equal(otherwise!.lookup('shape'), graph.value('shape'));
    assert.equal(otherwise!.value('shape'), undefined);
    assert.deepEqual([...capturedValues(branch)].map((v) => v.name).sort(), ['h', 'q', 'shape']);
    assert.deepEqual(
      graph.trueInputs.map((v) => v.name),
      ['x', 'cond'],
    );
    assert.ok(graph.value('w')!.isOverridable);
    assert.ok(!graph.value('b')!.isOverridable);
    assert.ok(graph.value('sparse')!.isSparseInitializer);
    assert.equal(graph.value('sparse')!.constant(), undefined);
  });

  it('gives keys that hold through edits and clones', () => {
    const model = parseModel(kitchenSinkBytes());
    const keys = model.graph.nodes.map((n) => n.key);
    // "same" occurs twice, so its nodes go by their first outputs; so do nodes without a name.
    assert.deepEqual(keys, ['m', 'h', 'clip_max', 'c', 't', 'q', 'branch', 'z']);
    model.node('m')!.name = 'other';
    model.graph.renameValue(model.graph.value('h')!, 'renamed');
    assert.deepEqual(
      model.clone().graph.nodes.map((n) => n.key),
      keys,
    );
    const twice = buildModel({
      opset: 17,
      outputs: ['a', 'b'],
      nodes: [
        { opType: 'Constant', name: 'b', inputs: [], outputs: ['a'], attributes: { value_int: 1 } },
        { opType: 'Constant', inputs: [], outputs: ['b'], attributes: { value_int: 1 } },
      ],
    });
    assert.deepEqual(
      twice.graph.nodes.map((n) => n.key),
      ['b', 'b#2'],
    );
  });

  it('finds the constant behind a value', () => {
    const model = buildModel({
      opset: 13,
      outputs: ['float', 'floats', 'int', 'ints', 'tensor', 'text', 'computed'],
      nodes: [
        { opType: 'Constant', inputs: [], outputs: ['float'], attributes: { value_float: { float: 2 } } },
        { opType: 'Constant', inputs: [], outputs: ['floats'], attributes: { value_floats: { floats: [0.5, 1] } } },
        { opType: 'Constant', inputs: [], outputs: ['int'], attributes: { value_int: -3 } },
        { opType: 'Constant', inputs: [], outputs: ['ints'], attributes: { value_ints: [1, 2, 3] } },
        {
          opType: 'Constant',
          inputs: [],
          outputs: ['tensor'],
          attributes: { value: Tensor.fromIntegers('inner', DataType.INT8, [2], [-1, 1]) },
        },
        { opType: 'Constant', inputs: [], outputs: ['text'], attributes: { value_string: 'a' } },
        { opType: 'Neg', inputs: ['float'], outputs: ['computed'] },
      ],
    });
    const constant = (name: string) => {
      const tensor = model.graph.value(name)!.constant();
      return tensor && [tensor.name, tensor.dataType, [...tensor.dims], tensor.toNumbers()];
    };
    assert.deepEqual(constant('float'), ['float', DataType.FLOAT, [], [2]]);
    assert.deepEqual(constant('floats'), ['floats', DataType.FLOAT, [2], [0.5, 1]]);
    assert.deepEqual(constant('int'), ['int', DataType.INT64, [], [-3]]);
    assert.deepEqual(constant('ints'), ['ints', DataType.INT64, [3], [1, 2, 3]]);
    assert.deepEqual(constant('tensor'), ['tensor', DataType.INT8, [2], [-1, 1]]);
    assert.equal(constant('text'), undefined);
    assert.equal(constant('computed'), undefined);
  });

  it('keeps clones apart', () => {
    const model = chain();
    const before = serializeModel(model);
    const clone = model.clone();
    clone.graph.replaceInitializer('w', Tensor.fromFloat32('w', [2, 2], new Float32Array(4)));
    clone.graph.replaceAllUses(clone.graph.value('m')!, clone.graph.value('b')!);
    clone.graph.removeNode(clone.node('mm')!);
    clone.node('add')!.setAttribute({ name: 'extra', type: 'INTS', value: [1] });
    clone.setMetadata('a', 'b');
    assert.deepEqual(serializeModel(model), before);
    assert.ok(!model.isModified);
    assertLinksAreTrue(model);
    assertLinksAreTrue(clone);
  });

  it('removes a node as a pass does, output name and all', () => {
    const model = chain();
    const { graph } = model;
    // Fold the Relu away: its input takes the name of the graph output.
    const relu = graph.value('y')!.producer()!;
    const y = graph.value('y')!;
    const a = graph.value('a')!;
    graph.replaceAllUses(y, a);
    graph.setOutputs([a]);
    graph.removeNode(relu);
    graph.renameValue(a, 'y');
    assertLinksAreTrue(model);
    assert.deepEqual(verifyModel(model), []);
    const decoded = decodeModel(serializeModel(model)).graph!;
    assert.deepEqual(
      decoded.node.map((n) => [n.opType, n.output]),
      [
        ['MatMul', ['m']],
        ['Add', ['y']],
      ],
    );
    assert.deepEqual(
      decoded.output.map((v) => v.name),
      ['y'],
    );
  });

  it('replaces uses in sub-graphs too, and outputs only when asked', () => {
    const model = parseModel(kitchenSinkBytes());
    const { graph } = model;
    graph.replaceAllUses(graph.value('q')!, graph.value('x')!);
    graph.replaceAllUses(graph.value('z')!, graph.value('h')!);
    assert.equal(graph.value('q')!.uses().length, 0);
    assert.deepEqual(
      graph.outputs.map((v) => v.name),
      ['y', 'z'],
    );
    graph.replaceAllUses(graph.value('z')!, graph.value('h')!, { outputs: true });
    assert.deepEqual(
      graph.outputs.map((v) => v.name),
      ['y', 'h'],
    );
    assertLinksAreTrue(model);
    const decoded = decodeModel(serializeModel(model)).graph!;
    assert.deepEqual(decoded.node[6]!.attribute[0]!.g!.node[0]!.input, ['x', 'two']);
    assert.deepEqual(
      decoded.output.map((v) => v.name),
      ['y', 'h'],
    );
  });

  it('lets go of captures when a sub-graph is dropped', () => {
    const model = parseModel(kitchenSinkBytes());
    const branch = model.node('branch')!;
    branch.setAttribute({ name: 'then_branch', type: 'GRAPH', value: branch.subgraphs[1]! });
    assert.equal(model.graph.value('q')!.uses().length, 0);
    assert.equal(branch.subgraphs[0]!.name, 'else');
    assertLinksAreTrue(model);
    branch.removeAttribute('then_branch');
    branch.removeAttribute('else_branch');
    assertLinksAreTrue(model);
    assert.equal(decodeModel(serializeModel(model)).graph!.node[6]!.attribute.length, 0);
  });

  it('refuses edits that would leave the graph broken', () => {
    const { graph } = chain();
    assert.throws(() => graph.removeNode(graph.nodes[0]!), /Internal error: output "m" is still read/);
    assert.throws(() => graph.removeInitializer('w'), /still read/);
    assert.throws(() => graph.addInitializer(Tensor.fromFloat32('m', [1], new Float32Array(1))), /defined already/);
    assert.throws(
      () => graph.addNode({ opType: 'Neg', inputs: [graph.value('x')], outputs: ['a'] }),
      /defined already/,
    );
    assert.throws(() => graph.renameValue(graph.value('a')!, 'm'), /used already/);
    const other = chain();
    assert.throws(() => graph.nodes[0]!.setInput(0, other.graph.value('x')), /not visible/);
  });

  it('lists initializers as inputs where the IR version asks for it', () => {
    const model = parseModel(
      encodeModel({
        irVersion: 3n,
        opsetImport: [{ version: 7n }],
        graph: {
          name: 'g',
          input: [valueInfo('x', [2]), valueInfo('w', [2])],
          output: [valueInfo('y', [2])],
          initializer: [floatTensor('w', [2], [1, 2])],
          node: [{ opType: 'Add', input: ['x', 'w'], output: ['y'] }],
        },
      }),
    );
    const { graph } = model;
    assert.ok(!graph.value('w')!.isOverridable);
    const value = graph.addInitializer(Tensor.fromFloat32(graph.freshName('w'), [2], Float32Array.of(3, 4)));
    graph.nodes[0]!.setInput(1, value);
    graph.removeInitializer('w');
    assert.deepEqual(
      graph.inputs.map((v) => v.name),
      ['x', 'w_1'],
    );
    assert.deepEqual(
      graph.trueInputs.map((v) => v.name),
      ['x'],
    );
    assertLinksAreTrue(model);
    assert.deepEqual(verifyModel(model), []);
  });

  it('finds names unused anywhere in the model', () => {
    const model = parseModel(kitchenSinkBytes());
    assert.equal(model.graph.freshName('then_out'), 'then_out_1');
    assert.equal(model.graph.freshName('then_out'), 'then_out_2');
    assert.equal(model.graph.freshName('branch'), 'branch_1');
    assert.equal(model.graph.freshName('brand new'), 'brand new');
    assert.equal(model.clone().graph.freshName('clip_max'), 'clip_max_1');
  });

  it('sorts into an order of running, captures included', () => {
    const model = parseModel(
      encodeModel({
        graph: {
          name: 'g',
          input: [valueInfo('x', [1]), valueInfo('c', [], 9)],
          output: [valueInfo('y', [1])],
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
                  g: { name: 't', node: [{ opType: 'Neg', input: ['late'], output: ['o'] }], output: [{ name: 'o' }] },
                },
              ],
            },
            { opType: 'Abs', name: 'abs', input: ['early'], output: ['late'] },
            { opType: 'Neg', name: 'neg', input: ['x'], output: ['early'] },
          ],
        },
      }),
    );
    assert.match(verifyModel(model).join(), /node if in the graph comes before node abs/);
    model.graph.sortTopologically();
    assert.deepEqual(
      model.graph.nodes.map((n) => n.key),
      ['neg', 'abs', 'if'],
    );
    assert.deepEqual(verifyModel(model), []);
    assert.deepEqual(
      decodeModel(serializeModel(model)).graph!.node.map((n) => n.name),
      ['neg', 'abs', 'if'],
    );
    const sorted = parseModel(kitchenSinkBytes());
    sorted.graph.sortTopologically();
    assert.ok(!sorted.isModified);
  });

  it('keeps links true and files sound through random edits', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
      const model = parseModel(kitchenSinkBytes());
      const anyGraph = (): Graph => pick([...model.allGraphs()]);
      for (let step = 0; step < 40; step++) {
        const graph = anyGraph();
        const visible = [...graph.values, ...(graph.parent === undefined ? [] : [...graph.parent.values])];
        const kind = Math.floor(random() * 8);
        const node = graph.nodes.length === 0 ? undefined : pick(graph.nodes);
        if (kind === 0) {
          const inputs = [pick(visible), random() < 0.3 ? undefined : pick(visible)];
          const where = node === undefined ? undefined : random() < 0.5 ? { before: node } : { after: node };
          graph.addNode(
            { opType: 'Sum', name: pick(['', 'n', 'same']), inputs, outputs: [graph.freshName('r')] },
            where,
          );
        } else if (kind === 1 && node !== undefined) {
          const isFree = node.outputs.every((v) => v === undefined || (v.uses().length === 0 && !v.isGraphOutput));
          if (isFree) {
            graph.removeNode(node);
          }
        } else if (kind === 2 && node !== undefined) {
          node.setInput(Math.floor(random() * 3), random() < 0.2 ? undefined : pick(visible));
        } else if (kind === 3) {
          const value = pick([...graph.values]);
          graph.renameValue(value, graph.freshName(pick(['a', 'b', 'y'])));
        } else if (kind === 4) {
          graph.addInitializer(Tensor.fromFloat32(graph.freshName('i'), [1], Float32Array.of(step)));
        } else if (kind === 5) {
          const [from, to] = [pick([...graph.values]), pick([...graph.values])];
          if (from !== to) {
            graph.replaceAllUses(from, to, { outputs: random() < 0.3 && !to.isGraphOutput });
          }
        } else if (kind === 6 && node !== undefined) {
          node.setAttribute({ name: pick(['alpha', 'beta']), type: 'FLOAT', value: Math.fround(random()) });
        } else if (kind === 7) {
          const free = [...graph.initializers.keys()].filter((name) => {
            const value = graph.value(name)!;
            return value.uses().length === 0 && !value.isGraphOutput;
          });
          if (free.length > 0) {
            graph.removeInitializer(pick(free));
          }
        }
      }
      assertLinksAreTrue(model);
      const bytes = serializeModel(model);
      // Reading back gives the same graph, and so does writing a clone.
      assert.deepEqual(shape(parseModel(bytes).graph), shape(model.graph));
      assert.deepEqual(serializeModel(model.clone()), bytes);
      decodeModel(bytes);
    }
  });
});

/** A graph as names, operators and attributes, sub-graphs included. */
function shape(graph: Graph): unknown {
  return {
    inputs: graph.inputs.map((v) => v.name),
    outputs: graph.outputs.map((v) => v.name),
    initializers: [...graph.initializers.values()].map((t) => [t.name, t.contentHash()]),
    nodes: graph.nodes.map((node) => [
      node.opType,
      node.domain,
      node.name,
      node.inputs.map((v) => v?.name ?? ''),
      node.outputs.map((v) => v?.name ?? ''),
      [...node.attributes.values()].map((a) => [a.name, a.type, a.type === 'FLOAT' ? a.value : undefined]),
      node.subgraphs.map(shape),
    ]),
  };
}
