import { FLOAT_BITS } from '../recipe/recipeSchema';
import type { InteropSource, InteropText } from './interop';

/**
 * `quant_cfg` of NVIDIA ModelOpt (`mtq.quantize(model, config, forward_loop)`): everything off, then a weight and an input
 * quantiser for each layer under its module's name, which exporters of PyTorch keep in the names of weights.
 */
export function modelOptConfig({ lock, layers, perChannel }: InteropSource): InteropText {
  const config: Record<string, unknown> = { '*': { enable: false } };
  const notes: string[] = [];
  for (const { name, weights, input, sparsity } of lock.layers) {
    const layer = layers.get(name);
    if (layer === undefined) {
      continue;
    }
    const module = layer.shortName;
    if (weights.bits < FLOAT_BITS) {
      config[`${module}.weight_quantizer`] = { enable: true, num_bits: weights.bits, axis: perChannel ? 0 : null };
    }
    if (input.bits < FLOAT_BITS) {
      config[`${module}.input_quantizer`] = { enable: true, num_bits: input.bits, axis: null };
    }
    if (sparsity !== undefined) {
      notes.push(`${layer.shortName}: the ${sparsity.pattern} mask is not in this file; ModelOpt sparsifies apart`);
    }
  }
  return { value: { quant_cfg: config, algorithm: 'max' }, notes };
}
