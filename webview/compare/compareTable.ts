import type {
  ComparedLayer,
  ComparedNode,
  CompareView,
  ModelComparison,
  SideName,
} from '../../src/protocol/comparison';
import { element, fill } from '../controls/element';
import { showMenu } from '../controls/menu';
import { Segments } from '../controls/segments';
import { checkbox, linkButton, searchField, type SearchField } from '../controls/toolkit';
import type { Column } from '../table/column';
import { VirtualTable } from '../table/virtualTable';
import { toCsv } from '../text/csv';
import { count, exact } from '../text/numbers';
import { layerColumns, layerKey, layerName, nodeColumns, operatorColumns, type OperatorRow } from './comparedColumns';
import type { CompareModel } from './compareModel';

/** One row of whichever table is on show. */
type Row =
  | { readonly kind: 'layer'; readonly layer: ComparedLayer }
  | { readonly kind: 'operator'; readonly operator: OperatorRow }
  | { readonly kind: 'node'; readonly node: ComparedNode };

/** The tables of a comparison: layers, operator types, nodes; sorted, filtered, copied as CSV. */
export class CompareTable {
  readonly element: HTMLElement;
  private readonly toolbar: HTMLElement;
  private readonly segments: Segments<CompareView>;
  private readonly search: SearchField;
  private readonly only: HTMLElement;
  private readonly counted = element('span', { class: 'toolbar-count', attributes: { role: 'status' } });
  private readonly empty = element('div', { class: 'table-empty' });
  private readonly table: VirtualTable<Row>;
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: CompareModel) {
    this.segments = new Segments<CompareView>('What is listed', (view) => model.remember({ view, sort: undefined }));
    this.search = searchField('Filter', (filter) => model.remember({ filter: filter === '' ? undefined : filter }));
    this.search.value = model.view.filter ?? '';
    this.only = checkbox('Only what differs', model.view.onlyDifferent, (onlyDifferent) =>
      model.remember({ onlyDifferent }),
    );
    this.table = new VirtualTable<Row>({
      label: 'Comparison',
      key: keyOf,
      onSelect: (row) => model.remember({ selected: keyOf(row) }),
      onActivate: (row, cell) => this.activate(row, cell),
      onSort: (sort) => model.remember({ sort }),
      rowClass: (row) => (row.kind === 'layer' ? `is-${row.layer.status}` : ''),
    });
    this.toolbar = element(
      'div',
      { class: 'toolbar' },
      this.segments.element,
      this.search.element,
      this.only,
      this.counted,
      element('span', { class: 'spacer' }),
      linkButton('Copy as CSV', () => this.copyCsv()),
    );
    this.element = element('main', { class: 'layers compare-tables' }, this.toolbar, this.empty, this.table.element);
  }

  update(): void {
    const { comparison, view } = this.model;
    const inputs = [comparison, view.view, view.filter, view.sort, view.onlyDifferent];
    if (this.drawn.length === 0 || inputs.some((input, i) => input !== this.drawn[i])) {
      this.drawn = inputs;
      this.show(comparison);
    }
    this.table.select(view.selected);
  }

  private show(comparison: ModelComparison | undefined): void {
    const { view } = this.model;
    this.toolbar.hidden = comparison === undefined;
    if (comparison === undefined) {
      this.empty.hidden = true;
      this.table.element.hidden = true;
      return;
    }
    this.segments.update(
      [
        { value: 'layers', label: `Layers ${exact(comparison.layers.length)}`, title: 'Every layer of both models' },
        {
          value: 'operators',
          label: `Operators ${exact(comparison.operators.length)}`,
          title: 'Operator types whose number of nodes differs',
        },
        {
          value: 'nodes',
          label: `Nodes ${exact(comparison.nodes.length)}`,
          title: 'Nodes that came, went or changed; those that quantise are left out',
        },
      ],
      view.view,
    );
    this.only.hidden = view.view !== 'layers';
    const all = rowsOf(comparison, view.view);
    const rows = filtered(all, view.filter ?? '').filter(
      (row) => row.kind !== 'layer' || !view.onlyDifferent || row.layer.status !== 'same',
    );
    const noun = view.view === 'layers' ? 'layer' : view.view === 'operators' ? 'operator type' : 'node';
    fill(
      this.counted,
      rows.length === all.length ? count(all.length, noun) : `${exact(rows.length)} of ${count(all.length, noun)}`,
    );
    this.table.show(rows, this.columns(comparison), view.sort);
    const message =
      rows.length > 0
        ? undefined
        : all.length === 0
          ? view.view === 'layers'
            ? 'Neither model has a layer with weights that Lathe can name'
            : 'No difference'
          : (view.filter ?? '') === ''
            ? 'No layer differs'
            : `Nothing matches "${view.filter ?? ''}"`;
    this.empty.textContent = message ?? '';
    this.empty.hidden = message === undefined;
    this.table.element.hidden = message !== undefined;
  }

  private columns({ layers }: ModelComparison): readonly Column<Row>[] {
    switch (this.model.view.view) {
      case 'layers':
        return layerColumns(layers, (layer) => this.openLayer(layer)).map((column) =>
          adapt(column, (row) => (row.kind === 'layer' ? row.layer : undefined)),
        );
      case 'operators':
        return operatorColumns.map((column) =>
          adapt(column, (row) => (row.kind === 'operator' ? row.operator : undefined)),
        );
      case 'nodes':
        return nodeColumns.map((column) => adapt(column, (row) => (row.kind === 'node' ? row.node : undefined)));
    }
  }

  private openLayer(layer: ComparedLayer, side: SideName = layer.after === undefined ? 'before' : 'after'): void {
    const name = layer[side]?.name;
    if (name !== undefined) {
      this.model.ask('layer/open', { side, layer: name }, 'The layer did not open');
    }
  }

  /** Where both models have the layer, either can be opened. */
  private activate(row: Row, cell: DOMRect): void {
    if (row.kind !== 'layer') {
      return;
    }
    const { layer } = row;
    const { state } = this.model;
    if (state === undefined || layer.before === undefined || layer.after === undefined) {
      this.openLayer(layer);
      return;
    }
    showMenu(cell, `Open ${layerName(layer)}`, [
      { kind: 'heading', label: `Open ${layerName(layer)} in` },
      ...(['after', 'before'] as const).map((side) => ({
        kind: 'choice' as const,
        label: state[side].name,
        note: state[side].place,
        run: () => this.openLayer(layer, side),
      })),
    ]);
  }

  /** As sorted and filtered now. */
  private copyCsv(): void {
    const columns = this.table.visibleColumns;
    const rows = this.table.visibleRows;
    const text = toCsv([
      columns.map((column) => column.header),
      ...rows.map((row) => columns.map((column) => column.value(row))),
    ]);
    this.model.ask('clipboard/write', { text, what: count(rows.length, 'row') }, 'The table was not copied');
  }
}

