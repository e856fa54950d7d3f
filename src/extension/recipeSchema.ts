import * as vscode from 'vscode';
import { ReadOnlyFiles } from './readOnlyFiles';

/** Scheme of the address under which the manifest's `jsonValidation` names the recipe's schema. */
const SCHEME = 'lathe-schema';

/**
 * The recipe's JSON schema as a file of a scheme of our own. VS Code's JSON service asks for it when a recipe is opened,
 * and asking activates the extension (`onFileSystem:lathe-schema`). A recipe is JSON with comments like settings and
 * tsconfig files are, so activation by language would start the extension for all of those.
 */
export class RecipeSchema extends ReadOnlyFiles {
  /** @param folder holds the schemas, by the names they have in addresses */
  constructor(private readonly folder: vscode.Uri) {
    super(SCHEME);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    return await vscode.workspace.fs.stat(this.stored(uri));
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return await vscode.workspace.fs.readFile(this.stored(uri));
  }

  readDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.FileNotADirectory(uri);
  }

  private stored(uri: vscode.Uri): vscode.Uri {
    if (uri.path !== '/lathe.recipe.schema.json') {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    return vscode.Uri.joinPath(this.folder, uri.path);
  }
}
