import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { registerCommands } from './commands';
import { Comparisons } from './comparisons';
import { EditorActions } from './editorActions';
import { FilesTree } from './filesTree';
import { HistoryPanels } from './historyPanels';
import { JobManager } from './jobManager';
import { JobNotifications } from './jobNotifications';
import { JobsTree } from './jobsTree';
import { LocalCopies } from './localCopies';
import { Log } from './log';
import { ModelEditorProvider } from './modelEditorProvider';
import type { DocumentServices } from './modelDocument';
import { LockDiagnostics } from './lockDiagnostics';
import { watchChangedModels } from './modelVersions';
import { RecipeCodeLens } from './recipeCodeLens';
import { RecipeDiagnostics } from './recipeDiagnostics';
import { RecipeIndex } from './recipeIndex';
import { RecipeLayers } from './recipeLayers';
import { RecipeQuickFixes } from './recipeQuickFixes';
import { RecipeSchema } from './recipeSchema';
import { ReviewPanels } from './reviewPanels';
import { WorkerClient } from './workerClient';

/** What `activate` hands to tests and to other extensions. */
export interface LatheApi {
  /** Process that answers questions; undefined while none has been needed. */
  readonly workerPid: () => number | undefined;
  readonly jobs: JobManager;
  readonly editors: ModelEditorProvider;
  readonly actions: EditorActions;
  readonly reviews: ReviewPanels;
  readonly history: HistoryPanels;
  readonly comparisons: Comparisons;
}

/** Registers everything and starts nothing: the first question forks the background process. */
export function activate(context: vscode.ExtensionContext): LatheApi {
  const store = new DisposableStore();
  context.subscriptions.push(store);
  const script = context.asAbsolutePath('dist/worker.js');
  const log = store.add(new Log());
  const worker = store.add(new WorkerClient(script, log));
  const recipes = store.add(new RecipeIndex(worker));
  const jobs = store.add(new JobManager(script, context.logUri, recipes, log));
  const copies = store.add(new LocalCopies());
  const services: DocumentServices = { worker, recipes, jobs, copies, log };
  const actions = new EditorActions(services);
  const assets = vscode.Uri.joinPath(context.extensionUri, 'dist', 'webview');
  const editors = new ModelEditorProvider(assets, services, actions);
  const reviews = store.add(new ReviewPanels(assets, { ...services, editors }));
  const history = store.add(new HistoryPanels(assets, services, reviews));
  const comparisons = store.add(
    new Comparisons(assets, { worker, copies, log, openModel: (uri, layer) => editors.openLayer(uri, layer) }),
  );
  const files = store.add(new FilesTree(recipes));
  const jobsTree = store.add(new JobsTree(jobs));
  store.add(new JobNotifications(jobs, worker, log));
  store.add(new RecipeQuickFixes(store.add(new RecipeDiagnostics(worker, recipes, log))));
  store.add(new LockDiagnostics(worker, recipes, log));
  store.add(new RecipeCodeLens());
  store.add(new RecipeLayers(worker));
  store.add(new RecipeSchema(vscode.Uri.joinPath(context.extensionUri, 'schemas')));
  store.add(editors.register());
  store.add(comparisons.register());
  store.add(files.register());
  store.add(jobsTree.register());
  store.add(
    registerCommands({
      ...services,
      editors,
      actions,
      comparisons,
      files,
      reviews,
      history,
      extensionUri: context.extensionUri,
      storageUri: context.globalStorageUri,
    }),
  );
  void watchChangedModels(store);
  return { workerPid: () => worker.pid, jobs, editors, actions, reviews, history, comparisons };
}
