import type { Cells, Violations } from './compliance';
import { checkPattern, checkPlane, type Scores } from './maskKernel';
import { maskExports, type MaskExports, type MaskMethod } from './maskModule';

/** Cells copied to linear memory at a time: what a second-level cache holds. */
const BAND = 1 << 17;

/**
 * Runs a {@link MaskKernel} in WebAssembly, a band of tile rows at a time. False when WebAssembly does not load or has no
 * memory left: the mask is then as it was, or partly written.
 */
export function maskInWasm(
  method: MaskMethod,
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): boolean {
  checkPlane(scores, rows, columns, keep, group, mask);
  const wasm = maskExports();
  if (wasm === undefined) {
    return false;
  }
  const wide = scores instanceof Float64Array;
  return forEachBand(rows, columns, group, (top, height) => {
    const cells = height * columns;
    const first = top * columns;
    const maskAt = copyIn(wasm, scores.subarray(first, first + cells), cells);
    if (maskAt === undefined) {
      return false;
    }
    const start = wasm.reserve(0);
    wasm[method](start, wide ? 1 : 0, height, columns, keep, group, maskAt);
    mask.set(new Uint8Array(wasm.memory.buffer, maskAt, cells), first);
    return true;
  });
}

/** `countViolations` in WebAssembly, or undefined as {@link maskInWasm} is false. */
export function violationsInWasm(
  cells: Cells,
  rows: number,
  columns: number,
  keep: number,
  group: number,
): Violations | undefined {
  checkPattern(keep, group);
  const wasm = maskExports();
  if (wasm === undefined) {
    return undefined;
  }
  let forward = 0;
  let backward = 0;
  const done = forEachBand(rows, columns, group, (top, height) => {
    const part = cells.subarray(top * columns, (top + height) * columns);
    const counts = copyIn(wasm, part, 4 * columns);
    if (counts === undefined) {
      return false;
    }
    const start = wasm.reserve(0);
    const size = part.BYTES_PER_ELEMENT;
    forward += wasm.forwardViolations(start, size, height, columns, keep, group);
    backward += wasm.backwardViolations(start, size, height, columns, keep, group, counts);
    return true;
  });
  return done
    ? {
        forward,
        backward,
        forwardGroups: rows * Math.ceil(columns / group),
        backwardGroups: columns * Math.ceil(rows / group),
      }
    : undefined;
}

/** Calls `run` for bands of whole tile rows until it gives false; whether it never did. */
function forEachBand(
  rows: number,
  columns: number,
  group: number,
  run: (top: number, height: number) => boolean,
): boolean {
  const step = group * Math.max(1, Math.floor(BAND / Math.max(1, group * columns)));
  for (let top = 0; top < rows; top += step) {
    if (!run(top, Math.min(step, rows - top))) {
      return false;
    }
  }
  return true;
}

/** Copies values to the start of free memory; the aligned address of `extra` bytes behind them. */
function copyIn(wasm: MaskExports, values: Cells, extra: number): number | undefined {
  const bytes = (values.byteLength + 63) & ~63;
  const start = wasm.reserve(bytes + extra);
  if (start === 0) {
    return undefined;
  }
  const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  new Uint8Array(wasm.memory.buffer, start, values.byteLength).set(source);
  return start + bytes;
}
