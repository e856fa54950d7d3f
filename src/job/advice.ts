import { countOperators, operatorsBetween } from '../analysis';
import type { QdqResult } from '../methods';
import { elementBits } from '../onnx';
import type { Latency } from './jobTypes';
import type { PreparedJob } from './prepare';
import { listOperators } from './report/operatorsText';

/** What the recipe could ask for besides, in sentences, where a network came out slower than the float one. */
export function adviceFor(job: PreparedJob, result: QdqResult, latency: Latency | undefined): string[] {
  const isSlower = latency !== undefined && latency.compressedMs > latency.floatMs;
  return isSlower ? [...containersAdvice(job, result), ...betweenAdvice(job)] : [];
}

function containersAdvice({ recipe }: PreparedJob, { layers }: QdqResult): string[] {
  const packed = layers.filter(
    ({ weightContainer }) => weightContainer !== undefined && (elementBits(weightContainer) ?? 8) < 8,
  );
  return packed.length === 0 || recipe.export.containers === 'int8'
    ? []
    : [
        `Slower than float: ONNX Runtime unpacks the weights of ${packed.length} layers at every run. With "containers": "int8" in export it need not, and the file is larger.`,
      ];
}

function betweenAdvice({ recipe, model, layers, shapes }: PreparedJob): string[] {
  const { enabled, activations } = recipe.quantization;
  const operators = countOperators(operatorsBetween(model, layers, shapes).map(({ operator }) => operator));
  if (!enabled || activations.betweenLayers !== undefined || operators.length === 0) {
    return [];
  }
  return [
    `Slower than float, and ${listOperators(operators)} could compute on integers: try "betweenLayers": 8 in quantization.activations.`,
  ];
}
