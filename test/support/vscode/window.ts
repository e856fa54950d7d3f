import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Frame, Page } from 'playwright-core';
import { sampleWorkspace } from '../../../scripts/hostSuite.mjs';
import { root } from '../../../scripts/setup.mjs';
import { startServer, type VSCodeServer } from '../../../scripts/vscodeServer.mjs';
import { openWorkbench } from '../../../scripts/workbench.mjs';

/** A VS Code window on a copy of the sample, driven as a user drives it. */
export class VSCodeWindow {
  private constructor(
    readonly workspace: string,
    readonly server: VSCodeServer,
    readonly browser: Browser,
    readonly page: Page,
    /** The browser's console, violations of the content security policy included. */
    readonly messages: readonly string[],
  ) {}

  /** `recipe` replaces the sample's own before the window opens; `prepare` does more in the workspace. */
  static async open(
    options: {
      readonly recipe?: string;
      readonly trust?: boolean;
      readonly prepare?: (workspace: string) => void;
      /** No folder is open, as on the first start. `prepare` gets the folder of VS Code's user data instead. */
      readonly empty?: boolean;
    } = {},
  ): Promise<VSCodeWindow> {
    const workspace = sampleWorkspace();
    if (options.recipe !== undefined) {
      writeFileSync(join(workspace, 'sample', 'resnet20.lathe.json'), options.recipe);
    }
    const { empty = false } = options;
    if (!empty) {
      options.prepare?.(workspace);
    }
    const server = await startServer({ trust: options.trust ?? false });
    if (empty) {
      options.prepare?.(join(server.home, 'data', 'data', 'User'));
    }
    const { browser, page, messages } = await openWorkbench(
      server.url(empty ? undefined : workspace, [
        ['extensionDevelopmentPath', server.remote(root)],
        ['skipWelcome', 'true'],
      ]),
      { width: 1400, height: 860 },
    );
    return new VSCodeWindow(workspace, server, browser, page, messages);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
    rmSync(this.workspace, { recursive: true, force: true });
  }

  /** Opens the model from the Lathe view and returns its webview once it shows text. */
  async openModelFromView(name: string): Promise<Frame> {
    await this.page.locator('.activitybar .action-label[aria-label^="Lathe"]').click();
    await this.page
      .getByRole('treeitem', { name: new RegExp(name) })
      .first()
      .click();
    return this.editorFrame();
  }

  /** The innermost frame of the model editor. */
  editorFrame(timeout = 90_000): Promise<Frame> {
    return this.frameWith('#root:not(:empty)', timeout);
  }

  /** Every webview in sight that shows text. */
  async visibleFrames(): Promise<Frame[]> {
    const found: Frame[] = [];
    for (const frame of this.page.frames()) {
      const shown = await frame.evaluate(() => document.querySelector('#root')?.textContent ?? '').catch(() => '');
      if (shown !== '' && (await isVisible(frame))) {
        found.push(frame);
      }
    }
    return found;
  }

  /** The webview in sight that shows this. */
  async frameWith(selector: string, timeout = 90_000): Promise<Frame> {
    const deadline = Date.now() + timeout;
    for (;;) {
      for (const frame of await this.visibleFrames()) {
        const count = await frame
          .locator(selector)
          .count()
          .catch(() => 0);
        if (count > 0) {
          return frame;
        }
      }
      if (Date.now() > deadline) {
        throw new Error(
          `No webview with ${selector} after ${timeout / 1000} s.\n${this.messages.slice(-20).join('\n')}`,
        );
      }
      await this.page.waitForTimeout(200);
    }
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget input[type="text"]');
    // The key is lost while the focus moves into a webview that is drawn anew.
    for (let tries = 0; tries < 5 && !(await input.isVisible()); tries++) {
      await this.page.keyboard.press('F1');
      await input.waitFor({ timeout: 3000 }).catch(() => undefined);
    }
    await input.fill(`>${title}`);
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    await input.press('Enter');
  }
}

async function isVisible(frame: Frame): Promise<boolean> {
  const element = await frame.frameElement().catch(() => null);
  return (await element?.isVisible().catch(() => false)) === true;
}
