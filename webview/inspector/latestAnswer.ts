import { RemoteError } from '../../src/protocol/channel';
import type { EditorRequests } from '../../src/protocol/webviewProtocol';
import { wireError, type EditorModel } from '../editor/editorModel';

/** Walking through layers with an arrow key asks for none of them but the last. */
const REST_MS = 120;

type Asked = 'weight/picture' | 'weight/channels' | 'lock/entry';

/** The answer to the question that was asked last; an older one is shown, where `keep` allows, until the new one is there. */
export class LatestAnswer<K extends Asked> {
  answer: EditorRequests[K]['result'] | undefined;
  failure: string | undefined;
  private wanted = '';
  private source: unknown;
  private timer = 0;
  private request: AbortController | undefined;

  constructor(
    private readonly model: EditorModel,
    private readonly type: K,
  ) {}

  /**
   * @param source what the answer depends on besides the question: asked again when it is another object
   * @param keep   whether the answer there is may stay until the next is known
   */
  want(params: EditorRequests[K]['params'], source: unknown, keep: boolean): void {
    const key = JSON.stringify(params);
    if (key === this.wanted && source === this.source) {
      return;
    }
    const another = this.wanted !== '';
    this.wanted = key;
    this.source = source;
    this.request?.abort();
    this.failure = undefined;
    if (!keep) {
      this.answer = undefined;
    }
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.send(params), another && !keep ? REST_MS : 0);
  }

  private send(params: EditorRequests[K]['params']): void {
    const request = new AbortController();
    this.request = request;
    this.model.request(this.type, params, request.signal).then(
      (answer) => {
        if (this.request === request) {
          this.answer = answer;
          this.model.changed();
        }
      },
      (error: unknown) => {
        if (this.request === request && !RemoteError.is(error, 'cancelled')) {
          this.answer = undefined;
          this.failure = wireError(error).message;
          this.model.changed();
        }
      },
    );
  }
}
