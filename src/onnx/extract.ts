import { cannotExtract } from './errors';
import type { NodeSeed, ValueInfoSeed } from './ir/graphSeed';
import { Model } from './ir/model';
import type { Node } from './ir/node';
import { capturedValues } from './ir/topologicalOrder';
import type { Value } from './ir/value';
import type { TensorType } from './ir/valueType';

export interface ExtractSpec {
  /** Values of the model's graph that a caller will feed, with the types to declare for them. */
  readonly inputs: readonly { readonly name: string; readonly type: TensorType }[];
  /** Names of values of the model's graph. Their types are declared as far as the model declares them. */
  readonly outputs: readonly string[];
}

/**
 * A model that computes `outputs` from `inputs`: the nodes and constants needed for that, with the operator sets and
 * functions of the original. Keys of nodes are kept; files and tensors are shared. Overridable initializers become plain
 * constants.
 *
 * Throws `onnx/extract` when a name is unknown or an output depends on an input of the model that is not in `inputs`.
 */
export function extractModel(model: Model, spec: ExtractSpec): Model {
  const { graph } = model;
  const boundary = new Set(spec.inputs.map(({ name }) => name));
  const find = (name: string): Value => {
    const value = graph.value(name);
    if (value === undefined) {
      throw cannotExtract(`the model has no value "${name}"`, { value: name });
    }
    return value;
  };
  boundary.forEach(find);
  const { nodes, constants } = dependencies(spec.outputs.map(find), boundary);

  const kept = new Set<string>(spec.outputs);
  const nodeSeeds: NodeSeed[] = [];
  for (const node of graph.nodes) {
    if (!nodes.has(node)) {
      continue;
    }
    const seed = node.toSeed();
    seed.outputs.forEach((name) => kept.add(name));
    // A node needed for one output may also compute a value that is fed now: that one gets another name.
    const isFed = seed.outputs.some((name) => boundary.has(name));
    nodeSeeds.push(
      isFed
        ? {
            ...seed,
            outputs: seed.outputs.map((name) => (boundary.has(name) ? graph.freshName(`${name}_unused`) : name)),
            changes: { ...(seed.changes ?? unchanged), outputs: true },
          }
        : seed,
    );
  }
  const seed = graph.toSeed();
  const outputs = spec.outputs.map((name): ValueInfoSeed => {
    const listed = seed.outputs.find((info) => info.name === name);
    return (
      listed ?? { origin: undefined, name, type: boundary.has(name) ? undefined : find(name).type, isChanged: true }
    );
  });
  const inputs: ValueInfoSeed[] = spec.inputs.map(({ name, type }) => ({
    origin: undefined,
    name,
    type,
    isChanged: true,
  }));
  if (model.irVersion < 4) {
    inputs.push(...seed.inputs.filter(({ name }) => constants.has(name) && !boundary.has(name)));
  }
  return new Model({
    ...model.toSeed(),
    origin: undefined,
    path: undefined,
    metadata: [],
    changedFields: new Set(),
    graph: {
      origin: undefined,
      name: seed.name,
      nodes: nodeSeeds,
      initializers: seed.initializers.filter(({ tensor }) => constants.has(tensor.name)),
      sparseInitializers: seed.sparseInitializers.filter(({ name }) => constants.has(name)),
      inputs,
      outputs,
      valueInfos: seed.valueInfos.filter(
        ({ name }) => kept.has(name) && !boundary.has(name) && !spec.outputs.includes(name),
      ),
      isModified: true,
    },
  });
}

const unchanged = { name: false, inputs: false, outputs: false, attributes: false };

/** The nodes and constants that `wanted` depend on, stopping at the values named in `boundary`. */
function dependencies(
  wanted: readonly Value[],
  boundary: ReadonlySet<string>,
): { nodes: ReadonlySet<Node>; constants: ReadonlySet<string> } {
  const nodes = new Set<Node>();
  const constants = new Set<string>();
  const seen = new Set<Value>();
  const pending = [...wanted];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value) || boundary.has(value.name)) {
      continue;
    }
    seen.add(value);
    const producer = value.producer();
    if (producer !== undefined) {
      if (!nodes.has(producer)) {
        nodes.add(producer);
        pending.push(...producer.inputs.filter((input) => input !== undefined), ...capturedValues(producer));
      }
    } else if (value.initializer !== undefined || value.isSparseInitializer) {
      constants.add(value.name);
    } else if (value.isGraphInput) {
      throw cannotExtract(`the outputs depend on model input "${value.name}": list it among the inputs of the cut`, {
        value: value.name,
      });
    } else {
      throw cannotExtract(`the outputs depend on "${value.name}", which nothing defines`, { value: value.name });
    }
  }
  return { nodes, constants };
}
