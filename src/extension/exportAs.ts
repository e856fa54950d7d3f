import * as vscode from 'vscode';
import { INTEROP_FORMATS, MODEL_FORMS, type InteropFormatName, type ModelFormName } from '../protocol/interop';
import { extensionError } from './errors';
import { baseName, exists, parentOf, RECIPE_SUFFIX } from './fileNames';
import type { WorkerClient } from './workerClient';

/** What can be written: a file for another tool, or what the last run left: its model, in another form too, or a form of its report. */
type Choice = vscode.QuickPickItem &
  (
    | { readonly format: InteropFormatName; readonly source?: undefined }
    | { readonly format: FinishedName | ModelFormName; readonly source: vscode.Uri }
    | { readonly format?: undefined; readonly source?: undefined }
  );

const FINISHED = ['model', 'html', 'markdown'] as const;
type FinishedName = (typeof FINISHED)[number];
export type ExportFormatName = InteropFormatName | FinishedName | ModelFormName;
export const EXPORT_FORMATS: readonly ExportFormatName[] = [...FINISHED, ...MODEL_FORMS, ...INTEROP_FORMATS];

/** What a user sees of a choice. */
type About = Pick<vscode.QuickPickItem, 'label' | 'detail'>;

function toolChoices(): readonly Choice[] {
  const about: Readonly<Record<InteropFormatName, About>> = {
    'ort-overrides': {
      label: vscode.l10n.t('ONNX Runtime tensor overrides'),
      detail: vscode.l10n.t('TensorQuantOverrides for its static quantiser: types, axes, scales of inputs.'),
    },
    modelopt: {
      label: vscode.l10n.t('NVIDIA ModelOpt configuration'),
      detail: vscode.l10n.t('quant_cfg with the widths of weights and inputs by PyTorch module.'),
    },
    netron: {
      label: vscode.l10n.t('Netron attachment'),
      detail: vscode.l10n.t('Widths, patterns and losses beside the nodes of the float model.'),
    },
  };
  return INTEROP_FORMATS.map((format) => ({ format, ...about[format] }));
}

/** The model of the last run in other forms. */
function formChoices(source: vscode.Uri): readonly Choice[] {
  const about: Readonly<Record<ModelFormName, About>> = {
    float: {
      label: vscode.l10n.t('Float model with these weights'),
      detail: vscode.l10n.t('Codes as the float32 values they stand for, pruned weights zero: for tools without Q/DQ.'),
    },
    matmulnbits: {
      label: vscode.l10n.t('ONNX model with MatMulNBits'),
      detail: vscode.l10n.t('The operator of ONNX Runtime for weights with scales per block.'),
    },
  };
  return MODEL_FORMS.map((format) => ({ format, source, ...about[format] }));
}

/** Model and report of the last run, as far as they are there. */
async function finishedChoices(worker: WorkerClient, recipe: vscode.Uri): Promise<readonly Choice[]> {
  const { view, files } = await worker.request('report/read', { recipePath: recipe.fsPath });
  const model = view === undefined ? undefined : vscode.Uri.file(view.modelPath);
  const found: Choice[] = [];
  if (model !== undefined && (await exists(model))) {
    found.push({
      format: 'model',
      source: model,
      label: vscode.l10n.t('Compressed ONNX model'),
      detail: vscode.l10n.t('{0} of the last run, with its data files.', baseName(model)),
    });
    found.push(...formChoices(model));
  }
  for (const format of ['html', 'markdown'] as const) {
    const path = files[format];
    if (path !== undefined) {
      found.push({
        format,
        source: vscode.Uri.file(path),
        label: format === 'html' ? vscode.l10n.t('Report as HTML') : vscode.l10n.t('Report as Markdown'),
        detail:
          format === 'html'
            ? vscode.l10n.t('One page with its pictures, for a browser.')
            : vscode.l10n.t('Tables for a pull request or a wiki.'),
      });
    }
  }
  return found;
}

