import { seededRandom } from '../../src/base/random';
import { buildModel, DataType, Tensor, type Model, type NodeSpec } from '../../src/onnx';

/**
 * Layers of attention and a feed-forward part, ten operators each, four of them products with float32 weights
 * `[width, width]`, with skips and a mask that all of them read.
 */
export function layeredEncoder(operators: number, width: number): Model {
  const weights = noise(width * width, 1);
  const nodes: NodeSpec[] = [];
  const initializers: Tensor[] = [];
  let hidden = 'x';
  for (let layer = 0; layer * 10 < operators; layer++) {
    const at = `/encoder/layer.${layer}`;
    const add = (name: string, opType: string, inputs: readonly string[]) => {
      nodes.push({ opType, name: `${at}/${name}/${opType}`, inputs, outputs: [`${at}/${name}`] });
      return `${at}/${name}`;
    };
    const product = (name: string, input: string) => {
      initializers.push(Tensor.fromFloat32(`${at}/${name}.weight`, [width, width], weights));
      return add(name, 'MatMul', [input, `${at}/${name}.weight`]);
    };
    const query = product('attention/query', hidden);
    const key = product('attention/key', hidden);
    const value = product('attention/value', hidden);
    const scores = add('attention/scores', 'Mul', [query, key]);
    const masked = add('attention/masked', 'Add', [scores, 'mask']);
    const mixed = add('attention/mixed', 'Mul', [masked, value]);
    const first = add('skip', 'Add', [mixed, hidden]);
    const wide = product('up', first);
    const active = add('active', 'Relu', [wide]);
    hidden = add('out', 'Add', [active, first]);
  }
  return buildModel({
    opset: 17,
    inputs: ['x', 'mask'].map((name) => ({ name, type: DataType.FLOAT, shape: ['batch', width] })),
    outputs: [{ name: hidden, type: DataType.FLOAT, shape: ['batch', width] }],
    initializers,
    nodes,
  });
}

/** Products `[width, width]` with a Relu behind each but the last. */
export function layerChain(layers: number, width: number): Model {
  const nodes: NodeSpec[] = [];
  const initializers: Tensor[] = [];
  for (let i = 0; i < layers; i++) {
    // The variance that a Relu keeps: He et al. 2015.
    const scale = Math.sqrt(6 / width);
    const weights = noise(width * width, i + 1).map((value) => value * scale);
    initializers.push(Tensor.fromFloat32(`layers.${i}.weight`, [width, width], weights));
    nodes.push({
      opType: 'MatMul',
      name: `/layers.${i}/MatMul`,
      inputs: [i === 0 ? 'x' : `relu${i - 1}`, `layers.${i}.weight`],
      outputs: [`product${i}`],
    });
    if (i < layers - 1) {
      nodes.push({ opType: 'Relu', name: `/layers.${i}/Relu`, inputs: [`product${i}`], outputs: [`relu${i}`] });
    }
  }
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', width] }],
    outputs: [{ name: `product${layers - 1}`, type: DataType.FLOAT, shape: ['batch', width] }],
    initializers,
    nodes,
  });
}

/** Uniform in -1..1. */
export function noise(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => 2 * random() - 1);
}
