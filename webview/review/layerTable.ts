import type { DiffView, LayerRowView } from '../../src/protocol/review';
import type { ActionState } from '../../src/protocol/webviewProtocol';
import { element, fill } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import type { Column, Sort } from '../table/column';
import { ROW_HEIGHT, VirtualTable } from '../table/virtualTable';
import { layerColumns, type ReviewRow } from './layerColumns';

/** Room for the heading and its hairline. */
const HEAD = 28;
/** More rows than this scroll inside the table. */
const MOST_ROWS = 24;

/** The layers that changed, and on request the others. Enter or a click on a name opens the layer in its model. */
export class LayerTable {
  private readonly table: VirtualTable<ReviewRow>;
  private readonly more = element('p', { class: 'more' });
  private readonly root: HTMLElement;
  private sort: Sort | undefined;
  /** Pixels. */
  private height = 0;
  private drawn: { readonly diff: DiffView; readonly report: DiffView | undefined } | undefined;
  private openLayer: ActionState = { enabled: true };

  constructor(
    private readonly onOpen: (layer: string) => void,
    public showSame: boolean,
    private readonly onShowSame: (showSame: boolean) => void,
  ) {
    this.table = new VirtualTable<ReviewRow>({
      label: 'Layers that changed',
      key: ({ row }) => row.name,
      onSelect: ({ row }) => this.table.select(row.name),
      onActivate: ({ row }) => this.open(row),
      onSort: (sort) => {
        this.sort = sort;
        this.redraw();
      },
      rowClass: ({ row }) => (row.status === 'same' ? 'is-refused' : ''),
    });
    // A frame later: a height changed while the sizes are being observed would make the browser complain of a loop.
    new ResizeObserver(() => requestAnimationFrame(() => this.fit())).observe(this.table.element);
    this.root = element('div', { class: 'layers' }, this.table.element, this.more);
  }

  /** `report` adds what was measured of the layers. */
  draw(diff: DiffView, report: DiffView | undefined, openLayer: ActionState): HTMLElement {
    this.drawn = { diff, report: report === diff ? undefined : report };
    this.openLayer = openLayer;
    this.redraw();
    return this.root;
  }

  /** Rows and heading, and the scroll bar under them where the window is narrow. */
  private fit(): void {
    const { offsetHeight, clientHeight, style } = this.table.element;
    style.setProperty('height', `${this.height + offsetHeight - clientHeight}px`);
  }

  private open(row: LayerRowView): void {
    if (this.openLayer.enabled) {
      this.onOpen(row.name);
    }
  }

  private redraw(): void {
    if (this.drawn === undefined) {
      return;
    }
    const { diff, report } = this.drawn;
    const reported = new Map(report?.layers.map((row) => [row.name, row]));
    const rows = diff.layers
      .filter(({ status }) => this.showSame || status !== 'same')
      .map((row) => ({ row, report: reported.get(row.name) }));
    const columns: Column<ReviewRow>[] = layerColumns(diff, rows, (row) => this.nameCell(row));
    this.height = Math.min(rows.length, MOST_ROWS) * ROW_HEIGHT + HEAD;
    this.fit();
    this.table.element.hidden = rows.length === 0;
    this.table.show(rows, columns, this.sort);
    const toggle = linkButton(this.showSame ? 'hide' : 'show', () => {
      this.showSame = !this.showSame;
      this.redraw();
      // The link was drawn anew: the keyboard stays on it.
      this.more.querySelector('button')?.focus();
      this.onShowSame(this.showSame);
    });
    toggle.setAttribute('aria-label', `${this.showSame ? 'Hide' : 'Show'} unchanged layers`);
    const { unchangedLayers: same } = diff;
    // Of models, layers that did not change are counted only.
    const listed = diff.layers.some(({ status }) => status === 'same');
    fill(
      this.more,
      same === 0 ? undefined : `${same} ${same === 1 ? 'layer' : 'layers'} unchanged`,
      listed ? ' · ' : undefined,
      listed ? toggle : undefined,
    );
  }

  private nameCell({ row }: ReviewRow): HTMLElement {
    if (!this.openLayer.enabled || row.status === 'removed') {
      return element('span', { text: row.name, title: this.openLayer.enabled ? row.name : this.openLayer.reason });
    }
    const link = linkButton(row.name, () => this.open(row), `Open ${row.name} in the model`);
    // One tab stop for the table: the arrow keys walk, Enter opens.
    link.tabIndex = -1;
    return link;
  }
}
