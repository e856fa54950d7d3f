import { layoutGraph, type LayoutRequest } from './layoutGraph';

/** What the page asks, and what it hears: exactly one answer for each question, in order. */
export interface LayoutQuestion {
  readonly id: number;
  readonly request: LayoutRequest;
}

// A program of its own: it runs off the page's thread.
addEventListener('message', (event: MessageEvent<LayoutQuestion>) => {
  const { id, request } = event.data;
  postMessage({ id, result: layoutGraph(request) });
});
