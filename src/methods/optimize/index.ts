export { optimizeLayer, optimizeLayerBy } from './optimizeLayer';
export { RowsFit } from './rowsFit';
export type { FoundRows, RowSlice, RowsWork, RowTeam } from './rowTeam';
export type { OptimizedWeight, OptimizeInput, OptimizeMethod, OutputErrors } from './optimizedWeight';
export { chooseActivationGrid, type ActivationGridChoice, type ActivationGridOptions } from './chooseActivationGrid';
export type { OutputBounds } from './adaquantGraph';
export {
  adaquantOnColumns,
  type ColumnActivation,
  type ColumnAdaquantOptions,
  type ColumnAdaquantResult,
  type ColumnData,
} from './adaquantOnColumns';
export type { OptimizeErrorCode } from './errors';
