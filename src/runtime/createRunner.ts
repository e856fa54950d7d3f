import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InferenceRunner, RunnerFactory, RunnerOptions } from '../analysis';
import { LatheError } from '../base/errors';
import { saveModel, serializeModel } from '../onnx';
import type { Model } from '../onnx';
import { withUniqueNodeNames } from './uniqueNodeNames';

/**
 * Hands a model in memory to the inference engine. Models that do not fit one protobuf message (2 GB) take the way over
 * a temporary file with external data, which goes away as soon as the engine has read it.
 */
export async function createRunner(
  factory: RunnerFactory,
  model: Model,
  options: RunnerOptions = {},
): Promise<InferenceRunner> {
  const loadable = withUniqueNodeNames(model);
  let bytes: Uint8Array;
  try {
    bytes = serializeModel(loadable);
  } catch (error) {
    if (!LatheError.is(error, 'onnx/too-large')) {
      throw error;
    }
    return await createFromFile(factory, loadable, options);
  }
  return await factory.create(bytes, options);
}

async function createFromFile(factory: RunnerFactory, model: Model, options: RunnerOptions): Promise<InferenceRunner> {
  const directory = mkdtempSync(join(tmpdir(), 'lathe-'));
  try {
    const saved = saveModel(model, join(directory, 'model.onnx'), { externalData: 'always' });
    return await factory.create(saved.path, options);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
