import { basename } from 'node:path';
import * as vscode from 'vscode';
import { EXCLUDED_GLOB, MODEL_GLOB, OUTCOME_GLOB, RECIPE_GLOB } from './fileNames';
import type { FileHistory } from './gitHistory';
import { isRevision } from './reviewTarget';

/** A workspace with more files than this is offered in part. */
const MOST_FILES = 500;

/** Asks what to compare with: HEAD, a branch, a tag, one of the latest commits; or that two files be compared instead. */
export async function chooseRevision(
  history: FileHistory,
): Promise<{ readonly revision: string } | 'files' | undefined> {
  const [refs, commits] = await Promise.all([history.refs(), history.commits()]);
  const kinds = [
    [0, vscode.l10n.t('Branches')],
    [1, vscode.l10n.t('Remote branches')],
    [2, vscode.l10n.t('Tags')],
  ] as const;
  const items: (vscode.QuickPickItem & { readonly revision?: string })[] = [
    { label: 'HEAD', description: history.branch ?? '', revision: 'HEAD' },
  ];
  for (const [type, title] of kinds) {
    const named = refs.filter((ref) => ref.type === type && isRevision(ref.name));
    if (named.length > 0) {
      items.push({ label: title, kind: vscode.QuickPickItemKind.Separator });
      items.push(
        ...named.map(({ name, commit }) => ({
          label: name!,
          description: commit?.slice(0, 8) ?? '',
          revision: name!,
        })),
      );
    }
  }
  items.push({ label: vscode.l10n.t('Commits'), kind: vscode.QuickPickItemKind.Separator });
  items.push(
    ...commits.map(({ hash, message, authorName, authorDate }) => ({
      label: message.split('\n', 1)[0] ?? '',
      description: [hash.slice(0, 8), authorName, authorDate?.toLocaleDateString()].filter(Boolean).join(' · '),
      revision: hash.slice(0, 12),
    })),
  );
  const files: (typeof items)[number] = { label: vscode.l10n.t('Two files…') };
  items.push({ label: '', kind: vscode.QuickPickItemKind.Separator }, files);
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Compare the working tree with'),
    placeHolder: vscode.l10n.t('A branch, a tag or a commit'),
    matchOnDescription: true,
  });
  if (picked === files) {
    return 'files';
  }
  return picked?.revision === undefined ? undefined : { revision: picked.revision };
}

/** Asks for two files: recipes, locks, reports or models of the workspace, or any other from a dialog. */
export async function chooseTwoFiles(): Promise<readonly [before: vscode.Uri, after: vscode.Uri] | undefined> {
  const found = (
    await Promise.all(
      [RECIPE_GLOB, OUTCOME_GLOB, MODEL_GLOB].map((glob) =>
        vscode.workspace.findFiles(glob, EXCLUDED_GLOB, MOST_FILES),
      ),
    )
  ).flat();
  const before = await chooseFile(vscode.l10n.t('Compare: the file before'), found);
  if (before === undefined) {
    return undefined;
  }
  const alike = (uri: vscode.Uri) => extensionOf(uri) === extensionOf(before) && uri.toString() !== before.toString();
  const after = await chooseFile(
    vscode.l10n.t('Compare: the file after {0}', basename(before.fsPath)),
    found.filter(alike),
  );
  return after === undefined ? undefined : [before, after];
}

async function chooseFile(title: string, files: readonly vscode.Uri[]): Promise<vscode.Uri | undefined> {
  const browse: vscode.QuickPickItem & { readonly uri?: vscode.Uri } = {
    label: `$(folder-opened) ${vscode.l10n.t('Browse…')}`,
    alwaysShow: true,
  };
  const items = files
    .map((uri) => ({ label: basename(uri.fsPath), description: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.description.localeCompare(b.description));
  const picked = await vscode.window.showQuickPick([...items, browse], { title, matchOnDescription: true });
  if (picked !== browse) {
    return picked?.uri;
  }
  const [chosen] = (await vscode.window.showOpenDialog({ title, filters: { Lathe: ['json', 'onnx'] } })) ?? [];
  return chosen;
}

/** ".lathe.lock.json", ".onnx". */
function extensionOf(uri: vscode.Uri): string {
  return /\.lathe(\.\w+)?\.json$/.exec(uri.path)?.[0] ?? uri.path.slice(uri.path.lastIndexOf('.'));
}
