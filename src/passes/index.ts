export type { AppliedRewrite, PassResult } from './passResult';
export { foldBatchNorm, type FoldBatchNormResult, type FoldedBatchNorm } from './foldBatchNorm';
export { foldConstants } from './foldConstants';
export { storeInPlace } from './applyFold';
export { floatTensor, isFloatType } from './floatTensor';
export { removeUnread } from './removeUnread';
export {
  permuteInputChannels,
  type ChannelPermutation,
  type PermuteOptions,
  type PermuteResult,
} from './permuteChannels/permuteInputChannels';
export { searchPermutation, type FoundPermutation, type SearchOptions } from './permuteChannels/searchPermutation';
