import * as vscode from 'vscode';
import type { ActionState, EditorState } from '../protocol/webviewProtocol';

interface Situation {
  readonly trusted: boolean;
  readonly onDisk: boolean;
  readonly state?: Omit<EditorState, 'actions'>;
}

/** Which buttons can be pressed now, and what is missing where not. */
export function actionsFor({ trusted, onDisk, state }: Situation): EditorState['actions'] {
  if (!onDisk) {
    return all(vscode.l10n.t('The model is not on a disk of this machine.'));
  }
  if (!trusted) {
    return all(vscode.l10n.t('Restricted mode: inspection only. Trust the workspace to run jobs.'));
  }
  if (state?.model.status !== 'ready') {
    return all(
      state?.model.status === 'failed'
        ? vscode.l10n.t('The model could not be read.')
        : vscode.l10n.t('The model is being read.'),
    );
  }
  const layers = state.model.value.layers;
  const createRecipe: ActionState =
    layers.length === 0 ? no(vscode.l10n.t('The model has no layers that Lathe can compress.')) : { enabled: true };
  const recipe = recipeAction(state);
  const running = state.jobs.some((job) => job.status === 'running' || job.status === 'queued');
  const idle: ActionState = running ? no(vscode.l10n.t('A job is running.')) : recipe;
  return {
    analyze: idle,
    optimize: idle,
    export:
      state.report.status === 'ready' ? { enabled: true } : no(vscode.l10n.t('Nothing to export yet: run Optimize.')),
    writePins: recipe,
    createRecipe,
  };
}

function recipeAction(state: Omit<EditorState, 'actions'>): ActionState {
  if (state.recipe === undefined) {
    return no(vscode.l10n.t('No recipe for this model: create one.'));
  }
  if (state.recipe.diagnostics.some((diagnostic) => diagnostic.severity === 'error')) {
    return no(vscode.l10n.t('The recipe has errors: open it to see them.'));
  }
  return { enabled: true };
}

function no(reason: string): ActionState {
  return { enabled: false, reason };
}

function all(reason: string): EditorState['actions'] {
  const state = no(reason);
  return { analyze: state, optimize: state, export: state, writePins: state, createRecipe: state };
}
