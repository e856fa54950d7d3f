import { DataType, serializeModel, type Dimension, type Model, type TensorType } from '../onnx';
import { declaredShapes } from './declaredShapes';
import { missingFeeds } from './errors';
import type { InferenceRunner, RunnerFactory, RunnerValue, TensorArray, TensorData } from './inferenceRunner';
import { isSettled, mergeTypes, type ShapeTable } from './shapeTable';

export interface InferShapesOptions {
  /** One sample per model input, for values whose shapes only show in a run. @default zeros, where sizes are known */
  readonly feeds?: ReadonlyMap<string, TensorData>;
}

/** Types that end session creation (or the process) when they appear among a model's outputs. */
const UNLISTABLE: ReadonlySet<DataType> = new Set([
  DataType.BFLOAT16,
  DataType.FLOAT8E4M3FN,
  DataType.FLOAT8E4M3FNUZ,
  DataType.FLOAT8E5M2,
  DataType.FLOAT8E5M2FNUZ,
  DataType.FLOAT8E8M0,
  DataType.FLOAT4E2M1,
  DataType.INT4,
  DataType.UINT4,
  DataType.INT2,
  DataType.UINT2,
  DataType.COMPLEX64,
  DataType.COMPLEX128,
]);

/** Outputs of one run of {@link sampleShapes}. */
const FETCHED_AT_ONCE = 32;

/**
 * Types and shapes of all values of the main graph by ONNX Runtime's own inference: every value is listed as an output by
 * name alone and the session is asked what it made of them. Where that leaves sizes open, the model runs once on one
 * sample. Symbolic sizes keep their names. Adds to {@link declaredShapes}, whose knowledge remains where the runtime has
 * none (types it cannot list). Throws `runtime/load` when the runtime refuses the model as it is.
 */
export async function inferShapes(
  model: Model,
  factory: RunnerFactory,
  options: InferShapesOptions = {},
): Promise<ShapeTable> {
  const declared = declaredShapes(model);
  const table = new Map(declared);
  const runner = await createListing(model, factory, declared);
  try {
    for (const value of runner.outputs) {
      const merged = mergeTypes(runtimeType(value), table.get(value.name));
      if (merged !== undefined) {
        table.set(value.name, merged);
      }
    }
    const open = runner.outputs.filter(
      (value) => value.type !== undefined && !UNLISTABLE.has(value.type) && !isSettled(table.get(value.name)),
    );
    if (open.length > 0) {
      const feeds = options.feeds ?? zeroFeeds(runner);
      await settleByRunning(runner, feeds, open, table);
    }
  } finally {
    await runner.release();
  }
  return table;
}

/** Loads a copy of the model that lists every value it can as an output. */
async function createListing(model: Model, factory: RunnerFactory, declared: ShapeTable): Promise<InferenceRunner> {
  const listed = model.clone();
  const { graph } = listed;
  const present = new Set(graph.outputs.map((output) => output.name));
  const nodeNames = new Set<string>();
  for (const node of graph.nodes) {
    // ONNX Runtime refuses two nodes of one name; names mean nothing here.
    if (node.name !== '' && nodeNames.has(node.name)) {
      node.name = '';
    }
    nodeNames.add(node.name);
    for (const output of node.outputs) {
      const type = output && (declared.get(output.name)?.elementType ?? DataType.UNDEFINED);
      if (output !== undefined && !present.has(output.name) && !UNLISTABLE.has(type ?? DataType.UNDEFINED)) {
        present.add(output.name);
        graph.addOutput(output);
      }
    }
  }
  const inline = model.externalFiles.length === 0;
  return factory.create(serializeModel(listed, { inlineExternalData: inline }), {
    mode: 'plain',
    ...(inline || model.baseDirectory === undefined ? {} : { baseDirectory: model.baseDirectory }),
  });
}

/** ONNX Runtime lists a value of unknown rank with no sizes, just as a scalar: neither is taken for known. */
function runtimeType(value: RunnerValue): TensorType | undefined {
  if (value.type === undefined) {
    return undefined;
  }
  const shape = value.shape?.map((d) => (d === '' || d === -1 ? undefined : d));
  return { kind: 'tensor', elementType: value.type, shape: shape?.length === 0 ? undefined : shape };
}

