import type { RunnerFactory, RunnerValue, ShapeTable, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { extractModel } from '../onnx';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import type { Dataset } from './data/dataset';
import { sampleBatches } from './sampleBatches';

export interface WatchOptions {
  readonly model: Model;
  readonly shapes: ShapeTable;
  readonly factory: RunnerFactory;
  readonly dataset: Dataset;
  readonly samples: number;
  readonly signal: AbortSignal | undefined;
}

/** Inputs of a model as a dataset must serve them. */
export function modelInputs(model: Model, shapes: ShapeTable): RunnerValue[] {
  return model.graph.trueInputs.map(({ name }) => {
    const type = shapes.get(name);
    return { name, type: type?.elementType, shape: type?.shape };
  });
}

/** Values fetched in one run: bounds what a batch of a deep network holds at a time. */
export const VALUES_PER_RUN = 8;

/** Names in groups for {@link watchValues}, as many as one run may fetch. */
export function runGroups(names: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(names.length / VALUES_PER_RUN) }, (_, group) =>
    names.slice(group * VALUES_PER_RUN, (group + 1) * VALUES_PER_RUN),
  );
}

/**
 * Runs a network over the first samples as far as the named values need it, and shows each value batch by batch, with the
 * number of samples in it. Values that are inputs of the model cost no run.
 */
export async function watchValues(
  options: WatchOptions,
  names: readonly string[],
  observe: (name: string, tensor: TensorData, samples: number) => void,
): Promise<void> {
  const { model, shapes, dataset, signal } = options;
  const inputs = model.graph.trueInputs;
  const fed = new Set(inputs.map(({ name }) => name));
  const fetched = names.filter((name) => !fed.has(name));
  const part = extractModel(model, {
    inputs: inputs.map(({ name }) => ({ name, type: shapes.get(name)! })),
    outputs: fetched,
  });
  const runner = fetched.length > 0 ? await createRunner(options.factory, part) : undefined;
  try {
    for (const { start, count } of sampleBatches(dataset, options.samples)) {
      const feeds = dataset.batch(start, count);
      const used = new Map([...feeds].filter(([name]) => runner?.inputs.some((input) => input.name === name)));
      const values = runner === undefined ? new Map<string, TensorData>() : await runner.run(used, fetched);
      for (const name of names) {
        const tensor = values.get(name) ?? feeds.get(name);
        invariant(tensor !== undefined, `value ${name} was not fetched`);
        observe(name, tensor, count);
      }
      throwIfCancelled(signal);
    }
  } finally {
    await runner?.release();
  }
}
