import type { RunView } from '../../src/protocol/history';
import { UNKNOWN, accuracy, isShareMetric, loss, metricName, metricValue, share, significant } from '../text/numbers';

/** "2026-11-26 17:30", in the reader's time zone. */
export function timeText(createdAt: string): string {
  const date = new Date(createdAt);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** "size 13.0 %", "loss 0.050, least size". */
export function budgetText({ budget, minimize }: RunView): string {
  const parts = [
    ...(budget.size === undefined ? [] : [`size ${share(budget.size)}`]),
    ...(budget.bops === undefined ? [] : [`bit-ops ${share(budget.bops)}`]),
    ...(budget.loss === undefined ? [] : [`loss ${loss(budget.loss)}`]),
  ];
  const limits = parts.length === 0 ? 'none' : parts.join(', ');
  return minimize === 'size' ? `${limits}, least size` : limits;
}

/** "advanced: adaquant, sequential". */
export function optimizerText({ settings }: RunView): string {
  if (settings === undefined) {
    return UNKNOWN;
  }
  return settings.pipeline === undefined ? settings.optimizer : `${settings.pipeline}: ${settings.optimizer}`;
}

/** One sentence about a run, for those who hear it. */
export function runSentence(run: RunView): string {
  const measured =
    run.accuracy === undefined
      ? run.measuredLoss === undefined
        ? 'nothing measured'
        : `loss ${loss(run.measuredLoss)} ${run.lossUnit}`
      : `${metricName(run.accuracy.metric)} ${metricValue(run.accuracy.metric, run.accuracy.simulated)}`;
  const limits = run.withinLimits ? '' : ', outside a limit';
  return `${timeText(run.createdAt)}: size ${share(run.size)}, ${measured}, ${optimizerText(run)}${limits}`;
}

/** What the second run has more or less than the first: "size −1.20 points, Top-1 +0.15 points". */
export function differenceText(first: RunView, second: RunView): string {
  const parts = [`size ${signed(second.size - first.size, points)}`];
  const [a, b] = [first.accuracy, second.accuracy];
  if (a !== undefined && b !== undefined && a.metric === b.metric) {
    const by = b.simulated - a.simulated;
    parts.push(`${metricName(a.metric)} ${signed(by, isShareMetric(a.metric) ? points : significant)}`);
  }
  if (first.measuredLoss !== undefined && second.measuredLoss !== undefined && first.lossUnit === second.lossUnit) {
    parts.push(`loss ${signed(second.measuredLoss - first.measuredLoss, loss)}`);
  }
  return parts.join(', ');
}

function points(value: number): string {
  return accuracy(value).replace('%', 'points');
}

function signed(value: number, text: (value: number) => string): string {
  return value > 0 ? `+${text(value)}` : text(value);
}
