import assert from 'node:assert/strict';
import type { TensorData } from '../../../src/analysis';
import { seededNormal } from '../../../src/base/random';
import { float16ToFloat32, float32ToFloat16 } from '../../../src/kernels';
import { DataType, printModel, serializeModel, verifyModel, type Model } from '../../../src/onnx';
import type { PassResult } from '../../../src/passes';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const runtime = createOnnxRuntime();

export interface CompareOptions {
  /** Absolute plus relative tolerance on outputs. @default 1e-5 */
  readonly tolerance?: number;
  /** Sizes of symbolic dimensions. @default 2 */
  readonly sizes?: Readonly<Record<string, number>>;
}

/**
 * Runs a pass on a copy of the model and checks what holds for every pass: the graph is sound, `modified` tells the truth
 * about the print, a second run finds nothing more, and ONNX Runtime computes the same from seeded inputs before and
 * after. Returns the rewritten copy.
 */
export async function comparePass<R extends PassResult>(
  model: Model,
  pass: (model: Model) => R,
  options: CompareOptions = {},
): Promise<{ readonly model: Model; readonly result: R }> {
  const rewritten = model.clone();
  const before = printModel(rewritten, { weights: 'hash' });
  const result = pass(rewritten);
  const after = printModel(rewritten, { weights: 'hash' });
  assert.equal(result.modified, before !== after, 'modified must tell whether the print changed');
  assert.equal(result.modified, result.applied.length > 0);
  assert.deepEqual(verifyModel(rewritten), []);
  assert.equal(pass(rewritten.clone()).modified, false, 'a second run must find nothing');
  assert.equal(printModel(model, { weights: 'hash' }), before, 'the original must not change');
  const expected = await run(model, options);
  const actual = await run(rewritten, options);
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
  for (const [name, values] of expected) {
    assertClose(name, floats(actual.get(name)!), floats(values), options.tolerance ?? 1e-5);
  }
  return { model: rewritten, result };
}

export async function run(model: Model, options: CompareOptions = {}): Promise<Map<string, TensorData>> {
  const runner = await runtime.create(serializeModel(model), { mode: 'plain' });
  try {
    const feeds = new Map<string, TensorData>();
    let seed = 1;
    for (const input of model.graph.trueInputs) {
      const { type } = input;
      assert.ok(type?.kind === 'tensor' && type.shape !== undefined, `input ${input.name} needs a type`);
      const dims = type.shape.map((d) => (typeof d === 'number' ? d : (options.sizes?.[d ?? ''] ?? 2)));
      feeds.set(input.name, seededInput(type.elementType, dims, seed++));
    }
    return await runner.run(feeds);
  } finally {
    await runner.release();
  }
}

function seededInput(type: DataType, dims: readonly number[], seed: number): TensorData {
  const count = dims.reduce((a, b) => a * b, 1);
  const normal = seededNormal(seed);
  switch (type) {
    case DataType.FLOAT:
      return { type, dims, data: Float32Array.from({ length: count }, normal) };
    case DataType.DOUBLE:
      return { type, dims, data: Float64Array.from({ length: count }, normal) };
    case DataType.FLOAT16:
      return { type, dims, data: Uint16Array.from({ length: count }, () => float32ToFloat16(normal())) };
    case DataType.BOOL:
      return { type, dims, data: new Uint8Array(count).fill(1) };
    case DataType.INT64:
      return { type, dims, data: BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 2)) };
    default:
      throw new Error(`no inputs of type ${type} in these tests`);
  }
}

function floats(tensor: TensorData): number[] {
  const { data, type } = tensor;
  return type === DataType.FLOAT16
    ? Array.from(data as Uint16Array, float16ToFloat32)
    : Array.from(data as Float32Array, Number);
}

export function assertClose(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]!;
    const e = expected[i]!;
    assert.ok(Math.abs(a - e) <= tolerance * (1 + Math.abs(e)), `${name}[${i}]: ${a} is not ${e}`);
  }
}
