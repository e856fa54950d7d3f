import type {
  ComparedFile,
  ComparedSide,
  CompareState,
  ModelComparison,
  SideName,
} from '../../src/protocol/comparison';
import { element, fill, type Child } from '../controls/element';
import { actionButton, linkButton } from '../controls/toolkit';
import { errorLine, loadingLine, messageLine } from '../editor/messages';
import { UNKNOWN, bytes, count, exact, isShareMetric, metricName, metricValue, significant } from '../text/numbers';
import { changeText } from './comparedColumns';
import type { CompareModel } from './compareModel';

/** Both files, and what differs between them as wholes. */
export class CompareHeader {
  readonly element: HTMLElement;
  private readonly title = element('h1', { class: 'title' });
  private readonly sides = element('span', { class: 'facts compare-files' });
  private readonly answers = element('dl', { class: 'answers' });
  private readonly notices = element('div', { class: 'messages', attributes: { 'aria-live': 'polite' } });
  private drawn: readonly unknown[] = [];

  constructor(private readonly model: CompareModel) {
    const swap = actionButton({
      label: 'Swap sides',
      appearance: 'secondary',
      onClick: () => model.ask('sides/swap', null, 'The sides were not exchanged'),
    });
    this.element = element(
      'header',
      {},
      element(
        'div',
        { class: 'title-line' },
        this.title,
        this.sides,
        element('div', { class: 'actions', attributes: { role: 'group', 'aria-label': 'Actions' } }, swap.element),
      ),
      this.answers,
      this.notices,
    );
  }

  update(): void {
    const { state, failure } = this.model;
    const inputs = [state, failure];
    if (inputs.every((input, i) => input === this.drawn[i]) && this.drawn.length > 0) {
      return;
    }
    this.drawn = inputs;
    if (state !== undefined) {
      const same = state.before.name === state.after.name;
      this.title.textContent = same ? state.before.name : `${state.before.name} ↔ ${state.after.name}`;
      fill(this.sides, this.openLink('before', state.before), ' ↔ ', this.openLink('after', state.after));
      fill(this.answers, ...answersOf(state).map(answer));
    }
    fill(this.notices, ...this.lines());
  }

  private openLink(side: SideName, file: ComparedFile): HTMLElement {
    const label = file.place === '' || file.place === '.' ? file.name : `${file.name}, ${file.place}`;
    return linkButton(
      label,
      () => this.model.ask('model/open', { side }, 'The model did not open'),
      `Open ${label}: the ${side === 'before' ? 'first' : 'second'} model`,
    );
  }

  private lines(): Child[] {
    const { state, failure, comparison } = this.model;
    const log = () => linkButton('Show log', () => this.model.ask('log/show', null, 'The log did not open'));
    return [
      failure === undefined
        ? undefined
        : errorLine(
            { ...failure.error, message: `${failure.what}: ${failure.error.message}` },
            log(),
            linkButton('Dismiss', () => this.model.dismissFailure()),
          ),
      state?.comparison.status === 'loading' ? loadingLine('Comparing the weights of both models') : undefined,
      state?.comparison.status === 'failed'
        ? errorLine(
            state.comparison.error,
            linkButton('Compare again', () => this.model.ask('compare/again', null, 'The models were not compared')),
            log(),
          )
        : undefined,
      ...(comparison === undefined ? [] : this.notes(comparison)),
    ];
  }

  private notes(comparison: ModelComparison): Child[] {
    const unmeasured = comparison.layers.filter((layer) => layer.unmeasured !== undefined);
    const measured = (['before', 'after'] as const).find((side) => comparison[side].measured !== undefined);
    return [
      comparison.foldedBatchNorms > 0
        ? messageLine(
            'info',
            `Only one model has its batch norms folded: weights are compared with ${count(comparison.foldedBatchNorms, 'norm')} of the other folded too`,
          )
        : undefined,
      unmeasured.length > 0
        ? messageLine(
            'warning',
            `The weights of ${count(unmeasured.length, 'layer')} are not compared: ${unmeasured[0]?.unmeasured ?? ''}`,
          )
        : undefined,
      comparison.staleReports.length > 0
        ? messageLine(
            'warning',
            `${count(comparison.staleReports.length, 'report')} beside the models measured other versions of them: nothing is taken from there`,
          )
        : undefined,
      measured === undefined
        ? undefined
        : messageLine(
            'info',
            'Accuracy, latency and errors of outputs are those of the Lathe report',
            linkButton('Open report', () =>
              this.model.ask('report/open', { side: measured }, 'The report did not open'),
            ),
          ),
    ];
  }
}

