import { MASK_METHODS, type MaskMethod, type PatternName } from '../../src/protocol/sparsity';
import type { SparsityChoice } from '../../src/protocol/webviewProtocol';

/** "2:4". */
export function patternText({ keep, group }: PatternName): string {
  return `${keep}:${group}`;
}

export function samePattern(a: PatternName, b: PatternName): boolean {
  return a.keep === b.keep && a.group === b.group;
}

export const methodNames: Readonly<Record<SparsityChoice['method'], string>> = {
  dense: 'dense',
  rows: 'row-wise',
  exact: 'transposable',
  greedy: 'greedy',
  intersection: 'intersection',
};

/** What a method does, as a sentence without its end. */
export const methodTitles: Readonly<Record<SparsityChoice['method'], string>> = {
  dense: 'The weight as it is, without a mask',
  rows: 'The largest of each group along the input channels: serves W only',
  exact: 'Groups along both axes, the best there is: serves W and Wᵀ',
  greedy: 'Groups along both axes, cells taken in falling order: serves W and Wᵀ, keeps a little less',
  intersection: 'What the row-wise masks of W and of Wᵀ both keep: serves both, prunes more than it must',
};

export const methods: readonly MaskMethod[] = MASK_METHODS;
export const choices: readonly SparsityChoice['method'][] = ['dense', ...MASK_METHODS];

/** "4:8" as typed, with the parts in reach; undefined for anything else. */
export function parsePatternText(text: string, largestGroup: number): PatternName | undefined {
  const found = /^\s*(\d{1,3})\s*[:/]\s*(\d{1,3})\s*$/.exec(text);
  const keep = Number(found?.[1]);
  const group = Number(found?.[2]);
  return found !== null && keep >= 1 && keep < group && group <= largestGroup ? { keep, group } : undefined;
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** A count from its base-10 logarithm: 11.068 → "1.17 × 10¹¹". */
export function countText(log10: number): string {
  let exponent = Math.floor(log10);
  let mantissa = (10 ** (log10 - exponent)).toFixed(2);
  if (mantissa === '10.00') {
    mantissa = '1.00';
    exponent += 1;
  }
  return `${mantissa} × ${powerOfTen(exponent)}`;
}

/** 12 → "10¹²". */
export function powerOfTen(exponent: number): string {
  return `10${String(exponent).replace(/\d/g, (digit) => superscripts[Number(digit)] ?? '')}`;
}
