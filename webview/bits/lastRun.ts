import type { ReportView } from '../../src/protocol/job';
import { figureTable } from '../charts/chart';
import { element, fill, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import {
  accuracy,
  bitsText,
  count,
  isShareMetric,
  loss,
  metricName,
  metricValue,
  share,
  UNKNOWN,
} from '../text/numbers';

/** Layers of a changed policy that are named; the others are counted. */
const NAMED_CHANGES = 3;

/** What the last run measured: predicted against measured in one line, every step and every policy behind a switch. */
export class LastRun {
  readonly element: HTMLElement;
  private readonly sentence = element('span', { class: 'last-run-text' });
  private readonly figures = element('div', { class: 'last-run-figures' });
  private readonly toggle: HTMLButtonElement;
  private shown = false;
  private drawn: ReportView | undefined;

  constructor() {
    this.toggle = linkButton('steps and policies', () => this.setShown(!this.shown));
    this.setShown(false);
    this.element = element(
      'section',
      { class: 'last-run', attributes: { 'aria-label': 'Last run' } },
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Last run' }),
        this.sentence,
        element('span', { class: 'spacer' }),
        this.toggle,
      ),
      this.figures,
    );
  }

  update(report: ReportView | undefined): void {
    this.element.hidden = report === undefined;
    if (report === undefined || report === this.drawn) {
      return;
    }
    this.drawn = report;
    const { steps = [], policies = [] } = report;
    this.sentence.textContent = summaryOf(report);
    this.toggle.hidden = steps.length === 0 && policies.length === 0;
    fill(this.figures, stepTable(report), policyTable(report));
  }

  private setShown(shown: boolean): void {
    this.shown = shown;
    this.figures.hidden = !shown;
    this.toggle.textContent = shown ? 'hide steps' : 'what each step bought';
    this.toggle.setAttribute('aria-expanded', String(shown));
  }
}

function summaryOf(report: ReportView): string {
  const { predictedLoss, measuredLoss, lossUnit, size } = report;
  const measured = measuredLoss === undefined ? 'not measured' : `measured ${loss(measuredLoss)} ${lossUnit}`;
  const metric =
    report.accuracy === undefined
      ? ''
      : ` · ${metricName(report.accuracy.metric)} ${metricValue(report.accuracy.metric, report.accuracy.float)} → ${metricValue(report.accuracy.metric, report.accuracy.simulated)}`;
  return `at ${share(size.nominal)}: predicted ${loss(predictedLoss)}, ${measured}${metric}`;
}

/** The network after each step; what was taken back says so and is no start for the next one. */
function stepTable(report: ReportView): Child {
  const { steps = [], lossUnit } = report;
  if (steps.length === 0) {
    return undefined;
  }
  const metric = report.accuracy?.metric;
  let before: (typeof steps)[number] | undefined;
  const rows = steps.map((step) => {
    const row = [
      step.undone === true ? `${step.name}, undone` : step.name,
      loss(step.loss),
      before === undefined ? UNKNOWN : change(step.loss - before.loss, loss),
      ...(metric === undefined
        ? []
        : [
            step.accuracy === undefined ? UNKNOWN : metricValue(metric, step.accuracy),
            step.accuracy === undefined || before?.accuracy === undefined
              ? UNKNOWN
              : metricChange(metric, step.accuracy - before.accuracy),
          ]),
    ];
    if (step.undone !== true) {
      before = step;
    }
    return row;
  });
  return scrollable(
    'What each step bought',
    figureTable(
      'What each step bought, simulated',
      [
        'Network',
        `Loss, ${lossUnit}`,
        'Change',
        ...(metric === undefined ? [] : [metricName(metric), isShareMetric(metric) ? 'Points' : 'Change']),
      ],
      rows,
    ),
  );
}

function policyTable({ policies = [], lossUnit }: ReportView): Child {
  if (policies.length === 0) {
    return undefined;
  }
  const table = figureTable(
    'Policies measured before layers are fitted in sequence',
    ['Policy', 'Size', `Predicted, ${lossUnit}`, `Measured, ${lossUnit}`, ''],
    policies.map((policy) => [
      describeChange(policy.changed),
      share(policy.size),
      loss(policy.predicted),
      loss(policy.measured),
      policy.kept ? 'kept' : '',
    ]),
  );
  policies.forEach(({ kept, changed }, index) => {
    const row = table.tBodies[0]?.rows[index];
    row?.classList.toggle('is-present', kept);
    row?.cells[0]?.setAttribute('title', changed.map(changeText).join(', '));
  });
  return scrollable('Policies measured', table);
}

/** Wide tables scroll by themselves, by keyboard too. */
function scrollable(label: string, table: HTMLElement): HTMLElement {
  return element(
    'div',
    { class: 'last-run-table', attributes: { tabindex: 0, role: 'group', 'aria-label': label } },
    element('h3', { class: 'section-title', text: label }),
    table,
  );
}

type PolicyChange = NonNullable<ReportView['policies']>[number]['changed'][number];

function describeChange(changed: readonly PolicyChange[]): string {
  if (changed.length === 0) {
    return 'optimum of the programme';
  }
  const named = changed.slice(0, NAMED_CHANGES).map(changeText);
  const more = changed.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${count(more, 'other layer')}` : ''}`;
}

function changeText({ shortName, weightBits, activationBits }: PolicyChange): string {
  return `${shortName} W${bitsText(weightBits)} A${bitsText(activationBits)}`;
}

/** Shares differ by percentage points, said in the header. */
function metricChange(metric: string, difference: number): string {
  return isShareMetric(metric)
    ? change(difference, (value) => accuracy(value).replace(/\s*%$/, ''))
    : change(difference, (value) => metricValue(metric, value));
}

function change(difference: number, text: (value: number) => string): string {
  return difference > 0 ? `+${text(difference)}` : text(difference);
}
