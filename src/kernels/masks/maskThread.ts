/**
 * What a mask thread runs: JavaScript as text, since kernels are bundled into several programs and a file beside them
 * would have to be found by each. It holds the compiled module; a message is a {@link ThreadTask}, the answer is the
 * number of bands it did.
 *
 * Bands are taken from a shared counter. Each is copied to the thread's own linear memory, masked, and the mask copied
 * back, so who does which band makes no difference to the result.
 */
export const maskThreadSource = `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const wasm = new WebAssembly.Instance(workerData).exports;

parentPort.on('message', ({ method, scores, mask, next, planes, rows, columns, keep, group, bandRows }) => {
  const wide = scores.BYTES_PER_ELEMENT === 8 ? 1 : 0;
  const bandsPerPlane = Math.ceil(rows / bandRows);
  let done = 0;
  for (let band = Atomics.add(next, 0, 1); band < planes * bandsPerPlane; band = Atomics.add(next, 0, 1)) {
    const plane = Math.floor(band / bandsPerPlane);
    const top = (band % bandsPerPlane) * bandRows;
    const height = Math.min(bandRows, rows - top);
    const cells = height * columns;
    const first = (plane * rows + top) * columns;
    const bytes = (cells * scores.BYTES_PER_ELEMENT + 63) & ~63;
    const start = wasm.reserve(bytes + cells);
    if (start === 0) {
      throw new RangeError('no memory for a band of ' + height + ' x ' + columns + ' weights');
    }
    new scores.constructor(wasm.memory.buffer, start, cells).set(scores.subarray(first, first + cells));
    wasm[method](start, wide, height, columns, keep, group, start + bytes);
    mask.set(new Uint8Array(wasm.memory.buffer, start + bytes, cells), first);
    done++;
  }
  parentPort.postMessage(done);
});
`;
