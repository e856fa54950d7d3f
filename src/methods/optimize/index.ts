export { optimizeLayer } from './optimizeLayer';
export type { OptimizedWeight, OptimizeInput, OptimizeMethod, OutputErrors } from './optimizedWeight';
export type { OptimizeErrorCode } from './errors';
