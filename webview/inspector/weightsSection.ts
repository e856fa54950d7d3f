import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import { Stepper } from '../controls/stepper';
import type { EditorModel } from '../editor/editorModel';
import { loadingLine } from '../editor/messages';
import { exact, significant } from '../text/numbers';
import { ValueHistogram } from './histogram';
import { LatestAnswer } from './latestAnswer';
import { evenLevels, symmetricLevels } from './levels';
import { hint, pairs, section } from './section';

/** The weights as a histogram with the grid of the chosen width; with a grid for each channel, how far they reach. */
export class WeightsSection {
  private readonly histogram = new ValueHistogram('weights');
  private readonly channels: LatestAnswer<'weight/channels'>;
  private readonly stepper = new Stepper('Output channel', (step) => {
    this.channel = step - 1;
    this.model.changed();
  });
  private layer = '';
  /** −1 stands for all of them. */
  private channel = -1;

  constructor(private readonly model: EditorModel) {
    this.channels = new LatestAnswer(model, 'weight/channels');
  }

  /** What it must be drawn anew for. */
  get version(): readonly unknown[] {
    return [this.channel, this.channels.answer];
  }

  /** Asks for what must be read for this layer. */
  prepare(layer: LayerSummary | undefined): void {
    if (layer === undefined) {
      return;
    }
    const another = layer.name !== this.layer;
    if (another) {
      this.layer = layer.name;
      this.channel = -1;
    }
    if (this.gridsByChannel(layer)) {
      const channel = this.channel < 0 ? {} : { channel: this.channel };
      this.channels.want({ layer: layer.name, ...channel }, this.model.layers, !another);
    }
  }

  build(layer: LayerSummary, statistics: LayerStatistics | undefined): HTMLElement {
    const { model } = this;
    if (statistics === undefined) {
      const error = model.state?.statistics.error;
      return section(
        'Weights',
        error !== undefined
          ? hint(error.message)
          : model.statisticsComplete
            ? hint('No statistics for this layer')
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
      narrow !== undefined && drawn === undefined
        ? hint('Each channel gets an asymmetric grid of its own: none is drawn')
        : undefined,
    );
  }

  /** Whether the weight gets a symmetric grid for each output channel. */
  private gridsByChannel(layer: LayerSummary): boolean {
    const recipe = this.model.state?.recipe;
    return recipe?.weightGranularity === 'per-channel' && recipe.weightSymmetric && layer.quantizeWeights.possible;
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
    this.stepper.update(
      this.channel + 1,
      several ? answer.channels + 1 : 1,
      this.channel < 0 ? 'all channels' : `channel ${exact(this.channel)} of ${exact(answer?.channels ?? 0)}`,
    );
    return section(
      channelTitle(one?.index, bits, ranges?.channels),
      this.stepper.element,
      this.histogram.element,
      ranges === undefined
        ? undefined
        : pairs([
            ['widest grid', gridReach(ranges.widest, ranges.bits)],
            ['narrowest grid', gridReach(ranges.narrowest, ranges.bits)],
          ]),
      spreadPairs(shown),
      ranges === undefined ? undefined : hint('Grids over each channel’s full range; optimisers may narrow them'),
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
  return grids === undefined ? `Weights and ${bits}-bit grid` : `Weights, ${exact(grids)} grids of ${bits} bit`;
}

/** "±0.310, step 0.0443": a symmetric grid over the largest magnitude of a channel. */
function gridReach(peak: number, bits: number): string {
  return `±${significant(peak)}, step ${significant(peak / (2 ** (bits - 1) - 1))}`;
}
