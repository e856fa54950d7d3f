import type { Link } from '../../src/protocol/channel';

/** What VS Code gives a webview: messages to the extension, and a state that outlives a reload of the window. */
export interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare global {
  /** May be called once a page. */
  function acquireVsCodeApi(): VsCodeApi;
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
