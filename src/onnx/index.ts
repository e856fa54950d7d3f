/**
 * ONNX models: files, graphs, tensors. A model is opened without its weights, edited through Graph and Node, and saved
 * with everything unchanged copied byte for byte.
 */
export { openModel, parseModel } from './io/openModel';
export { serializeModel, modelHash, MAX_PROTOBUF_BYTES } from './io/serializeModel';
export { saveModel, type SaveOptions, type SavedModel } from './io/saveModel';
export type { ExternalFile } from './io/externalData';
export {
  DataType,
  dataTypeName,
  elementBits,
  integerRange,
  isIntegerType,
  packedByteLength,
  normalizeDomain,
  ONNX_DOMAIN,
  MICROSOFT_DOMAIN,
} from './ir/dataType';
export type { Dimension, TensorType, ValueType } from './ir/valueType';
export { Model } from './ir/model';
export { Graph, type NodeInit } from './ir/graph';
export { Node } from './ir/node';
export { Value, type ValueUse } from './ir/value';
export { Tensor } from './ir/tensor';
export type { Attribute } from './ir/attribute';
export type { SparseInitializer } from './ir/graphSeed';
export { FunctionProto } from './ir/functionProto';
export { capturedValues } from './ir/topologicalOrder';
export { buildModel, type AttributeSpec, type GraphSpec, type ModelSpec, type NodeSpec, type ValueSpec } from './build';
export { extractModel, type ExtractSpec } from './extract';
export { verifyModel } from './verify';
export { printModel, type PrintOptions } from './print';
export { quoteName } from './quoteName';
export type { OnnxErrorCode } from './errors';
