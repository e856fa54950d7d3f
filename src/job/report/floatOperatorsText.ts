import { groupDigits } from './formatNumbers';
import type { Report } from './reportSchema';

/** "Computed in float between the layers: Softmax × 4, …"; '' where everything is a layer, or the report is of an older build. */
export function floatOperatorsText({ floatOperators = [] }: Report): string {
  return floatOperators.length === 0
    ? ''
    : `Computed in float between the layers: ${floatOperators
        .map(({ operator, count }) => `${operator} × ${groupDigits(count)}`)
        .join(', ')}.`;
}
