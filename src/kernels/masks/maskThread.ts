/**
 * What a mask thread runs: JavaScript as text, since kernels are bundled into several programs and a file beside them
 * would have to be found by each. It is given the compiled module; a message is a {@link BandMessage}, answered when its
 * mask is written. Messages are answered in their order.
 */
export const maskThreadSource = `'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const wasm = new WebAssembly.Instance(workerData).exports;

parentPort.on('message', ({ method, scores, mask, rows, columns, keep, group }) => {
  const bytes = (scores.byteLength + 63) & ~63;
  const start = wasm.reserve(bytes + mask.length);
  if (start === 0) {
    throw new RangeError('no memory for ' + rows + ' x ' + columns + ' weights');
  }
  new scores.constructor(wasm.memory.buffer, start, scores.length).set(scores);
  wasm[method](start, scores.BYTES_PER_ELEMENT === 8 ? 1 : 0, rows, columns, keep, group, start + bytes);
  mask.set(new Uint8Array(wasm.memory.buffer, start + bytes, mask.length));
  parentPort.postMessage(null);
});
`;
