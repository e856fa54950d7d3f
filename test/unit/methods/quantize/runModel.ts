process.env['ORT_DISABLE_TELEMETRY'] = '1';
import assert from 'node:assert/strict';
import type { RunnerOptions, TensorData } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { DataType, serializeModel, type Model } from '../../../../src/onnx';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';

export const factory = createOnnxRuntime();

export async function runModel(
  model: Model,
  feeds: ReadonlyMap<string, TensorData>,
  mode: NonNullable<RunnerOptions['mode']>,
): Promise<Map<string, TensorData>> {
  const runner = await factory.create(serializeModel(model), { mode, threads: 1 });
  try {
    return await runner.run(feeds);
  } finally {
    await runner.release();
  }
}

export function floatData(dims: readonly number[], data: Float32Array): TensorData {
  return { type: DataType.FLOAT, dims, data };
}

export function normalValues(count: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length: count }, () => 1.5 * normal() + 0.3);
}

/** All values within `relative` of the largest magnitude expected. */
export function assertClose(actual: TensorData | undefined, expected: TensorData, relative: number): void {
  assert.ok(actual !== undefined, 'the output is missing');
  assert.deepEqual(actual.dims, expected.dims);
  const a = actual.data as Float32Array;
  const e = expected.data as Float32Array;
  const scale = e.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  for (let i = 0; i < e.length; i++) {
    const difference = Math.abs(a[i]! - e[i]!);
    assert.ok(difference <= relative * scale, `element ${i}: ${a[i]} instead of ${e[i]} (largest ${scale})`);
  }
}
