import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import type { BlockPicture, KernelPicture, WeightPictureQuestion } from '../../src/protocol/weights';
import { element, fill, type Child } from '../controls/element';
import { Segments, type Segment } from '../controls/segments';
import { Stepper } from '../controls/stepper';
import { linkButton } from '../controls/toolkit';
import type { EditorModel } from '../editor/editorModel';
import { loadingLine } from '../editor/messages';
import { count, exact, share, significant } from '../text/numbers';
import { LatestAnswer } from './latestAnswer';
import { PixelGrid, type GridCell } from './pixelGrid';

type Kind = 'kernels' | 'blocks' | 'zeros';

const kinds: Readonly<Record<Kind, Segment<Kind>>> = {
  kernels: { value: 'kernels', label: 'Kernels', title: 'One kernel for each output channel' },
  blocks: { value: 'blocks', label: 'Blocks', title: 'Means over blocks of output × input channels' },
  zeros: { value: 'zeros', label: 'Zeros', title: 'Where the exact zeros are: the mask of a pruned weight' },
};

/** The selected layer's weight as a picture: kernels, block means, or where its zeros are. */
export class WeightPictureView {
  readonly element: HTMLElement;
  private readonly segments = new Segments<Kind>('Picture of the weight', (kind) => this.go({ kind }));
  private readonly inputs = new Stepper('Input channel', (step) => this.go({ input: step - 1 }));
  private readonly pages = new Stepper('Output channels', (page) => this.go({ page }));
  private readonly positions = new Stepper('Kernel position', (step) => this.go({ position: step - 1 }));
  private readonly grid = new PixelGrid();
  private readonly message = element('div');
  private readonly body = element('div');
  private readonly legend = element('div', { class: 'pixel-legend' });
  private readonly notes = element('div');
  private readonly reader: LatestAnswer<'weight/picture'>;
  private layer = '';
  private kind: Kind | undefined;
  /** −1 is the mean over all, and all positions. */
  private input = -1;
  private position = -1;
  private page = 0;
  /** Output channels on a page, once it is known. */
  private pageLength = 0;

  constructor(private readonly model: EditorModel) {
    this.reader = new LatestAnswer(model, 'weight/picture');
    this.body.append(
      element('div', { class: 'pixel-steps' }, this.inputs.element, this.positions.element, this.pages.element),
      this.grid.element,
      this.legend,
    );
    this.element = element('div', {}, this.segments.element, this.message, this.body, this.notes);
  }

  /** What the inspector must draw anew for. */
  get version(): readonly unknown[] {
    return [this.reader.answer, this.reader.failure, this.kind, this.input, this.position, this.page];
  }

  /** Asks for what is on show; call before `version` is read. */
  prepare(layer: LayerSummary | undefined): void {
    if (layer === undefined) {
      return;
    }
    const another = layer.name !== this.layer;
    if (another) {
      this.layer = layer.name;
      this.input = -1;
      this.position = -1;
      this.page = 0;
    }
    const shown = this.shownKind(layer);
    const { answer } = this.reader;
    const question: WeightPictureQuestion = {
      layer: layer.name,
      kind: shown === 'kernels' ? 'kernels' : 'blocks',
      input: this.input < 0 || shown !== 'kernels' ? 'mean' : this.input,
      first: shown === 'kernels' ? this.page * this.pageLength : 0,
      position: this.position < 0 || shown === 'kernels' ? 'all' : this.position,
    };
    this.reader.want({ question }, this.model.layers, !another && answer?.kind === question.kind);
  }