interface Answer {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly title: string;
}

function answer({ label, value, note, title }: Answer): HTMLElement {
  return element(
    'div',
    { class: 'answer', title },
    element('dt', { text: label }),
    element(
      'dd',
      {},
      element('span', { class: 'answer-value', text: value }),
      note === '' ? undefined : element('span', { class: 'answer-note', text: note }),
    ),
  );
}

function answersOf(state: CompareState): readonly Answer[] {
  const comparison = state.comparison.status === 'ready' ? state.comparison.value : undefined;
  if (comparison === undefined) {
    return ['File', 'Weights of layers', 'Accuracy', 'Latency', 'Layers'].map((label) => ({
      label,
      value: UNKNOWN,
      note: '',
      title: '',
    }));
  }
  const { before, after, layers } = comparison;
  const differing = layers.filter(({ status }) => status !== 'same').length;
  return [
    {
      label: 'File',
      value: `${bytes(before.fileBytes)} → ${bytes(after.fileBytes)}`,
      note: changeText(after.fileBytes / before.fileBytes - 1),
      title: 'Both files with their external data',
    },
    {
      label: 'Weights of layers',
      value: `${bytes(before.weightBytes)} → ${bytes(after.weightBytes)}`,
      note: before.weightBytes === 0 ? '' : changeText(after.weightBytes / before.weightBytes - 1),
      title: 'Weights, scales and zero points as stored',
    },
    accuracyAnswer(before, after),
    latencyAnswer(before, after),
    {
      label: 'Layers that differ',
      value: exact(differing),
      note: `of ${exact(layers.length)}`,
      title: 'In structure, storage or weights',
    },
  ];
}

function accuracyAnswer(before: ComparedSide, after: ComparedSide): Answer {
  const [a, b] = [before.measured?.accuracy, after.measured?.accuracy];
  const metric = (b ?? a)?.metric;
  const title = 'From the Lathe report beside the compressed model';
  if (metric === undefined) {
    return { label: 'Accuracy', value: UNKNOWN, note: 'not measured', title: 'Run Optimize to measure it' };
  }
  const text = (one: typeof a) => (one?.metric === metric ? metricValue(metric, one.value) : UNKNOWN);
  const comparable = a !== undefined && b !== undefined && a.metric === b.metric;
  const change = comparable ? b.value - a.value : 0;
  const note = !comparable
    ? ''
    : isShareMetric(metric)
      ? `${change < 0 ? '−' : '+'}${Math.abs(change * 100).toFixed(2)} points`
      : `${change < 0 ? '−' : '+'}${significant(Math.abs(change))}`;
  return { label: metricName(metric), value: `${text(a)} → ${text(b)}`, note, title };
}

function latencyAnswer(before: ComparedSide, after: ComparedSide): Answer {
  const [a, b] = [before.measured?.latencyMs, after.measured?.latencyMs];
  if (a === undefined && b === undefined) {
    return { label: 'Latency', value: UNKNOWN, note: 'not measured', title: 'Run Optimize to measure it' };
  }
  const text = (ms: number | undefined) => (ms === undefined ? UNKNOWN : significant(ms));
  const speed =
    a === undefined || b === undefined
      ? ''
      : b <= a
        ? `${significant(a / b, 2)} × faster`
        : `${significant(b / a, 2)} × slower`;
  return {
    label: 'Latency',
    value: `${text(a)} → ${text(b)}\u00a0ms`,
    note: speed,
    title: 'As ONNX Runtime ran them on the machine of the report',
  };
}
