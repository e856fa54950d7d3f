import { clipBounds, type ClipBounds, type Layer } from '../../analysis';
import type { QuantGrid } from '../../kernels';
import { DataType, Tensor, type Graph, type Node, type Value } from '../../onnx';
import type { QdqDialect, QdqForm } from './qdqDialect';

/** What was done for one layer. */
export type InsertedActivation =
  | { readonly refusal: string; readonly notes?: undefined }
  | { readonly refusal?: undefined; readonly notes: readonly string[] };

/**
 * Puts QuantizeLinear and DequantizeLinear in front of layers. Layers that read the same value on the same grid share one
 * pair. All wishes are registered first ({@link request}), then carried out in node order ({@link insert}). Values that all
 * readers are to see quantised come before either ({@link insertBehind}).
 */
export class ActivationInserter {
  /** Readers of a value that will read it quantised on a grid, by value name and grid. */
  private readonly wishes = new Map<string, { node: Node; index: number }[]>();
  private readonly redirected = new Set<Node>();
  /** Values that come from a quantiser of {@link insertBehind}, with its grid. */
  private readonly settled = new Map<Value, QuantGrid>();

  constructor(
    private readonly graph: Graph,
    private readonly dialect: QdqDialect,
  ) {}

  /**
   * Quantises a value for all nodes of this graph that read it. A layer that reads it on the same grid needs no pair of its
   * own then, and a narrower one quantises what the pair gives.
   *
   * @returns a reason where the runtime has no such quantiser
   */
  insertBehind(value: Value, grid: QuantGrid): InsertedActivation {
    const form = this.formOf(grid);
    if ('refusal' in form) {
      return form;
    }
    const readers = value.uses().filter(({ node }) => node.graph === this.graph);
    const first = this.graph.nodes.find((node) => readers.some((reader) => reader.node === node));
    if (first !== undefined) {
      this.dialect.use(form);
      const result = this.insertPair(value, grid, form, first, readers);
      this.settled.set(result, grid);
      for (const { node, index } of readers) {
        node.setInput(index, result);
      }
    }
    return { notes: form.note === undefined ? [] : [form.note] };
  }

  request(layer: Layer, grid: QuantGrid): void {
    const value = layer.node.inputs[layer.dataInputIndex];
    if (value !== undefined) {
      const key = keyOf(value, grid);
      const readers = this.wishes.get(key) ?? [];
      readers.push({ node: layer.node, index: layer.dataInputIndex });
      this.wishes.set(key, readers);
    }
  }

  /** Redirects the layer's data input. `layers` come in node order, so a shared pair stands before its first reader. */
  insert(layer: Layer, grid: QuantGrid): InsertedActivation {
    const { node, dataInputIndex } = layer;
    const value = node.inputs[dataInputIndex];
    if (value === undefined) {
      return { refusal: 'the layer has no data input' };
    }
    const form = this.formOf(grid);
    if ('refusal' in form) {
      return form;
    }
    const notes = form.note === undefined ? [] : [form.note];
    const settled = this.settled.get(value);
    if (this.redirected.has(node) || (settled !== undefined && keyOf(value, settled) === keyOf(value, grid))) {
      return { notes };
    }
    this.dialect.use(form);
    const readers = this.wishes.get(keyOf(value, grid)) ?? [{ node, index: dataInputIndex }];
    const result = this.insertPair(value, grid, form, node, readers);
    for (const reader of readers) {
      reader.node.setInput(reader.index, result);
      this.redirected.add(reader.node);
    }
    if (value.uses().length === 0 && !value.isGraphOutput && value.producer() !== undefined) {
      this.graph.removeNode(value.producer()!);
    }
    return { notes };
  }

  private formOf(grid: QuantGrid): QdqForm | { readonly refusal: string } {
    return this.dialect.inputForm(grid.qmin < 0 ? DataType.INT8 : DataType.UINT8);
  }

