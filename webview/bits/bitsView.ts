import './bits.css';
import type { AllocatedLayerView, AllocationView, FrontierView } from '../../src/protocol/job';
import { element, fill, svgElement, type Child } from '../controls/element';
import { actionButton, linkButton } from '../controls/toolkit';
import type { SolveOutcome } from '../editor/budgetSolver';
import type { EditorModel, View } from '../editor/editorModel';
import { emptySlot, errorLine } from '../editor/messages';
import { VirtualTable } from '../table/virtualTable';
import type { Sort } from '../table/column';
import { bytes, count, loss, share } from '../text/numbers';
import { bitsColumns, type BitsRow } from './bitsColumns';
import { FrontierChart, needsLogarithm } from './frontierChart';
import { LastRun } from './lastRun';
import { pinOf, showPinMenu } from './pinMenu';
import { Skyline } from './skyline';
import { skylineBars, type SkylineBar } from './skylineBars';

/** How far can I go, which layers pay, where exactly: frontier with the budget slider, bit skyline, table. */
export class BitsView implements View {
  readonly element: HTMLElement;
  private readonly empty = element('div', { class: 'empty' });
  private readonly frontier: FrontierChart;
  private readonly budgetSection: HTMLElement;
  private readonly solution = element('div', { class: 'solution' });
  private readonly solutionText = element('div', { class: 'solution-text', attributes: { 'aria-live': 'polite' } });
  private readonly back: HTMLButtonElement;
  private readonly write = actionButton({
    label: 'Write pins to recipe',
    appearance: 'secondary',
    onClick: () => void this.model.writeRecipe(),
  });
  private readonly skyline: Skyline;
  private readonly skylineSection: HTMLElement;
  private readonly skylineNote = element('span', { class: 'legend' });
  private readonly table: VirtualTable<BitsRow>;
  private readonly tableSection: HTMLElement;
  private readonly lastRun = new LastRun();
  private readonly scaleToggle: HTMLButtonElement;
  /** The user's choice; undefined leaves it to the curve. */
  private logarithmic: boolean | undefined;
  private sort: Sort | undefined;
  private openBlock: { readonly key: string; readonly names: ReadonlySet<string>; readonly label: string } | undefined;

