import * as vscode from 'vscode';

/** 3 significant digits unless exact, decimal units, as everywhere in Lathe. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['KB', 1e3],
  ] as const) {
    if (bytes >= size) {
      return `${(bytes / size).toPrecision(3)} ${unit}`;
    }
  }
  return `${bytes} B`;
}

export function formatMacs(macs: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (macs >= size) {
      return `${(macs / size).toPrecision(3)} ${unit}`;
    }
  }
  return String(macs);
}

/** "about 40 s left". */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 90) {
    return vscode.l10n.t('about {0} s left', Math.max(1, Math.round(seconds)));
  }
  return vscode.l10n.t('about {0} min left', Math.round(seconds / 60));
}

export function formatElapsed(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
