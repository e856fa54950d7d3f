import { storedOrder, type Layer } from '../../analysis';
import { DataType, Tensor, type Graph, type Node, type Value } from '../../onnx';
import { blocksOf } from './blockGrids';
import type { QdqDialect } from './qdqDialect';
import type { QuantizedWeight } from './quantizeWeight';

export interface InsertedWeight {
  readonly type: DataType;
  readonly tensorName: string;
  /** The codes were written for an earlier layer that is tied to this one. */
  readonly isShared: boolean;
  readonly notes: readonly string[];
}

interface SharedWeight {
  readonly first: string;
  readonly weight: QuantizedWeight;
  /** Axis of the stored tensor the scales run along. */
  readonly storedAxis: number | undefined;
  readonly inserted: InsertedWeight;
}

/**
 * Replaces float weights by stored codes and DequantizeLinear.
 *
 * A weight that belongs to one layer is written in the shape the layer sees, so that the Transpose or Reshape it came
 * through goes away. A weight shared by several layers is quantised where it is stored, and all of them read it through the
 * chains they have. Float tensors and nodes that nobody reads any more are removed.
 */
export class WeightInserter {
  private readonly shared = new Map<string, SharedWeight>();
  private readonly shareable: ReadonlySet<string>;

  constructor(
    private readonly graph: Graph,
    private readonly dialect: QdqDialect,
    jobs: readonly { readonly layer: Layer; readonly weight: QuantizedWeight | undefined }[],
  ) {
    this.shareable = shareableTies(jobs);
  }

  /** The weight already written for the layers tied to this one. */
  sharedWeight(layer: Layer): QuantizedWeight | undefined {
    return layer.tie === undefined ? undefined : this.shared.get(layer.tie)?.weight;
  }

  /** Whether scales shared with an earlier layer run along this layer's output channels. */
  axisFits(layer: Layer): boolean {
    const shared = layer.tie === undefined ? undefined : this.shared.get(layer.tie);
    return shared?.storedAxis === undefined || shared.storedAxis === layer.weight.storedOutAxis;
  }

  insert(layer: Layer, weight: QuantizedWeight): InsertedWeight | { readonly refusal: string } {
    const { tie } = layer;
    const earlier = tie === undefined ? undefined : this.shared.get(tie);
    if (earlier !== undefined) {
      return {
        ...earlier.inserted,
        isShared: true,
        notes: [`shares the codes of layer "${earlier.first}"`],
      };
    }
    const form = this.dialect.weightForm(layer, weight);
    if ('refusal' in form) {
      return form;
    }
    this.dialect.use(form);
    const notes = form.note === undefined ? [] : [form.note];
    const { tensor, shape, steps, storedOutAxis } = layer.weight;
    const base = tensor.name === '' ? layer.weight.value.name : tensor.name;
    const source = sourceOf(layer);

    const onStored =
      tie !== undefined && this.shareable.has(tie) && (weight.axis === undefined || storedOutAxis !== undefined);
    if (onStored) {
      const codes = Int32Array.from(storedOrder(Float32Array.from(weight.codes), tensor.dims, steps));
      const axis = weight.axis === undefined ? undefined : storedOutAxis;
      const written = this.write(base, form.type, form.domain, tensor.dims, codes, weight, axis, firstReader(source));
      this.graph.replaceAllUses(source, written.value);
      this.removeUnread(source);
      const inserted = { type: form.type, tensorName: written.tensorName, isShared: false, notes };
      this.shared.set(tie, { first: layer.name, weight, storedAxis: axis, inserted });
      return inserted;
    }
    if (tie !== undefined) {
      notes.push(
        'written apart from the other layers that read the same weight, since not all of them are quantised alike',
      );
    }
    const written = this.write(base, form.type, form.domain, shape, weight.codes, weight, weight.axis, layer.node);
    const old = layer.weight.value;
    layer.node.setInput(layer.weight.inputIndex, written.value);
    this.removeUnread(old);
    return { type: form.type, tensorName: written.tensorName, isShared: false, notes };
  }

  /** Replaces the bias input by int32 codes behind DequantizeLinear. */
  insertBias(layer: Layer, codes: Int32Array, scales: Float32Array): void {
    const bias = layer.bias!;
    const form = this.dialect.plainForm(DataType.INT32, scales.length > 1);
    if ('refusal' in form) {
      return;
    }
    this.dialect.use(form);
    const { graph } = this;
    const base = bias.tensor.name === '' ? bias.value.name : bias.tensor.name;
    const dims = [codes.length];
    const perAxis = scales.length > 1;
    const quantized = graph.addInitializer(
      Tensor.fromIntegers(graph.freshName(`${base}_quantized`), DataType.INT32, dims, codes),
    );
    const scale = graph.addInitializer(
      Tensor.fromFloat32(graph.freshName(`${base}_scale`), perAxis ? [scales.length] : [], scales),
    );
    const node = graph.addNode(
      {
        opType: 'DequantizeLinear',
        domain: form.domain,
        name: graph.freshName(`${base}_DequantizeLinear`),
        inputs: [quantized, scale],
        outputs: [graph.freshName(`${base}_dequantized`)],
        ...(perAxis ? { attributes: [{ name: 'axis', type: 'INT', value: 0 }] } : {}),
      },
      { before: layer.node },
    );
    layer.node.setInput(bias.inputIndex, node.outputs[0]);
    this.removeUnread(bias.value);
  }