  constructor(private readonly model: EditorModel) {
    this.frontier = new FrontierChart((size) => model.setBudgetSize(size));
    this.scaleToggle = linkButton('log scale', () => {
      this.logarithmic = !this.isLogarithmic();
      model.changed();
    });
    this.back = linkButton('', () => model.resetBudget());
    this.solution.append(this.solutionText, this.back, this.write.element);
    this.budgetSection = element(
      'section',
      { attributes: { 'aria-label': 'Budget' } },
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Budget' }),
        frontierLegend(),
        element('span', { class: 'spacer' }),
        this.scaleToggle,
        this.frontier.tableToggle,
      ),
      this.frontier.element,
      this.solution,
    );
    this.skyline = new Skyline(
      (bar) => this.selectBar(bar),
      (bar, anchor) => this.openBar(bar, anchor),
    );
    this.skylineSection = element(
      'section',
      { attributes: { 'aria-label': 'Bit widths' } },
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Bit widths' }),
        this.skylineNote,
      ),
      this.skyline.element,
    );
    this.table = new VirtualTable<BitsRow>({
      label: 'Bit widths by layer',
      key: (row) => row.layer.name,
      onSelect: (row) => model.select(row.layer.name),
      onActivate: (row, cell) => showPinMenu(model, row.layer.name, cell),
      onSort: (sort) => {
        this.sort = sort;
        model.changed();
      },
    });
    this.tableSection = element('section', { class: 'bits-table-section' }, this.table.element);
    this.element = element(
      'div',
      { class: 'bits' },
      this.empty,
      this.budgetSection,
      this.skylineSection,
      this.lastRun.element,
      this.tableSection,
    );
  }

  update(): void {
    const { state } = this.model;
    const allocation = this.model.allocation;
    const frontier = this.model.frontier;
    this.budgetSection.hidden = frontier === undefined;
    this.skylineSection.hidden = allocation === undefined;
    this.tableSection.hidden = allocation === undefined;
    fill(this.empty, ...this.missing(allocation, frontier));
    this.empty.hidden = this.empty.childElementCount === 0;
    this.lastRun.update(state?.report.status === 'ready' ? state.report.value : undefined);
    if (state === undefined) {
      return;
    }
    if (frontier !== undefined) {
      this.updateFrontier(frontier, allocation);
      this.updateSolution(allocation);
      this.model.refineFrontier();
    }
    if (allocation !== undefined) {
      this.updateSkyline(allocation);
      this.updateTable(allocation);
    }
  }

  /** Why there is no allocation or frontier, and what to do. */
  private missing(allocation: AllocationView | undefined, frontier: FrontierView | undefined): Child[] {
    const { state } = this.model;
    if (state === undefined || (allocation !== undefined && frontier !== undefined)) {
      return [];
    }
    const slot = allocation === undefined ? state.allocation : state.frontier;
    return [emptySlot(slot, 'Solving the allocation', this.nextStep())];
  }

  private nextStep(): Child {
    const actions = this.model.state?.actions;
    if (this.model.state?.recipe === undefined && actions?.createRecipe.enabled === true) {
      return linkButton('Create a recipe', () => this.model.ask('recipe/create', null, 'The recipe was not created'));
    }
    return actions?.analyze.enabled === true
      ? linkButton('Analyze', () => this.model.ask('job/start', { kind: 'analyze' }, 'Analyze did not start'))
      : undefined;
  }

  private updateFrontier(frontier: FrontierView, allocation: AllocationView | undefined): void {
    const { outcome } = this.model;
    this.scaleToggle.textContent = this.isLogarithmic() ? 'linear scale' : 'log scale';
    const size = this.model.budget?.size ?? allocation?.size ?? frontier.smallestSize;
    const fits = outcome?.kind !== 'failed';
    const present =
      fits && allocation !== undefined ? { size: allocation.size, loss: allocation.predictedLoss } : undefined;
    const measured = frontier.measured.find(
      (point) => present !== undefined && Math.abs(point.size - present.size) < 0.0005,
    );
    this.frontier.update({
      frontier,
      size,
      present,
      measuredLoss: measured?.loss,
      floatBytes: allocation?.floatBytes,
      lossUnit: this.model.lossUnit,
      logarithmic: this.isLogarithmic(),
      valueText: this.valueText(size, present, allocation),
    });
  }

  private isLogarithmic(): boolean {
    const { frontier } = this.model;
    return this.logarithmic ?? (frontier !== undefined && needsLogarithm(frontier));
  }

  private valueText(
    size: number,
    present: { readonly size: number; readonly loss: number } | undefined,
    allocation: AllocationView | undefined,
  ): string {
    if (present === undefined || allocation === undefined) {
      return `${share(size)} of the float size: nothing fits`;
    }
    return `${share(size)} of the float size, ${bytes(allocation.sizeBytes)}, predicted loss ${loss(present.loss)} ${this.model.lossUnit}`;
  }

  private updateSolution(allocation: AllocationView | undefined): void {
    const { outcome, state } = this.model;
    const recipe = state?.recipe;
    const pins = state?.pins.length ?? 0;
    const moved = this.model.view.budget !== undefined;
    this.solution.hidden = recipe === undefined;
    this.write.element.hidden = recipe === undefined;
    this.write.element.textContent =
      pins > 0 && moved
        ? `Write budget and ${count(pins, 'pin')} to recipe`
        : pins > 0
          ? `Write ${count(pins, 'pin')} to recipe`
          : moved
            ? 'Write budget to recipe'
            : 'Write pins to recipe';
    this.write.setState(
      outcome?.kind === 'failed'
        ? { enabled: false, reason: 'Nothing fits this budget' }
        : pins === 0 && !moved
          ? { enabled: false, reason: 'Nothing differs from the recipe: move the slider, or click a layer to pin it' }
          : pins > 0 && state !== undefined
            ? state.actions.writePins
            : { enabled: true },
    );
    this.back.hidden = !moved;
    const size = recipe?.budget.size;
    this.back.textContent = size === undefined ? 'Back' : `Back to ${share(size)}`;
    this.back.title = "Back to the recipe's budget";
    if (outcome?.kind === 'failed') {
      fill(this.solutionText, ...this.failureParts());
    } else if (allocation !== undefined) {
      fill(this.solutionText, ...solutionParts(allocation, this.model));
    }
  }

  private failureParts(): Child[] {
    const { outcome } = this.model;
    if (outcome?.kind !== 'failed') {
      return [];
    }
    const smallest = this.model.frontier?.smallestSize;
    const reachable = outcome.error.code === 'allocate/infeasible' && smallest !== undefined;
    return [
      errorLine(
        { ...outcome.error, message: infeasibleText(outcome, smallest) },
        reachable
          ? linkButton(`Use ${share(smallest)}`, () => this.model.setBudgetSize(Math.ceil(smallest * 1e5) / 1e5))
          : undefined,
      ),
    ];
  }

  private updateSkyline(allocation: AllocationView): void {
    const shortName = (name: string) => this.model.layerByName(name)?.shortName ?? name;
    let layers: readonly AllocatedLayerView[] = allocation.layers;
    if (this.openBlock !== undefined) {
      const { names } = this.openBlock;
      layers = layers.filter((layer) => names.has(layer.name));
    }
    const bars = skylineBars(layers, shortName);
    const selectedName = this.model.state?.selectedLayer;
    const unwrittenNames = new Set(this.model.state?.pins.map((pin) => pin.layer));
    this.skyline.update({
      bars,
      selected: bars.find((bar) => bar.layers.some((layer) => layer.name === selectedName))?.key,
      unwritten: new Set(
        bars.filter((bar) => bar.layers.some((layer) => unwrittenNames.has(layer.name))).map((bar) => bar.key),
      ),
      lossUnit: this.model.lossUnit,
    });
    this.describeSkyline(bars, layers.length);
  }

  private describeSkyline(bars: readonly SkylineBar[], layers: number): void {
    const grouped = bars.length < layers;
    fill(
      this.skylineNote,
      element('span', {
        class: 'legend-item',
        text: grouped
          ? `${count(bars.length, 'block')} of ${count(layers, 'layer')}, mean bits; click opens a block`
          : 'width = parameters, height = bits, so the area is the size',
      }),
      legendItem('activations', svgElement('line', { x1: 0, x2: 12, y1: 6, y2: 6, class: 'activation' })),
      legendItem('pinned', svgElement('circle', { cx: 6, cy: 6, r: 2.5, class: 'pin' })),
      this.openBlock === undefined
        ? undefined
        : linkButton(`Close ${this.openBlock.label}`, () => {
            this.openBlock = undefined;
            this.model.changed();
          }),
    );
  }

  private selectBar(bar: SkylineBar): void {
    const first = bar.layers[0];
    if (first !== undefined && !bar.layers.some((layer) => layer.name === this.model.state?.selectedLayer)) {
      this.model.select(first.name);
    }
  }

  private openBar(bar: SkylineBar, anchor: DOMRect): void {
    const single = bar.layers.length === 1 ? bar.layers[0] : undefined;
    if (single !== undefined) {
      showPinMenu(this.model, single.name, anchor);
    } else {
      this.openBlock = { key: bar.key, label: bar.label, names: new Set(bar.layers.map((layer) => layer.name)) };
      this.model.changed();
    }
  }

  private updateTable(allocation: AllocationView): void {
    const { model } = this;
    const report = model.state?.report.status === 'ready' ? model.state.report.value : undefined;
    const outputSqnr = new Map(report?.layers.map((layer) => [layer.name, layer.outputSqnr]));
    const rows: BitsRow[] = [];
    for (const allocated of allocation.layers) {
      const layer = model.layerByName(allocated.name);
      if (layer !== undefined) {
        const candidates = model.measurement(allocated.name)?.candidates ?? [];
        rows.push({
          layer,
          allocated,
          pin: pinOf(model, allocated.name) !== undefined ? 'unwritten' : allocated.pinned ? 'recipe' : 'none',
          weightSqnr: candidates.find((candidate) => candidate.weightBits === allocated.weightBits)?.weightSqnr,
          outputSqnr: outputSqnr.get(allocated.name),
        });
      }
    }
    this.table.show(rows, bitsColumns(model.lossUnit, report !== undefined), this.sort);
    this.table.select(model.state?.selectedLayer);
  }
}