  private insertPair(
    value: Value,
    grid: QuantGrid,
    form: QdqForm,
    before: Node,
    readers: readonly { readonly node: Node; readonly index: number }[],
  ): Value {
    const { graph } = this;
    const clipped = this.clip(value, grid, before, readers);
    const base = value.name;
    const scale = graph.addInitializer(
      Tensor.fromFloat32(graph.freshName(`${base}_scale`), [], Float32Array.of(grid.scale)),
    );
    const zeroPoint = graph.addInitializer(
      Tensor.fromIntegers(graph.freshName(`${base}_zero_point`), form.type, [], [grid.zeroPoint]),
    );
    const quantized = graph.addNode(
      {
        opType: 'QuantizeLinear',
        domain: form.domain,
        name: graph.freshName(`${base}_QuantizeLinear`),
        inputs: [clipped, scale, zeroPoint],
        outputs: [graph.freshName(`${base}_quantized`)],
      },
      { before },
    );
    const dequantized = graph.addNode(
      {
        opType: 'DequantizeLinear',
        domain: form.domain,
        name: graph.freshName(`${base}_DequantizeLinear`),
        inputs: [quantized.outputs[0], scale, zeroPoint],
        outputs: [graph.freshName(`${base}_dequantized`)],
      },
      { before },
    );
    return dequantized.outputs[0]!;
  }

  /**
   * Keeps the values within the grid where the type is wider than the grid: both ends of the grid are codes, and
   * QuantizeLinear maps them to qmin and qmax exactly. Where the value comes from a Relu or Clip nobody else reads, that
   * node is tightened instead of adding one: Clip(Relu(x), 0, b) = Clip(x, 0, b), and two Clips in a row are one with the
   * inner bounds.
   */
  private clip(
    value: Value,
    grid: QuantGrid,
    before: Node,
    readers: readonly { readonly node: Node; readonly index: number }[],
  ): Value {
    const signed = grid.qmin < 0;
    const { low, high } = endsOf(grid);
    const settled = this.settled.get(value);
    const given: ClipBounds =
      settled === undefined ? clipBounds(value.producer()) : { kind: 'other', ...endsOf(settled) };
    const needsLow = grid.qmin > (signed ? -128 : 0) && given.low < low;
    const needsHigh = grid.qmax < (signed ? 127 : 255) && given.high > high;
    if (!needsLow && !needsHigh) {
      return value;
    }
    const from = Math.max(low, given.low);
    const to = Math.min(high, given.high);
    const producer = value.producer();
    const onlyHere =
      !value.isGraphOutput &&
      value.uses().every((use) => readers.some((r) => r.node === use.node && r.index === use.index));
    if (producer !== undefined && onlyHere && from <= to) {
      if (given.kind === 'clip' && this.dialect.opsetAfter >= 11) {
        producer.setInput(1, this.scalar(`${value.name}_min`, from));
        producer.setInput(2, this.scalar(`${value.name}_max`, to));
        return value;
      }
      const source = producer.inputs[0];
      if (given.kind === 'relu' && source !== undefined) {
        // The Relu has no reader left once those of this value are redirected, and is removed then.
        return this.addClip(source, value.name, from, to, before);
      }
    }
    return this.addClip(value, value.name, low, high, before);
  }

  private addClip(value: Value, base: string, low: number, high: number, before: Node): Value {
    const { graph } = this;
    const name = graph.freshName(`${base}_Clip`);
    const outputs = [graph.freshName(`${base}_clipped`)];
    const node =
      this.dialect.opsetAfter >= 11
        ? graph.addNode(
            {
              opType: 'Clip',
              name,
              inputs: [value, this.scalar(`${base}_low`, low), this.scalar(`${base}_high`, high)],
              outputs,
            },
            { before },
          )
        : graph.addNode(
            {
              opType: 'Clip',
              name,
              inputs: [value],
              outputs,
              attributes: [
                { name: 'min', type: 'FLOAT', value: low },
                { name: 'max', type: 'FLOAT', value: high },
              ],
            },
            { before },
          );
    return node.outputs[0]!;
  }

  private scalar(base: string, value: number): Value {
    return this.graph.addInitializer(Tensor.fromFloat32(this.graph.freshName(base), [], Float32Array.of(value)));
  }
}

function endsOf({ scale, zeroPoint, qmin, qmax }: QuantGrid): { readonly low: number; readonly high: number } {
  return { low: Math.fround((qmin - zeroPoint) * scale), high: Math.fround((qmax - zeroPoint) * scale) };
}

function keyOf(value: Value, grid: QuantGrid): string {
  return [grid.scale, grid.zeroPoint, grid.qmin, grid.qmax, value.name].join(' ');
}
