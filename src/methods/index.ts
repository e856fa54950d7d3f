export * from './quantize';
export * from './allocate';
export * from './moments';
export * from './parameters';
export * from './prune';
export * from './optimize';
export * from './tune';
export * from './sparsity';
