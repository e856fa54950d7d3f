import { findLayers } from '../analysis';
import type { InferenceRunner, Layer, RunnerFactory, ShapeTable } from '../analysis';
import { invariant } from '../base/errors';
import type { QuantGrid } from '../kernels';
import { setLayerBias, setLayerWeight } from '../methods';
import { capturedValues, extractModel } from '../onnx';
import type { Model, Node, TensorType } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import type { Batch } from './cutWalker';
import { dataInputName, gridKey, throughGrid } from './layerMomentsSource';

/** What becomes of a layer. */
export interface LayerChange {
  /** In the order of `layer.weight.shape`. */
  readonly weight?: Float32Array;
  /** One per output channel. */
  readonly bias?: Float32Array;
  /** Quantiser of the layer's input from here on. @default the one known beforehand */
  readonly input?: QuantGrid;
}

/** A quantised layer input that is fed into the changed network. */
interface FedInput {
  readonly name: string;
  readonly type: TensorType;
  /** Index of the last node that reads it. */
  lastRead: number;
}

/**
 * A copy of a network that takes changes layer by layer, and knows which of its values differ from the original's.
 * Quantised layer inputs are fed from outside, as exactly what the fits have seen.
 */
export class ChangedNetwork {
  private readonly model: Model;
  private readonly positions: ReadonlyMap<string, number>;
  private readonly changed = new Set<Node>();
  private readonly different = new Set<string>();
  private readonly fed = new Map<string, FedInput>();
  private readonly ties: ReadonlyMap<string, readonly Layer[]>;

  constructor(
    private readonly original: Model,
    private readonly shapes: ShapeTable,
    private readonly factory: RunnerFactory,
  ) {
    this.model = original.clone();
    this.positions = new Map(original.graph.nodes.map((node, index) => [node.key, index]));
    const ties = new Map<string, Layer[]>();
    for (const layer of findLayers(original, { shapes })) {
      if (layer.tie !== undefined) {
        ties.set(layer.tie, [...(ties.get(layer.tie) ?? []), layer]);
      }
    }
    this.ties = ties;
  }

  /** Whether a value of the changed network is other than in the original. */
  differs(name: string): boolean {
    return this.different.has(name);
  }

  /** Inputs that nodes at or behind a position still read. */
  pendingInputs(position: number): string[] {
    return [...this.fed.values()].filter(({ lastRead }) => lastRead >= position).map(({ name }) => name);
  }

  /**
   * Changes a layer.
   *
   * @returns what puts the layer's quantised input into a batch of the changed network; undefined without a quantiser
   */
  change(layer: Layer, change: LayerChange, input: QuantGrid | undefined): ((batch: Batch) => void) | undefined {
    this.changed.add(layer.node);
    if (change.weight !== undefined) {
      setLayerWeight(this.twin(layer), change.weight);
      // A tied constant is stored once for all that read it.
      for (const other of layer.tie === undefined ? [] : (this.ties.get(layer.tie) ?? [])) {
        this.changed.add(other.node);
      }
    }
    if (change.bias !== undefined) {
      const refusal = setLayerBias(this.twin(layer), change.bias);
      invariant(refusal === undefined, `the bias of ${layer.name} cannot be changed: ${refusal}`);
      this.changed.add(layer.bias?.node ?? layer.node);
    }
    return input && this.feed(layer, input);
  }

  /** Finds out again which values differ, after changes. */
  spread(): void {
    for (const node of this.original.graph.nodes) {
      const reads = [...node.inputs, ...capturedValues(node)];
      if (this.changed.has(node) || reads.some((value) => value !== undefined && this.different.has(value.name))) {
        for (const output of node.outputs) {
          if (output !== undefined) {
            this.different.add(output.name);
          }
        }
      }
    }
  }

  readonly loadFloat = (inputs: readonly string[], outputs: readonly string[]): Promise<InferenceRunner> =>
    this.load(this.original, inputs, outputs);

  readonly loadChanged = (inputs: readonly string[], outputs: readonly string[]): Promise<InferenceRunner> =>
    this.load(this.model, inputs, outputs);

  private feed(layer: Layer, grid: QuantGrid): (batch: Batch) => void {
    const value = dataInputName(layer)!;
    const { graph } = this.model;
    const key = JSON.stringify([value, gridKey(grid)]);
    const position = this.positions.get(layer.node.key)!;
    let fed = this.fed.get(key);
    if (fed === undefined) {
      const type = this.typeOf(value);
      fed = { name: graph.addInput(graph.freshName(`${value}_quantized`), type).name, type, lastRead: position };
      this.fed.set(key, fed);
    }
    fed.lastRead = Math.max(fed.lastRead, position);
    const { node, dataInputIndex } = this.twin(layer);
    node.setInput(dataInputIndex, graph.value(fed.name));
    const { name } = fed;
    return (batch) => {
      const tensor = batch.get(value);
      invariant(tensor !== undefined, `value ${value} is not at hand`);
      if (!batch.has(name)) {
        batch.set(name, throughGrid(tensor, grid));
      }
    };
  }

  /** The layer in the copy, found anew: edits make older ones stale. */
  private twin(layer: Layer): Layer {
    const twin = findLayers(this.model).find(({ name }) => name === layer.name);
    invariant(twin !== undefined, `layer ${layer.name} is lost in a copy of the model`);
    return twin;
  }

  private load(model: Model, inputs: readonly string[], outputs: readonly string[]): Promise<InferenceRunner> {
    const typed = inputs.map((name) => ({ name, type: this.typeOf(name) }));
    return createRunner(this.factory, extractModel(model, { inputs: typed, outputs }));
  }

  private typeOf(name: string): TensorType {
    const fed = [...this.fed.values()].find((input) => input.name === name);
    const type = fed?.type ?? this.shapes.get(name);
    invariant(type !== undefined, `the type of ${name} is unknown`);
    return type;
  }
}
