import './inspector.css';
import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { figureTable } from '../charts/chart';
import { element, fill, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { loadingLine } from '../editor/messages';
import { refusals } from '../layers/layerRow';
import { bytes, compact, exact, layerLoss, share, significant, UNKNOWN } from '../text/numbers';
import { ErrorByBits } from './errorByBits';
import { ValueHistogram } from './histogram';
import { evenLevels, symmetricLevels } from './levels';
import { LossByBits } from './lossByBits';

/** What is this layer: stands beside every tab and follows the selection. */
export class Inspector implements View {
  readonly element: HTMLElement;
  private readonly content = element('div', { class: 'inspector-content' });
  private readonly heading = element('h2', { class: 'layer-title section-title' });
  private readonly toggle: HTMLButtonElement;
  private readonly histogram = new ValueHistogram('weights');
  private readonly inputHistogram = new ValueHistogram('inputs');
  private readonly errorByBits = new ErrorByBits();
  private readonly lossByBits = new LossByBits();
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: EditorModel) {
    this.toggle = linkButton('Fold', () => {
      const folded = this.element.classList.toggle('is-folded');
      this.toggle.textContent = folded ? 'Unfold' : 'Fold';
      this.toggle.setAttribute('aria-expanded', String(!folded));
    });
    this.toggle.classList.add('inspector-toggle');
    this.toggle.setAttribute('aria-expanded', 'true');
    this.element = element(
      'aside',
      { class: 'inspector scroll', attributes: { 'aria-label': 'Layer', tabindex: 0 } },
      this.toggle,
      this.heading,
      this.content,
    );
  }

  update(): void {
    const { model } = this;
    const layer = model.selected;
    const name = layer?.name ?? '';
    const inputs = [
      layer,
      model.layers,
      model.statistics(name),
      model.measurement(name),
      // Solving anew makes new objects of the same choices.
      JSON.stringify(model.allocated(name)),
      model.state?.recipe,
      model.state?.measurements,
      model.state?.statistics.error,
      model.statisticsComplete,
      model.sparsity(name),
    ];
    if (this.drawn.length > 0 && inputs.every((input, index) => input === this.drawn[index])) {
      return;
    }
    const another = this.drawn[0] !== layer;
    this.drawn = inputs;
    if (layer === undefined) {
      this.heading.textContent = 'No layer selected';
      fill(
        this.content,
        element('p', {
          class: 'hint',
          text:
            model.layers.length === 0
              ? 'Layers appear here once the model is read.'
              : 'Click a layer in any view, or walk the table with the arrow keys.',
        }),
      );
      return;
    }
    this.heading.textContent = layer.shortName;
    this.heading.title = layer.name;
    fill(this.content, ...this.sections(layer));
    if (another) {
      this.element.scrollTop = 0;
    }
  }

  private sections(layer: LayerSummary): Child[] {
    const statistics = this.model.statistics(layer.name);
    return [
      section(
        undefined,
        layer.name === layer.shortName
          ? undefined
          : element('div', { class: 'full-name', text: layer.name, title: layer.name }),
        this.identity(layer, statistics),
      ),
      this.refused(layer),
      this.weights(layer, statistics),
      this.inputs(layer),
      this.sensitivity(layer),
      this.outputErrors(layer),
      statistics === undefined ? undefined : this.sparsity(layer, statistics),
      this.recipe(layer),
    ];
  }

  private identity(layer: LayerSummary, statistics: LayerStatistics | undefined): HTMLElement {
    const { model } = this;
    const summary = model.state?.model.status === 'ready' ? model.state.model.value : undefined;
    const total = summary?.parameters ?? 0;
    const allocated = model.allocated(layer.name);
    const rows: [string, Child][] = [
      ['operator', layer.description],
      ['weight', layer.weightShape.join(' × ')],
      ['input', layer.inputShape],
      ['output', layer.outputShape],
      [
        'parameters',
        total > 0 ? `${exact(layer.parameters)} (${share(layer.parameters / total)})` : exact(layer.parameters),
      ],
      ['MACs', layer.macs === undefined ? 'shapes unknown' : compact(layer.macs)],
      ['stored', `${bytes(layer.storedBytes)}, ${layer.weightType}`],
    ];
    if (allocated !== undefined) {
      rows.push([
        'bits W / A',
        element('span', { class: 'bit-pair' }, bitChip(allocated.weightBits), bitChip(allocated.activationBits)),
      ]);
      rows.push(['quantised', bytes(allocated.sizeBits / 8)]);
      rows.push([`predicted loss, ${model.lossUnit}`, layerLoss(allocated.predictedLoss)]);
      if (allocated.reason !== undefined) {
        rows.push(['widths from', allocated.reason]);
      }
    }
    if (statistics !== undefined) {
      rows.push(['zeros', share(statistics.zeros)]);
    }
    if (layer.tie !== undefined) {
      rows.push(['shares its weight', layer.tie]);
    }
    return pairs(rows);
  }

  private refused(layer: LayerSummary): HTMLElement | undefined {
    const reasons = refusals(layer);
    if (reasons.length === 0) {
      return undefined;
    }
    return section(
      'Cannot',
      ...reasons.map(({ what, reason }) =>
        element('div', { class: 'refusal' }, element('b', { text: `${what}: ` }), reason),
      ),
    );
  }

  private weights(layer: LayerSummary, statistics: LayerStatistics | undefined): HTMLElement {
    const { model } = this;
    if (statistics === undefined) {
      const error = model.state?.statistics.error;
      return section(
        'Weights',
        error !== undefined
          ? element('div', { class: 'hint', text: error.message })
          : model.statisticsComplete
            ? element('div', { class: 'hint', text: 'No statistics for this layer' })
            : loadingLine('Reading the weights'),
      );
    }
    const bits = model.allocated(layer.name)?.weightBits;
    const grid = bits !== undefined && bits < 16 && layer.quantizeWeights.possible;
    const { min, max, histogram, mean, std } = statistics;
    this.histogram.update({
      min,
      max,
      histogram,
      levels: grid ? symmetricLevels(min, max, bits) : [],
      figures: `mean ${significant(mean)}, standard deviation ${significant(std)}`,
    });
    return section(
      grid ? `Weights and ${bits}-bit grid` : 'Weights',
      this.histogram.element,
      pairs([
        ['mean', significant(statistics.mean)],
        ['standard deviation', significant(statistics.std)],
      ]),
    );
  }

  private sensitivity(layer: LayerSummary): HTMLElement {
    const { model } = this;
    const measurement = model.measurement(layer.name);
    const title = 'Loss by bits (log)';
    if (measurement === undefined || measurement.candidates.length === 0) {
      const slot = model.state?.measurements;
      const why =
        slot?.status === 'ready'
          ? 'Not measured for this layer'
          : slot?.status === 'none'
            ? slot.reason
            : slot?.status === 'failed'
              ? slot.error.message
              : 'Reading measurements…';
      return section(title, element('div', { class: 'hint', text: why }));
    }
    const allocated = model.allocated(layer.name);
    this.lossByBits.update({
      candidates: measurement.candidates,
      weightBits: allocated?.weightBits,
      activationBits: allocated?.activationBits,
      lossUnit: model.lossUnit,
    });
    return section(title, this.lossByBits.element);
  }

  /** What the layer read on the calibration samples; nothing of it is known before an analysis. */
  private inputs(layer: LayerSummary): HTMLElement | undefined {
    const measurement = this.model.measurement(layer.name);
    if (measurement?.activationMin === undefined || measurement.activationMax === undefined) {
      return undefined;
    }
    const { activationMin: min, activationMax: max, activation } = measurement;
    const range = pairs([
      ['range', `${significant(min)} … ${significant(max)}`],
      ['zeros', activation === undefined ? UNKNOWN : share(activation.zeros)],
    ]);
    if (activation === undefined) {
      return section(
        'Inputs',
        range,
        element('div', { class: 'hint', text: 'No histogram was kept of them: run Analyze' }),
      );
    }
    const bits = this.model.allocated(layer.name)?.activationBits;
    const grid = activation.grids.find((one) => one.bits === bits);
    this.inputHistogram.update({
      min,
      max,
      histogram: activation.histogram,
      levels: grid === undefined ? [] : evenLevels(grid.low, grid.high, grid.bits, min, max),
      figures: `${share(activation.zeros)} zeros are left out`,
    });
    return section(
      grid === undefined ? 'Inputs' : `Inputs and ${grid.bits}-bit grid`,
      this.inputHistogram.element,
      range,
      grid === undefined
        ? undefined
        : pairs([['grid', `${significant(grid.low)} … ${significant(grid.high)}, ${2 ** grid.bits} levels`]]),
    );
  }

  /** Before and after the optimiser, as the analysis measured it. */
  private outputErrors(layer: LayerSummary): HTMLElement | undefined {
    const errors = this.model.measurement(layer.name)?.outputErrors ?? [];
    if (errors.length === 0) {
      return undefined;
    }
    this.errorByBits.update(errors, this.model.allocated(layer.name)?.weightBits);
    return section('Output error by bits (log)', this.errorByBits.element);
  }

  /** Compliance as it is; what masks keep, once they were measured for the Sparsity tab. */
  private sparsity(layer: LayerSummary, statistics: LayerStatistics): HTMLElement {
    const { model } = this;
    const measured = model.sparsity(layer.name);
    const masks = statistics.nm.map((entry) => model.patternOf(layer.name, entry)?.masks?.methods);
    const hasMasks = masks.some((entry) => entry !== undefined);
    const table = figureTable(
      'N:M sparsity: share of groups along the reduction axis with at most N non-zeros of M, and share of the magnitude that masks keep',
      ['N:M', 'complies', ...(hasMasks ? ['rows keep', 'transposable'] : [])],
      statistics.nm.map((entry, index) => [
        `${entry.keep}:${entry.group}`,
        entry.eligible ? share(entry.compliance) : 'not eligible',
        ...(hasMasks ? [masks[index]?.rows, masks[index]?.exact].map((mask) => maskText(mask?.retained)) : []),
      ]),
    );
    statistics.nm.forEach((entry, index) => {
      const cell = table.tBodies[0]?.rows[index]?.cells[1];
      if (!entry.eligible && cell !== undefined) {
        cell.classList.add('quiet');
        cell.title = entry.reason ?? '';
      }
    });
    const reasons = new Set(statistics.nm.flatMap((entry) => (entry.reason === undefined ? [] : [entry.reason])));
    return section(
      'Sparsity',
      table,
      ...[...reasons].map((reason) => element('div', { class: 'hint', text: reason })),
      measured === undefined && layer.sparsify.possible
        ? linkButton('What masks keep', () => model.showTab('sparsity'))
        : undefined,
    );
  }

  private recipe(layer: LayerSummary): HTMLElement | undefined {
    const recipe = this.model.state?.recipe;
    if (recipe === undefined) {
      return undefined;
    }
    const overrides = recipe.overrides.filter((override) => override.layer === layer.name);
    const open = (label: string) =>
      linkButton(label, () => this.model.ask('recipe/open', { layer: layer.name }, 'The recipe did not open'));
    return section(
      'Recipe',
      ...(overrides.length === 0
        ? [element('div', { class: 'hint', text: `${recipe.name} says nothing of this layer` })]
        : overrides.flatMap((override) => [
            open(`${recipe.name}:${override.line}`),
            element('pre', { text: override.text }),
          ])),
    );
  }
}

function section(title: string | undefined, ...content: readonly Child[]): HTMLElement {
  return element(
    'section',
    {},
    title === undefined
      ? undefined
      : element('div', { class: 'section-head' }, element('h3', { class: 'section-title', text: title })),
    ...content,
  );
}

function pairs(rows: readonly (readonly [string, Child])[]): HTMLElement {
  return element(
    'dl',
    { class: 'pairs' },
    ...rows.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', {}, value)]),
  );
}

function maskText(retained: number | undefined): string {
  return retained === undefined ? UNKNOWN : share(retained);
}
