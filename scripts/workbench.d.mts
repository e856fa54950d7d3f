import type { Browser, Page } from 'playwright-core';

export function openWorkbench(
  address: string,
  options?: { readonly width?: number; readonly height?: number; readonly colorScheme?: 'dark' | 'light' },
): Promise<{ readonly browser: Browser; readonly page: Page; readonly messages: string[] }>;