  update(layer: LayerSummary, statistics: LayerStatistics | undefined): void {
    const shown = this.shownKind(layer);
    const choices = hasKernel(layer) ? [kinds.kernels, kinds.blocks, kinds.zeros] : [kinds.blocks, kinds.zeros];
    this.segments.update(choices, shown);
    const { answer, failure } = this.reader;
    const fits = answer !== undefined && (answer.kind === 'kernels') === (shown === 'kernels');
    this.body.hidden = !fits;
    fill(
      this.message,
      failure !== undefined
        ? element('div', { class: 'hint', text: failure })
        : fits
          ? undefined
          : loadingLine('Reading the weight'),
    );
    for (const stepper of [this.inputs, this.positions, this.pages]) {
      stepper.element.hidden = true;
    }
    fill(this.notes);
    if (answer === undefined || !fits) {
      return;
    }
    if (answer.kind === 'kernels') {
      this.showKernels(layer, answer);
    } else if (shown === 'zeros') {
      this.showZeros(layer, answer, statistics);
    } else {
      this.showBlocks(layer, answer);
    }
    if (answer.faults > 0) {
      this.notes.append(
        element('div', { class: 'hint', text: `${count(answer.faults, 'value')} NaN or infinite, drawn as 0` }),
      );
    }
  }

  private showKernels(layer: LayerSummary, picture: KernelPicture): void {
    const { first, count: shown, outputs, inputs, height, width, values, scale, kernel } = picture;
    if (first === 0) {
      this.pageLength = shown;
    }
    const pages = Math.ceil(outputs / Math.max(1, this.pageLength));
    this.inputs.update(
      this.input + 1,
      inputs + 1,
      this.input < 0 ? `mean of ${count(inputs, 'input')}` : `input ${exact(this.input)} of ${exact(inputs)}`,
    );
    // One input is its own mean.
    this.inputs.element.hidden = inputs <= 1;
    const range = `out ${exact(first)}–${exact(first + shown - 1)}`;
    this.pages.update(this.page, pages, `${range} of ${exact(outputs)}`);
    const cellText = ({ tile, row, column }: GridCell) => {
      const value = values[(tile * height + row) * width + column] ?? 0;
      return `out ${exact(first + tile)}, kernel ${indexText(row * width + column, kernel)}: ${significant(value)}`;
    };
    const what = picture.input === 'mean' && inputs > 1 ? 'mean over the inputs' : `input ${picture.input}`;
    this.grid.update({
      tiles: shown,
      rows: height,
      columns: width,
      values: values.map((value) => value / scale),
      label: `Kernels of ${layer.shortName}, ${range} of ${exact(outputs)}, ${inputs > 1 ? what : 'one input'}`,
      cellText,
      restText: `${count(shown, 'kernel')} of ${kernel.join(' × ')}${shown < outputs ? `, ${range}` : ''}`,
    });
    fill(this.legend, ...diverging(scale));
  }

  private showBlocks(layer: LayerSummary, picture: BlockPicture): void {
    const { means, scale } = picture;
    this.showPositions(picture);
    this.grid.update({
      tiles: 1,
      rows: picture.down,
      columns: picture.across,
      values: means.map((value) => value / scale),
      label: `Block means of ${layer.shortName}: ${sizeText(picture)}`,
      cellText: (cell) => {
        const value = means[cell.row * picture.across + cell.column] ?? 0;
        const single =
          picture.blockOutputs * picture.blockInputs === 1 && (picture.position !== 'all' || !hasKernel(layer));
        return `${blockText(cell, picture)}: ${single ? '' : 'mean '}${significant(value)}`;
      },
      restText: sizeText(picture),
    });
    fill(this.legend, ...diverging(scale));
  }

  private showZeros(layer: LayerSummary, picture: BlockPicture, statistics: LayerStatistics | undefined): void {
    const { zeros } = picture;
    const none = zeros.every((value) => value === 0);
    this.showPositions(picture);
    this.grid.update({
      tiles: 1,
      rows: picture.down,
      columns: picture.across,
      values: zeros,
      label: `Zeros of ${layer.shortName}: ${sizeText(picture)}`,
      cellText: (cell) =>
        `${blockText(cell, picture)}: ${share(zeros[cell.row * picture.across + cell.column] ?? 0)} zeros`,
      restText: none ? 'No exact zeros' : sizeText(picture),
    });
    fill(this.legend, ramp(['0\u00a0%', 'zeros', '100\u00a0%'], 'is-share'));
    this.notes.append(
      element('div', { class: 'hint', text: complianceText(statistics, none) }),
      linkButton('Weights with their masks', () => this.model.showTab('sparsity')),
    );
  }

