import { LatheError } from '../base/errors';

export type WorkerErrorCode = 'worker/no-such-graph';

/** The file changed between the question for its graphs and the question for one of them. */
export function noSuchGraph(index: number, count: number): LatheError<WorkerErrorCode> {
  return new LatheError(
    'worker/no-such-graph',
    `The model has ${count} graphs and none at place ${index + 1}: the file has changed. Open the graph again.`,
    { index, count },
  );
}
