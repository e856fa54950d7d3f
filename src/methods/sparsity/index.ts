/** N:M sparsity: masks along the axes that matter, measures of them, and what a pattern costs a weight. */
export { gatherPlane, scatterPlane, weightPlanes, type WeightPlane, type WeightPlanes } from './weightPlanes';
export { MASK_SCORES, maskScores, needsMoments, type MaskScore } from './maskScores';
export {
  MASK_METHODS,
  applyMask,
  checkPattern,
  maskFromScores,
  maskLayer,
  maskWeight,
  retainedShare,
  type LayerMask,
  type MaskMethod,
  type MaskOptions,
} from './maskLayer';
export { maskTiedLayers, type TiedMaskOptions } from './maskTiedLayers';
export { maskCompliance, weightCompliance, type BothCompliances, type Compliance } from './compliance';
export { choosePattern, expectedCompliance, expectedDropShare } from './patternChoice';
export {
  layerDiversity,
  log10MaskDiversity,
  maskDiversity,
  type DiversityFamily,
  type LayerDiversity,
} from './maskDiversity';
export { countTileMasks, log10TileCount, log10TileEstimate } from './tileCount';
export { measureSparsity, type MaskMeasure, type PatternMeasure, type SparsityMeasure } from './measureSparsity';
export type { SparsityErrorCode } from './errors';
