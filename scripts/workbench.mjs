// Opens VS Code's workbench in a headless browser.
import { chromium } from 'playwright-core';
import { findChromium } from './setup.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @returns the browser and a page at the address; whoever asked closes the browser. */
export async function openWorkbench(address, { width = 1440, height = 900, colorScheme = 'dark' } = {}) {
  const browser = await chromium.launch({ executablePath: findChromium(), args: flags });
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  // A busy machine takes its time.
  page.setDefaultTimeout(60_000);
  const messages = [];
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(`pageerror: ${error.message}`));
  await page.goto(address);
  return { browser, page, messages };
}
