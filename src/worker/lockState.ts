import { existsSync } from 'node:fs';
import { staleReasons } from '../job/jobs';
import { lockPathOf } from '../job/lock/lockFile';
import type { WorkerRequests } from '../protocol/workerProtocol';

/** Whether the lock beside a recipe still follows from recipe, model and data. Throws what reading them throws. */
export async function lockState(
  recipePath: string,
  signal: AbortSignal,
): Promise<WorkerRequests['recipe/lockState']['result']> {
  // Most recipes that are opened have no lock yet: their models need not be read to say so.
  const reasons = existsSync(lockPathOf(recipePath)) ? await staleReasons(recipePath, { signal }) : undefined;
  if (reasons === undefined) {
    return { lock: 'missing', problems: [] };
  }
  return { lock: reasons.length > 0 ? 'stale' : 'current', problems: reasons.map(({ message }) => message) };
}
