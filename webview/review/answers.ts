import type { DiffView, FigureDiffView, ReviewPart } from '../../src/protocol/review';
import { element, hiddenText } from '../controls/element';
import { UNKNOWN } from '../text/numbers';

export interface Answer {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly tone?: 'good' | 'bad';
}

/** The answer first: how big, what it costs, how accurate, how many layers. */
export function answersOf(parts: readonly ReviewPart[]): Answer[] {
  const find = (kind: DiffView['kind']) => {
    const part = parts.find((one) => one.kind === kind);
    return part?.outcome.status === 'compared' ? part.outcome.diff : undefined;
  };
  const [lock, report, model] = [find('lock'), find('report'), find('model')];
  const fresh = parts.flatMap(({ outcome }) => (outcome.status === 'added' && outcome.diff ? [outcome.diff] : []));
  if (model !== undefined) {
    return [...model.figures.map((figure) => figureAnswer(figure.label, figure)), layersAnswer(model)];
  }
  const main = lock ?? report;
  if (main === undefined && fresh.every(({ figures }) => figures.length === 0)) {
    return [];
  }
  const figure = (key: string) =>
    [lock, report].flatMap((diff) => diff?.figures ?? []).find((one) => one.key === key && one.after !== UNKNOWN) ??
    // Of a file that is new there is nothing to compare its figures with.
    fresh
      .flatMap(({ figures }) => figures)
      .filter((one) => one.key === key && one.after !== UNKNOWN)
      .map((one) => ({ ...one, change: 'new' }))[0];
  const accuracy = figure('accuracy.deployed') ?? figure('accuracy.simulated');
  return [
    figureAnswer('Size, nominal', figure('size')),
    figureAnswer('Loss, predicted', figure('loss.predicted')),
    measured('Loss, measured', figure('loss.measured'), report),
    measured('Accuracy, measured', accuracy, report),
    ...(main === undefined ? [] : [layersAnswer(main)]),
  ];
}

/** "15.0 → 13.0 %": a unit that both have is said once. */
export function arrowText(before: string, after: string): string {
  if (before === after) {
    return after;
  }
  const unit = / \S+$/.exec(after)?.[0];
  const short = unit !== undefined && before.endsWith(unit) ? before.slice(0, -unit.length) : before;
  return `${short} → ${after}`;
}

export function answerStrip(answers: readonly Answer[]): HTMLElement {
  const strip = element(
    'dl',
    { class: 'answers' },
    ...answers.map(({ label, value, note, tone }) =>
      element(
        'div',
        { class: 'answer', title: `${label}: ${value} ${note}`.trim() },
        element('dt', { text: label }),
        element(
          'dd',
          {},
          element('span', { class: 'answer-value', text: value }),
          note === '' ? undefined : element('span', { class: `answer-note is-${tone ?? 'plain'}`, text: note }),
          tone === undefined ? undefined : hiddenText(tone === 'good' ? 'kept' : 'not kept'),
        ),
      ),
    ),
  );
  strip.hidden = answers.length === 0;
  strip.style.setProperty('--answers', String(answers.length));
  return strip;
}

function figureAnswer(label: string, figure: FigureDiffView | undefined): Answer {
  if (figure === undefined) {
    return { label, value: UNKNOWN, note: '' };
  }
  const { before, after, change, limit, kept } = figure;
  const value = arrowText(before, after);
  if (limit !== undefined) {
    return { label, value, note: `limit ${limit} ${kept === true ? '✓' : '✗'}`, tone: kept === true ? 'good' : 'bad' };
  }
  return { label, value, note: change === '' ? 'unchanged' : change };
}

function measured(label: string, figure: FigureDiffView | undefined, report: DiffView | undefined): Answer {
  if (figure !== undefined) {
    return figureAnswer(label, figure);
  }
  return { label, value: UNKNOWN, note: report === undefined ? 'no report' : 'not in the report' };
}

function layersAnswer(diff: DiffView): Answer {
  const changed = diff.layers.filter(({ status }) => status !== 'same').length;
  return { label: 'Layers changed', value: String(changed), note: `of ${changed + diff.unchangedLayers}` };
}
