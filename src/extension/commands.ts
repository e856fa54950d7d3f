import * as vscode from 'vscode';
import type { JobId, JobKind } from '../protocol/job';
import type { Comparisons } from './comparisons';
import type { EditorActions } from './editorActions';
import { extensionError, isCancellation, toWireError } from './errors';
import { isRecipe, isReviewed, requireOnDisk } from './fileNames';
import type { FilesTree } from './filesTree';
import type { HistoryPanels } from './historyPanels';
import { EXPORT_FORMATS, exportAs, type ExportRequest } from './exportAs';
import { jobLine, jobTitle } from './jobProgress';
import type { JobNode } from './jobsTree';
import type { ModelEditorProvider } from './modelEditorProvider';
import type { DocumentServices } from './modelDocument';
import { openSample } from './sample';
import type { ReviewPanels } from './reviewPanels';

/** Extension and step list of the manifest. */
const WALKTHROUGH = 'lathe.lathe#start';

export interface CommandServices extends DocumentServices {
  readonly editors: ModelEditorProvider;
  readonly actions: EditorActions;
  readonly comparisons: Comparisons;
  readonly files: FilesTree;
  readonly reviews: ReviewPanels;
  readonly history: HistoryPanels;
  readonly extensionUri: vscode.Uri;
  readonly storageUri: vscode.Uri;
}

/** Every command of the manifest. They take a uri, a tree item, or what is in front. */
export function registerCommands(services: CommandServices): vscode.Disposable {
  const { actions, comparisons, editors, jobs, recipes, log } = services;

  /** The recipe meant: given, in the text editor in front, or of the model that is or was last in front. */
  const recipeOf = async (argument: unknown): Promise<vscode.Uri> => {
    const given = uriOf(argument) ?? vscode.window.activeTextEditor?.document.uri;
    if (given !== undefined && isRecipe(given)) {
      requireOnDisk(given);
      return given;
    }
    const view = given === undefined ? editors.latest : (editors.find(given) ?? editors.active);
    if (view !== undefined) {
      return actions.requireRecipe(view.document).uri;
    }
    const own = given === undefined ? undefined : (await recipes.forModel(given))[0];
    if (own === undefined) {
      throw extensionError('extension/no-recipe', vscode.l10n.t('Open a model with a recipe, or a recipe, first.'));
    }
    return own.uri;
  };
  const requireView = (argument: unknown) => {
    const uri = uriOf(argument);
    const view = uri === undefined ? editors.latest : editors.find(uri);
    if (view === undefined) {
      throw extensionError('extension/no-model', vscode.l10n.t('Open a model first.'));
    }
    return view;
  };
  const start = (kind: JobKind) => async (argument: unknown) => {
    const job = await jobs.start(kind, await recipeOf(argument));
    return job.snapshot.id;
  };

  const commands: Record<string, (argument: unknown, selection: unknown) => unknown> = {
    analyze: start('analyze'),
    allocate: start('allocate'),
    optimize: start('run'),
    export: (argument) => actions.exportModel(requireView(argument).document),
    cancelJob: async (argument) => {
      const id = jobIdOf(argument) ?? (await pickJob(services, true));
      if (id !== undefined) {
        actions.cancelJob(id);
      }
    },
    showJobLog: async (argument) => {
      const id = jobIdOf(argument) ?? (await pickJob(services, false));
      if (id !== undefined) {
        await actions.showJobLog(id);
      }
    },
    clearJobs: () => jobs.clearFinished(),
    openRecipe: (argument) => actions.openRecipe(requireView(argument).document),
    openModel: async (argument) => {
      const file = await recipes.read(await recipeOf(argument));
      if (file?.summary === undefined) {
        throw extensionError('extension/no-model', vscode.l10n.t('The recipe names no model that can be found.'));
      }
      await actions.openModel(vscode.Uri.file(file.summary.modelPath));
    },
    createRecipe: async (argument) => {
      const uri = uriOf(argument) ?? editors.active?.document.uri;
      if (uri === undefined) {
        throw extensionError('extension/no-model', vscode.l10n.t('Open a model first.'));
      }
      return actions.createRecipe(uri, editors.find(uri)?.document);
    },
    copyLayersCsv: (argument) => requireView(argument).run({ type: 'copyLayersCsv' }),
    compareModels: (argument, more) => comparisons.pickAndOpen(urisOf(argument, more)),
    compareWithHead: (argument) => {
      const uri = uriOf(argument) ?? editors.active?.document.uri;
      if (uri === undefined || !/\.onnx$/i.test(uri.path)) {
        throw extensionError('extension/no-model', vscode.l10n.t('Choose an .onnx file.'));
      }
      return comparisons.openWithHead(uri);
    },
    openReport: async (argument) => {
      const format =
        typeof argument === 'object' && argument !== null && 'format' in argument ? argument.format : undefined;
      await actions.openReport(
        await recipeOf(argument),
        format === 'html' || format === 'json' || format === 'markdown' ? format : undefined,
      );
    },
    revealReport: async (argument) => actions.revealReport(await recipeOf(argument)),
    reviewChanges: async (argument, selection) => {
      const chosen = Array.isArray(selection) ? selection.map(uriOf).filter((uri) => uri !== undefined) : [];
      if (chosen.length === 2) {
        // The explorer hands the selection over in its own order: what was clicked last is what the menu is for.
        const clicked = uriOf(argument);
        const [first, second] = chosen as [vscode.Uri, vscode.Uri];
        const after = clicked?.toString() === first.toString() ? first : second;
        services.reviews.compareFiles(after === first ? second : first, after);
        return;
      }
      const given = uriOf(argument) ?? activeFile();
      if (given !== undefined && isReviewed(given)) {
        services.reviews.compareWithHead(given);
      } else {
        services.reviews.compareWithHead(await recipeOf(argument));
      }
    },
    exportAs: async (argument, given) => {
      const recipe = await recipeOf(argument);
      const path = (await recipes.read(recipe))?.summary?.modelPath;
      const original = path === undefined ? undefined : vscode.Uri.file(path);
      return exportAs(services.worker, recipe, original, exportRequest(given));
    },
    showHistory: async (argument) => {
      services.history.show(await recipeOf(argument));
    },
    showLog: () => log.show(),
    openSample: (argument) => openSample(services.extensionUri, services.storageUri, uriOf(argument)),
    getStarted: () => vscode.commands.executeCommand('workbench.action.openWalkthrough', WALKTHROUGH, false),
    refreshFiles: () => services.files.refresh(),
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`lathe.${name}`, async (argument: unknown, selection: unknown) => {
        try {
          return await run(argument, selection);
        } catch (error) {
          if (isCancellation(error)) {
            return undefined;
          }
          // Shown once, in our words, instead of VS Code's "command resulted in an error".
          const { code, message } = toWireError(error);
          log.error(`lathe.${name}: ${message} [${code}]`);
          void vscode.window.showErrorMessage(message);
          return undefined;
        }
      }),
    ),
  );
}