  private showPositions({ kernel }: BlockPicture): void {
    const positions = kernel.reduce((all, length) => all * length, 1);
    this.positions.update(
      this.position + 1,
      positions > 1 ? positions + 1 : 1,
      this.position < 0 ? 'all kernel positions' : `kernel ${indexText(this.position, kernel)}`,
    );
  }

  private shownKind(layer: LayerSummary): Kind {
    const wanted = this.kind ?? 'kernels';
    return wanted === 'kernels' && !hasKernel(layer) ? 'blocks' : wanted;
  }

  private go(to: { kind?: Kind; input?: number; position?: number; page?: number }): void {
    this.kind = to.kind ?? this.kind;
    this.input = to.input ?? this.input;
    this.position = to.position ?? this.position;
    this.page = to.page ?? this.page;
    this.model.changed();
  }
}

/** A convolution with more than one kernel position. */
function hasKernel(layer: LayerSummary): boolean {
  return /Conv/.test(layer.operator) && layer.weightShape.slice(2).reduce((all, length) => all * length, 1) > 1;
}

/** "1, 2" for the position in a 3 × 3 kernel. */
function indexText(position: number, kernel: readonly number[]): string {
  const index: number[] = [];
  let rest = position;
  for (const length of [...kernel].reverse()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index.join(', ');
}

function sizeText({ outputs, inputs, blockOutputs, blockInputs }: BlockPicture): string {
  const whole = `${exact(outputs)} out × ${exact(inputs)} in`;
  return blockOutputs * blockInputs === 1
    ? whole
    : `${whole} in blocks of ${exact(blockOutputs)} × ${exact(blockInputs)}`;
}

function blockText({ row, column }: GridCell, picture: BlockPicture): string {
  const range = (index: number, length: number, all: number) => {
    const first = index * length;
    const last = Math.min(all, first + length) - 1;
    return first === last ? exact(first) : `${exact(first)}–${exact(last)}`;
  };
  return `out ${range(row, picture.blockOutputs, picture.outputs)}, in ${range(column, picture.blockInputs, picture.inputs)}`;
}

/** Which N:M patterns hold as the weight is. */
function complianceText(statistics: LayerStatistics | undefined, none: boolean): string {
  const eligible = statistics?.nm.filter((entry) => entry.eligible) ?? [];
  if (none) {
    return 'No weight is exactly zero: no mask was applied';
  }
  if (eligible.length === 0) {
    return 'No N:M pattern fits this weight';
  }
  const name = ({ keep, group }: { keep: number; group: number }) => `${keep}:${group}`;
  const held = eligible.filter(({ compliance }) => compliance === 1);
  if (held.length > 0) {
    return `Complies with ${held.map(name).join(', ')}`;
  }
  const best = eligible.reduce((a, b) => (b.compliance > a.compliance ? b : a));
  return `No N:M pattern holds everywhere; ${name(best)} in ${share(best.compliance)} of its groups`;
}

function diverging(scale: number): Child[] {
  return [ramp([significant(-scale), '0', significant(scale)], 'is-diverging')];
}

/** A bar of the colours with what its ends and its middle stand for. */
function ramp(texts: readonly string[], className: string): HTMLElement {
  return element(
    'div',
    { class: 'pixel-scale' },
    element('div', { class: `pixel-ramp ${className}`, attributes: { 'aria-hidden': 'true' } }),
    element('div', { class: 'pixel-ends' }, ...texts.map((text) => element('span', { text }))),
  );
}