async function allChoices(worker: WorkerClient, recipe: vscode.Uri): Promise<readonly Choice[]> {
  const finished = await finishedChoices(worker, recipe);
  const separator = (label: string): Choice => ({ label, kind: vscode.QuickPickItemKind.Separator });
  return [
    ...(finished.length === 0 ? [] : [separator(vscode.l10n.t('last run')), ...finished]),
    separator(vscode.l10n.t('for other tools')),
    ...toolChoices(),
  ];
}

/** What is known already, as a key binding or another extension may say it. */
export interface ExportRequest {
  readonly format?: ExportFormatName;
  readonly target?: vscode.Uri;
}

/**
 * Writes what a recipe came to somewhere else: the model or the report of its last run, or what its lock decided in the form
 * of another tool. Asks for the form and the file, and says what another tool will not do. VS Code asks before a file is
 * written over; a target given beforehand must not be there yet. The float model (`original`) is never written over.
 */
export async function exportAs(
  worker: WorkerClient,
  recipe: vscode.Uri,
  original: vscode.Uri | undefined,
  given: ExportRequest = {},
): Promise<vscode.Uri | undefined> {
  if (!vscode.workspace.isTrusted) {
    throw extensionError(
      'extension/not-trusted',
      vscode.l10n.t('Jobs read data and run models, so they need a trusted workspace.'),
    );
  }
  const choices = await allChoices(worker, recipe);
  const chosen =
    given.format === undefined
      ? await vscode.window.showQuickPick(choices, { title: vscode.l10n.t('Export what?'), matchOnDetail: true })
      : choices.find(({ format }) => format === given.format);
  if (chosen?.format === undefined) {
    if (given.format !== undefined) {
      throw extensionError('extension/no-report', vscode.l10n.t('Nothing to export yet: run Optimize.'));
    }
    return undefined;
  }
  const written = await write(worker, recipe, chosen, original, given.target);
  if (written?.isNew === true) {
    void offer(written, original);
  }
  return written?.target;
}

interface Written {
  readonly target: vscode.Uri;
  /** What is not as one might think. */
  readonly notes: readonly string[];
  /** False: it is the file that was there already. */
  readonly isNew: boolean;
}

function write(
  worker: WorkerClient,
  recipe: vscode.Uri,
  chosen: Exclude<Choice, { readonly format?: undefined }>,
  original: vscode.Uri | undefined,
  given: vscode.Uri | undefined,
): Promise<Written | undefined> {
  if (chosen.source === undefined) {
    return exportForTool(worker, recipe, chosen.format, chosen.label, given);
  }
  const { format } = chosen;
  return isForm(format)
    ? exportForm(worker, recipe, { ...chosen, format }, given)
    : exportFinished(worker, { ...chosen, format }, original, given);
}

function isForm(format: ExportFormatName): format is ModelFormName {
  return (MODEL_FORMS as readonly string[]).includes(format);
}

async function exportForm(
  worker: WorkerClient,
  recipe: vscode.Uri,
  { source, format, label }: { readonly source: vscode.Uri; readonly format: ModelFormName; readonly label: string },
  given: vscode.Uri | undefined,
): Promise<Written | undefined> {
  const name = baseName(source).replace(/\.onnx$/, `.${format}.onnx`);
  const target = await targetOf(given, vscode.Uri.joinPath(source, '..', name), label, { ONNX: ['onnx'] });
  if (target === undefined) {
    return undefined;
  }
  const { notes } = await worker.request('model/exportForm', {
    recipePath: recipe.fsPath,
    form: format,
    path: target.fsPath,
  });
  return { target, notes, isNew: true };
}

async function exportForTool(
  worker: WorkerClient,
  recipe: vscode.Uri,
  format: InteropFormatName,
  title: string,
  given: vscode.Uri | undefined,
): Promise<Written | undefined> {
  const { text, notes, suffix } = await worker.request('lock/export', { recipePath: recipe.fsPath, format });
  const stem = baseName(recipe).replace(RECIPE_SUFFIX, '');
  const proposed = vscode.Uri.joinPath(parentOf(recipe), `${stem}.${suffix}`);
  const target = await targetOf(given, proposed, title, { JSON: ['json'] });
  if (target === undefined) {
    return undefined;
  }
  await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
  return { target, notes, isNew: true };
}

