import * as vscode from 'vscode';

/** The settings, read when they are needed: nothing is cached, so nothing can be stale. */
export const settings = {
  statisticsEnabled: (uri: vscode.Uri) => section(uri).get('statistics.enabled', true),
  compareDiffs: () => section().get('compare.openFromDiff', true),
  codeLensEnabled: () => section().get('codeLens.enabled', true),
  /** Megabytes. */
  memoryLimit: () => bounded(section().get('jobs.memoryLimit', 4096), 512, 1 << 20, 4096),
  /** Milliseconds. */
  cancelGrace: () => bounded(section().get('jobs.cancelGrace', 5), 0, 120, 5) * 1000,
};

function section(uri?: vscode.Uri): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('lathe', uri);
}

/** Settings files are edited by hand. */
function bounded(value: unknown, low: number, high: number, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(Math.max(value, low), high) : fallback;
}