function rowsOf({ layers, operators, nodes }: ModelComparison, view: CompareView): readonly Row[] {
  switch (view) {
    case 'layers':
      return layers.map((layer) => ({ kind: 'layer', layer }));
    case 'operators':
      return operators.map((operator) => ({ kind: 'operator', operator }));
    case 'nodes':
      return nodes.map((node) => ({ kind: 'node', node }));
  }
}

function keyOf(row: Row): string {
  switch (row.kind) {
    case 'layer':
      return layerKey(row.layer);
    case 'operator':
      return row.operator.operator;
    case 'node':
      return `${row.node.status} ${row.node.name}`;
  }
}

/** Words that must all be there, `*` for anything. */
function filtered(rows: readonly Row[], filter: string): readonly Row[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return rows;
  }
  const patterns = words.map(
    (word) =>
      new RegExp(
        word
          .split('*')
          .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*'),
      ),
  );
  return rows.filter((row) => {
    const text = searchText(row).toLowerCase();
    return patterns.every((pattern) => pattern.test(text));
  });
}

function searchText(row: Row): string {
  switch (row.kind) {
    case 'layer':
      return [row.layer.before, row.layer.after]
        .flatMap((side) => (side === undefined ? [] : [side.name, side.shortName, side.description]))
        .join(' ');
    case 'operator':
      return row.operator.operator;
    case 'node':
      return [row.node.name, row.node.before, row.node.after, ...row.node.changes].join(' ');
  }
}

function adapt<T>(column: Column<T>, pick: (row: Row) => T | undefined): Column<Row> {
  const on = <R>(row: Row, then: (item: T) => R, otherwise: R): R => {
    const item = pick(row);
    return item === undefined ? otherwise : then(item);
  };
  const { content, cellTitle } = column;
  return {
    ...column,
    value: (row) => on(row, (item) => column.value(item), undefined),
    text: (row) => on(row, (item) => column.text(item), ''),
    ...(content === undefined ? {} : { content: (row: Row) => on(row, content, undefined) }),
    ...(cellTitle === undefined ? {} : { cellTitle: (row: Row) => on(row, cellTitle, undefined) }),
  } as Column<Row>;
}