/** What a caller of the command knows already. The second argument of menus is their selection: it says nothing. */
function exportRequest(given: unknown): ExportRequest {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return {};
  }
  const { format, target } = given as Readonly<Record<string, unknown>>;
  const known = EXPORT_FORMATS.find((name) => name === format);
  return {
    ...(known === undefined ? {} : { format: known }),
    ...(target instanceof vscode.Uri ? { target } : {}),
  };
}

/** The file of the tab in front, also where it is no text editor of ours. */
function activeFile(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputText ? input.uri : vscode.window.activeTextEditor?.document.uri;
}

async function pickJob(services: CommandServices, onlyRunning: boolean): Promise<JobId | undefined> {
  const jobs = services.jobs.all.filter((job) => job.isRunning || !onlyRunning);
  if (jobs.length <= 1) {
    return jobs[0]?.snapshot.id;
  }
  const picked = await vscode.window.showQuickPick(
    jobs.map(({ snapshot }) => ({
      label: jobTitle(snapshot.kind),
      description: vscode.workspace.asRelativePath(snapshot.recipePath),
      detail: jobLine(snapshot),
      id: snapshot.id,
    })),
    { title: onlyRunning ? vscode.l10n.t('Cancel which job?') : vscode.l10n.t('Log of which job?') },
  );
  return picked?.id;
}

/** Two uris, the selection of the explorer (the second argument), or one; else the model in front is the first. */
function urisOf(argument: unknown, more: unknown): vscode.Uri[] {
  const selection = Array.isArray(more) ? more.map(uriOf) : [uriOf(argument), uriOf(more)];
  const uris = selection.filter((uri) => uri !== undefined);
  return uris.length > 0 ? uris : [uriOf(argument)].filter((uri) => uri !== undefined);
}

/** A uri, a tree item with one, a job's recipe, a tab, or a file of the source control view. */
function uriOf(argument: unknown): vscode.Uri | undefined {
  if (argument instanceof vscode.Uri) {
    return argument;
  }
  if (typeof argument !== 'object' || argument === null) {
    return undefined;
  }
  if ('uri' in argument && argument.uri instanceof vscode.Uri) {
    return argument.uri;
  }
  if ('resourceUri' in argument && argument.resourceUri instanceof vscode.Uri) {
    return argument.resourceUri;
  }
  if ('job' in argument) {
    return vscode.Uri.file((argument as JobNode).job.snapshot.recipePath);
  }
  return undefined;
}

function jobIdOf(argument: unknown): JobId | undefined {
  if (typeof argument === 'string') {
    return argument as JobId;
  }
  return typeof argument === 'object' && argument !== null && 'job' in argument
    ? (argument as JobNode).job.snapshot.id
    : undefined;
}
