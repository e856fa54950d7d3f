import './layers.css';
import { element, fill, type Child } from '../controls/element';
import { closePopup, showPopup } from '../controls/popup';
import { checkbox, linkButton, searchField, type SearchField } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { emptySlot } from '../editor/messages';
import type { Column } from '../table/column';
import { VirtualTable } from '../table/virtualTable';
import { toCsv } from '../text/csv';
import { count, exact } from '../text/numbers';
import { isHiddenByDefault, layerColumns } from './layerColumns';
import { filterRows, refusals, type LayerRow } from './layerRow';

/** Lines of the list of reasons; the table has them all. */
const MOST_REASONS = 50;

/** Every layer and every measure: sort, filter, choose columns, copy as CSV. */
export class LayersView implements View {
  readonly element: HTMLElement;
  private readonly search: SearchField;
  private readonly toolbar: HTMLElement;
  private readonly counted = element('span', { class: 'toolbar-count', attributes: { role: 'status' } });
  private readonly why = linkButton('why', () => this.showReasons());
  private readonly empty = element('div', { class: 'table-empty' });
  private readonly columnsButton: HTMLButtonElement;
  private readonly table: VirtualTable<LayerRow>;
  private drawn: readonly unknown[] = [];
  private restored = false;

  constructor(private readonly model: EditorModel) {
    this.search = searchField('Filter layers', (filter) =>
      model.remember({ filter: filter === '' ? undefined : filter }),
    );
    this.search.value = model.view.filter ?? '';
    this.columnsButton = linkButton('Columns', () => this.chooseColumns());
    this.columnsButton.setAttribute('aria-haspopup', 'dialog');
    this.table = new VirtualTable<LayerRow>({
      label: 'Layers',
      key: (row) => row.layer.name,
      onSelect: (row) => model.select(row.layer.name),
      onSort: (sort) => model.remember({ sort }),
      onScroll: (scrollTop) => {
        if (this.restored && scrollTop !== model.view.scrollTop) {
          model.remember({ scrollTop });
        }
      },
      rowClass: (row) => (row.layer.quantizeWeights.possible ? '' : 'is-refused'),
    });
    this.toolbar = element(
      'div',
      { class: 'toolbar' },
      this.search.element,
      this.counted,
      element('span', { class: 'spacer' }),
      this.columnsButton,
      linkButton('Copy as CSV', () => this.copyCsv()),
    );
    this.element = element('div', { class: 'layers' }, this.toolbar, this.empty, this.table.element);
    model.onCommand((command) => {
      if (command.type === 'copyLayersCsv') {
        this.copyCsv();
      } else if (command.type === 'focusFilter') {
        model.showTab('layers');
        requestAnimationFrame(() => requestAnimationFrame(() => this.search.focus()));
      }
    });
  }

  update(): void {
    const { model } = this;
    const inputs = [
      model.layers,
      model.statisticsVersion,
      model.state?.measurements,
      model.allocation,
      model.view.filter,
      model.view.sort,
      model.view.hiddenColumns,
    ];
    if (inputs.some((input, index) => input !== this.drawn[index])) {
      this.drawn = inputs;
      this.show();
    }
    this.table.select(model.state?.selectedLayer);
    if (!this.restored && model.layers.length > 0) {
      // Nothing can be scrolled before the rows are laid out.
      requestAnimationFrame(() => {
        this.table.scrollTop = model.view.scrollTop ?? 0;
        this.restored = true;
      });
    }
  }

  private show(): void {
    const { model } = this;
    const rows = this.rows();
    const all = model.layers.length;
    const refused = model.layers.filter((layer) => refusals(layer).length > 0).length;
    fill(
      this.counted,
      rows.length === all ? count(all, 'layer') : `${exact(rows.length)} of ${count(all, 'layer')}`,
      refused > 0 ? ` · ${exact(refused)} with limits, ` : undefined,
      refused > 0 ? this.why : undefined,
    );
    this.table.show(rows, this.columns(), model.view.sort);
    const message = this.emptyMessage(rows.length);
    this.empty.replaceChildren(...(message === undefined ? [] : [message]));
    this.empty.hidden = message === undefined;
    this.toolbar.hidden = all === 0;
    this.table.element.hidden = message !== undefined;
  }

