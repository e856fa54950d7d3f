import { greedyMask } from './greedyMask';
import { intersectionMask } from './intersectionMask';
import type { MaskKernel } from './maskKernel';
import type { MaskMethod } from './maskModule';
import { patternMask4 } from './patternMask4';
import { rowWiseMask } from './rowWiseMask';
import { transposableMask } from './transposableMask';

/** The TypeScript kernel of each method: the reference for WebAssembly, and what runs where that does not load. */
export const maskTwins: Readonly<Record<MaskMethod, MaskKernel>> = {
  rowWise: rowWiseMask,
  atMost: transposableMask,
  exactly: (scores, rows, columns, keep, group, mask) => {
    transposableMask(scores, rows, columns, keep, group, mask, { exactly: true });
  },
  greedy: greedyMask,
  intersection: intersectionMask,
  patterns: patternMask4,
};
