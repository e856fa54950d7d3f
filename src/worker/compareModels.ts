import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfCancelled } from '../base/errors';
import { comparisonSteps } from '../job/diff/models/compareModelFiles';
import type { ModelComparison } from '../protocol/comparison';
import type { ModelAccess } from '../protocol/workerProtocol';
import type { OpenModels } from './openModels';

/** Compares in steps of one layer, so that questions in between are answered and an abort is heard. */
export async function compareOpenModels(
  models: OpenModels,
  before: ModelAccess,
  after: ModelAccess,
  signal: AbortSignal,
): Promise<ModelComparison> {
  const steps = comparisonSteps(
    { path: before.path, model: models.open(before).model },
    { path: after.path, model: models.open(after).model },
    // In restricted mode no file but the models is opened.
    { reports: before.followExternalData && after.followExternalData },
  );
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return step.value;
    }
    await nextTurn();
    throwIfCancelled(signal);
  }
}
