import { availableParallelism } from 'node:os';
import { invariant, throwIfCancelled } from '../../base/errors';
import { checkPattern, type Scores } from './maskKernel';
import { maskModule, type MaskMethod } from './maskModule';
import { maskPlane } from './masks';
import { checkPattern4 } from './patternMask4';
import { runOnThreads } from './maskThreads';

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
 * on the calling thread. Arrays in shared memory are used where they are, others are copied.
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
  const sharedMask = isShared(mask) ? mask : new Uint8Array(new SharedArrayBuffer(cells));
  const next = new Int32Array(new SharedArrayBuffer(4));
  const task = {
    method,
    scores: shared(scores, cells),
    mask: sharedMask,
    next,
    planes,
    rows,
    columns,
    keep,
    group,
    bandRows,
  };
  await runOnThreads(module, task, threads, options.signal);
  if (sharedMask !== mask) {
    mask.set(sharedMask);
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

function shared(scores: Scores, cells: number): Scores {
  if (isShared(scores)) {
    return scores;
  }
  const buffer = new SharedArrayBuffer(cells * scores.BYTES_PER_ELEMENT);
  const copy = scores instanceof Float64Array ? new Float64Array(buffer) : new Float32Array(buffer);
  copy.set(scores.subarray(0, cells));
  return copy;
}

function isShared(array: Scores | Uint8Array): boolean {
  return array.buffer instanceof SharedArrayBuffer;
}
