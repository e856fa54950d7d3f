import type { Layer, ShapeTable } from '../../analysis';
import { matrixLayout } from '../../analysis';
import type { QuantGrid } from '../../kernels';
import { DataType, type Model, type TensorType, type Value } from '../../onnx';
import { addGradients } from '../gradients';
import { biasRefusal, standBehind } from '../parameters';
import { feedGrids, type FedGrid } from '../quantize';

/** Input of the student that holds a parameter, and its output with the gradient of the loss by it; undefined where none leads there. */
export interface StudentParameter {
  readonly input: string;
  readonly gradient: string | undefined;
}

/** A layer whose output y becomes factor · y + shift, channel by channel. */
export interface StudentLayer {
  readonly name: string;
  readonly channels: number;
  /** Shape of both parameters, as they are broadcast: [channels, 1, …] or [channels]. */
  readonly dims: readonly number[];
  /** Name of y. */
  readonly product: string;
  readonly shift: StudentParameter;
  /** Undefined: the channels share a scale. */
  readonly factor: StudentParameter | undefined;
}

/** A quantiser of layers' inputs, whose scale is a parameter. */
export type StudentGrid = FedGrid & { readonly scale: StudentParameter };

export interface Student {
  /** The network with its parameters as inputs. */
  readonly forward: Model;
  /** The same with a target for each output as inputs, and gradients as outputs. */
  readonly backward: Model;
  readonly layers: readonly StudentLayer[];
  readonly grids: readonly StudentGrid[];
  /** Names of the inputs that take the float network's outputs (class scores: its probabilities), by output. */
  readonly targets: ReadonlyMap<string, string>;
  /** Sentences: layers and quantisers that gradients do not reach. */
  readonly notes: readonly string[];
}

export interface StudentOptions {
  readonly shapes: ShapeTable;
  /** Grids of layers' inputs, by layer name. */
  readonly grids: ReadonlyMap<string, QuantGrid>;
  /** Whether every output channel of a layer has a scale of its own. */
  readonly isScalable: (layer: Layer) => boolean;
  /** True: the loss is KL(target ‖ student) over the last axis of the only output. False: half the squared error of all. */
  readonly areScores: boolean;
}

/**
 * Makes a network of which a float network's outputs are to be taught: factors and shifts of all output channels and the grids
 * of inputs become inputs, and the gradients of the loss by them outputs. The loss is a sum over the batch.
 *
 * @param model with weights as codes stand for them, in float; changed
 * @param layers of that model, in node order
 */
export function studentNetwork(model: Model, layers: readonly Layer[], options: StudentOptions): Student {
  const { graph } = model;
  const shapes = new Map(options.shapes);
  const outputs = graph.outputs.map(({ name }) => name);
  const sites = layers.flatMap((layer) => openChannels(model, layer, shapes, options.isScalable(layer)) ?? []);
  const { fed, notes } = feedGrids(model, layers, options.grids);
  const forward = model.clone();
  const targets = new Map<string, string>();
  const seeds = new Map<Value, Value>();
  for (const name of outputs) {
    const output = graph.value(name)!;
    const type = shapes.get(name);
    if (type?.elementType !== DataType.FLOAT) {
      continue;
    }
    const target = graph.addInput(graph.freshName(`${name}_target`), type);
    targets.set(name, target.name);
    const producer = output.producer();
    const isProbability = options.areScores && producer?.opType === 'Softmax';
    const op = (opType: string, inputs: readonly Value[]): Value =>
      graph.addNode({
        opType,
        name: graph.freshName(`loss/${opType}`),
        inputs,
        outputs: [graph.freshName('loss')],
        attributes: opType === 'Softmax' ? [{ name: 'axis', type: 'INT', value: -1 }] : [],
      }).outputs[0]!;
    // The gradient of KL by scores is the difference of the probabilities, whether or not the network ends in a Softmax.
    const probabilities = options.areScores && !isProbability ? op('Softmax', [output]) : output;
    seeds.set(isProbability ? producer.inputs[0]! : output, op('Sub', [probabilities, target]));
  }
  const wanted = [
    ...sites.flatMap(({ shift, factor }) => (factor === undefined ? [shift] : [shift, factor])),
    ...fed.map(({ inputs }) => graph.value(inputs.scale)!),
  ];
  const gradients = addGradients(model, seeds, wanted, shapes);
  gradients.of.forEach((gradient) => graph.addOutput(gradient));
  const parameter = (value: Value): StudentParameter => ({
    input: value.name,
    gradient: gradients.of.get(value)?.name,
  });
  const reached = sites.filter(({ shift }) => gradients.of.has(shift));
  return {
    forward,
    backward: model,
    layers: sites.map(({ shift, factor, ...site }) => ({
      ...site,
      shift: parameter(shift),
      factor: factor && parameter(factor),
    })),
    grids: fed.map((grid) => ({ ...grid, scale: parameter(graph.value(grid.inputs.scale)!) })),
    targets,
    notes: [
      ...notes,
      ...(reached.length === layers.length
        ? []
        : [
            `${layers.length - reached.length} of ${layers.length} layers stay as they are` +
              [...gradients.blockedBy]
                .map(([operator, node]) => `; no gradient through ${operator} ("${node}")`)
                .join(''),
          ]),
    ],
  };
}

interface Site extends Omit<StudentLayer, 'shift' | 'factor'> {
  readonly shift: Value;
  readonly factor: Value | undefined;
}

/** Puts factor and shift behind a layer and its bias; the sum takes the output's name, so that all readers stay as they are. */
function openChannels(
  model: Model,
  layer: Layer,
  shapes: Map<string, TensorType>,
  isScalable: boolean,
): Site | undefined {
  const { graph } = model;
  const last = layer.bias?.node ?? layer.node;
  const output = last.outputs[0];
  const type = output && shapes.get(output.name);
  const rank = type?.shape?.length;
  if (
    output === undefined ||
    rank === undefined ||
    type?.elementType !== DataType.FLOAT ||
    biasRefusal(layer) !== undefined
  ) {
    return undefined;
  }
  const { rows } = matrixLayout(layer);
  const isSpatial = layer.kind === 'Conv' || layer.kind === 'ConvTranspose';
  if (type.shape?.at(isSpatial ? 1 : -1) !== rows) {
    return undefined;
  }
  const dims = isSpatial ? [rows, ...Array<number>(rank - 2).fill(1)] : [rows];
  const { name } = output;
  const input = (what: string): Value =>
    graph.addInput(graph.freshName(`${name}_${what}`), { kind: 'tensor', elementType: DataType.FLOAT, shape: dims });
  const behind = (opType: string, operand: Value, parameter: Value, after: typeof last): Value =>
    graph.addNode(
      {
        opType,
        name: graph.freshName(`${name}/${opType}`),
        inputs: [operand, parameter],
        outputs: [graph.freshName(`${name}_${opType}`)],
      },
      { after },
    ).outputs[0]!;
  const shift = input('shift');
  const factor = isScalable ? input('factor') : undefined;
  const scaled = factor && behind('Mul', shift, factor, last);
  const sum = behind('Add', scaled ?? shift, shift, scaled?.producer() ?? last);
  standBehind(output, sum, (scaled ?? sum).producer()!);
  shapes.set(output.name, type);
  return { name: layer.name, channels: rows, dims, product: output.name, shift, factor };
}
