import type { Layer, ShapeTable, TensorData } from '../analysis';
import { fakeQuantizeInto, type QuantGrid } from '../kernels';
import {
  columnBlockBytes,
  columnSampler,
  inputLayout,
  momentsAccumulator,
  positionsPerSample,
  type ColumnSampler,
  type InputLayout,
  type LayerMoments,
  type MatrixProducts,
  type MomentsAccumulator,
  type SampledColumns,
} from '../methods';
import type { Graph } from '../onnx';
import { floatTensorData, floatValues, isFloatType } from './floatTensor';

/** Layers that read the same value in the same way, on the same grid: they share their moments. */
export interface MomentsSource {
  readonly layers: readonly Layer[];
  /** Name of the value in the float network. */
  readonly value: string;
  /** Name of what is read in the compressed network. */
  readonly compressedValue: string;
  /** The compressed network reads it through this quantiser. */
  readonly grid: QuantGrid | undefined;
  readonly layout: InputLayout;
}

/** Columns of a layer's input as they are, before its own quantiser. */
export interface SampledInput {
  readonly target: SampledColumns;
  /** In the compressed network; the same object where both networks have the same input. */
  readonly compressed: SampledColumns;
}

/** Raw columns to hand out beside the moments: as many for every input, or by what the input is. */
export type ColumnWish = number | ((layout: InputLayout) => number);

export function columnsOf(wish: ColumnWish | undefined, layout: InputLayout): number {
  return typeof wish === 'function' ? wish(layout) : (wish ?? 0);
}

/** Bytes of the raw columns of one source, in both networks. */
export function sampledBytes({ layout }: MomentsSource, wish: ColumnWish | undefined): number {
  return 2 * Float32Array.BYTES_PER_ELEMENT * layout.groups * layout.size * columnsOf(wish, layout);
}

/** Name of the value that a layer's node reads as data. */
export function dataInputName(layer: Layer): string | undefined {
  return layer.node.inputs[layer.dataInputIndex]?.name;
}

/** Puts layers together that share moments, in the order of their first nodes; says of the others why there are none. */
export function momentsSources(
  layers: readonly Layer[],
  graph: Graph,
  shapes: ShapeTable,
  gridOf: (layer: Layer) => QuantGrid | undefined,
  compressedNameOf: (layer: Layer) => string | undefined = dataInputName,
): { readonly sources: readonly MomentsSource[]; readonly refused: ReadonlyMap<string, string> } {
  const sources = new Map<string, MomentsSource & { readonly layers: Layer[] }>();
  const refused = new Map<string, string>();
  const position = new Map(graph.nodes.map((node, index) => [node, index]));
  const sorted = [...layers].sort((a, b) => (position.get(a.node) ?? 0) - (position.get(b.node) ?? 0));
  for (const layer of sorted) {
    const value = dataInputName(layer);
    const layout = inputLayout(layer);
    if (value === undefined || !position.has(layer.node)) {
      refused.set(layer.name, 'it is not in the main graph');
      continue;
    }
    if (layout === undefined || momentsAccumulator(layer) === undefined) {
      refused.set(layer.name, 'its input does not fall into columns of a moderate size');
      continue;
    }
    const type = shapes.get(value)?.elementType;
    if (type !== undefined && !isFloatType(type)) {
      refused.set(layer.name, 'its input is not floating');
      continue;
    }
    const grid = gridOf(layer);
    const compressedValue = compressedNameOf(layer) ?? value;
    const key = JSON.stringify([value, compressedValue, layout.key, gridKey(grid)]);
    const known = sources.get(key);
    if (known === undefined) {
      sources.set(key, { layers: [layer], value, compressedValue, grid, layout });
    } else {
      known.layers.push(layer);
    }
  }
  return { sources: [...sources.values()], refused };
}

export function gridKey(grid: QuantGrid | undefined): readonly number[] | undefined {
  return grid && [grid.scale, grid.zeroPoint, grid.qmin, grid.qmax];
}

/** Bytes of the moments of one source. */
export function momentsBytes(source: MomentsSource, isTwofold: boolean, isHeldOut: boolean): number {
  const { size, groups } = source.layout;
  return 8 * groups * size * size * (isTwofold ? 3 : 1) * (isHeldOut ? 2 : 1);
}

/** Bytes of the columns that wait for their products while one source is read. */
export function waitingBytes(source: MomentsSource, isTwofold: boolean, isHeldOut: boolean): number {
  // A block being filled and one that is full or spare.
  return 2 * columnBlockBytes(source.layout) * (isTwofold ? 2 : 1) * (isHeldOut ? 2 : 1);
}

/** A tensor sent through a quantiser, in its own element type. */
export function throughGrid(tensor: TensorData, grid: QuantGrid): TensorData {
  return floatTensorData(tensor.type, tensor.dims, quantized(floatValues(tensor), grid));
}

function quantized(values: Float32Array, grid: QuantGrid): Float32Array {
  const out = new Float32Array(values.length);
  fakeQuantizeInto(values, 0, values.length, out, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
  return out;
}

export interface SourceReaderOptions {
  readonly samples: number;
  /** As in `MomentsOptions`. */
  readonly heldOutEvery: number | undefined;
  /** Raw columns to keep beside the moments; 0 keeps none. */
  readonly sampledColumns: ColumnWish;
  readonly products: MatrixProducts;
}

/** Reads one source batch by batch. */
export class SourceReader {
  private readonly accumulator: MomentsAccumulator;
  private readonly target: ColumnSampler | undefined;
  private compressed: ColumnSampler | undefined;
  private readonly layer: Layer;

  constructor(
    readonly source: MomentsSource,
    private readonly options: SourceReaderOptions,
  ) {
    this.layer = source.layers[0]!;
    const { samples, heldOutEvery, products } = options;
    this.accumulator = momentsAccumulator(this.layer, {
      positionsPerSample: positionsPerSample(source.layout.size, samples),
      products,
      ...(heldOutEvery === undefined ? {} : { heldOutEvery }),
    })!;
    this.target = columnsOf(options.sampledColumns, source.layout) > 0 ? this.sampler() : undefined;
  }

  /**
   * @param compressed the value in the compressed network; undefined (in every call) where nothing in front of the layer changed
   * @param samples samples in the batch
   */
  async add(target: TensorData, compressed: TensorData | undefined, samples: number): Promise<void> {
    const { grid } = this.source;
    const float = floatValues(target);
    const other = compressed && floatValues(compressed);
    const seen = grid === undefined ? other : quantized(other ?? float, grid);
    this.accumulator.add(float, target.dims, seen, samples);
    this.target?.add(float, target.dims, samples);
    if (other !== undefined && this.target !== undefined) {
      this.compressed ??= this.sampler();
      this.compressed?.add(other, target.dims, samples);
    }
    await this.accumulator.settle(false);
  }

  /** Undefined when no batch fitted the layer. Call once. */
  async finish(): Promise<{ readonly moments: LayerMoments; readonly sampled: SampledInput | undefined } | undefined> {
    await this.accumulator.settle(true);
    const moments = this.accumulator.finish();
    const target = this.target?.finish();
    return moments && { moments, sampled: target && { target, compressed: this.compressed?.finish() ?? target } };
  }

  private sampler(): ColumnSampler | undefined {
    const { samples, sampledColumns } = this.options;
    return columnSampler(this.layer, { columns: columnsOf(sampledColumns, this.source.layout), samples });
  }
}
