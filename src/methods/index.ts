export * from './quantize';
export * from './allocate';
