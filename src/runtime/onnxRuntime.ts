import { basename } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import type { InferenceRunner, RunnerFactory, RunnerOptions, RunnerValue, TensorData } from '../analysis';
import { DataType, dataTypeName } from '../onnx';
import { trimEngineMessage } from './engineMessage';
import { runtimeLoad, runtimeRun } from './errors';
import { engineName, loadEngine, type Engine } from './loadEngine';
import { dataTypeOf, fromEngineTensor, toEngineTensor } from './tensorConversion';

/**
 * Runs models on ONNX Runtime, on the CPU. The native library is loaded at the first `create`, which therefore also throws
 * `runtime/missing`.
 *
 * Loading and running block the calling thread and a native fault ends the process: call this in a background process.
 * The only place that knows onnxruntime-node.
 */
export function createOnnxRuntime(): RunnerFactory {
  return {
    get engine() {
      return engineName();
    },
    async create(model, options = {}) {
      const engine = loadEngine();
      const where = typeof model === 'string' ? basename(model) : 'the model';
      try {
        const sessionOptions = sessionOptionsOf(options);
        const session = await (typeof model === 'string'
          ? engine.InferenceSession.create(model, sessionOptions)
          : engine.InferenceSession.create(model, sessionOptions));
        return new OnnxRuntimeRunner(engine, session, where);
      } catch (error) {
        throw runtimeLoad(where, loadReason(trimEngineMessage(error)), error);
      }
    },
  };
}

function sessionOptionsOf(
  options: RunnerOptions & { readonly baseDirectory?: string },
): InferenceSession.SessionOptions {
  const mode = options.mode ?? 'simulate';
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: mode === 'plain' ? 'disabled' : 'all',
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    interOpNumThreads: 1,
    // What goes wrong is thrown, with its reason; level 3 would print it a second time.
    logSeverityLevel: 4,
    extra: {
      session: {
        // The same sums in the same order, whatever the machine is doing.
        use_deterministic_compute: '1',
        // Waiting threads sleep: the editor has the same cores.
        intra_op: { allow_spinning: '0' },
        ...(mode === 'simulate' ? { disable_quant_qdq: '1' } : {}),
        ...(options.baseDirectory === undefined
          ? {}
          : { model_external_initializers_file_folder_path: options.baseDirectory }),
      },
    },
  };
}

/** Adds what to do to the refusals people meet most. */
function loadReason(reason: string): string {
  const unsupported = /Unsupported data type: (\d+)/.exec(reason);
  if (unsupported !== null) {
    const type = Object.values(DataType).find((t) => t === Number(unsupported[1]));
    return `a graph input or output has the type ${type === undefined ? unsupported[1]! : dataTypeName(type)}, which its JavaScript face cannot pass.`;
  }
  return reason;
}

class OnnxRuntimeRunner implements InferenceRunner {
  readonly inputs: readonly RunnerValue[];
  readonly outputs: readonly RunnerValue[];
  private readonly outputTypes: ReadonlyMap<string, DataType | undefined>;
  private released = false;

  constructor(
    private readonly engine: Engine,
    private readonly session: InferenceSession,
    private readonly where: string,
  ) {
    this.inputs = session.inputMetadata.map(runnerValue);
    this.outputs = session.outputMetadata.map(runnerValue);
    this.outputTypes = new Map(this.outputs.map((value) => [value.name, value.type]));
  }

  async run(feeds: ReadonlyMap<string, TensorData>, fetches?: readonly string[]): Promise<Map<string, TensorData>> {
    if (this.released) {
      throw runtimeRun(this.where, 'the model was already released.');
    }
    const wanted = fetches ?? this.outputs.map((value) => value.name);
    for (const name of wanted) {
      if (!this.outputTypes.has(name)) {
        throw runtimeRun(this.where, `the model has no output "${name}".`);
      }
      const type = this.outputTypes.get(name);
      if (type === undefined) {
        throw runtimeRun(this.where, `output "${name}" is not a tensor.`);
      }
      // The binding ends the whole process on these.
      if (type === DataType.INT4 || type === DataType.UINT4) {
        throw runtimeRun(this.where, `output "${name}" is ${dataTypeName(type)}, which cannot be fetched.`);
      }
    }
    try {
      const engineFeeds: Record<string, ReturnType<typeof toEngineTensor>> = {};
      for (const [name, tensor] of feeds) {
        engineFeeds[name] = this.feed(name, tensor);
      }
      const results = await this.session.run(engineFeeds, wanted);
      const outputs = new Map<string, TensorData>();
      for (const name of wanted) {
        outputs.set(name, fromEngineTensor(results[name] as unknown as Parameters<typeof fromEngineTensor>[0]));
      }
      return outputs;
    } catch (error) {
      throw runtimeRun(this.where, trimEngineMessage(error), error);
    }
  }

  async release(): Promise<void> {
    if (!this.released) {
      this.released = true;
      await this.session.release();
    }
  }

  private feed(name: string, tensor: TensorData) {
    try {
      return toEngineTensor(this.engine, tensor);
    } catch (error) {
      throw new Error(`input "${name}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

function runnerValue(metadata: InferenceSession.ValueMetadata): RunnerValue {
  if (!metadata.isTensor) {
    return { name: metadata.name, type: undefined, shape: undefined };
  }
  return {
    name: metadata.name,
    type: dataTypeOf(metadata.type),
    shape: metadata.shape.map((dim) => (dim === '' ? undefined : dim)),
  };
}
