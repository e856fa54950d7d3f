import { existsSync } from 'node:fs';
import { checkJob } from '../job/jobs';
import { lockPathOf } from '../job/lock/lockFile';
import type { WorkerRequests } from '../protocol/workerProtocol';

/** Whether the lock beside a recipe still follows from recipe, model and data. Throws what reading them throws. */
export async function lockState(
  recipePath: string,
  signal: AbortSignal,
): Promise<WorkerRequests['recipe/lockState']['result']> {
  if (!existsSync(lockPathOf(recipePath))) {
    return { lock: 'missing', problems: [] };
  }
  const { problems } = await checkJob(recipePath, { signal });
  const stale = problems.filter((problem) => problem.kind === 'stale');
  return { lock: stale.length > 0 ? 'stale' : 'current', problems: stale.map((problem) => problem.message) };
}
