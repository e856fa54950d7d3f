import type { ChoicePattern } from './allocation';

/**
 * Bits that a weight of the given width takes in a compact N:M form: the kept values, each with its position in the group
 * (⌈log₂ group⌉ bits; 2 for 2:4, as NVIDIA's format). 2:4 takes 62.5 % of the dense size at 8 bits and 75 % at 4. Where that
 * would be more than the dense form, the dense form counts.
 *
 * No ONNX type holds this form: the file keeps the zeros, and a runtime that knows the pattern makes use of it.
 */
export function patternBits(elements: number, bits: number, pattern: ChoicePattern | undefined): number {
  const dense = elements * bits;
  if (pattern === undefined) {
    return dense;
  }
  const { keep, group } = pattern;
  return Math.min(dense, Math.ceil((elements * keep * (bits + Math.ceil(Math.log2(group)))) / group));
}

export function samePattern(a: ChoicePattern | undefined, b: ChoicePattern | undefined): boolean {
  return (
    a === b ||
    (a !== undefined &&
      b !== undefined &&
      a.keep === b.keep &&
      a.group === b.group &&
      a.transposable === b.transposable)
  );
}

/** "2:4", or "4:8 transposable". */
export function patternName(pattern: ChoicePattern): string {
  return `${pattern.keep}:${pattern.group}${pattern.transposable ? ' transposable' : ''}`;
}
