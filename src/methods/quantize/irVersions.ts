import { DataType, type Model } from '../../onnx';

/** First IR version that goes with each opset of the default domain (ONNX `docs/Versioning.md`), from opset 9 on. */
const IR_OF_OPSET: readonly (readonly [opset: number, ir: number])[] = [
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
];

/** Lowest IR version a model of this opset should declare. */
export function irVersionOfOpset(opset: number): number {
  return IR_OF_OPSET.find(([first]) => opset >= first)?.[1] ?? 3;
}

/** IR version that introduced the element type. */
export function irVersionOfType(type: DataType): number {
  switch (type) {
    case DataType.INT2:
    case DataType.UINT2:
      return 13;
    case DataType.INT4:
    case DataType.UINT4:
      return 10;
    default:
      return 3;
  }
}

/**
 * Raises the IR version if it is lower. Up to version 3 every initializer had to be listed as an input without meaning one;
 * from 4 on the list makes it a default the caller may override, so on the way past 3 initializers are taken off the list:
 * the model keeps the inputs it has.
 */
export function raiseIrVersion(model: Model, version: number): void {
  const { graph } = model;
  if (version <= model.irVersion) {
    return;
  }
  if (model.irVersion < 4 && version >= 4) {
    for (const value of graph.inputs) {
      if (value.initializer !== undefined) {
        graph.removeInput(value);
      }
    }
  }
  model.setIrVersion(version);
}
