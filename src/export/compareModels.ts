import { findLayers, type InferenceRunner, type RunnerFactory, type TensorData } from '../analysis';
import { LatheError, throwIfCancelled } from '../base/errors';
import { DataType, type Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import { DifferenceSums, type TensorError } from './differenceSums';

export type { TensorError } from './differenceSums';

export interface CompareOptions {
  /** Bytes of layer outputs held at a time, of both models together. @default 256 MB */
  readonly memoryLimit?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  onBatch?(done: number): void;
}

export interface LayerComparison {
  readonly layer: string;
  readonly shortName: string;
  /** Name of the value compared. */
  readonly output: string;
  /** With all layers before it quantised too, in simulation. */
  readonly error: TensorError;
}

export interface ModelComparison {
  /** In node order; only layers whose output exists under the same name in both models. */
  readonly layers: readonly LayerComparison[];
  /** Layers left out, with the reason. */
  readonly skipped: readonly { readonly layer: string; readonly reason: string }[];
  /** Error of each float output of the network: simulated, and as ONNX Runtime runs it by default. */
  readonly outputs: {
    readonly simulate: ReadonlyMap<string, TensorError>;
    readonly deploy: ReadonlyMap<string, TensorError>;
  };
  /** Why the model does not run at the default optimisation level; its figures are then missing. */
  readonly deployFailure: string | undefined;
}

type Feeds = ReadonlyMap<string, TensorData>;

const MEGABYTE = 2 ** 20;

/**
 * Runs both models on the same batches and measures how far apart they are: at each layer's output and at the outputs of
 * the network. The reference runs in plain float.
 *
 * Layer outputs are fetched in groups bounded by `memoryLimit`; asking for them keeps the runtime from fusing nodes, so they
 * are compared in simulation only, and the figures of the network come from sessions of the models as they are.
 * Throws what loading and running throw; a quantised model that fails only in deployment is reported, not thrown.
 */
export async function compareModels(
  reference: Model,
  quantized: Model,
  factory: RunnerFactory,
  batches: () => AsyncIterable<Feeds> | Iterable<Feeds>,
  options: CompareOptions = {},
): Promise<ModelComparison> {
  const { compared, skipped } = commonLayers(reference, quantized);
  let layers: LayerComparison[] = [];
  try {
    layers = await compareLayers(reference, quantized, compared, factory, batches, options);
  } catch (error) {
    if (!LatheError.is(error, 'onnx/too-large')) {
      throw error;
    }
    skipped.push(
      ...compared.map(({ layer }) => ({
        layer,
        reason: 'the model is too large to be run with its layers as outputs',
      })),
    );
  }
  const outputs = reference.graph.outputs.map((value) => value.name);
  const runners: InferenceRunner[] = [];
  let deployFailure: string | undefined;
  try {
    const original = await load(reference, factory, 'simulate', options, runners);
    const simulated = await load(quantized, factory, 'simulate', options, runners);
    let deployed: InferenceRunner | undefined;
    try {
      deployed = await load(quantized, factory, 'deploy', options, runners);
    } catch (error) {
      deployFailure = reasonOf(error);
    }
    const simulate = new ErrorTable();
    const deploy = new ErrorTable();
    const fetches = outputs.filter((name) => isFloat(original, name) && isFloat(simulated, name));
    for await (const feeds of batches()) {
      throwIfCancelled(options.signal);
      const expected = await original.run(feeds, fetches);
      simulate.add(expected, await simulated.run(feeds, fetches));
      if (deployed !== undefined && deployFailure === undefined) {
        try {
          deploy.add(expected, await deployed.run(feeds, fetches));
        } catch (error) {
          deployFailure = reasonOf(error);
        }
      }
    }
    return {
      layers,
      skipped,
      outputs: { simulate: simulate.results(), deploy: deployFailure === undefined ? deploy.results() : new Map() },
      deployFailure,
    };
  } finally {
    await releaseAll(runners);
  }
}

interface ComparedLayer {
  readonly layer: string;
  readonly shortName: string;
  readonly output: string;
}

function commonLayers(
  reference: Model,
  quantized: Model,
): { readonly compared: ComparedLayer[]; readonly skipped: { layer: string; reason: string }[] } {
  const compared: ComparedLayer[] = [];
  const skipped: { layer: string; reason: string }[] = [];
  for (const layer of findLayers(reference)) {
    const output = layer.node.outputs[0];
    if (output === undefined || output.graph !== reference.graph) {
      skipped.push({ layer: layer.name, reason: 'its output is not visible outside a sub-graph' });
      continue;
    }
    const other = quantized.graph.value(output.name);
    const opType = other?.producer()?.opType;
    // The packed form of the same product.
    if (other === undefined || (opType !== layer.node.opType && opType !== 'MatMulNBits')) {
      skipped.push({ layer: layer.name, reason: `the quantised model has no such output "${output.name}"` });
      continue;
    }
    compared.push({ layer: layer.name, shortName: layer.shortName, output: output.name });
  }
  return { compared, skipped };
}

async function compareLayers(
  reference: Model,
  quantized: Model,
  compared: readonly ComparedLayer[],
  factory: RunnerFactory,
  batches: () => AsyncIterable<Feeds> | Iterable<Feeds>,
  options: CompareOptions,
): Promise<LayerComparison[]> {
  if (compared.length === 0) {
    return [];
  }
  const limit = options.memoryLimit ?? 256 * MEGABYTE;
  const names = compared.map((layer) => layer.output);
  const runners: InferenceRunner[] = [];
  try {
    const original = await load(withOutputs(reference, names), factory, 'simulate', options, runners);
    const simulated = await load(withOutputs(quantized, names), factory, 'simulate', options, runners);
    const table = new ErrorTable();
    const bytes = new Map<string, number>();
    let done = 0;
    for await (const feeds of batches()) {
      let next = 0;
      while (next < names.length) {
        throwIfCancelled(options.signal);
        const group = takeGroup(names, next, bytes, limit);
        next += group.length;
        const expected = await original.run(feeds, group);
        for (const [name, tensor] of expected) {
          bytes.set(name, tensor.data.length * 4);
        }
        table.add(expected, await simulated.run(feeds, group));
      }
      options.onBatch?.(++done);
    }
    const results = table.results();
    return compared.flatMap((layer) => {
      const error = results.get(layer.output);
      return error === undefined ? [] : [{ ...layer, error }];
    });
  } finally {
    await releaseAll(runners);
  }
}

/** The names from `from` on that fit the limit; sizes not seen yet are taken one at a time. */
function takeGroup(
  names: readonly string[],
  from: number,
  bytes: ReadonlyMap<string, number>,
  limit: number,
): readonly string[] {
  let sum = 0;
  let to = from;
  while (to < names.length) {
    const size = bytes.get(names[to]!);
    if (to > from && (size === undefined || sum + 2 * size > limit)) {
      break;
    }
    sum += 2 * (size ?? limit);
    to++;
  }
  return names.slice(from, to);
}

function withOutputs(model: Model, names: readonly string[]): Model {
  const copy = model.clone();
  for (const name of names) {
    const value = copy.graph.value(name);
    if (value !== undefined && !value.isGraphOutput) {
      copy.graph.addOutput(value);
    }
  }
  return copy;
}

async function load(
  model: Model,
  factory: RunnerFactory,
  mode: 'simulate' | 'deploy',
  options: CompareOptions,
  owners: InferenceRunner[],
): Promise<InferenceRunner> {
  const runner = await createRunner(factory, model, {
    mode,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  owners.push(runner);
  return runner;
}

async function releaseAll(runners: readonly InferenceRunner[]): Promise<void> {
  for (const runner of runners) {
    await runner.release();
  }
}

function isFloat(runner: InferenceRunner, name: string): boolean {
  return runner.outputs.some((value) => value.name === name && isFloatType(value.type));
}

function isFloatType(type: DataType | undefined): boolean {
  return type === DataType.FLOAT || type === DataType.DOUBLE;
}

function reasonOf(error: unknown): string {
  if (LatheError.is(error)) {
    return error.message;
  }
  throw error;
}

/** Sums by output name. Outputs that are not float, or differ in size, are left out. */
class ErrorTable {
  private readonly sums = new Map<string, DifferenceSums>();

  add(expected: ReadonlyMap<string, TensorData>, found: ReadonlyMap<string, TensorData>): void {
    for (const [name, reference] of expected) {
      const other = found.get(name);
      if (other === undefined || other.data.length !== reference.data.length) {
        continue;
      }
      const x = floats(reference);
      const y = floats(other);
      if (x === undefined || y === undefined) {
        continue;
      }
      const sums = this.sums.get(name) ?? new DifferenceSums();
      sums.add(x, y);
      this.sums.set(name, sums);
    }
  }

  results(): ReadonlyMap<string, TensorError> {
    return new Map([...this.sums].map(([name, sums]) => [name, sums.result()]));
  }
}

function floats(tensor: TensorData): Float32Array | undefined {
  const { data } = tensor;
  return data instanceof Float32Array ? data : data instanceof Float64Array ? Float32Array.from(data) : undefined;
}
