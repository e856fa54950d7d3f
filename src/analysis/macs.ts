import type { Dimension } from '../onnx';
import { product } from './constantChain';
import type { Layer } from './layer';
import type { ShapeTable } from './shapeTable';

/**
 * Multiply-accumulates of one layer for one sample. A symbolic or unknown leading dimension counts as 1 and so does the
 * batch of a convolution; undefined where a needed size is unknown. Additions of a bias are not counted, an embedding is
 * a look-up and counts 0.
 */
export function layerMacs(layer: Layer, shapes: ShapeTable): number | undefined {
  const { node, weight } = layer;
  const output = shapeOf(shapes, node.outputs[0]?.name);
  const input = shapeOf(shapes, node.inputs[layer.dataInputIndex]?.name);
  switch (layer.kind) {
    case 'Conv':
    case 'ConvInteger':
    case 'QLinearConv': {
      const positions = sizeOf(output?.slice(2));
      // Each output position costs the whole weight once: Cout · Cin/g · kernel.
      return positions === undefined ? undefined : positions * product(weight.shape);
    }
    case 'ConvTranspose': {
      const positions = sizeOf(input?.slice(2));
      return positions === undefined ? undefined : positions * product(weight.shape);
    }
    case 'Gather':
      return 0;
    case 'Gemm':
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul': {
      const outputs = perSample(output);
      return outputs === undefined ? undefined : outputs * (weight.shape[weight.inAxis] ?? 1);
    }
    case 'MatMulNBits': {
      const outputs = perSample(output);
      return outputs === undefined ? undefined : outputs * node.int('K', 0);
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN': {
      // Input [steps, batch, I] (batch first with layout 1): each step multiplies W and R once.
      const steps = input?.[node.int('layout', 0) === 1 ? 1 : 0];
      return typeof steps === 'number' ? steps * layer.parameters : undefined;
    }
  }
}

/** Multiply-accumulates of all layers; undefined when one is unknown. */
export function totalMacs(layers: readonly Layer[], shapes: ShapeTable): number | undefined {
  let total = 0;
  for (const layer of layers) {
    const macs = layerMacs(layer, shapes);
    if (macs === undefined) {
      return undefined;
    }
    total += macs;
  }
  return total;
}

function shapeOf(shapes: ShapeTable, name: string | undefined): readonly Dimension[] | undefined {
  return name === undefined ? undefined : shapes.get(name)?.shape;
}

function sizeOf(dims: readonly Dimension[] | undefined): number | undefined {
  let size = 1;
  for (const d of dims ?? [undefined]) {
    if (typeof d !== 'number') {
      return undefined;
    }
    size *= d;
  }
  return size;
}

/** Elements for one sample: the leading dimension is the batch unless it is a known number. */
function perSample(dims: readonly Dimension[] | undefined): number | undefined {
  if (dims === undefined) {
    return undefined;
  }
  const first = dims[0];
  return sizeOf(typeof first === 'number' || dims.length === 0 ? dims : dims.slice(1));
}
