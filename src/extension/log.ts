import * as vscode from 'vscode';

/** Made when something is first said: activation creates no panel. */
export class Log implements vscode.Disposable {
  private created: vscode.LogOutputChannel | undefined;

  private get channel(): vscode.LogOutputChannel {
    this.created ??= vscode.window.createOutputChannel('Lathe', { log: true });
    return this.created;
  }

  info(message: string): void {
    this.channel.info(message);
  }

  warn(message: string): void {
    this.channel.warn(message);
  }

  error(message: string): void {
    this.channel.error(message);
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.created?.dispose();
  }
}
