import type { Link } from '../../src/protocol/channel';

export interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** Can be called once a page. */
export function vsCodeApi(): VsCodeApi {
  return acquireVsCodeApi();
}

/** The pipe to the extension host. */
export function windowLink(api: VsCodeApi): Link {
  return {
    send: (message) => api.postMessage(message),
    onMessage: (listener) => {
      const onMessage = (event: MessageEvent) => listener(event.data);
      window.addEventListener('message', onMessage);
      return { dispose: () => window.removeEventListener('message', onMessage) };
    },
  };
}
