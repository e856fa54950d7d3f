export { roundHalfEven } from './rounding';
export {
  asymmetricGrid,
  gridRange,
  signedRange,
  symmetricGrid,
  symmetricScale,
  unsignedRange,
  type IntegerRange,
  type QuantGrid,
} from './quantGrid';
export {
  dequantizeChannelsInto,
  dequantizeInto,
  fakeQuantizeInto,
  quantizeChannelsInto,
  quantizeInto,
} from './quantize';
export {
  histogramQuantizationError,
  maxAbs,
  quantizationError,
  scanAsymmetricScale,
  scanSymmetricScale,
  type ScanResult,
} from './rangeScan';
export { quadraticForm, scanOutputErrorScale } from './outputErrorScan';
export { accumulateMoments, createMoments, variance, type Moments } from './moments';
export { countNonFinite, countZeros, histogramInto, minMaxInto, sortedQuantile } from './histogram';
export { countCompliantGroups, countExcessNonZeros } from './groupSparsity';
export {
  countTopK,
  crossEntropyRowsInto,
  crossEntropySum,
  klDivergenceRowsInto,
  klDivergenceSum,
  logSumExp,
  logSumExpRowsInto,
  softmaxRowsInto,
} from './divergence';
export { cosineSimilarity, decibels, maxAbsDifference, sqnr, squaredError, sumOfSquares } from './difference';
export { accumulateCrossProduct, accumulateGram, mirrorUpperTriangle, scaleMatrix } from './gram';
export {
  convColumnsInto,
  convTransposeColumnsInto,
  evenPositions,
  matrixColumnsInto,
  type ConvGeometry,
} from './inputColumns';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  toBfloat16Into,
  toFloat16Into,
} from './halfFloat';
export { choleskyInto, choleskySolve, invertLowerInto, solveLower, solveLowerTransposed } from './linear/cholesky';
export {
  dampedCholesky,
  dampedInverse,
  inverseCholeskyUpper,
  invertSymmetric,
  meanDiagonal,
  type DampedFactor,
} from './linear/symmetricInverse';
export { dot, multiplyTransposedInto, multiplyVectorInto, transpose } from './linear/multiply';
export { LANES, nearestPlaneInto } from './optimize/nearestPlane';
export { descendBlocked, nearestPlaneBlocked, type ColumnGrids } from './optimize/blockedRow';
export { descendCodes, descendRatio } from './optimize/descend';
export { correlatedColumns, descendPairs } from './optimize/pairMoves';
export { addRow, dotProduct, rowProductInto, symmetricForm } from './optimize/rowProduct';
export { maskedConjugateGradient, type ConjugateGradientOptions } from './linear/maskedConjugateGradient';
export { adamInto } from './optimize/adam';
export { rangeGradientsInto, scaleGradientInto } from './optimize/fakeQuantGradient';
export { MAX_GROUP, type MaskKernel, type Scores, type TransposableOptions } from './masks/maskKernel';
export type { MaskMethod } from './masks/maskModule';
export {
  backwardCompliance,
  countViolations,
  forwardCompliance,
  greedyMask,
  intersectionMask,
  maskPlane,
  patternMask4,
  rowWiseMask,
  transposableMask,
} from './masks/masks';
export { maskPlanes, type MaskPlanesOptions } from './masks/maskPlanes';
export { joinPositions, splitPositions } from './masks/planes';
export { maskScore, type Cells, type Violations } from './masks/compliance';
