import type { RunView } from '../../src/protocol/history';
import type { ScatterInput } from '../charts/scatterInput';
import { count, isShareMetric, loss, metricName, metricValue, share, significant } from '../text/numbers';
import { runSentence, timeText } from './runText';

/** What is drawn upwards: the metric of the evaluation data, or the measured loss where no run has one. */
interface Measure {
  readonly title: string;
  readonly higherIsBetter: boolean;
  readonly value: (run: RunView) => number | undefined;
  readonly text: (value: number) => string;
  readonly reference: number | undefined;
}

/** Size against accuracy of the runs, and a sentence about those that have no place in it. */
export function runScatter(
  runs: readonly RunView[],
  selected: ReadonlySet<string>,
  current: string | undefined,
): { readonly input: ScatterInput; readonly note: string } {
  const measure = measureOf(runs);
  const drawn = runs.flatMap((run) => {
    const y = measure.value(run);
    return y === undefined ? [] : [{ run, x: run.size, y }];
  });
  const missing = runs.length - drawn.length;
  const front = bestAtTheirSize(drawn, measure.higherIsBetter);
  const newest = drawn[0]?.run.id;
  return {
    note: missing === 0 ? '' : `${count(missing, 'run')} not drawn: no ${measure.title.toLowerCase()} to compare`,
    input: {
      points: drawn.map(({ run, x, y }) => ({
        key: run.id,
        x,
        y,
        shape: run.withinLimits ? 'disc' : 'cross',
        label: run.id === newest && !selected.has(run.id) ? 'latest' : timeText(run.createdAt),
        text: runSentence(run),
      })),
      selected,
      current,
      labelled: drawn.map(({ run }) => run.id).filter((id) => selected.has(id) || id === newest),
      xTitle: 'size, share of float →',
      yTitle: `↑ ${measure.title}${measure.higherIsBetter ? '' : ' (lower is better)'}`,
      xText: percent,
      yText: measure.text,
      ...(measure.reference !== undefined && {
        reference: { y: measure.reference, label: `float ${measure.text(measure.reference)}` },
      }),
      front: front.map(({ run }) => run.id),
      frontLabel: 'best at its size',
      shapes: { disc: 'within limits', cross: 'outside a limit' },
      label: `Runs by size and ${measure.title}, from the smallest to the largest`,
    },
  };
}

function measureOf(runs: readonly RunView[]): Measure {
  const newest = runs.find(({ accuracy }) => accuracy !== undefined)?.accuracy;
  if (newest === undefined) {
    const unit = runs.find(({ measuredLoss }) => measuredLoss !== undefined)?.lossUnit;
    return {
      title: unit === undefined ? 'Loss' : `Loss, ${unit}`,
      higherIsBetter: false,
      value: (run) => (run.lossUnit === unit ? run.measuredLoss : undefined),
      text: loss,
      reference: undefined,
    };
  }
  const { metric, float } = newest;
  return {
    title: metricName(metric),
    higherIsBetter: isShareMetric(metric),
    // Another metric has another axis.
    value: ({ accuracy }) => (accuracy?.metric === metric ? accuracy.simulated : undefined),
    text: (value) => metricValue(metric, value),
    // The mean squared error is that of the outputs against the float ones: it has no value of the float model's own.
    reference: isShareMetric(metric) ? float : undefined,
  };
}

/** Those that no other run beats in both size and measure, by ascending size. */
export function bestAtTheirSize<P extends { readonly x: number; readonly y: number }>(
  points: readonly P[],
  higherIsBetter: boolean,
): P[] {
  const better = (a: number, b: number) => (higherIsBetter ? a > b : a < b);
  const bySize = [...points].sort((a, b) => a.x - b.x || (better(a.y, b.y) ? -1 : 1));
  const best: P[] = [];
  for (const point of bySize) {
    const last = best.at(-1);
    if (last === undefined || better(point.y, last.y)) {
      best.push(point);
    }
  }
  return best;
}

/** Ticks are round: "13 %", not "13.0 %". */
function percent(value: number): string {
  return Number.isInteger(Number((value * 100).toPrecision(12)))
    ? `${Math.round(value * 100)}\u00a0%`
    : axisShare(value);
}

function axisShare(value: number): string {
  return value > 0 ? `${significant(value * 100)}\u00a0%` : share(value);
}
