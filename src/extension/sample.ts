import * as vscode from 'vscode';
import { EDITOR_VIEW_TYPE } from './fileNames';

const SAMPLE = 'fmnist-resnet20';
const FILES = ['README.md', 'resnet20.onnx', 'calibration.npz', 'evaluation.npz', 'resnet20.lathe.json'];

/**
 * Copies the bundled sample to where it may be written to and opens its model: into the given folder, else into the
 * extension's storage. Files that are there already are kept, with what the user did to them.
 */
export async function openSample(
  extension: vscode.Uri,
  storage: vscode.Uri,
  folder: vscode.Uri | undefined,
): Promise<vscode.Uri> {
  const source = vscode.Uri.joinPath(extension, 'samples', SAMPLE);
  const target = vscode.Uri.joinPath(folder ?? storage, SAMPLE);
  await vscode.workspace.fs.createDirectory(target);
  const present = new Set((await vscode.workspace.fs.readDirectory(target)).map(([name]) => name));
  for (const name of FILES.filter((file) => !present.has(file))) {
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(source, name), vscode.Uri.joinPath(target, name));
  }
  const model = vscode.Uri.joinPath(target, 'resnet20.onnx');
  await vscode.commands.executeCommand('vscode.openWith', model, EDITOR_VIEW_TYPE);
  return model;
}
