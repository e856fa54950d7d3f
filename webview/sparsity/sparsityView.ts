import './sparsity.css';
import { LARGEST_GROUP, USUAL_PATTERNS, type PatternName } from '../../src/protocol/sparsity';
import type { SparsityChoice } from '../../src/protocol/webviewProtocol';
import { ChartWithTable, figureTable } from '../charts/chart';
import { DotPlot, type DotPlotInput, type DotSeries } from '../charts/dotPlot';
import { element, fill, type Child } from '../controls/element';
import { closePopup, showPopup } from '../controls/popup';
import { Segments } from '../controls/segments';
import { linkButton, textField } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { emptySlot, errorLine } from '../editor/messages';
import type { Sort } from '../table/column';
import { VirtualTable } from '../table/virtualTable';
import { toCsv } from '../text/csv';
import { count, exact, share } from '../text/numbers';
import { compareDiversity, patternCandidates } from './candidates';
import {
  choices,
  countText,
  methodNames,
  methodTitles,
  methods,
  parsePatternText,
  patternText,
  samePattern,
} from './names';
import { sparsityColumns, whyNot, type SparsityRow } from './sparsityColumns';
import { WeightBlock } from './weightBlock';

/** Lines of the list of reasons; the table has them all. */
const MOST_REASONS = 50;

const retainedSeries: readonly DotSeries[] = [
  { label: methodNames.rows, title: methodTitles.rows, shape: 'disc', row: 0 },
  { label: methodNames.exact, title: methodTitles.exact, shape: 'diamond', row: 1 },
  { label: methodNames.greedy, title: methodTitles.greedy, shape: 'hollow', row: 2 },
  { label: methodNames.intersection, title: methodTitles.intersection, shape: 'cross', row: 3 },
];

const diversitySeries: readonly DotSeries[] = [
  { label: 'row-wise', title: 'Row-wise masks: C(M, N) for each group', shape: 'disc', row: 0 },
  { label: 'transposable', title: 'Transposable masks, counted exactly', shape: 'diamond', row: 1 },
  {
    label: 'product form',
    title: 'M!·(M−1)!···(M−N+1)! for each tile: counts ordered stacks of permutations, not masks',
    shape: 'plus',
    row: 2,
  },
];

/** What a pattern keeps of each layer, how many masks it admits, and what its mask looks like. */
export class SparsityView implements View {
  readonly element: HTMLElement;
  private readonly patterns: Segments<string>;
  private readonly method: Segments<SparsityChoice['method']>;
  private readonly counted = element('span', { attributes: { role: 'status' } });
  private readonly other: HTMLButtonElement;
  private readonly why = linkButton('', () => this.showReasons());
  private readonly empty = element('div', { class: 'table-empty' });
  private readonly pictures: HTMLElement;
  private readonly toolbar: HTMLElement;
  private readonly tableSection: HTMLElement;
  private readonly block: WeightBlock;
  private readonly scope: Segments<'layer' | 'all'>;
  private readonly retained: DotPlot;
  private readonly retainedTable: ChartWithTable;
  private readonly diversity: DotPlot;
  private readonly diversityTable: ChartWithTable;
  private readonly truth = element('p', { class: 'truth' });
  private readonly table: VirtualTable<SparsityRow>;
  private allLayers = false;
  private sort: Sort | undefined;
  private drawn: readonly unknown[] = [];
  /** The first wish is on its way. */
  private asked = false;

