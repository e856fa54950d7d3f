export const root: string;
export const vscodeFolder: string;
export function findChromium(): string | undefined;
export function setup(options?: { readonly vscode?: boolean }): { readonly chromium?: string };
