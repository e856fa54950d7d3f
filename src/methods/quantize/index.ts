export {
  ActivationObserver,
  activationGrid,
  analyticThreshold,
  type ActivationRangeOptions,
  type GridWithRange,
} from './activationObserver';
export { roundedBias } from './biasQuantizer';
export { feedGrids, type FedGrid } from './feedGrids';
export { GramAccumulator, gramAccumulator, type GramMatrix, type GramOptions } from './gramAccumulator';
export {
  dequantizeWeight,
  perChannelObstacle,
  quantizeWeight,
  type KnownScales,
  type QuantizedWeight,
  type WeightQuantizer,
  type WeightRange,
} from './quantizeWeight';
export {
  insertQdq,
  type LayerPolicy,
  type QdqLayer,
  type QdqOptions,
  type QdqResult,
  type QuantizationPolicy,
} from './insertQdq';
export { toMatMulNBits, type MatMulNBitsResult } from './matMulNBits';
export { rowOfParameter } from './blockGrids';
export { opsetRaise, type OpsetBlocker, type OpsetRaise } from './opsetRaise';
export { knownOperators, NEWEST_KNOWN_OPSET, operatorVersions, sinceVersion } from './operatorVersions';
export {
  addStorage,
  nominalRatio,
  weightStorage,
  NO_STORAGE,
  type StorageBits,
  type WeightStorageSpec,
} from './storage';
export type { QuantizeErrorCode } from './errors';
export { toFloat, type ToFloatResult } from './toFloat';
