import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { extensionError } from './errors';
import { baseName } from './fileNames';
import { placeOf } from './modelVersions';

/** A copy passes through memory once: what is larger stays where it is. */
const LARGEST_COPY = 1024 * 1024 * 1024;
/** A pointer of Git LFS is three short lines. */
const LFS_POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\//;
const LARGEST_POINTER = 1024;

/**
 * Puts models that are on no disk (a version that git keeps, a virtual file system) on one, since the background process
 * reads models in ranges. The copies are gone when the window closes.
 */
export class LocalCopies implements vscode.Disposable {
  private folder: string | undefined;
  private readonly running = new Map<string, Promise<string>>();

  /** Path of the file itself, else of a fresh copy. */
  path(uri: vscode.Uri): Promise<string> {
    if (uri.scheme === 'file') {
      return Promise.resolve(uri.fsPath);
    }
    const key = uri.toString();
    const known = this.running.get(key);
    if (known !== undefined) {
      return known;
    }
    // What a uri stands for may change (HEAD does), so that only who asks at the same time shares a copy.
    const copy = this.copy(uri).finally(() => this.running.delete(key));
    this.running.set(key, copy);
    return copy;
  }

  dispose(): void {
    if (this.folder !== undefined) {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  private async copy(uri: vscode.Uri): Promise<string> {
    const bytes = await this.read(uri);
    const name = `${baseName(uri)} (${placeOf(uri)})`;
    if (bytes.length < LARGEST_POINTER && LFS_POINTER.test(new TextDecoder().decode(bytes))) {
      throw extensionError(
        'extension/lfs-pointer',
        vscode.l10n.t(
          '{0} is kept by Git LFS and git has only its pointer here: check that version out to another folder and compare with the file there.',
          name,
        ),
      );
    }
    if (bytes.length === 0) {
      throw extensionError('extension/not-on-disk', vscode.l10n.t('{0} is empty: the model is not in it.', name));
    }
    this.folder ??= mkdtempSync(join(tmpdir(), 'lathe-versions-'));
    const folder = join(this.folder, createHash('sha256').update(uri.toString()).digest('hex').slice(0, 16));
    await mkdir(folder, { recursive: true });
    const path = join(folder, baseName(uri));
    await writeFile(path, bytes);
    return path;
  }

  private async read(uri: vscode.Uri): Promise<Uint8Array> {
    const name = `${baseName(uri)} (${placeOf(uri)})`;
    try {
      const { size } = await vscode.workspace.fs.stat(uri);
      if (size > LARGEST_COPY) {
        throw extensionError(
          'extension/not-on-disk',
          vscode.l10n.t('{0} is larger than 1 GB and on no disk: save a copy to a disk and open that.', name),
        );
      }
      return await vscode.workspace.fs.readFile(uri);
    } catch (error) {
      if (error instanceof vscode.FileSystemError || !(error instanceof Error && 'category' in error)) {
        throw extensionError(
          'extension/not-on-disk',
          vscode.l10n.t('{0} cannot be read: {1}', name, error instanceof Error ? error.message : String(error)),
        );
      }
      throw error;
    }
  }
}
