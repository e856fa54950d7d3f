import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';

/** A file system that nobody writes to and that never changes: subclasses say what is in it. */
export abstract class ReadOnlyFiles implements vscode.FileSystemProvider, vscode.Disposable {
  protected readonly store = new DisposableStore();
  private readonly didChange = this.store.add(new vscode.EventEmitter<vscode.FileChangeEvent[]>());
  readonly onDidChangeFile = this.didChange.event;

  constructor(scheme: string) {
    this.store.add(vscode.workspace.registerFileSystemProvider(scheme, this, { isReadonly: true }));
  }

  abstract stat(uri: vscode.Uri): vscode.FileStat | Thenable<vscode.FileStat>;
  abstract readFile(uri: vscode.Uri): Uint8Array | Thenable<Uint8Array>;
  abstract readDirectory(uri: vscode.Uri): [string, vscode.FileType][];

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(from: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(from);
  }

  dispose(): void {
    this.store.dispose();
  }
}
