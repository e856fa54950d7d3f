import './overview.css';
import type { LayerSummary, ModelSummary, ValueSummary } from '../../src/protocol/model';
import { element, fill, hiddenText, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { emptySlot } from '../editor/messages';
import { bytes, count, exact, share } from '../text/numbers';

/** Rows of a bar list before the rest is summed up. */
const MOST_BARS = 24;

/** What the model is: its interface, its operators, where its parameters are. */
export class OverviewView implements View {
  readonly element = element('div', {
    class: 'overview scroll',
    attributes: { tabindex: 0, role: 'region', 'aria-label': 'Overview' },
  });
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: EditorModel) {}

  update(): void {
    const { state } = this.model;
    const inputs = [state?.model, state?.selectedLayer];
    if (state === undefined || inputs.every((input, index) => input === this.drawn[index])) {
      return;
    }
    this.drawn = inputs;
    const scrollTop = this.element.scrollTop;
    const focused = document.activeElement?.getAttribute('data-layer');
    fill(
      this.element,
      state.model.status === 'ready'
        ? this.content(state.model.value)
        : state.model.status === 'failed'
          ? element('div', { class: 'empty', text: 'The model could not be read: the reason stands above' })
          : emptySlot(state.model, 'Reading the model', undefined),
    );
    this.element.scrollTop = scrollTop;
    if (focused !== null && focused !== undefined) {
      this.element.querySelector<HTMLElement>(`[data-layer="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  private content(summary: ModelSummary): HTMLElement {
    return element(
      'div',
      { class: 'overview-grid' },
      element(
        'div',
        { class: 'overview-column' },
        facts(summary),
        notes(summary),
        values('Inputs', summary.inputs),
        values('Outputs', summary.outputs),
        operators(summary),
        externalFiles(summary),
        metadata(summary),
      ),
      element('div', { class: 'overview-column' }, this.parameters(summary)),
    );
  }

  private parameters(summary: ModelSummary): HTMLElement {
    const ordered = [...summary.layers].sort((a, b) => b.parameters - a.parameters);
    const shown = ordered.length <= MOST_BARS + 1 ? ordered : ordered.slice(0, MOST_BARS);
    const rest = ordered.slice(shown.length);
    const largest = Math.max(1, ...shown.map((layer) => layer.parameters));
    const inLayers = summary.layers.reduce((sum, layer) => sum + layer.parameters, 0);
    const total = Math.max(1, summary.parameters, inLayers);
    const rows: Child[] = shown.map((layer) => this.layerRow(layer, largest, total));
    if (rest.length > 0) {
      const sum = rest.reduce((all, layer) => all + layer.parameters, 0);
      rows.push(barRow(`${exact(rest.length)} smaller layers`, sum, undefined, share(sum / total), 'is-rest'));
    }
    if (summary.parameters > inLayers) {
      const other = summary.parameters - inLayers;
      rows.push(barRow('outside layers', other, undefined, share(other / total), 'is-rest'));
    }
    return section(
      'Parameters by layer',
      rows.length === 0
        ? element('div', { class: 'empty', text: 'No layer with weights' })
        : barTable('Parameters by layer', 'Layer', 'Parameters', rows, true),
    );
  }

  private layerRow(layer: LayerSummary, largest: number, total: number): HTMLElement {
    const button = linkButton(layer.shortName, () => this.model.select(layer.name), layer.name);
    button.setAttribute('data-layer', layer.name);
    const selected = this.model.state?.selectedLayer === layer.name;
    button.setAttribute('aria-pressed', String(selected));
    const row = barRow(
      button,
      layer.parameters,
      layer.parameters / largest,
      share(layer.parameters / total),
      'is-layer',
    );
    row.classList.toggle('is-selected', selected);
    row.addEventListener('click', () => this.model.select(layer.name));
    return row;
  }
}

function section(title: string, ...content: readonly Child[]): HTMLElement {
  return element(
    'section',
    {},
    element('div', { class: 'section-head' }, element('h2', { class: 'section-title', text: title })),
    ...content,
  );
}

function facts(summary: ModelSummary): HTMLElement {
  const opsets = summary.opsets
    .map(({ domain, version }) => `${domain === '' ? 'ai.onnx' : domain} ${version}`)
    .join(', ');
  const rows: [string, string][] = [
    ['graph', summary.graphName === '' ? 'unnamed' : summary.graphName],
    ['nodes', exact(summary.nodeCount)],
    ['layers with weights', exact(summary.layers.length)],
    ['operator sets', opsets === '' ? 'none' : opsets],
    ['IR version', String(summary.irVersion)],
    ['producer', summary.producer === '' ? 'not named' : summary.producer],
    ['file', bytes(summary.fileBytes)],
  ];
  return section(
    'Model',
    element(
      'dl',
      { class: 'pairs' },
      ...rows.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', { text: value })]),
    ),
  );
}

function values(title: string, items: readonly ValueSummary[]): HTMLElement {
  return section(
    title,
    items.length === 0
      ? element('div', { class: 'empty', text: 'None' })
      : element(
          'table',
          { class: 'values' },
          element(
            'thead',
            { class: 'visually-hidden' },
            element(
              'tr',
              {},
              ...['Name', 'Type', 'Shape'].map((text) => element('th', { text, attributes: { scope: 'col' } })),
            ),
          ),
          element(
            'tbody',
            {},
            ...items.map((item) =>
              element(
                'tr',
                {},
                element('th', { text: item.name, attributes: { scope: 'row' } }),
                element('td', { text: item.type }),
                element('td', { text: item.shape === '' ? 'scalar' : item.shape }),
              ),
            ),
          ),
        ),
  );
}

function operators(summary: ModelSummary): HTMLElement {
  const ordered = [...summary.operatorCounts].sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
  const shown = ordered.length <= MOST_BARS + 1 ? ordered : ordered.slice(0, MOST_BARS);
  const rest = ordered.slice(shown.length);
  const largest = Math.max(1, ...shown.map((item) => item.count));
  const rows: Child[] = shown.map((item) => barRow(item.operator, item.count, item.count / largest, undefined, ''));
  if (rest.length > 0) {
    const sum = rest.reduce((all, item) => all + item.count, 0);
    rows.push(barRow(`${rest.length} rarer operators`, sum, undefined, undefined, 'is-rest'));
  }
  return section('Operators', barTable('Nodes by operator', 'Operator', 'Nodes', rows, false));
}

function barTable(
  caption: string,
  name: string,
  figure: string,
  rows: readonly Child[],
  hasShare: boolean,
): HTMLElement {
  return element(
    'table',
    { class: 'bars' },
    element('caption', { class: 'visually-hidden', text: caption }),
    element(
      'colgroup',
      {},
      element('col', { class: 'bars-name' }),
      element('col'),
      element('col', { class: 'bars-figure' }),
      hasShare ? element('col', { class: 'bars-share' }) : undefined,
    ),
    element(
      'thead',
      { class: 'visually-hidden' },
      element(
        'tr',
        {},
        element('th', { text: name, attributes: { scope: 'col' } }),
        element('td', {}),
        element('th', { text: figure, attributes: { scope: 'col' } }),
        hasShare ? element('th', { text: 'Share', attributes: { scope: 'col' } }) : undefined,
      ),
    ),
    element('tbody', {}, ...rows),
  );
}

function barRow(
  name: string | HTMLElement,
  value: number,
  part: number | undefined,
  shareText: string | undefined,
  className: string,
): HTMLElement {
  const track = element('td', { class: 'bar-track' });
  if (part !== undefined) {
    const bar = element('div', { class: 'bar-fill' });
    bar.style.setProperty('width', `${part * 100}%`);
    track.append(bar);
  }
  return element(
    'tr',
    { class: className },
    element('th', { title: typeof name === 'string' ? name : undefined, attributes: { scope: 'row' } }, name),
    track,
    element('td', { class: 'number', text: exact(value) }),
    shareText === undefined ? undefined : element('td', { class: 'number', text: shareText }),
  );
}

function externalFiles(summary: ModelSummary): HTMLElement | undefined {
  if (summary.externalFiles.length === 0) {
    return undefined;
  }
  return section(
    `External data, ${count(summary.externalFiles.length, 'file')}`,
    element(
      'dl',
      { class: 'pairs' },
      ...summary.externalFiles.flatMap((file) => [
        element('dt', { text: file.name, title: file.name }),
        element('dd', { text: bytes(file.bytes) }),
      ]),
    ),
  );
}

function metadata(summary: ModelSummary): HTMLElement | undefined {
  if (summary.metadata.length === 0) {
    return undefined;
  }
  return section(
    'Metadata',
    element(
      'dl',
      { class: 'pairs' },
      ...summary.metadata.flatMap(({ key, value }) => [
        element('dt', { text: key, title: key }),
        element(
          'dd',
          { class: 'mono', text: value.length > 400 ? `${value.slice(0, 400)}…` : value },
          value.length > 400 ? hiddenText(' shortened') : undefined,
        ),
      ]),
    ),
  );
}

function notes(summary: ModelSummary): HTMLElement | undefined {
  if (summary.notes.length === 0) {
    return undefined;
  }
  return section(
    'Notes',
    element('ul', { class: 'notes' }, ...summary.notes.map((note) => element('li', { text: note }))),
  );
}
