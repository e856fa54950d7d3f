import './inspector.css';
import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { figureTable } from '../charts/chart';
import { element, fill, type Child } from '../controls/element';
import { Stepper } from '../controls/stepper';
import { linkButton } from '../controls/toolkit';
import type { EditorModel, View } from '../editor/editorModel';
import { loadingLine } from '../editor/messages';
import { refusals } from '../layers/layerRow';
import { bytes, compact, count, exact, layerLoss, share, significant, UNKNOWN } from '../text/numbers';
import { ErrorByBits } from './errorByBits';
import { ValueHistogram } from './histogram';
import { evenLevels, symmetricLevels } from './levels';
import { LatestAnswer } from './latestAnswer';
import { LossByBits } from './lossByBits';
import { WeightPictureView } from './weightPicture';

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
  private readonly picture: WeightPictureView;
  private readonly channels: LatestAnswer<'weight/channels'>;
  private readonly channelStepper = new Stepper('Output channel', (step) => {
    this.channel = step - 1;
    this.model.changed();
  });
  private readonly lock: LatestAnswer<'lock/entry'>;
  /** −1 stands for all of them. */
  private channel = -1;
  private layerName = '';
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: EditorModel) {
    this.picture = new WeightPictureView(model);
    this.channels = new LatestAnswer(model, 'weight/channels');
    this.lock = new LatestAnswer(model, 'lock/entry');
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
    this.prepare(layer);
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
      ...this.picture.version,
      this.channel,
      this.channels.answer,
      this.lock.answer,
      this.lock.failure,
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

  /** Asks for what must be read for this layer. */
  private prepare(layer: LayerSummary | undefined): void {
    const { model } = this;
    this.picture.prepare(layer);
    if (layer === undefined) {
      return;
    }
    const another = layer.name !== this.layerName;
    if (another) {
      this.layerName = layer.name;
      this.channel = -1;
    }
    if (this.gridsByChannel(layer)) {
      const channel = this.channel < 0 ? {} : { channel: this.channel };
      this.channels.want({ layer: layer.name, ...channel }, model.layers, !another);
    }
    const { recipe } = model.state ?? {};
    if (recipe !== undefined) {
      this.lock.want({ layer: layer.name }, recipe, !another);
    }
  }

  /** Whether the weight gets a symmetric grid for each output channel. */
  private gridsByChannel(layer: LayerSummary): boolean {
    const recipe = this.model.state?.recipe;
    return recipe?.weightGranularity === 'per-channel' && recipe.weightSymmetric && layer.quantizeWeights.possible;
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
      this.weightPicture(layer, statistics),
      this.inputs(layer),
      this.sensitivity(layer),
      this.outputErrors(layer),
      statistics === undefined ? undefined : this.sparsity(layer, statistics),
      this.recipe(layer),
      this.lockEntry(layer),
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
    const narrow = bits !== undefined && bits < 16 && layer.quantizeWeights.possible ? bits : undefined;
    if (this.gridsByChannel(layer)) {
      return this.channelWeights(layer, statistics, narrow);
    }
    const { min, max, histogram, mean, std } = statistics;
    const recipe = model.state?.recipe;
    // Grids of channels that are not symmetric are not known before they are laid.
    const drawn = recipe?.weightGranularity === 'per-channel' ? undefined : narrow;
    const levels =
      drawn === undefined
        ? []
        : recipe?.weightSymmetric === false
          ? evenLevels(Math.min(min, 0), Math.max(max, 0), drawn, min, max)
          : symmetricLevels(min, max, drawn);
    this.histogram.update({
      min,
      max,
      histogram,
      levels,
      figures: `mean ${significant(mean)}, standard deviation ${significant(std)}`,
    });
    return section(
      drawn === undefined ? 'Weights' : `Weights and ${drawn}-bit grid`,
      this.histogram.element,
      spreadPairs(statistics),
    );
  }

  /** One grid for each output channel: how far they reach, or that of one channel on its own values. */
  private channelWeights(layer: LayerSummary, statistics: LayerStatistics, bits: number | undefined): HTMLElement {
    const answer = this.channels.answer?.layer === layer.name ? this.channels.answer : undefined;
    const one = this.channel >= 0 && answer?.channel?.index === this.channel ? answer.channel : undefined;
    const shown = one ?? statistics;
    const several = answer !== undefined && answer.channels > 1;
    const ranges = several && one === undefined && bits !== undefined ? { ...answer, bits } : undefined;
    this.histogram.update({
      min: shown.min,
      max: shown.max,
      histogram: shown.histogram,
      levels: bits === undefined || ranges !== undefined ? [] : symmetricLevels(shown.min, shown.max, bits),
      figures: `mean ${significant(shown.mean)}, standard deviation ${significant(shown.std)}`,
      ...(ranges !== undefined && { extents: ranges }),
    });
    this.channelStepper.update(
      this.channel + 1,
      several ? answer.channels + 1 : 1,
      this.channel < 0 ? 'all channels' : `channel ${exact(this.channel)} of ${exact(answer?.channels ?? 0)}`,
    );
    return section(
      channelTitle(one?.index, bits, ranges?.channels),
      this.channelStepper.element,
      this.histogram.element,
      ranges === undefined
        ? undefined
        : pairs([
            ['widest grid', gridReach(ranges.widest, ranges.bits)],
            ['narrowest grid', gridReach(ranges.narrowest, ranges.bits)],
          ]),
      spreadPairs(shown),
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

  private recipe(layer: LayerSummary): HTMLElement | undefined {
    const recipe = this.model.state?.recipe;
    if (recipe === undefined) {
      return undefined;
    }
    const overrides = recipe.overrides.filter((override) => override.layer === layer.name);
    const open = (line: number) =>
      linkButton(`${recipe.name}:${line}`, () => this.model.ask('recipe/open', { line }, 'The recipe did not open'));
    return section(
      'Recipe',
      ...(overrides.length === 0
        ? [element('div', { class: 'hint', text: `${recipe.name} says nothing of this layer` })]
        : overrides.flatMap((override) => [open(override.line), element('pre', { text: override.text })])),
    );
  }

  /** What was decided: widths and mask as the lock has them, which the slider does not move. */
  private lockEntry(layer: LayerSummary): HTMLElement | undefined {
    const recipe = this.model.state?.recipe;
    if (recipe === undefined) {
      return undefined;
    }
    const { answer, failure } = this.lock;
    const { entry, name } = answer ?? {};
    if (entry === undefined) {
      const reading = answer === undefined ? 'Reading the lock…' : undefined;
      const missing = recipe.lock === 'missing' ? 'No lock yet: run Optimize' : undefined;
      const text = failure ?? reading ?? missing ?? `${name ?? 'The lock'} says nothing of this layer`;
      return section('Lock', element('div', { class: 'hint', text }));
    }
    const { scales } = entry;
    const rows: [string, Child][] = [
      ['bits W / A', element('span', { class: 'bit-pair' }, bitChip(entry.weightBits), bitChip(entry.activationBits))],
      ['mask', entry.mask ?? 'dense'],
    ];
    if (scales !== undefined) {
      const ends = scales.count === 1 ? [scales.min] : [scales.min, scales.max];
      rows.push([count(scales.count, 'scale'), ends.map((end) => significant(end)).join(' … ')]);
    }
    rows.push(['predicted loss', layerLoss(entry.loss)]);
    if (entry.reason !== undefined) {
      rows.push(['decided by', entry.reason]);
    }
    return section(
      'Lock',
      linkButton(`${name ?? ''}:${entry.line}`, () =>
        this.model.ask('lock/open', { layer: layer.name }, 'The lock did not open'),
      ),
      recipe.lock === 'stale'
        ? element('div', { class: 'hint', text: 'Stale: recipe, model or data changed since' })
        : undefined,
      pairs(rows),
    );
  }
}

/** Mean and spread of what a histogram shows. */
function spreadPairs({ mean, std }: { readonly mean: number; readonly std: number }): HTMLElement {
  return pairs([
    ['mean', significant(mean)],
    ['standard deviation', significant(std)],
  ]);
}

/** What the histogram shows: one channel or all, with its grid or the range of them. */
function channelTitle(channel: number | undefined, bits: number | undefined, grids: number | undefined): string {
  if (bits === undefined) {
    return channel === undefined ? 'Weights' : `Weights of channel ${exact(channel)}`;
  }
  if (channel !== undefined) {
    return `Channel ${exact(channel)} and its ${bits}-bit grid`;
  }
  return grids === undefined
    ? `Weights and ${bits}-bit grid`
    : `Weights and range of ${exact(grids)} ${bits}-bit grids`;
}

/** "±0.310, step 0.0443": a symmetric grid over the largest magnitude of a channel. */
function gridReach(peak: number, bits: number): string {
  return `±${significant(peak)}, step ${significant(peak / (2 ** (bits - 1) - 1))}`;
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