/** "141 KB · predicted loss 0.045 nats · 41.0 % of 8-bit operations · proven optimal, highs". */
function solutionParts(allocation: AllocationView, model: EditorModel): Child[] {
  const refining = model.outcome?.kind === 'solved' ? model.outcome.refining : !allocation.exact;
  const proof = refining
    ? 'solving exactly…'
    : allocation.proven
      ? `proven optimal, ${allocation.engine}`
      : `${gapText(allocation, model)}, ${allocation.engine}`;
  const bitOperations = allocation.bops === undefined ? '' : `${share(allocation.bops)} of 8-bit operations · `;
  return [
    element(
      'span',
      {},
      `${bytes(allocation.sizeBytes)} · predicted loss ${loss(allocation.predictedLoss)} ${model.lossUnit} · `,
      element('span', { class: 'quiet', text: `${bitOperations}${proof}` }),
    ),
  ];
}

function gapText(allocation: AllocationView, model: EditorModel): string {
  // Where the size is minimised, the bound is one on the size.
  if (model.budget?.loss !== undefined || allocation.predictedLoss <= 0) {
    return 'not proven optimal';
  }
  return `within ${share(Math.max(0, (allocation.predictedLoss - allocation.bound) / allocation.predictedLoss))} of the optimum`;
}

