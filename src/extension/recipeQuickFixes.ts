import * as vscode from 'vscode';
import { isLock, LOCK_SELECTOR, RECIPE_SELECTOR, recipeOfOutcome } from './fileNames';
import type { RecipeDiagnostics } from './recipeDiagnostics';

/** Lightbulbs on the problems of recipes and locks: what the core says would mend them, and Allocate for a stale lock. */
export class RecipeQuickFixes implements vscode.CodeActionProvider, vscode.Disposable {
  private readonly registration: vscode.Disposable;

  constructor(private readonly diagnostics: RecipeDiagnostics) {
    this.registration = vscode.languages.registerCodeActionsProvider([RECIPE_SELECTOR, LOCK_SELECTOR].flat(), this, {
      providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
    });
  }

  provideCodeActions(
    document: vscode.TextDocument,
    _range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    return diagnostics.flatMap((diagnostic) => {
      if (diagnostic.source !== 'lathe') {
        return [];
      }
      if (diagnostic.code === 'recipe/stale-lock' || isLock(document.uri)) {
        const recipe = vscode.Uri.file(recipeOfOutcome(document.uri.fsPath));
        return vscode.workspace.isTrusted ? [allocate(recipe, diagnostic)] : [];
      }
      const fix = this.diagnostics.fixOf(document, diagnostic);
      return fix === undefined ? [] : [replace(document.uri, diagnostic, fix)];
    });
  }

  dispose(): void {
    this.registration.dispose();
  }
}

function replace(
  uri: vscode.Uri,
  diagnostic: vscode.Diagnostic,
  { range, text }: { readonly range: vscode.Range; readonly text: string },
): vscode.CodeAction {
  const action = quickFix(vscode.l10n.t('Replace with {0}', text), diagnostic);
  action.edit = new vscode.WorkspaceEdit();
  action.edit.replace(uri, range, text);
  return action;
}

function allocate(uri: vscode.Uri, diagnostic: vscode.Diagnostic): vscode.CodeAction {
  const title = vscode.l10n.t('Allocate again');
  const action = quickFix(title, diagnostic);
  action.command = { command: 'lathe.allocate', title, arguments: [uri] };
  return action;
}

function quickFix(title: string, diagnostic: vscode.Diagnostic): vscode.CodeAction {
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.diagnostics = [diagnostic];
  action.isPreferred = true;
  return action;
}