  private emptyMessage(shown: number): Node | string | undefined {
    const { model } = this;
    const slot = model.state?.model;
    if (slot === undefined || shown > 0) {
      return undefined;
    }
    if (slot.status === 'failed') {
      return 'The model could not be read: the reason stands above';
    }
    if (slot.status !== 'ready') {
      return emptySlot(slot, 'Reading the model', undefined);
    }
    return model.layers.length === 0
      ? 'The model has no layer with weights that Lathe can name: nothing to compress'
      : `No layer matches "${model.view.filter ?? ''}"`;
  }

  private rows(): readonly LayerRow[] {
    const { model } = this;
    const rows = model.layers.map((layer) => ({
      layer,
      statistics: model.statistics(layer.name),
      measurement: model.measurement(layer.name),
      allocated: model.allocated(layer.name),
    }));
    return filterRows(rows, model.view.filter ?? '');
  }

  private allColumns(): readonly Column<LayerRow>[] {
    const { state, allocation } = this.model;
    const measurements = state?.measurements.status === 'ready' ? state.measurements.value : undefined;
    const hasLimits = this.model.layers.some((layer) => refusals(layer).length > 0);
    const empty = new Set([
      ...(allocation === undefined ? ['weightBits', 'activationBits', 'quantizedSize', 'predicted'] : []),
      ...(hasLimits ? [] : ['notes']),
    ]);
    return layerColumns(measurements).filter((column) => !empty.has(column.id));
  }

  private isHidden(id: string): boolean {
    const chosen = this.model.view.hiddenColumns;
    // Kept as differences from the defaults, so that columns of later measurements appear as they should.
    const flipped = chosen?.includes(id) === true;
    return isHiddenByDefault(id, this.widestActivation) !== flipped;
  }

  private get widestActivation(): number {
    const slot = this.model.state?.measurements;
    const layers = slot?.status === 'ready' ? slot.value.layers : [];
    return Math.max(0, ...(layers[0]?.candidates.map((candidate) => candidate.activationBits) ?? []));
  }

  private columns(): readonly Column<LayerRow>[] {
    return this.allColumns().filter((column) => !this.isHidden(column.id));
  }

  private chooseColumns(): void {
    const boxes: Child[] = this.allColumns()
      .filter((column) => column.id !== 'name')
      .map((column) => {
        const box = checkbox(column.header, !this.isHidden(column.id), (checked) =>
          this.setHidden(column.id, !checked),
        );
        box.title = column.explanation;
        return box;
      });
    const popup = showPopup(
      this.columnsButton.getBoundingClientRect(),
      { role: 'dialog', label: 'Columns', class: 'columns-popup' },
      ...boxes,
    );
    const first = popup.element.querySelector('vscode-checkbox');
    requestAnimationFrame(() => (first instanceof HTMLElement ? first.focus() : undefined));
  }

  /** What cannot be done to which layer: the reasons beside the count. */
  private showReasons(): void {
    const refused = this.model.layers.filter((layer) => refusals(layer).length > 0);
    const lines = refused.slice(0, MOST_REASONS).map((layer) =>
      element(
        'li',
        {},
        linkButton(layer.shortName, () => {
          closePopup();
          this.model.select(layer.name);
        }),
        ...refusals(layer).map(({ what, reason }) => element('div', { text: `${what}: ${reason}` })),
      ),
    );
    const rest = refused.length - lines.length;
    const popup = showPopup(
      this.why.getBoundingClientRect(),
      { role: 'dialog', label: 'Layers with limits', class: 'reasons-popup' },
      element('ul', {}, ...lines),
      rest > 0 ? element('p', { text: `and ${count(rest, 'layer')} more: sort by Cannot` }) : undefined,
    );
    popup.element.querySelector('button')?.focus();
  }

  private setHidden(id: string, hidden: boolean): void {
    const flipped = new Set(this.model.view.hiddenColumns ?? []);
    if (hidden === isHiddenByDefault(id, this.widestActivation)) {
      flipped.delete(id);
    } else {
      flipped.add(id);
    }
    this.model.remember({ hiddenColumns: flipped.size === 0 ? undefined : [...flipped] });
  }

  /** As sorted and filtered now, with the columns on show. */
  private copyCsv(): void {
    this.update();
    const columns = this.table.visibleColumns;
    const rows = this.table.visibleRows;
    const text = toCsv([
      ['name', ...columns.map((column) => column.header)],
      ...rows.map((row) => [row.layer.name, ...columns.map((column) => column.value(row))]),
    ]);
    this.model.ask('clipboard/write', { text, what: count(rows.length, 'layer') }, 'The table was not copied');
  }
}
