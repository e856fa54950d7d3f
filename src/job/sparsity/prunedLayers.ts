import { findLayers, matrixLayout, matrixToWeight, weightAsMatrix } from '../../analysis';
import type { Layer } from '../../analysis';
import { setLayerBias, setLayerWeight } from '../../methods';
import type { Model } from '../../onnx';
import type { SparsityChoice } from '../recipe/recipe';
import type { LayerChange } from '../layerMomentsChanges';
import { patternKey } from './layerPatterns';
import type { PrunedWeight } from './prunedWeight';

/** Layers under the patterns that were tried, by layer and pattern. */
export class PrunedLayers {
  private readonly weights = new Map<string, Omit<PrunedWeight, 'layer'>>();
  private readonly models = new Map<string, Map<string, Layer>>();

  /** @param model the dense model the layers are of; not changed */
  constructor(private readonly model: Model) {}

  add(layer: string, weight: Omit<PrunedWeight, 'layer'>): void {
    this.weights.set(keyOf(layer, weight.pattern), weight);
    this.models.delete(patternKey(weight.pattern));
  }

  has(layer: string, pattern: SparsityChoice): boolean {
    return this.weights.has(keyOf(layer, pattern));
  }

  /** What becomes of the layer, its weight in the order of `layer.weight.shape`. */
  changeOf(layer: Layer, pattern: SparsityChoice): LayerChange | undefined {
    const found = this.weights.get(keyOf(layer.name, pattern));
    return (
      found && {
        weight: matrixToWeight(matrixLayout(layer), found.weight),
        ...(found.bias === undefined ? {} : { bias: found.bias }),
      }
    );
  }

  get(layer: string, pattern: SparsityChoice): PrunedWeight | undefined {
    const found = this.weights.get(keyOf(layer, pattern));
    const copy = found && this.layersUnder(pattern).get(layer);
    return copy && { ...found, layer: copy };
  }

  /** Layers of a copy of the model in which every layer that was tried under the pattern has its weight. */
  private layersUnder(pattern: SparsityChoice): ReadonlyMap<string, Layer> {
    const key = patternKey(pattern);
    const known = this.models.get(key);
    if (known !== undefined) {
      return known;
    }
    const copy = this.model.clone();
    setPruned(copy, (layer) => this.weights.get(keyOf(layer, pattern)));
    const layers = new Map(findLayers(copy).map((layer) => [layer.name, layer]));
    this.models.set(key, layers);
    return layers;
  }
}

/** Gives layers of a model their pruned weights and biases, in place. */
export function setPruned(
  model: Model,
  weightOf: (layer: string) => Pick<PrunedWeight, 'weight' | 'bias'> | undefined,
): void {
  const done = new Set<string>();
  for (const layer of findLayers(model)) {
    const pruned = weightOf(layer.name);
    if (pruned === undefined || (layer.tie !== undefined && done.has(layer.tie))) {
      continue;
    }
    if (layer.tie !== undefined) {
      done.add(layer.tie);
    }
    setLayerWeight(layer, matrixToWeight(weightAsMatrix(layer), pruned.weight));
    if (pruned.bias !== undefined) {
      // The weight may have moved, the bias has not.
      setLayerBias(layer, pruned.bias);
    }
  }
}

function keyOf(layer: string, pattern: SparsityChoice): string {
  return `${patternKey(pattern)} ${layer}`;
}
