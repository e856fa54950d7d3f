import { formatBytes, formatLoss, formatMetric, formatPercent, metricName } from './formatNumbers';
import type { Report } from './reportSchema';

export interface StripItem {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

/** The answer first: how big, how much smaller, how accurate, what it cost. */
export function reportStrip(report: Report): StripItem[] {
  const { size, accuracy, loss, objective } = report;
  const items: StripItem[] = [
    {
      label: 'Size, nominal',
      value: formatPercent(size.nominal),
      note: `of ${formatBytes(size.floatBits / 8)}${objective.budget.size === undefined ? '' : `, budget ${formatPercent(objective.budget.size)}`}`,
    },
    { label: 'Weights, packed', value: formatBytes(size.packedBytes), note: `was ${formatBytes(size.floatBits / 8)}` },
    { label: 'File', value: formatBytes(size.fileBytes), note: `was ${formatBytes(size.floatFileBytes)}` },
  ];
  if (accuracy !== undefined) {
    items.push({
      label: metricName(accuracy.metric),
      value: formatMetric(accuracy.metric, accuracy.deployed ?? accuracy.simulated),
      note: accuracy.metric === 'mse' ? 'against float' : `was ${formatMetric(accuracy.metric, accuracy.float)}`,
    });
  }
  items.push({
    label: `Loss, ${loss.unit}`,
    value: loss.measured === undefined ? '–' : formatLoss(loss.measured),
    note: `predicted ${formatLoss(loss.predicted)}`,
  });
  return items;
}
