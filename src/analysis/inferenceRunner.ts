import type { DataType } from '../onnx';

/**
 * A tensor on its way into or out of a model run. `data` is row-major; float16 and bfloat16 travel as their bit patterns
 * in a Uint16Array, bool as 0/1 in a Uint8Array, string tensors as an array.
 */
export interface TensorData {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: TensorArray;
}

export type TensorArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

export interface RunnerValue {
  readonly name: string;
  readonly type: DataType | undefined;
  /** Symbolic dimensions stay strings; undefined when the rank is unknown. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
}

/** One loaded model, ready to run. */
export interface InferenceRunner {
  readonly inputs: readonly RunnerValue[];
  readonly outputs: readonly RunnerValue[];
  /** Runs the model; `fetches` names the outputs wanted (default: all). Throws LatheError `runtime/run`. */
  run(feeds: ReadonlyMap<string, TensorData>, fetches?: readonly string[]): Promise<Map<string, TensorData>>;
  /** Frees native memory. A released runner must not be used. */
  release(): Promise<void>;
}

export interface RunnerOptions {
  /**
   * - `simulate`: quantisation is simulated in float (`session.disable_quant_qdq`), for measuring accuracy;
   * - `deploy`: the graph as ONNX Runtime runs it by default;
   * - `plain`: no graph rewriting at all, for shapes and for comparing single nodes.
   * @default 'simulate'
   */
  readonly mode?: 'simulate' | 'deploy' | 'plain';
  /** @default all cores */
  readonly threads?: number;
}

/**
 * Loads models for running. The analysis layer only knows this interface; `src/runtime` implements it on ONNX Runtime.
 * Throws LatheError `runtime/load` when the runtime refuses the model.
 */
export interface RunnerFactory {
  /** Name and version of the engine, for reports: "onnxruntime-node 1.30.0 (cpu)". */
  readonly engine: string;
  /** From a file (finds external data by itself) or from bytes (external data resolved against `baseDirectory`). */
  create(
    model: string | Uint8Array,
    options?: RunnerOptions & { readonly baseDirectory?: string },
  ): Promise<InferenceRunner>;
}