/**
 * Runs once and fills what is open. Sizes that the runtime knows by name keep the name; an open leading size equal to
 * the batch of the sample takes the name of the inputs' batch.
 */
async function settleByRunning(
  runner: InferenceRunner,
  feeds: ReadonlyMap<string, TensorData> | undefined,
  open: readonly RunnerValue[],
  table: Map<string, TensorType>,
): Promise<void> {
  if (feeds === undefined) {
    return;
  }
  const absent = runner.inputs.filter((input) => !feeds.has(input.name)).map((input) => input.name);
  if (absent.length > 0) {
    throw missingFeeds(absent);
  }
  const first = runner.inputs[0];
  const batchName = first?.shape?.[0];
  const batch = first && feeds.get(first.name)?.dims[0];
  const results = await runner.run(
    feeds,
    open.map((value) => value.name),
  );
  for (const [name, result] of results) {
    const known = table.get(name);
    const shape = result.dims.map((size, i): Dimension => {
      const stated = known?.shape?.[i];
      if (stated !== undefined) {
        return stated;
      }
      return i === 0 && typeof batchName === 'string' && batchName !== '' && size === batch ? batchName : size;
    });
    table.set(name, { kind: 'tensor', elementType: known?.elementType ?? result.type, shape });
  }
}

/**
 * The sizes that all values of the main graph have for one sample, by running it: what MACs are counted on when a model
 * leaves more than its batch open (images or texts of any size). Types that cannot be fetched keep their declaration.
 * Throws `runtime/load`, `runtime/run`, `analysis/feeds`.
 */
export async function sampleShapes(
  model: Model,
  factory: RunnerFactory,
  feeds: ReadonlyMap<string, TensorData>,
): Promise<ShapeTable> {
  const declared = declaredShapes(model);
  const table = new Map(declared);
  const runner = await createListing(model, factory, declared);
  try {
    const absent = runner.inputs.filter((input) => !feeds.has(input.name)).map((input) => input.name);
    if (absent.length > 0) {
      throw missingFeeds(absent);
    }
    for (const [name, { type, dims }] of feeds) {
      table.set(name, { kind: 'tensor', elementType: type, shape: dims });
    }
    const names = runner.outputs
      .filter((value) => value.type !== undefined && !UNLISTABLE.has(value.type))
      .map((value) => value.name);
    // In portions: all activations of a large network at once may not fit.
    for (let i = 0; i < names.length; i += FETCHED_AT_ONCE) {
      const results = await runner.run(feeds, names.slice(i, i + FETCHED_AT_ONCE));
      for (const [name, { type, dims }] of results) {
        table.set(name, { kind: 'tensor', elementType: type, shape: dims });
      }
    }
  } finally {
    await runner.release();
  }
  return table;
}

/** Zeros for each input, batch 1; undefined when another size is open, since any number would be a guess. */
function zeroFeeds(runner: InferenceRunner): Map<string, TensorData> | undefined {
  const feeds = new Map<string, TensorData>();
  for (const input of runner.inputs) {
    const dims = input.shape?.map((d, i) => (typeof d === 'number' && d >= 0 ? d : i === 0 ? 1 : undefined));
    const data = dims?.every((d): d is number => d !== undefined) === true && zeros(input.type, dims);
    if (dims === undefined || data === undefined || data === false) {
      return undefined;
    }
    feeds.set(input.name, { type: input.type!, dims: dims, data });
  }
  return feeds;
}

function zeros(type: DataType | undefined, dims: readonly number[]): TensorArray | undefined {
  const count = dims.reduce((a, b) => a * b, 1);
  switch (type) {
    case DataType.FLOAT:
      return new Float32Array(count);
    case DataType.DOUBLE:
      return new Float64Array(count);
    case DataType.INT8:
      return new Int8Array(count);
    case DataType.UINT8:
    case DataType.BOOL:
      return new Uint8Array(count);
    case DataType.INT16:
      return new Int16Array(count);
    case DataType.UINT16:
    case DataType.FLOAT16:
      return new Uint16Array(count);
    case DataType.INT32:
      return new Int32Array(count);
    case DataType.UINT32:
      return new Uint32Array(count);
    case DataType.INT64:
      return new BigInt64Array(count);
    case DataType.UINT64:
      return new BigUint64Array(count);
    default:
      return undefined;
  }
}
