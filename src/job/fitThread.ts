/** The program of a thread that fits rows: see {@link ThreadTeam}. */
import { parentPort } from 'node:worker_threads';
import { RowsFit } from '../methods';
import type { LayerMoments } from '../methods';
import { createOnnxRuntime } from '../runtime/onnxRuntime';
import { RuntimeProducts } from './runtimeProducts';
import { READY, type ThreadMessage } from './threadTeam';

async function main(): Promise<void> {
  const port = parentPort!;
  const products = await RuntimeProducts.open(createOnnxRuntime());
  let moments: LayerMoments | undefined;
  let fit: RowsFit | undefined;
  port.on('message', (message: ThreadMessage) => {
    if ('work' in message) {
      const { task, options, damping } = message.work;
      moments = message.work.moments ?? moments;
      fit = new RowsFit(task, options, moments, damping);
      return;
    }
    if ('end' in message) {
      void products.close().then(() => port.close());
      return;
    }
    // What goes wrong ends the thread, and reaches the team as that.
    void fit!.solveSlice(products, message.slice).then((found) => {
      const { steps, plain, scales, zeroPoints } = found;
      port.postMessage(found, [steps.buffer, plain.buffer, scales.buffer, zeroPoints.buffer] as ArrayBuffer[]);
    });
  });
  port.postMessage(READY);
}

void main();
