import { buildModel, DataType, Tensor, type Model, type NodeSpec } from '../../onnx';

const LARGEST_FLOAT = 3.4028234663852886e38;

/** What the output is seen through: a Relu is 0 and Infinity. */
export interface OutputBounds {
  readonly low: number;
  readonly high: number;
}

/**
 * One mini-batch of a layer as an ONNX graph: forward pass, loss and every gradient. With `groups` sets of rows:
 *
 * inputs x [groups, n, columns], target [groups, rows, columns], weight [groups, rows, n] (already on its grid), bias
 * [groups, rows, 1], scale, low and high of the input's grid (scalars; low and high as code − zero point);
 *
 * outputs loss = mean (ŷ − y)², or of clip(ŷ) − clip(y) within the bounds `clip`; weightGradient [groups, rows, n]; biasGradient [groups, rows, 1];
 * inside = Σ dx (v − in · x / scale) and outside = Σ dx (1 − in), from which the gradients of the input's range follow
 * (see `rangeGradientsInto`).
 *
 * With `floatInput` the input is taken as it is: no scale, low and high, no inside and outside.
 *
 * In ONNX Runtime a step costs what its three matrix products cost.
 */
export function adaquantGraph(clip: OutputBounds | undefined, floatInput = false): Model {
  const node = (
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
  const float = (name: string, shape: readonly (string | number)[]) => ({ name, type: DataType.FLOAT, shape });
  return buildModel({
    opset: 17,
    inputs: [
      float('x', ['groups', 'n', 'columns']),
      float('target', ['groups', 'rows', 'columns']),
      float('weight', ['groups', 'rows', 'n']),
      float('bias', ['groups', 'rows', 1]),
      ...(floatInput ? [] : [float('scale', []), float('low', []), float('high', [])]),
    ],
    outputs: ['loss', 'weightGradient', 'biasGradient', ...(floatInput ? [] : ['inside', 'outside'])],
    initializers: [
      Tensor.fromFloat32('two', [], Float32Array.of(2)),
      Tensor.fromFloat32('zero', [], Float32Array.of(0)),
      Tensor.fromFloat32('lowest', [], Float32Array.of(Math.max(clip?.low ?? 0, -LARGEST_FLOAT))),
      Tensor.fromFloat32('highest', [], Float32Array.of(Math.min(clip?.high ?? 0, LARGEST_FLOAT))),
      Tensor.fromIntegers('lastAxis', DataType.INT64, [1], [2]),
    ],
    nodes: [
      ...(floatInput
        ? [node('Identity', ['x'], 'quantised')]
        : [
            node('Div', ['x', 'scale'], 'quotient'),
            node('Clip', ['quotient', 'low', 'high'], 'clipped'),
            node('Round', ['clipped'], 'steps'),
            node('Mul', ['steps', 'scale'], 'quantised'),
          ]),
      node('MatMul', ['weight', 'quantised'], 'product'),
      node('Add', ['product', 'bias'], 'output'),
      ...(clip !== undefined
        ? [
            node('Clip', ['output', 'lowest', 'highest'], 'outputSeen'),
            node('Clip', ['target', 'lowest', 'highest'], 'targetSeen'),
            node('Sub', ['outputSeen', 'targetSeen'], 'difference'),
            node('Greater', ['output', 'lowest'], 'isAbove'),
            node('Less', ['output', 'highest'], 'isBelow'),
            node('And', ['isAbove', 'isBelow'], 'isSeen'),
            node('Where', ['isSeen', 'difference', 'zero'], 'slope'),
          ]
        : [node('Sub', ['output', 'target'], 'difference'), node('Identity', ['difference'], 'slope')]),
      node('Mul', ['difference', 'difference'], 'square'),
      node('ReduceMean', ['square'], 'loss', { keepdims: 0 }),
      node('Size', ['square'], 'elementCount'),
      node('Cast', ['elementCount'], 'elements', { to: DataType.FLOAT }),
      node('Div', ['two', 'elements'], 'factor'),
      node('Mul', ['slope', 'factor'], 'upstream'),
      node('Transpose', ['quantised'], 'quantisedTransposed', { perm: [0, 2, 1] }),
      node('MatMul', ['upstream', 'quantisedTransposed'], 'weightGradient'),
      node('ReduceSum', ['upstream', 'lastAxis'], 'biasGradient', { keepdims: 1 }),
      ...(floatInput
        ? []
        : [
            node('Transpose', ['weight'], 'weightTransposed', { perm: [0, 2, 1] }),
            node('MatMul', ['weightTransposed', 'upstream'], 'inputGradient'),
            node('Equal', ['clipped', 'quotient'], 'isInside'),
            node('Sub', ['steps', 'quotient'], 'rounding'),
            node('Where', ['isInside', 'rounding', 'steps'], 'sensitivity'),
            node('Mul', ['inputGradient', 'sensitivity'], 'insideTerms'),
            node('ReduceSum', ['insideTerms'], 'inside', { keepdims: 0 }),
            node('Where', ['isInside', 'zero', 'inputGradient'], 'outsideTerms'),
            node('ReduceSum', ['outsideTerms'], 'outside', { keepdims: 0 }),
          ]),
    ],
  });
}
