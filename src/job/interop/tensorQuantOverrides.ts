import { FLOAT_BITS } from '../recipe/recipeSchema';
import type { InteropSource, InteropText } from './interop';

/** Types of ONNX Runtime's quantiser by what the lock stores codes in. */
const quantTypes: Readonly<Record<string, string>> = {
  int4: 'QInt4',
  uint4: 'QUInt4',
  int8: 'QInt8',
  uint8: 'QUInt8',
};

/**
 * `TensorQuantOverrides` of `onnxruntime.quantization.quantize_static`: tensor name → one entry. Weights get their type and
 * axis, the quantiser finds the scales; inputs get the scale and zero point of the lock. Names are those of the float model.
 */
export function tensorQuantOverrides({ lock, layers, smoothed, perChannel }: InteropSource): InteropText {
  const value: Record<string, unknown[]> = {};
  const notes: string[] = [];
  for (const { name, weights, input } of lock.layers) {
    const layer = layers.get(name);
    if (layer === undefined) {
      continue;
    }
    if (weights.bits < FLOAT_BITS) {
      const type = quantTypes[weights.container ?? ''] ?? (weights.bits <= 4 ? 'QInt4' : 'QInt8');
      const axis = layer.weight.storedOutAxis;

      value[layer.weight.tensor.name] = [
        { quant_type: type, symmetric: type.startsWith('QI'), ...(perChannel && axis !== undefined ? { axis } : {}) },
      ];
      const width = type.endsWith('4') ? 4 : 8;
      if (weights.bits < width) {
        notes.push(
          `${layer.shortName}: ${weights.bits}-bit weights become ${width}-bit ones: the quantiser has no narrower type`,
        );
      }
    }
    const source = layer.node.inputs[layer.dataInputIndex];
    if (input.bits < FLOAT_BITS && source !== undefined) {
      const type = quantTypes[input.container ?? ''] ?? 'QUInt8';
      const grid =
        smoothed || input.scale === undefined ? {} : { scale: input.scale, zero_point: input.zeroPoint ?? 0 };
      value[source.name] = [{ quant_type: type, ...grid }];
      if (input.bits < (type.endsWith('4') ? 4 : 8)) {
        notes.push(`${layer.shortName}: the ${input.bits}-bit input keeps its step but not its ends`);
      }
    }
  }
  if (smoothed) {
    notes.push('inputs have no scales: those of the lock belong to the smoothed model, not to the float one');
  }
  return { value, notes };
}
