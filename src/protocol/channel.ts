/**
 * The one channel between two ends that share nothing but messages: extension host and background process, webview and
 * extension host.
 *
 * Its rules, each with a test: the first message carries the protocol version; every request gets exactly one answer,
 * requests of unknown type included; answers are tagged `ok`; closing rejects all that is pending; what arrives after
 * disposal is dropped and logged. Aborting a request sends `cancel` and rejects at once. An end that starts anew (a
 * webview that VS Code reloads) says hello again, and what was pending with its predecessor is settled.
 */

/** What one end of a link answers (`requests`) and hears (`notifications`). */
export interface ChannelSide {
  readonly requests: object;
  readonly notifications: object;
}

type Requests<S extends ChannelSide> = S['requests'];
type Notifications<S extends ChannelSide> = S['notifications'];
/** Parameters of request `K` in a request table. */
export type Params<T, K extends keyof T> = T[K] extends { params: infer P } ? P : never;
/** Result of request `K` in a request table. */
export type Result<T, K extends keyof T> = T[K] extends { result: infer R } ? R : never;

interface MinimalSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The environment's `AbortSignal`: the protocol is compiled where neither Node's nor the DOM's is declared. */
export type CancelSignal = typeof globalThis extends { AbortSignal: { prototype: infer S extends MinimalSignal } }
  ? S
  : MinimalSignal;

interface CancelSource {
  readonly signal: CancelSignal;
  abort(): void;
}

/** The pipe under a channel. Messages arrive whole and in order. */
export interface Link {
  /** May throw when the pipe is closed. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): { dispose(): void };
  /** The other end is gone for good. */
  onClose?(listener: (reason: string) => void): { dispose(): void };
}

/** Errors cross processes as data, since classes do not survive the trip: compare `code`. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The other end answered with a failure, or there is no other end any more. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';

  constructor(
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  static is(error: unknown, code?: string): error is RemoteError {
    return error instanceof RemoteError && (code === undefined || error.code === code);
  }
}

/** Codes the channel itself answers with. */
export const ChannelCode = {
  /** The request was aborted. Never shown as an error. */
  cancelled: 'cancelled',
  /** The link closed before the answer. */
  closed: 'channel/closed',
  /** The other end speaks another version of the protocol. */
  version: 'channel/version',
  /** No handler for the request's type. */
  unknown: 'channel/unknown-request',
} as const;

/** One handler for each request of the side; a missing one does not compile. */
export type Handlers<S extends ChannelSide> = {
  readonly [K in keyof Requests<S>]: (
    params: Params<Requests<S>, K>,
    signal: CancelSignal,
  ) => Result<Requests<S>, K> | Promise<Result<Requests<S>, K>>;
};

/** Listeners for what the side hears; what nobody listens to is ignored. */
export type Listeners<S extends ChannelSide> = {
  readonly [K in keyof Notifications<S>]?: (params: Notifications<S>[K]) => void;
};

export interface ChannelOptions {
  readonly version: number;
  /** Turns a thrown value into data; the default keeps the message of errors and calls them internal. */
  readonly toErrorData?: (error: unknown) => ErrorData;
  /** Dropped and malformed messages, failing listeners. */
  readonly log?: (message: string) => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: RemoteError) => void;
  readonly release: () => void;
}

export class Channel<Here extends ChannelSide, There extends ChannelSide> {
  private readonly pending = new Map<number, Pending>();
  private readonly running = new Map<number, CancelSource>();
  private readonly subscriptions: { dispose(): void }[] = [];
  private readonly closeListeners = new Set<(reason: string) => void>();
  /** Tells one life of an end from the next. */
  private readonly session = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  private peerSession: number | undefined;
  private peerVersion: number | undefined;
  private nextId = 1;
  private closedReason: string | undefined;

  constructor(
    private readonly link: Link,
    private readonly handlers: Handlers<Here>,
    private readonly listeners: Listeners<Here>,
    private readonly options: ChannelOptions,
  ) {
    this.subscriptions.push(link.onMessage((message) => this.receive(message)));
    const closing = link.onClose?.((reason) => this.close(reason));
    if (closing !== undefined) {
      this.subscriptions.push(closing);
    }
    this.post({ type: 'hello', version: options.version, session: this.session, reply: false });
  }

