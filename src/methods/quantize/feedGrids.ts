import type { Layer } from '../../analysis';
import type { QuantGrid } from '../../kernels';
import { DataType, ONNX_DOMAIN, type Model, type Node, type TensorType, type Value } from '../../onnx';

/** A value whose quantiser takes its grid from outside. */
export interface FedGrid {
  /** Layers that read it so; with the name of the model's new input for the bias where that is fed too. */
  readonly layers: readonly { readonly name: string; readonly bias: string | undefined }[];
  readonly value: string;
  readonly grid: QuantGrid;
  /** First node of the quantiser: what is in front of it does not depend on the grid. */
  readonly node: Node;
  /** Name of the quantised value. */
  readonly result: string;
  /** Names of the model's new inputs: float32 scalars. */
  readonly inputs: {
    readonly scale: string;
    /** qmin − zero point. */
    readonly low: string;
    /** qmax − zero point. */
    readonly high: string;
  };
}

/** Opset that has Round, and a Clip with bounds as inputs. */
const LEAST_OPSET = 11;

/**
 * Quantises inputs of layers in float, s · clip(rne(x / s), qmin − z, qmax − z), on grids that are inputs of the model: one
 * session then serves every grid. Same values as QuantizeLinear and DequantizeLinear, which take x / s in float32 too.
 * Layers that read one value on the same grid share a quantiser. Biases that are inputs of their layer's own node become inputs of the
 * model too, for how they are rounded depends on the grid. Changes the model in place; `layers` come in node order.
 *
 * @returns the quantisers in node order of their first reader, and sentences why some inputs stay float here
 */
export function feedGrids(
  model: Model,
  layers: readonly Layer[],
  grids: ReadonlyMap<string, QuantGrid>,
): { readonly fed: readonly FedGrid[]; readonly notes: readonly string[] } {
  const { graph } = model;
  const notes: string[] = [];
  const opset = model.opset(ONNX_DOMAIN);
  const sites = new Map<string, { value: Value; grid: QuantGrid; readers: Layer[] }>();
  for (const layer of layers) {
    const grid = grids.get(layer.name);
    const value = layer.node.inputs[layer.dataInputIndex];
    if (grid === undefined || value === undefined) {
      continue;
    }
    const type = value.type?.kind === 'tensor' ? value.type.elementType : DataType.FLOAT;
    if (opset < LEAST_OPSET || type !== DataType.FLOAT) {
      notes.push(
        `${layer.name}: ${opset < LEAST_OPSET ? `opset ${opset} cannot round` : 'its input is not float32'}, so the range of its input stays`,
      );
      continue;
    }
    const key = [value.name, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax].join(' ');
    const site = sites.get(key) ?? { value, grid, readers: [] };
    site.readers.push(layer);
    sites.set(key, site);
  }
  const scalar: TensorType = { kind: 'tensor', elementType: DataType.FLOAT, shape: [] };
  const fed: FedGrid[] = [];
  for (const { value, grid, readers } of sites.values()) {
    const before = readers[0]!.node;
    const name = (suffix: string): string => graph.freshName(`${value.name}_${suffix}`);
    const input = (suffix: string): Value => graph.addInput(name(suffix), scalar);
    const [scale, low, high] = [input('scale'), input('low'), input('high')];
    const then = (opType: string, inputs: readonly Value[]): Value =>
      graph.addNode({ opType, name: name(opType), inputs, outputs: [name(opType.toLowerCase())] }, { before })
        .outputs[0]!;
    const divided = then('Div', [value, scale]);
    const quantized = then('Mul', [then('Clip', [then('Round', [divided]), low, high]), scale]);
    const fedReaders = readers.map((layer) => {
      layer.node.setInput(layer.dataInputIndex, quantized);
      return { name: layer.name, bias: feedBias(layer)?.name };
    });
    fed.push({
      layers: fedReaders,
      value: value.name,
      grid,
      node: divided.producer()!,
      result: quantized.name,
      inputs: { scale: scale.name, low: low.name, high: high.name },
    });
  }
  return { fed, notes };
}

function feedBias({ node, bias }: Layer): Value | undefined {
  if (bias?.node !== node || bias.value.isOverridable || bias.tensor.dataType !== DataType.FLOAT) {
    return undefined;
  }
  const { graph } = node;
  const type: TensorType = { kind: 'tensor', elementType: DataType.FLOAT, shape: bias.tensor.dims };
  const value = graph.addInput(graph.freshName(`${bias.value.name}_fed`), type);
  node.setInput(bias.inputIndex, value);
  return value;
}
