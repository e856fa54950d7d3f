export type { InputMoments, LayerMoments } from './layerMoments';
export { inputLayout, type InputColumns, type InputLayout } from './inputLayout';
export { columnsWanted, positionsPerSample } from './columnChoice';
export { MomentsAccumulator, momentsAccumulator, type MomentsOptions } from './momentsAccumulator';
export { ColumnSampler, columnSampler, type ColumnSamplerOptions, type SampledColumns } from './columnSampler';
export { columnBlockBytes } from './columnBlock';
export type { MatrixProducts } from './matrixProducts';
export type { MomentsErrorCode } from './errors';