/** In fractions, as the slider speaks; the error's own sentence counts bits. */
function infeasibleText(outcome: SolveOutcome & { readonly kind: 'failed' }, smallest: number | undefined): string {
  const { error, budget } = outcome;
  if (
    error.code !== 'allocate/infeasible' ||
    budget.size === undefined ||
    smallest === undefined ||
    budget.size >= smallest
  ) {
    return error.message;
  }
  const pins = pinsOf(error.details);
  const because = pins.length === 0 ? '' : `. Held up most by ${pins.join(', ')}`;
  return `Nothing fits ${share(budget.size)}: the smallest is ${share(smallest)}${because}`;
}

/** Names the pins that keep a budget out of reach, at most three. */
function pinsOf(details: Readonly<Record<string, unknown>> | undefined): string[] {
  const budgets = Array.isArray(details?.budgets) ? (details.budgets as unknown[]) : [];
  const pins = budgets.flatMap((entry) =>
    isRecord(entry) && Array.isArray(entry.pins) ? (entry.pins as unknown[]) : [],
  );
  return pins.slice(0, 3).flatMap((pin) => (isRecord(pin) ? [`${String(pin.unit)} (${String(pin.pin)})`] : []));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function frontierLegend(): HTMLElement {
  return element(
    'span',
    { class: 'legend' },
    element('span', { class: 'legend-item is-optional', text: 'loss added against size' }),
    legendItem('predicted', svgElement('line', { x1: 0, x2: 12, y1: 6, y2: 6, class: 'series' })),
    legendItem('measured', svgElement('circle', { cx: 6, cy: 6, r: 3.5, class: 'measured' })),
    legendItem('uniform width', svgElement('rect', { x: 2.5, y: 2.5, width: 7, height: 7, class: 'uniform' })),
  );
}

function legendItem(label: string, mark: SVGElement): HTMLElement {
  return element(
    'span',
    { class: 'legend-item' },
    svgElement('svg', { width: 12, height: 12, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, mark),
    label,
  );
}
