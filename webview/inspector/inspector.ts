import './inspector.css';
import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { figureTable } from '../charts/chart';
import { element, fill, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { refusals } from '../layers/layerRow';
import { bytes, compact, exact, layerLoss, share, significant, UNKNOWN } from '../text/numbers';
import { ErrorByBits } from './errorByBits';
import { FileSections } from './fileSections';
import { ValueHistogram } from './histogram';
import { evenLevels } from './levels';
import { LossByBits } from './lossByBits';
import { pairs, section } from './section';
import { WeightPictureView } from './weightPicture';
import { WeightsSection } from './weightsSection';

/** What is this layer: stands beside every tab and follows the selection. */
export class Inspector implements View {
  readonly element: HTMLElement;
  private readonly content = element('div', { class: 'inspector-content' });
  private readonly heading = element('h2', { class: 'layer-title section-title' });
  private readonly toggle: HTMLButtonElement;
  private readonly inputHistogram = new ValueHistogram('inputs');
  private readonly errorByBits = new ErrorByBits();
  private readonly lossByBits = new LossByBits();
  private readonly weights: WeightsSection;
  private readonly picture: WeightPictureView;
  private readonly files: FileSections;
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: EditorModel) {
    this.picture = new WeightPictureView(model);
    this.weights = new WeightsSection(model);
    this.files = new FileSections(model);
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
    for (const part of [this.weights, this.picture, this.files]) {
      part.prepare(layer);
    }
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
      ...this.weights.version,
      ...this.picture.version,
      ...this.files.version,
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
    const focused = document.activeElement;
    fill(this.content, ...this.sections(layer));
    // What was put back is the same element: whoever steps through it with the keyboard goes on.
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.content.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
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
      this.weights.build(layer, statistics),
      this.weightPicture(layer, statistics),
      this.inputs(layer),
      this.sensitivity(layer),
      this.outputErrors(layer),
      statistics === undefined ? undefined : this.sparsity(layer, statistics),
      ...this.files.build(layer),
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

  private weightPicture(layer: LayerSummary, statistics: LayerStatistics | undefined): HTMLElement {
    this.picture.update(layer, statistics);
    return section('Picture of the weight', this.picture.element);
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
}

function maskText(retained: number | undefined): string {
  return retained === undefined ? UNKNOWN : share(retained);
}
