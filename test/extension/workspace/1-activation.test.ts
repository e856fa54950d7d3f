import { strict as assert } from 'node:assert';
import * as vscode from 'vscode';
import { EXTENSION_ID, activateLathe, closeAll, eventually, scratchFile, writeText } from '../support/lathe';

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
  readonly engines: { readonly vscode: string };
}

describe('Activation', () => {
  const extension = () => vscode.extensions.getExtension(EXTENSION_ID)!;

  after(closeAll);

  it('waits until something of Lathe is touched', async () => {
    // JSON with comments is what recipes are, and settings, and many files more.
    for (const [name, text] of [
      ['tsconfig.json', '// notes\n{ "compilerOptions": { "strict": true } }\n'],
      ['notes.jsonc', '// notes\n{ "text": "" }\n'],
      ['package.json', '{ "name": "notes" }\n'],
    ] as const) {
      const uri = scratchFile(name);
      await writeText(uri, text);
      const document = await vscode.workspace.openTextDocument(uri);
      await vscode.window.showTextDocument(document, { preview: false });
      // The answer comes from VS Code's JSON service: it has seen the file, and with it all that opening it starts.
      await eventually(`symbols of ${name}`, async () => {
        const symbols = await vscode.commands.executeCommand<unknown[] | undefined>(
          'vscode.executeDocumentSymbolProvider',
          uri,
        );
        return symbols !== undefined;
      });
    }
    assert.equal(extension().isActive, false);
  });

  it('forks nothing by itself', async () => {
    const api = await activateLathe();
    assert.equal(api.workerPid(), undefined);
    assert.equal(api.jobs.all.length, 0);
  });

  it('registers every command of the manifest', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    const manifest = extension().packageJSON as Manifest;
    for (const { command } of manifest.contributes.commands) {
      assert.ok(registered.has(command), `${command} is declared and not registered`);
    }
  });

  it('has every text of the manifest in place of its key', () => {
    assert.doesNotMatch(JSON.stringify(extension().packageJSON), /%[\w.]+%/);
  });

  it('runs where the files are', () => {
    assert.equal(extension().extensionKind, vscode.ExtensionKind.Workspace);
  });
});
