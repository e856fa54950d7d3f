export interface ServerOptions {
  readonly trust?: boolean;
  readonly settings?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly directory?: string;
  /** A .vsix to install first. */
  readonly install?: string;
}
export interface VSCodeServer {
  readonly port: number;
  readonly home: string;
  output(): string;
  url(workspace: string | undefined, payload?: readonly (readonly [string, string])[]): string;
  remote(path: string): string;
  stop(): Promise<void>;
}
export function startServer(options?: ServerOptions): Promise<VSCodeServer>;