  private write(
    base: string,
    type: DataType,
    domain: string,
    dims: readonly number[],
    codes: Int32Array,
    weight: QuantizedWeight,
    axis: number | undefined,
    before: Node,
  ): { readonly value: Value; readonly tensorName: string } {
    const { graph } = this;
    const { blockSize } = weight;
    const parameterDims =
      axis === undefined
        ? []
        : blockSize === undefined
          ? [weight.scales.length]
          : dims.map((dim, at) => (at === axis ? blocksOf(dim, blockSize) : dim));
    const quantized = graph.addInitializer(
      Tensor.fromIntegers(graph.freshName(`${base}_quantized`), type, dims, codes),
    );
    const scale = graph.addInitializer(
      Tensor.fromFloat32(graph.freshName(`${base}_scale`), parameterDims, weight.scales),
    );
    const zeroPoint = graph.addInitializer(
      Tensor.fromIntegers(graph.freshName(`${base}_zero_point`), type, parameterDims, weight.zeroPoints),
    );
    const node = graph.addNode(
      {
        opType: 'DequantizeLinear',
        domain,
        name: graph.freshName(`${base}_DequantizeLinear`),
        inputs: [quantized, scale, zeroPoint],
        outputs: [graph.freshName(`${base}_dequantized`)],
        attributes: [
          ...(axis === undefined ? [] : [{ name: 'axis', type: 'INT', value: axis } as const]),
          ...(blockSize === undefined ? [] : [{ name: 'block_size', type: 'INT', value: blockSize } as const]),
        ],
      },
      { before },
    );
    return { value: node.outputs[0]!, tensorName: quantized.name };
  }

  /** Removes what produced a value, and what that read in turn, as far as nobody else needs it. */
  private removeUnread(value: Value): void {
    if (value.uses().length > 0 || value.isGraphOutput) {
      return;
    }
    if (value.initializer !== undefined) {
      if (!value.isOverridable) {
        value.graph.removeInitializer(value.name);
      }
      return;
    }
    const producer = value.producer();
    if (producer === undefined || producer.outputs.some((out) => out !== undefined && out !== value)) {
      return;
    }
    const inputs = producer.inputs.filter((input) => input !== undefined);
    producer.graph.removeNode(producer);
    for (const input of inputs) {
      this.removeUnread(input);
    }
  }
}

/** The value that holds the stored constant of a layer. */
function sourceOf(layer: Layer): Value {
  return layer.weight.chain[0]?.inputs[0] ?? layer.weight.value;
}

/** The reader that comes first in its graph. */
function firstReader(value: Value): Node {
  const readers = new Set(value.uses().map((use) => use.node));
  return value.graph.nodes.find((node) => readers.has(node))!;
}

/**
 * Ties whose stored constant is read by nothing but layers that get quantised weights, through chains that serve no other
 * purpose: only those can be quantised in place.
 */
function shareableTies(
  jobs: readonly { readonly layer: Layer; readonly weight: QuantizedWeight | undefined }[],
): ReadonlySet<string> {
  const allowed = new Map<string, Set<Node>>();
  const sources = new Map<string, Value>();
  for (const { layer, weight } of jobs) {
    if (layer.tie === undefined || weight === undefined) {
      continue;
    }
    const nodes = allowed.get(layer.tie) ?? new Set<Node>();
    nodes.add(layer.node);
    for (const node of layer.weight.chain) {
      nodes.add(node);
    }
    allowed.set(layer.tie, nodes);
    sources.set(layer.tie, sourceOf(layer));
  }
  const shareable = new Set<string>();
  for (const [tie, nodes] of allowed) {
    if (feedsOnly(sources.get(tie)!, nodes, new Set())) {
      shareable.add(tie);
    }
  }
  return shareable;
}

function feedsOnly(value: Value, allowed: ReadonlySet<Node>, seen: Set<Node>): boolean {
  if (value.isGraphOutput) {
    return false;
  }
  return value.uses().every(({ node }) => {
    if (!allowed.has(node)) {
      return false;
    }
    if (seen.has(node)) {
      return true;
    }
    seen.add(node);
    const isChainNode =
      node.inputs[0] === value &&
      ['Transpose', 'Reshape', 'Identity', 'Cast', 'Squeeze', 'Unsqueeze', 'Flatten'].includes(node.opType);
    return !isChainNode || node.outputs.every((out) => out === undefined || feedsOnly(out, allowed, seen));
  });
}
