import { availableParallelism } from 'node:os';
import { invariant, throwIfCancelled } from '../../base/errors';
import { checkPattern, type Scores } from './maskKernel';
import { maskModule, type MaskMethod } from './maskModule';
import { maskPlane } from './masks';
import { checkPattern4 } from './patternMask4';
import { runOnThreads, type Band } from './maskThreads';

/** Weights from which threads pay for the copies and messages. */
const SMALL = 1 << 18;
/** Weights that a thread takes at a time. */
const BAND = 1 << 16;
const MAX_THREADS = 8;

export interface MaskPlanesOptions {
  /** Threads at work; by default one per processor, at most 8. The mask does not depend on it. */
  readonly threads?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The mask of `planes` row-major planes of rows × columns one after the other in `scores` (a convolution has one plane
 * per kernel position), by the kernel named, on several threads: planes are cut along tile rows. Small weights are masked
 * on the calling thread, which otherwise stays free between bands.
 *
 * @throws LatheError `kernels/pattern`, CancelledError
 */
export async function maskPlanes(
  method: MaskMethod,
  scores: Scores,
  planes: number,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
  options: MaskPlanesOptions = {},
): Promise<void> {
  checkPattern(keep, group);
  if (method === 'patterns') {
    checkPattern4(keep, group);
  }
  const cells = planes * rows * columns;
  invariant(scores.length >= cells && mask.length >= cells, `${planes} planes of ${rows} × ${columns} do not fit`);
  throwIfCancelled(options.signal);
  const bandRows = group * Math.max(1, Math.floor(BAND / Math.max(1, group * columns)));
  const bands = planes * Math.ceil(rows / bandRows);
  const threads = Math.min(options.threads ?? Math.min(availableParallelism(), MAX_THREADS), bands);
  const module = maskModule();
  if (cells < SMALL || threads < 2 || module === null) {
    maskHere(method, scores, planes, rows, columns, keep, group, mask, options.signal);
    return;
  }
  const task = { method, scores, mask, columns, keep, group };
  await runOnThreads(module, task, listBands(planes, rows, columns, bandRows), threads, options.signal);
}

function* listBands(planes: number, rows: number, columns: number, bandRows: number): Generator<Band, void> {
  for (let plane = 0; plane < planes; plane++) {
    for (let top = 0; top < rows; top += bandRows) {
      yield { first: (plane * rows + top) * columns, rows: Math.min(bandRows, rows - top) };
    }
  }
}

function maskHere(
  method: MaskMethod,
  scores: Scores,
  planes: number,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
  signal: AbortSignal | undefined,
): void {
  const cells = rows * columns;
  for (let plane = 0; plane < planes; plane++) {
    throwIfCancelled(signal);
    const first = plane * cells;
    const part = mask.subarray(first, first + cells);
    maskPlane(method, scores.subarray(first, first + cells), rows, columns, keep, group, part);
  }
}