async function exportFinished(
  worker: WorkerClient,
  { source, format, label }: { readonly source: vscode.Uri; readonly format: FinishedName; readonly label: string },
  original: vscode.Uri | undefined,
  given: vscode.Uri | undefined,
): Promise<Written | undefined> {
  const filters = { model: { ONNX: ['onnx'] }, html: { HTML: ['html'] }, markdown: { Markdown: ['md'] } }[format];
  const target = await targetOf(given, source, label, filters);
  if (target === undefined) {
    return undefined;
  }
  if (target.toString() === source.toString()) {
    return { target, notes: [], isNew: false };
  }
  if (target.toString() === original?.toString()) {
    throw extensionError(
      'extension/edit-refused',
      vscode.l10n.t('The original model is never written over: choose another name.'),
    );
  }
  if (format === 'model') {
    await copyModelFiles(worker, source, target);
  } else {
    await vscode.workspace.fs.copy(source, target, { overwrite: true });
  }
  return { target, notes: [], isNew: true };
}

/**
 * Copies a model and its data files. The caller has asked about the model that is there; data files, whose names the model
 * says, nobody was asked about: where one is there, which may be another model's, nothing is copied.
 */
export async function copyModelFiles(worker: WorkerClient, source: vscode.Uri, target: vscode.Uri): Promise<void> {
  const { externalFiles } = await worker.request('model/open', { path: source.fsPath, followExternalData: true });
  const copies = externalFiles
    .map(({ name }) => ({
      from: vscode.Uri.joinPath(source, '..', name),
      to: vscode.Uri.joinPath(target, '..', name),
    }))
    // A copy beside its source reads the same files.
    .filter(({ from, to }) => from.toString() !== to.toString());
  for (const { to } of copies) {
    if (await exists(to)) {
      throw extensionError('extension/file-exists', vscode.l10n.t('{0} is there already.', baseName(to)));
    }
  }
  await vscode.workspace.fs.copy(source, target, { overwrite: true });
  for (const { from, to } of copies) {
    await vscode.workspace.fs.copy(from, to, { overwrite: false });
  }
}

async function targetOf(
  given: vscode.Uri | undefined,
  proposed: vscode.Uri,
  title: string,
  filters: Record<string, string[]>,
): Promise<vscode.Uri | undefined> {
  if (given === undefined) {
    return vscode.window.showSaveDialog({ defaultUri: proposed, filters, title });
  }
  if (await exists(given)) {
    throw extensionError('extension/file-exists', vscode.l10n.t('{0} is there already.', baseName(given)));
  }
  return given;
}

/** Says what was written, and offers to look at it; a model also beside the one it came from. */
async function offer({ target, notes }: Written, original: vscode.Uri | undefined): Promise<void> {
  const open = vscode.l10n.t('Open');
  const compare = vscode.l10n.t('Compare');
  const reveal = vscode.l10n.t('Reveal in Explorer');
  const said = vscode.l10n.t('Exported {0}', baseName(target));
  const more = notes.length > 1 ? ` ${vscode.l10n.t('… and {0} more', notes.length - 1)}` : '';
  const isModel = target.path.endsWith('.onnx') && original !== undefined;
  const answer = await vscode.window.showInformationMessage(
    notes.length === 0 ? said : `${said}. ${notes[0]!}.${more}`,
    ...(isModel ? [open, compare, reveal] : [open, reveal]),
  );
  switch (answer) {
    case open:
      await (target.path.endsWith('.html')
        ? vscode.env.openExternal(target)
        : vscode.commands.executeCommand('vscode.open', target));
      break;
    case compare:
      await vscode.commands.executeCommand('lathe.compareModels', original, target);
      break;
    case reveal:
      await vscode.commands.executeCommand('revealInExplorer', target);
      break;
    case undefined:
      break;
  }
}
