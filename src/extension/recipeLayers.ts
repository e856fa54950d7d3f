import { getLocation } from 'jsonc-parser';
import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { RecipeLayer } from '../protocol/workerProtocol';
import { abortSignalOf } from './cancellation';
import { isCancellation } from './errors';
import { RECIPE_SELECTOR } from './fileNames';
import { formatCount, formatMacs } from './numbers';
import type { WorkerClient } from './workerClient';

/** Completion and hover for the layer names of a recipe, with the layer's figures. */
export class RecipeLayers implements vscode.CompletionItemProvider, vscode.HoverProvider, vscode.Disposable {
  private readonly store = new DisposableStore();

  constructor(private readonly worker: WorkerClient) {
    this.store.add(vscode.languages.registerCompletionItemProvider(RECIPE_SELECTOR, this, '"', '/'));
    this.store.add(vscode.languages.registerHoverProvider(RECIPE_SELECTOR, this));
  }

  async provideCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.CompletionItem[]> {
    const place = keyAt(document, position);
    if (place === undefined) {
      return [];
    }
    const layers = await this.layers(document, token);
    return layers.map((layer, index) => {
      const item = new vscode.CompletionItem(layer.name, vscode.CompletionItemKind.Property);
      // The range covers the quotes, since names hold slashes and dots that are no word characters.
      item.range = place.range;
      item.insertText = JSON.stringify(layer.name);
      item.filterText = JSON.stringify(layer.name);
      item.detail = layer.description;
      item.documentation = describe(layer);
      item.sortText = String(index).padStart(6, '0');
      return item;
    });
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const place = keyAt(document, position);
    if (place === undefined) {
      return undefined;
    }
    const matched = await this.layers(document, token, place.name);
    const [only] = matched;
    if (only === undefined) {
      return undefined;
    }
    return new vscode.Hover(matched.length === 1 ? describe(only) : describeMany(matched), place.range);
  }

  dispose(): void {
    this.store.dispose();
  }

  private async layers(
    document: vscode.TextDocument,
    token: vscode.CancellationToken,
    pattern?: string,
  ): Promise<readonly RecipeLayer[]> {
    try {
      const { layers } = await this.worker.request(
        'recipe/layers',
        {
          path: document.uri.fsPath,
          text: document.getText(),
          followExternalData: vscode.workspace.isTrusted,
          ...(pattern === undefined ? {} : { pattern }),
        },
        abortSignalOf(token),
      );
      return layers;
    } catch (error) {
      if (isCancellation(error)) {
        return [];
      }
      throw error;
    }
  }
}

/** The key under the cursor when it stands directly inside `layers`; the range covers its quotes. */
function keyAt(
  document: vscode.TextDocument,
  position: vscode.Position,
): { readonly name: string; readonly range: vscode.Range } | undefined {
  const location = getLocation(document.getText(), document.offsetAt(position));
  const node = location.previousNode;
  if (!location.isAtPropertyKey || location.path.length !== 2 || location.path[0] !== 'layers' || node === undefined) {
    return undefined;
  }
  const range = new vscode.Range(document.positionAt(node.offset), document.positionAt(node.offset + node.length));
  return { name: String(node.value), range };
}

function describe(layer: RecipeLayer): vscode.MarkdownString {
  const macs = layer.macs === undefined ? '' : ` · ${formatMacs(layer.macs)} MACs`;
  const parts = [
    `${escapeMarkdown(layer.shortName)}: ${escapeMarkdown(layer.description)}`,
    `${formatCount(layer.parameters)} ${vscode.l10n.t('parameters')}${macs}`,
  ];
  if (layer.refusal !== undefined) {
    parts.push(escapeMarkdown(vscode.l10n.t('Cannot be quantised: {0}', layer.refusal)));
  }
  if (layer.candidates.length > 0) {
    const unit = layer.lossUnit === undefined ? '' : ` (${layer.lossUnit})`;
    const rows = layer.candidates.map(
      ({ weightBits, activationBits, loss }) => `| ${weightBits} | ${activationBits} | ${loss.toFixed(4)} |`,
    );
    parts.push([`| W | A | ${vscode.l10n.t('loss added')}${unit} |`, '| ---: | ---: | ---: |', ...rows].join('\n'));
  }
  return new vscode.MarkdownString(parts.join('\n\n'));
}

function describeMany(layers: readonly RecipeLayer[]): vscode.MarkdownString {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const shown = layers.slice(0, 8).map((layer) => escapeMarkdown(layer.shortName));
  return new vscode.MarkdownString(
    [
      `${vscode.l10n.t('{0} layers', layers.length)} · ${formatCount(parameters)} ${vscode.l10n.t('parameters')}`,
      `${shown.join(', ')}${layers.length > shown.length ? ', …' : ''}`,
    ].join('\n\n'),
  );
}

/** Names come from the model file: they are text, never markdown. Spaces stay spaces, so that lines can wrap. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>&~]/g, '\\$&').replace(/\s+/g, ' ');
}
