import type { Link } from '../protocol/channel';

export interface ProcessLink extends Link {
  /** Resolves when all that was sent has left this process. */
  flushed(): Promise<void>;
}

/** The pipe to the process that forked this one. Throws when there is none. */
export function processLink(self: NodeJS.Process): ProcessLink {
  if (self.send === undefined) {
    throw new Error('The worker is started by the extension (child_process.fork), not by hand.');
  }
  const send = self.send.bind(self);
  let underway = 0;
  let waiting: (() => void)[] = [];
  return {
    send: (message) => {
      if (!self.connected) {
        throw new Error('the extension host is gone');
      }
      underway++;
      // A pipe that breaks under a message shows as "disconnect".
      send(message, undefined, undefined, () => {
        underway--;
        if (underway === 0) {
          waiting.forEach((resolve) => resolve());
          waiting = [];
        }
      });
    },
    onMessage: (listener) => {
      self.on('message', listener);
      return { dispose: () => void self.off('message', listener) };
    },
    flushed: () => new Promise((resolve) => (underway === 0 ? resolve() : waiting.push(resolve))),
  };
}
