import type { NmPattern } from '../../analysis';
import { logBinomial } from './tileCount';

/** P(Bin(n, p) = i) for i = 0…n. */
function binomialDistribution(n: number, p: number): number[] {
  return Array.from({ length: n + 1 }, (_, i) => {
    if (p <= 0 || p >= 1) {
      return i === (p <= 0 ? 0 : n) ? 1 : 0;
    }
    return Math.exp(logBinomial(n, i) + i * Math.log(p) + (n - i) * Math.log1p(-p));
  });
}

/** Probability that a group keeps to the pattern when each weight is zero with probability `zeros`, independently. */
export function expectedCompliance(zeros: number, { keep, group }: NmPattern): number {
  return atLeast(binomialDistribution(group, zeros), group - keep);
}

/** Expected share of the non-zeros that the pattern drops under the same assumption; 0 where there are none. */
export function expectedDropShare(zeros: number, { keep, group }: NmPattern): number {
  if (zeros >= 1) {
    return 0;
  }
  const nonZeros = binomialDistribution(group, 1 - zeros);
  const dropped = nonZeros.reduce((sum, p, n) => sum + p * Math.max(0, n - keep), 0);
  return dropped / (group * (1 - zeros));
}

/**
 * The sparsest pattern with groups of `group` that a layer with this share of zeros keeps to with more than the given
 * probability: the rule of the authors' AdaPrune code (95 %). keep = group where even one zero per group is too much.
 */
export function choosePattern(zeros: number, group: number, confidence = 0.95): NmPattern {
  const distribution = binomialDistribution(group, zeros);
  let pruned = group - 1;
  while (pruned > 0 && atLeast(distribution, pruned) <= confidence) {
    pruned--;
  }
  return { keep: group - pruned, group };
}

function atLeast(distribution: readonly number[], least: number): number {
  let sum = 0;
  for (let i = distribution.length - 1; i >= least; i--) {
    sum += distribution[i]!;
  }
  return Math.min(1, sum);
}
