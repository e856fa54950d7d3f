/** Field numbers of onnx.proto, under its names. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export const ModelField = {
  ir_version: 1,
  producer_name: 2,
  producer_version: 3,
  domain: 4,
  model_version: 5,
  doc_string: 6,
  graph: 7,
  opset_import: 8,
  metadata_props: 14,
  training_info: 20,
  functions: 25,
} as const;

export const GraphField = {
  node: 1,
  name: 2,
  initializer: 5,
  doc_string: 10,
  input: 11,
  output: 12,
  value_info: 13,
  sparse_initializer: 15,
} as const;

export const NodeField = {
  input: 1,
  output: 2,
  name: 3,
  op_type: 4,
  attribute: 5,
  domain: 7,
  overload: 8,
} as const;

export const AttributeField = {
  name: 1,
  f: 2,
  i: 3,
  s: 4,
  t: 5,
  g: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
  ref_attr_name: 21,
  sparse_tensor: 22,
  sparse_tensors: 23,
} as const;

/** `AttributeProto.AttributeType`. */
export const AttributeKind = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
} as const;

export const TensorField = {
  dims: 1,
  data_type: 2,
  segment: 3,
  float_data: 4,
  int32_data: 5,
  string_data: 6,
  int64_data: 7,
  name: 8,
  raw_data: 9,
  double_data: 10,
  uint64_data: 11,
  external_data: 13,
  data_location: 14,
} as const;

export const SparseTensorField = { values: 1, indices: 2, dims: 3 } as const;
export const TrainingInfoField = { initialization: 1, algorithm: 2 } as const;
export const FunctionField = {
  name: 1,
  input: 4,
  output: 5,
  attribute: 6,
  node: 7,
  opset_import: 9,
  domain: 10,
  attribute_proto: 11,
  overload: 13,
} as const;
export const ValueInfoField = { name: 1, type: 2 } as const;
export const TypeField = {
  tensor_type: 1,
  sequence_type: 4,
  map_type: 5,
  opaque_type: 7,
  sparse_tensor_type: 8,
  optional_type: 9,
} as const;
export const TensorTypeField = { elem_type: 1, shape: 2 } as const;
export const ShapeField = { dim: 1 } as const;
export const DimensionField = { dim_value: 1, dim_param: 2 } as const;
export const OperatorSetField = { domain: 1, version: 2 } as const;
export const StringEntryField = { key: 1, value: 2 } as const;
