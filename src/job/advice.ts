import { countOperators, operatorsBetween } from '../analysis';
import type { Latency } from './jobTypes';
import type { PreparedJob } from './prepare';

/** What the recipe could ask for besides, in sentences, where a network came out slower than the float one. */
export function adviceFor({ recipe, model, layers, shapes }: PreparedJob, latency: Latency | undefined): string[] {
  const { enabled, activations } = recipe.quantization;
  const isSlower = latency !== undefined && latency.compressedMs > latency.floatMs;
  if (!isSlower || !enabled || activations.betweenLayers !== undefined) {
    return [];
  }
  const operators = countOperators(operatorsBetween(model, layers, shapes).map(({ operator }) => operator));
  if (operators.length === 0) {
    return [];
  }
  const listed = operators.map(({ operator, count }) => `${operator} × ${count}`).join(', ');
  return [
    `Slower than float, and ${listed} could compute on integers: try "betweenLayers": 8 in quantization.activations.`,
  ];
}
