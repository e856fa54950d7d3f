export { absorbMean } from './absorbMean';
export {
  fitMaskedLayer,
  type FitOptions,
  type FitVariant,
  type FittedLayer,
  type MaskedLayerInput,
  type OutputError,
  type PruneMethod,
} from './fitMaskedLayer';
export type { MaskedSolver } from './maskedLeastSquares';
export type { PruneErrorCode } from './errors';
