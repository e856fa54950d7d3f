import * as vscode from 'vscode';
import { INTEROP_FORMATS, type InteropFormatName } from '../protocol/interop';
import { extensionError } from './errors';
import { baseName, exists, parentOf, RECIPE_SUFFIX } from './fileNames';
import type { WorkerClient } from './workerClient';

/** What a user sees of each format. */
function choices(): readonly (vscode.QuickPickItem & { readonly format: InteropFormatName })[] {
  const about: Readonly<Record<InteropFormatName, readonly [string, string]>> = {
    'ort-overrides': [
      vscode.l10n.t('ONNX Runtime tensor overrides'),
      vscode.l10n.t('TensorQuantOverrides for its static quantiser: types, axes, scales of inputs.'),
    ],
    modelopt: [
      vscode.l10n.t('NVIDIA ModelOpt configuration'),
      vscode.l10n.t('quant_cfg with the widths of weights and inputs by PyTorch module.'),
    ],
    netron: [
      vscode.l10n.t('Netron attachment'),
      vscode.l10n.t('Widths, patterns and losses beside the nodes of the float model.'),
    ],
  };
  return INTEROP_FORMATS.map((format) => ({ format, label: about[format][0], detail: about[format][1] }));
}

/** What is known already, as a key binding or another extension may say it. */
export interface InteropExportRequest {
  readonly format?: InteropFormatName;
  readonly target?: vscode.Uri;
}

/**
 * Writes what the lock of a recipe decided for another tool: asks for the format and the file, and says what the other tool
 * will not do. VS Code asks before a file is written over; a target given beforehand must not be there yet.
 */
export async function exportForTool(
  worker: WorkerClient,
  recipe: vscode.Uri,
  given: InteropExportRequest = {},
): Promise<vscode.Uri | undefined> {
  if (!vscode.workspace.isTrusted) {
    throw extensionError(
      'extension/not-trusted',
      vscode.l10n.t('Jobs read data and run models, so they need a trusted workspace.'),
    );
  }
  const chosen =
    choices().find(({ format }) => format === given.format) ??
    (await vscode.window.showQuickPick(choices(), {
      title: vscode.l10n.t('Export for which tool?'),
      matchOnDetail: true,
    }));
  if (chosen === undefined) {
    return undefined;
  }
  const { text, notes, suffix } = await worker.request('lock/export', {
    recipePath: recipe.fsPath,
    format: chosen.format,
  });
  const stem = baseName(recipe).replace(RECIPE_SUFFIX, '');
  const target =
    given.target ??
    (await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.joinPath(parentOf(recipe), `${stem}.${suffix}`),
      filters: { JSON: ['json'] },
      title: chosen.label,
    }));
  if (target === undefined) {
    return undefined;
  }
  if (given.target !== undefined && (await exists(target))) {
    throw extensionError('extension/file-exists', vscode.l10n.t('{0} is there already.', baseName(target)));
  }
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  void offer(target, notes);
  return target;
}

async function offer(target: vscode.Uri, notes: readonly string[]): Promise<void> {
  const open = vscode.l10n.t('Open');
  const reveal = vscode.l10n.t('Reveal in Explorer');
  const said = vscode.l10n.t('Exported {0}', baseName(target));
  const more = notes.length > 1 ? ` ${vscode.l10n.t('… and {0} more', notes.length - 1)}` : '';
  const answer = await vscode.window.showInformationMessage(
    notes.length === 0 ? said : `${said}. ${notes[0]!}.${more}`,
    open,
    reveal,
  );
  if (answer === open) {
    await vscode.window.showTextDocument(target);
  } else if (answer === reveal) {
    await vscode.commands.executeCommand('revealInExplorer', target);
  }
}