  get isClosed(): boolean {
    return this.closedReason !== undefined;
  }

  /** Called once, when the link closes or the channel is disposed; at once if it already has. */
  onDidClose(listener: (reason: string) => void): { dispose(): void } {
    if (this.closedReason !== undefined) {
      listener(this.closedReason);
      return { dispose: () => undefined };
    }
    this.closeListeners.add(listener);
    return { dispose: () => void this.closeListeners.delete(listener) };
  }

  /** Rejects with {@link RemoteError}; `cancelled` when the signal fires, `channel/closed` when the other end is gone. */
  request<K extends keyof Requests<There> & string>(
    type: K,
    params: Params<Requests<There>, K>,
    signal?: CancelSignal,
  ): Promise<Result<Requests<There>, K>> {
    return new Promise((resolve, reject) => {
      if (this.closedReason !== undefined) {
        reject(new RemoteError(ChannelCode.closed, `"${type}" was not sent: ${this.closedReason}`));
        return;
      }
      if (this.peerVersion !== undefined && this.peerVersion !== this.options.version) {
        reject(this.versionError());
        return;
      }
      if (signal?.aborted === true) {
        reject(new RemoteError(ChannelCode.cancelled, 'Cancelled'));
        return;
      }
      const id = this.nextId++;
      const abort = () => {
        this.settle(id);
        this.post({ type: 'cancel', id });
        reject(new RemoteError(ChannelCode.cancelled, 'Cancelled'));
      };
      signal?.addEventListener('abort', abort);
      this.pending.set(id, {
        resolve: resolve as (value: unknown) => void,
        reject,
        release: () => signal?.removeEventListener('abort', abort),
      });
      this.post({ type: 'request', id, method: type, params });
    });
  }

  notify<K extends keyof Notifications<There> & string>(type: K, params: Notifications<There>[K]): void {
    if (this.closedReason === undefined) {
      this.post({ type: 'notify', method: type, params });
    }
  }

  /** Rejects what is pending, aborts what is running. */
  dispose(): void {
    this.close('the channel was disposed');
    for (const subscription of this.subscriptions.splice(0)) {
      subscription.dispose();
    }
  }

  private close(reason: string): void {
    if (this.closedReason !== undefined) {
      return;
    }
    this.closedReason = reason;
    this.settleAll(reason);
    for (const listener of [...this.closeListeners]) {
      listener(reason);
    }
    this.closeListeners.clear();
  }

  private settleAll(reason: string): void {
    for (const id of [...this.pending.keys()]) {
      this.settle(id)?.reject(new RemoteError(ChannelCode.closed, `No answer: ${reason}`));
    }
    for (const source of this.running.values()) {
      source.abort();
    }
    this.running.clear();
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    if (pending !== undefined) {
      this.pending.delete(id);
      pending.release();
    }
    return pending;
  }

  private post(message: object): void {
    try {
      this.link.send(message);
    } catch (error) {
      this.close(`sending failed: ${messageOf(error)}`);
    }
  }

  private receive(message: unknown): void {
    if (this.closedReason !== undefined) {
      this.log(`dropped after closing: ${describe(message)}`);
      return;
    }
    if (!isObject(message)) {
      this.log(`dropped: ${describe(message)} is no message`);
      return;
    }
    if (message.type === 'hello') {
      this.receiveHello(message);
      return;
    }
    if (message.type === 'answer') {
      this.receiveAnswer(message);
      return;
    }
    if (this.peerVersion !== this.options.version) {
      // A request is answered all the same, so that nobody waits for ever.
      if (message.type === 'request' && typeof message.id === 'number') {
        this.answer(message.id, { ok: false, error: errorDataOf(this.versionError()) });
      } else {
        this.log(`dropped before a matching hello: ${describe(message)}`);
      }
      return;
    }
    switch (message.type) {
      case 'request':
        if (typeof message.id === 'number' && typeof message.method === 'string') {
          void this.run(message.id, message.method, message.params);
        } else {
          this.log(`dropped: request without id or method: ${describe(message)}`);
        }
        return;
      case 'cancel':
        // The request may have been answered meanwhile.
        this.running.get(message.id as number)?.abort();
        return;
      case 'notify':
        this.hear(message);
        return;
      default:
        this.log(`dropped: unknown message ${describe(message)}`);
    }
  }

