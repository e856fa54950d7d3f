import { operatorsBetween } from '../analysis';
import type { OperatorBetween } from '../analysis';
import { ActivationObserver } from '../methods';
import type { GridWithRange } from '../methods';
import type { Analysis } from './analyze';
import { cacheKey } from './cache/cacheKey';
import { floatValues } from './floatTensor';
import { measurementScope } from './prepare';
import type { PreparedJob } from './prepare';
import { rangeOptions } from './ranges';
import { runGroups, watchValues } from './watchValues';

/** Width of values between the layers: the one that ONNX Runtime's operators have. */
const BITS = 8;

/**
 * Grids of all values that the operators between the layers read and give, from the float network's (pruned, where layers are)
 * on the calibration samples, by the recipe's range for activations; kept in the cache.
 *
 * @param depends what the network depends on besides model and recipe
 */
export async function gridsBetween(
  job: PreparedJob,
  { calibration }: Analysis,
  depends: unknown,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, GridWithRange>> {
  const operators = operatorsBetween(job.model, job.layers, job.shapes);
  const names = [...new Set(operators.flatMap(({ values }) => values.map(({ name }) => name)))];
  const settings = rangeOptions(job.recipe.quantization.activations);
  const key = cacheKey({
    ...measurementScope(job),
    what: 'values between layers',
    data: calibration.hash,
    samples: calibration.samples,
    depends,
    names,
    settings,
  });
  const known = job.cache.get<Record<string, GridWithRange>>(key);
  if (known !== undefined) {
    return new Map(Object.entries(known));
  }
  const grids = new Map<string, GridWithRange>();
  const watch = { ...job, dataset: calibration, samples: calibration.samples, signal };
  for (const group of runGroups(names)) {
    const observers = new Map(group.map((name) => [name, new ActivationObserver()]));
    await watchValues(watch, group, (name, tensor, count) => observers.get(name)!.observe(floatValues(tensor), count));
    for (const [name, observer] of observers) {
      grids.set(name, observer.range(BITS, settings));
    }
  }
  job.cache.put(key, Object.fromEntries(grids));
  return grids;
}

/** Operators that compute on 8-bit values, the values of these names being such. */
export function eightBitOperators(
  { model, layers, shapes }: PreparedJob,
  quantized: readonly string[],
): readonly OperatorBetween[] {
  const names = new Set(quantized);
  return operatorsBetween(model, layers, shapes).filter(({ values }) => values.every(({ name }) => names.has(name)));
}
