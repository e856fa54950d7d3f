import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { LatheApi } from '../../../src/extension/extension';
import type { ModelDocument } from '../../../src/extension/modelDocument';
import type { EditorState } from '../../../src/protocol/webviewProtocol';

export const EXTENSION_ID = 'lathe.lathe';

/** The sample as the driver copied it into the workspace. */
export function sampleFile(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder !== undefined, 'the suite runs on a workspace folder');
  return vscode.Uri.joinPath(folder.uri, 'sample', name);
}

export function scratchFile(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  return vscode.Uri.file(join(folder!.uri.fsPath, 'scratch', name));
}

export async function activateLathe(): Promise<LatheApi> {
  const extension = vscode.extensions.getExtension<LatheApi>(EXTENSION_ID);
  assert.ok(extension !== undefined, `${EXTENSION_ID} is not there`);
  return extension.activate();
}

/** Waits for a claim to become true; the message says what was waited for. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  milliseconds = 60_000,
): Promise<T> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) {
      return found;
    }
    if (Date.now() > deadline) {
      throw new Error(`Waited ${milliseconds / 1000} s for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function openModel(api: LatheApi, uri: vscode.Uri): Promise<ModelDocument> {
  await vscode.commands.executeCommand('vscode.openWith', uri, 'lathe.onnx');
  return eventually(`an editor for ${uri.path}`, () => api.editors.find(uri)?.document);
}

export function stateOf(document: ModelDocument): EditorState {
  return document.snapshot;
}

/** Applies the quick fix of that title to a problem, as the lightbulb does. */
export async function mend(document: vscode.TextDocument, problem: vscode.Diagnostic, title: string): Promise<void> {
  const action = await eventually(title, async () => {
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      problem.range,
      vscode.CodeActionKind.QuickFix.value,
    );
    return actions.find((one) => one.title === title);
  });
  if (action.edit !== undefined) {
    await vscode.workspace.applyEdit(action.edit);
  }
  if (action.command !== undefined) {
    await vscode.commands.executeCommand(action.command.command, ...((action.command.arguments ?? []) as unknown[]));
  }
}

export async function closeAll(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}

export async function writeText(uri: vscode.Uri, text: string): Promise<void> {
  await vscode.workspace.fs.createDirectory(vscode.Uri.joinPath(uri, '..'));
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
}

export async function readText(uri: vscode.Uri): Promise<string> {
  return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
}

/** A recipe for the sample model that takes seconds: few samples, few widths. */
export function quickRecipe(model = '../sample/resnet20.onnx', more: Record<string, unknown> = {}): string {
  return `${JSON.stringify(
    {
      model,
      data: {
        calibration: { source: '../sample/calibration.npz', inputs: { input: 'x' }, samples: 64 },
        evaluation: {
          source: '../sample/evaluation.npz',
          inputs: { input: 'x' },
          labels: 'y',
          metric: 'top1',
          samples: 200,
        },
        preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
      },
      quantization: {
        weights: { bits: [4, 8] },
        activations: { bits: [8] },
        sensitivity: { samples: 32 },
        optimizer: { method: 'rtn' },
      },
      allocation: { minimize: 'loss', budget: { size: 0.2 } },
      export: { directory: 'compressed' },
      seed: 1,
      ...more,
    },
    null,
    2,
  )}\n`;
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
