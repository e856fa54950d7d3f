import { describeLayer, NM_PATTERNS, traceConstant, type Layer } from '../../../analysis';
import { countCompliantGroups, countZeros } from '../../../kernels';
import { dataTypeName } from '../../../onnx';
import type { ComparedLayer, LayerSide } from './comparisonSchema';
import { storedBits, type LayerBits } from './layerBits';
import { storedTensors, type LayerWeights } from './layerWeights';

/** What is said of one layer of one model; zeros and pattern where its weights can be read. */
export function describeSide(
  layer: Layer,
  stated: readonly [weights: number, input: number] | undefined,
  weights: LayerWeights | string,
): LayerSide {
  const bits: LayerBits = stated === undefined ? storedBits(layer) : { weightBits: stated[0], inputBits: stated[1] };
  const bias = biasType(layer);
  return {
    name: layer.name,
    shortName: layer.shortName,
    operator: layer.node.opType,
    description: describeLayer(layer),
    shape: [...layer.weight.shape],
    type: dataTypeName(layer.weight.tensor.dataType),
    parameters: layer.parameters,
    ...(bits.weightBits === undefined ? {} : { weightBits: bits.weightBits }),
    ...(bits.inputBits === undefined ? {} : { inputBits: bits.inputBits }),
    storedBytes: storedTensors(layer).reduce((sum, tensor) => sum + tensor.byteLength, 0),
    ...(bias === undefined ? {} : { bias }),
    ...(layer.tie === undefined ? {} : { tie: layer.tie }),
    ...(typeof weights === 'string' ? {} : sparsityOf(layer, weights)),
  };
}

/** Type of the stored bias, behind a DequantizeLinear too. */
export function biasType(layer: Layer): string | undefined {
  const behind = layer.kind === 'Conv' || layer.kind === 'Gemm' ? layer.node.inputs[2] : undefined;
  const tensor = layer.bias?.tensor ?? traceConstant(behind)?.tensor;
  return tensor && dataTypeName(tensor.dataType);
}

/** Patterns from the sparsest on; of two as sparse, the one with smaller groups says more. */
const BY_DENSITY = [...NM_PATTERNS].sort((a, b) => a.keep / a.group - b.keep / b.group || a.group - b.group);

function sparsityOf(layer: Layer, { data, rows, columns, inner }: LayerWeights): Pick<LayerSide, 'zeros' | 'pattern'> {
  if (data.length === 0) {
    return {};
  }
  const zeroCount = countZeros(data, 0, data.length);
  const axis = columns / inner;
  const hasGroups = zeroCount > 0 && layer.kind !== 'Gather' && axis > 1;
  const kept = BY_DENSITY.find(({ keep, group }) => {
    const groups = rows * inner * Math.ceil(axis / group);
    return hasGroups && axis >= group && countCompliantGroups(data, 0, rows, axis, inner, keep, group) === groups;
  });
  return {
    zeros: zeroCount / data.length,
    ...(kept === undefined ? {} : { pattern: `${kept.keep}:${kept.group}` }),
  };
}

/** How far weights moved, or why that cannot be said. */
export function compareWeights(
  before: LayerWeights | string,
  after: LayerWeights | string,
): Pick<ComparedLayer, 'difference' | 'unmeasured'> {
  if (typeof before === 'string' || typeof after === 'string') {
    return { unmeasured: typeof before === 'string' ? before : (after as string) };
  }
  if (before.rows !== after.rows || before.columns !== after.columns) {
    return {
      unmeasured: `the weights have other shapes: ${before.rows} × ${before.columns} and ${after.rows} × ${after.columns}`,
    };
  }
  let noise = 0;
  let power = 0;
  let largest = 0;
  for (let i = 0; i < before.data.length; i++) {
    const a = before.data[i]!;
    const d = a - after.data[i]!;
    power += a * a;
    noise += d * d;
    // Written so that NaN sticks.
    if (!(Math.abs(d) <= largest)) {
      largest = Math.abs(d);
    }
  }
  if (!Number.isFinite(noise) || !Number.isFinite(power)) {
    return { unmeasured: 'a weight holds values that are not finite' };
  }
  return {
    difference: {
      ...(power === 0 && noise > 0 ? {} : { relative: noise === 0 ? 0 : Math.sqrt(noise / power) }),
      maxAbsolute: largest,
    },
  };
}