  constructor(private readonly model: EditorModel) {
    this.patterns = new Segments<string>('Pattern', (key) => this.choosePattern(key));
    this.method = new Segments('Mask', (method) => this.choose({ method }));
    this.block = new WeightBlock(model);
    this.scope = new Segments('Layers in the chart', (scope) => {
      this.allLayers = scope === 'all';
      model.changed();
    });
    this.scope.element.classList.add('is-small');
    this.retained = new DotPlot((key) => this.choosePattern(key));
    this.diversity = new DotPlot((key) => this.choosePattern(key));
    const retainedSection = element('section', { attributes: { 'aria-label': 'Magnitude kept' } });
    const diversitySection = element('section', { attributes: { 'aria-label': 'Mask diversity' } });
    this.retainedTable = new ChartWithTable(this.retained.element, element('div'), 'Magnitude kept');
    this.diversityTable = new ChartWithTable(this.diversity.element, element('div'), 'Mask diversity');
    retainedSection.append(
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Magnitude kept' }),
        element('span', { class: 'section-note', text: '% of Σ|w|' }),
        element('span', { class: 'spacer' }),
        this.scope.element,
        this.retainedTable.toggle,
      ),
      this.retainedTable.element,
    );
    diversitySection.append(
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Mask diversity' }),
        element('span', { class: 'section-note', text: 'log₁₀ of masks on 64 weights' }),
        element('span', { class: 'spacer' }),
        this.diversityTable.toggle,
      ),
      this.diversityTable.element,
      this.truth,
    );
    this.pictures = element(
      'div',
      { class: 'sparsity-pictures' },
      this.block.element,
      element('div', { class: 'sparsity-charts' }, retainedSection, diversitySection),
    );
    this.other = linkButton('N:M…', () => this.enterPattern(), 'Another pattern');
    this.other.setAttribute('aria-haspopup', 'dialog');
    this.toolbar = element('div', { class: 'toolbar' }, this.patterns.element, this.other, this.method.element);
    this.table = new VirtualTable<SparsityRow>({
      label: 'Sparsity by layer',
      key: (row) => row.layer.name,
      onSelect: (row) => model.select(row.layer.name),
      onSort: (sort) => {
        this.sort = sort;
        model.changed();
      },
      rowClass: (row) => (whyNot(row) === undefined ? '' : 'is-refused'),
    });
    this.tableSection = element(
      'section',
      { class: 'sparsity-table-section', attributes: { 'aria-label': 'Layers' } },
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Layers' }),
        element('span', { class: 'section-note' }, this.counted, this.why),
        element('span', { class: 'spacer' }),
        linkButton('Copy as CSV', () => this.copyCsv()),
      ),
      this.table.element,
    );
    this.element = element('div', { class: 'sparsity' }, this.toolbar, this.empty, this.pictures, this.tableSection);
  }

  update(): void {
    const { model } = this;
    const { state } = model;
    const message = this.emptyMessage();
    fill(this.empty, message);
    this.empty.hidden = message === undefined;
    for (const part of [this.toolbar, this.pictures, this.tableSection]) {
      part.hidden = message !== undefined || state === undefined;
    }
    if (message !== undefined || state === undefined) {
      return;
    }
    const idle = state.sparsity.status === 'idle';
    if (idle && !this.asked) {
      model.measureSparsity();
    }
    this.asked = idle;
    if (model.selected === undefined) {
      // A picture says more than a request to click.
      model.select((model.layers.find((layer) => layer.sparsify.possible) ?? model.layers[0])?.name);
    }
    const choice = model.sparsityChoice;
    this.block.update(model.selected, choice);
    const inputs = [model.layers, model.sparsityVersion, choice, state.selectedLayer, this.allLayers, this.sort];
    if (inputs.every((input, index) => input === this.drawn[index]) && this.drawn.length > 0) {
      return;
    }
    this.drawn = inputs;
    this.updateToolbar(choice);
    this.updateRetained(choice);
    this.updateDiversity(choice);
    this.table.show(this.rows(choice), sparsityColumns(choice), this.sort);
    this.table.select(state.selectedLayer);
  }

  private emptyMessage(): Node | undefined {
    const { model } = this;
    const slot = model.state?.model;
    if (slot === undefined) {
      return undefined;
    }
    if (slot.status === 'failed') {
      return element('div', { text: 'The model could not be read: the reason stands above' });
    }
    if (slot.status !== 'ready') {
      return emptySlot(slot, 'Reading the model', undefined);
    }
    return model.layers.length === 0
      ? element('div', { text: 'The model has no layer with weights that Lathe can name: nothing to mask' })
      : undefined;
  }

  /** The usual patterns, and one that was typed. */
  private get shownPatterns(): readonly PatternName[] {
    const { keep, group } = this.model.sparsityChoice;
    const usual = USUAL_PATTERNS.some((pattern) => samePattern(pattern, { keep, group }));
    return usual ? USUAL_PATTERNS : [...USUAL_PATTERNS, { keep, group }];
  }

  private choose(part: Partial<SparsityChoice>): void {
    this.model.remember({ sparsity: { ...this.model.sparsityChoice, ...part } });
    this.model.measureSparsity();
  }

  private choosePattern(key: string): void {
    const pattern = parsePatternText(key, LARGEST_GROUP);
    if (pattern !== undefined) {
      this.choose(pattern);
    }
  }

  /** Any N:M: a field under the button, checked as it is typed. */
  private enterPattern(): void {
    const hint = element('p', {
      class: 'hint',
      text: `Kept : group, for example 3:8. Groups of up to ${LARGEST_GROUP}; large ones take a while`,
    });
    const use = () => {
      const pattern = parsePatternText(field.value, LARGEST_GROUP);
      if (pattern === undefined) {
        hint.textContent = `Two numbers with a colon between, the first smaller, the second at most ${LARGEST_GROUP}`;
        hint.setAttribute('role', 'alert');
      } else {
        closePopup();
        this.choose(pattern);
      }
    };
    const field = textField('Pattern', 'N:M', use);
    showPopup(
      this.other.getBoundingClientRect(),
      { role: 'dialog', label: 'Other pattern', class: 'pattern-popup' },
      field.element,
      linkButton('Use', use),
      hint,
    );
    requestAnimationFrame(() => field.focus());
  }

  private updateToolbar(choice: SparsityChoice): void {
    const { model } = this;
    const chosen = patternText(choice);
    this.patterns.update(
      this.shownPatterns.map((pattern) => ({
        value: patternText(pattern),
        label: patternText(pattern),
        title: `At most ${pattern.keep} non-zeros in ${pattern.group} consecutive weights`,
      })),
      chosen,
    );
    this.method.update(
      choices.map((method) => ({ value: method, label: methodNames[method], title: methodTitles[method] })),
      choice.method,
    );
    const rows = this.rows(choice);
    const refused = rows.filter((row) => whyNot(row) !== undefined).length;
    const known = rows.filter((row) => row.pattern !== undefined || whyNot(row) !== undefined).length;
    const state = model.state?.sparsity;
    if (state?.status === 'failed') {
      const retry = linkButton('Try again', () => model.measureSparsity());
      fill(
        this.counted,
        errorLine({ code: 'sparsity/failed', message: state.failure ?? 'Measuring the masks was cancelled' }, retry),
      );
      this.why.hidden = true;
      return;
    }
    fill(
      this.counted,
      known < rows.length
        ? `measuring, ${exact(known)} of ${count(rows.length, 'layer')}`
        : `${exact(rows.length - refused)} of ${count(rows.length, 'layer')} eligible${refused > 0 ? ' · ' : ''}`,
    );
    this.why.hidden = refused === 0 || known < rows.length;
    this.why.textContent = `${exact(refused)} not, why`;
  }

  private rows(choice: PatternName): readonly SparsityRow[] {
    return this.model.layers.map((layer) => ({
      layer,
      measured: this.model.sparsity(layer.name),
      pattern: this.model.patternOf(layer.name, choice),
    }));
  }

  private updateRetained(choice: SparsityChoice): void {
    const { model } = this;
    const { selected } = model;
    const all = this.allLayers || selected === undefined;
    this.scope.update(
      [
        { value: 'layer', label: 'this layer', title: 'The selected layer' },
        {
          value: 'all',
          label: 'all layers',
          title: 'All eligible layers, weighted by parameters; lines run from the least to the greatest',
        },
      ],
      all ? 'all' : 'layer',
    );
    const names = all ? model.layers.map((layer) => layer.name) : [selected.name];
    const lanes = patternCandidates(model, this.shownPatterns, names);
    const what = all ? 'all eligible layers' : selected.shortName;
    const values = lanes.flatMap(({ candidates }) =>
      candidates.flatMap(({ retained, spread }) => [retained, ...(spread ?? [])]),
    );
    const low = Math.max(0, Math.floor(Math.min(0.7, ...values) * 10 - 0.2) / 10);
    this.retained.update({
      series: retainedSeries,
      lanes: lanes.map(({ key, candidates, reason }) => ({
        key,
        label: key,
        dots: candidates.map(({ method, retained, spread }) => ({
          series: methods.indexOf(method),
          value: retained,
          ...(spread !== undefined && { spread }),
        })),
        ...(candidates.length === 0 && { note: reason ?? (all ? '' : 'measuring…') }),
      })),
      selected: patternText(choice),
      domain: [low, 1],
      tickText: (value) => String(Math.round(value * 100)),
      figureText: (value) => (value * 100).toFixed(1),
      description: `Share of the magnitude that each pattern keeps of ${what}: the table has the figures`,
    });
    this.retainedTable.setTable(() =>
      figureTable(
        `Share of Σ|w| kept, ${what}; share of groups of W and Wᵀ that comply as they are`,
        ['Pattern', ...methods.map((method) => methodNames[method]), 'W', 'Wᵀ'],
        lanes.map((lane) => [
          lane.key,
          ...methods.map((method) => {
            const found = lane.candidates.find((candidate) => candidate.method === method);
            return found === undefined ? '–' : share(found.retained);
          }),
          lane.forward === undefined ? '–' : share(lane.forward),
          lane.backward === undefined ? '–' : share(lane.backward),
        ]),
      ),
    );
  }

  private updateDiversity(choice: SparsityChoice): void {
    const diversity = this.model.state?.sparsity.diversity ?? [];
    const lanes = this.shownPatterns.flatMap((pattern) => {
      const found = diversity.find((entry) => samePattern(entry, pattern));
      return [{ pattern, found }];
    });
    const values = diversity.flatMap(({ rows, exact: counted, product }) => [rows, counted, product]);
    const comparison = compareDiversity(diversity);
    const input: DotPlotInput = {
      series: diversitySeries,
      lanes: lanes.map(({ pattern, found }) => ({
        key: patternText(pattern),
        label: patternText(pattern),
        dots:
          found === undefined
            ? []
            : [found.rows, found.exact, found.product].map((value, series) => ({ series, value })),
      })),
      selected: patternText(choice),
      domain: [0, Math.max(18, ...values.map((value) => Math.ceil(value)))],
      tickText: (value) => String(value),
      figureText: (value) => value.toFixed(2),
      ...(comparison !== undefined && { guide: { value: comparison.rows24, from: '2:4', to: '4:8' } }),
      description:
        'Number of distinct masks that each pattern admits on an 8 by 8 tile, as powers of ten: the table has the figures',
    };
    this.diversity.update(input);
    this.diversityTable.setTable(() =>
      figureTable(
        'Number of masks on 64 weights',
        ['Pattern', 'row-wise', 'transposable, exact', 'product form'],
        lanes.map(({ pattern, found }) => [
          patternText(pattern),
          ...(found === undefined ? ['–', '–', '–'] : [found.rows, found.exact, found.product].map(countText)),
        ]),
      ),
    );
    this.truth.hidden = comparison === undefined;
    if (comparison !== undefined) {
      const { rows24, exact48, product48 } = comparison;
      this.truth.textContent =
        `4:8 transposable admits ${countText(exact48)} masks on an 8 × 8 tile: ${exact(10 ** (rows24 - exact48))} times fewer than ` +
        `2:4 row-wise, ${countText(rows24)}. The product form, ${countText(product48)}, counts masks more than once and turns the order round.`;
    }
  }

  private showReasons(): void {
    const refused = this.rows(this.model.sparsityChoice).filter((row) => whyNot(row) !== undefined);
    const lines = refused.slice(0, MOST_REASONS).map((row) =>
      element(
        'li',
        {},
        linkButton(row.layer.shortName, () => {
          closePopup();
          this.model.select(row.layer.name);
        }),
        element('div', { text: whyNot(row) ?? '' }),
      ),
    );
    const rest = refused.length - lines.length;
    const children: Child[] = [
      element('ul', {}, ...lines),
      rest > 0 ? element('p', { text: `and ${count(rest, 'layer')} more: sort by the last column` }) : undefined,
    ];
    const popup = showPopup(
      this.why.getBoundingClientRect(),
      { role: 'dialog', label: 'Layers without a mask', class: 'reasons-popup' },
      ...children,
    );
    popup.element.querySelector('button')?.focus();
  }

  /** As sorted now; every row says which pattern it is about. */
  private copyCsv(): void {
    this.update();
    const columns = this.table.visibleColumns;
    const rows = this.table.visibleRows;
    const pattern = patternText(this.model.sparsityChoice);
    const text = toCsv([
      ['name', 'pattern', ...columns.map((column) => column.header)],
      // A spreadsheet takes 2:4 for a time of day.
      ...rows.map((row) => [row.layer.name, `${pattern} `, ...columns.map((column) => column.value(row))]),
    ]);
    this.model.ask('clipboard/write', { text, what: count(rows.length, 'layer') }, 'The table was not copied');
  }
}
