import type { Plugin } from 'esbuild';

export const inlineWorker: Plugin;