  private receiveHello(message: Record<string, unknown>): void {
    const session = Number(message.session);
    const restarted = this.peerSession !== undefined && this.peerSession !== session;
    this.peerSession = session;
    this.peerVersion = Number(message.version);
    if (restarted) {
      this.settleAll('the other end started anew');
    }
    if (message.reply !== true) {
      this.post({ type: 'hello', version: this.options.version, session: this.session, reply: true });
    }
    if (this.peerVersion !== this.options.version) {
      this.log(this.versionError().message);
      for (const id of [...this.pending.keys()]) {
        this.settle(id)?.reject(this.versionError());
      }
    }
  }

  private receiveAnswer(message: Record<string, unknown>): void {
    const pending = this.settle(message.id as number);
    if (pending === undefined) {
      // Usual after an abort: the answer crossed the cancel message.
      return;
    }
    if (message.ok === true) {
      pending.resolve(message.value);
    } else {
      const error = isObject(message.error) ? message.error : {};
      pending.reject(
        new RemoteError(
          typeof error.code === 'string' ? error.code : 'internal',
          typeof error.message === 'string' ? error.message : 'The other end failed without a reason',
          isObject(error.details) ? error.details : {},
        ),
      );
    }
  }

  private async run(id: number, method: string, params: unknown): Promise<void> {
    const handler = Object.prototype.hasOwnProperty.call(this.handlers, method)
      ? (this.handlers as Record<string, (params: unknown, signal: CancelSignal) => unknown>)[method]
      : undefined;
    if (handler === undefined) {
      this.answer(id, { ok: false, error: { code: ChannelCode.unknown, message: `Unknown request "${method}"` } });
      return;
    }
    const source = createCancelSource();
    this.running.set(id, source);
    try {
      const value = await handler(params, source.signal);
      this.finish(id, source, { ok: true, value });
    } catch (error) {
      this.finish(id, source, { ok: false, error: this.toErrorData(error) });
    }
  }

  /** Answers unless the one who asked is gone. */
  private finish(id: number, source: CancelSource, answer: object): void {
    if (this.running.get(id) === source) {
      this.running.delete(id);
      this.answer(id, answer);
    } else {
      this.log(`dropped the answer to request ${id}: who asked is gone`);
    }
  }

  private answer(id: number, answer: object): void {
    try {
      this.link.send({ type: 'answer', id, ...answer });
    } catch (error) {
      // A value that cannot be sent (a cycle, a bigint) is a bug of the handler, not the end of the link.
      this.log(`the answer to request ${id} could not be sent: ${messageOf(error)}`);
      this.post({
        type: 'answer',
        id,
        ok: false,
        error: { code: 'internal', message: `The answer could not be sent: ${messageOf(error)}` },
      });
    }
  }

  private hear(message: Record<string, unknown>): void {
    const method = String(message.method);
    const listener = Object.prototype.hasOwnProperty.call(this.listeners, method)
      ? (this.listeners as Record<string, ((params: unknown) => void) | undefined>)[method]
      : undefined;
    try {
      listener?.(message.params);
    } catch (error) {
      this.log(`listener for "${method}" failed: ${messageOf(error)}`);
    }
  }

  private toErrorData(error: unknown): ErrorData {
    if (error instanceof RemoteError) {
      return errorDataOf(error);
    }
    return this.options.toErrorData?.(error) ?? { code: 'internal', message: messageOf(error) };
  }

  private versionError(): RemoteError {
    return new RemoteError(
      ChannelCode.version,
      `Protocol version ${String(this.peerVersion ?? 'none')} met ${this.options.version}: reload the window`,
    );
  }

  private log(message: string): void {
    this.options.log?.(`channel: ${message}`);
  }
}

function createCancelSource(): CancelSource {
  // Present in every environment the protocol runs in, declared in none it is compiled in.
  return new (globalThis as unknown as { AbortController: new () => CancelSource }).AbortController();
}

function errorDataOf(error: RemoteError): ErrorData {
  return { code: error.code, message: error.message, details: error.details };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Type and method only: parameters may be long or private. */
function describe(message: unknown): string {
  if (!isObject(message)) {
    return typeof message;
  }
  return [message.type, message.method].filter((part) => typeof part === 'string').join(' ') || 'an untyped message';
}
