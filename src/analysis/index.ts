export type {
  InferenceRunner,
  RunnerFactory,
  RunnerOptions,
  RunnerValue,
  TensorArray,
  TensorData,
} from './inferenceRunner';
export type { Layer, LayerBias, LayerKind, LayerWeight, Verdict } from './layer';
export { findLayers, type FindLayersOptions } from './findLayers';
export { describeLayer } from './describeLayer';
export { modelFacts, type ModelFacts } from './modelFacts';
export { isPlain, storedAxis, traceConstant, type ChainStep, type ConstantChain } from './constantChain';
export { evaluateChain, storedOrder } from './evaluateChain';
export { mergeTypes, type ShapeTable } from './shapeTable';
export { declaredShapes } from './declaredShapes';
export { inferShapes, sampleShapes, type InferShapesOptions } from './inferShapes';
export { countOperators, floatOperators, type OperatorCount } from './floatOperators';
export { operatorsBetween, type OperatorBetween } from './operatorsBetween';
export { layerMacs, totalMacs } from './macs';
export {
  NM_PATTERNS,
  nmEligibility,
  outputLength,
  reductionLength,
  transposableEligibility,
  type NmPattern,
} from './nmPatterns';
export { measureChannel, measureWeight, type NmCompliance, type WeightStatistics } from './weightStatistics';
export {
  codesToWeight,
  matrixLayout,
  matrixToWeight,
  readWeight,
  rowGroupOf,
  weightAsMatrix,
  weightToMatrix,
  type MatrixLayout,
  type WeightMatrix,
} from './weightMatrix';
export type { AnalysisErrorCode } from './errors';
export { cutBefore, type Cut } from './cuts';
export { clipBounds, outputClip, type ClipBounds } from './clipBounds';
