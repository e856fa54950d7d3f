import type { LayoutRequest, LayoutResult } from './layout/layoutGraph';
import type { LayoutQuestion } from './layout/layoutWorker';
import program from './layout/layoutWorker?worker';

/** Lays graphs out on a thread of its own, which is started with the first of them. */
export class LayoutClient {
  private worker: Worker | undefined;
  private lastId = 0;
  private readonly pending = new Map<
    number,
    { resolve: (result: LayoutResult) => void; reject: (error: Error) => void }
  >();

  layOut(request: LayoutRequest): Promise<LayoutResult> {
    const worker = (this.worker ??= this.start());
    this.lastId += 1;
    const question: LayoutQuestion = { id: this.lastId, request };
    return new Promise((resolve, reject) => {
      this.pending.set(question.id, { resolve, reject });
      worker.postMessage(question);
    });
  }

  private start(): Worker {
    // From a blob, since scripts of a webview are of another origin than its page, which workers must share.
    const address = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
    const worker = new Worker(address, { name: 'layout' });
    URL.revokeObjectURL(address);
    worker.addEventListener('message', (event: MessageEvent<{ id: number; result: LayoutResult }>) => {
      this.pending.get(event.data.id)?.resolve(event.data.result);
      this.pending.delete(event.data.id);
    });
    worker.addEventListener('error', (event) => {
      const error = new Error(event.message === '' ? 'the layout thread did not start' : event.message);
      this.pending.forEach(({ reject }) => reject(error));
      this.pending.clear();
      worker.terminate();
      this.worker = undefined;
    });
    return worker;
  }
}
