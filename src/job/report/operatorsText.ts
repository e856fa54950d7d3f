import type { OperatorCount } from '../../analysis';
import { groupDigits } from './formatNumbers';
import type { Report } from './reportSchema';

/**
 * "Computed in float between the layers: Softmax × 4, ….", and the same of 8-bit values; no sentence where there is nothing to
 * say, or the report is of an older build. Advice follows.
 */
export function operatorsTexts({ eightBitOperators = [], floatOperators = [], advice = [] }: Report): string[] {
  return [
    ...sentence('Computed on 8-bit values between the layers', eightBitOperators),
    ...sentence('Computed in float between the layers', floatOperators),
    ...advice,
  ];
}

function sentence(what: string, operators: readonly OperatorCount[]): string[] {
  return operators.length === 0 ? [] : [`${what}: ${listOperators(operators)}.`];
}

/** "Softmax × 4, Add of two activations × 9". */
export function listOperators(operators: readonly OperatorCount[]): string {
  return operators.map(({ operator, count }) => `${operator} × ${groupDigits(count)}`).join(', ');
}
