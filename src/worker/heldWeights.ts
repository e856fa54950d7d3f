import { weightAsMatrix, type Layer } from '../analysis';
import { LatheError } from '../base/errors';

/** Elements of a weight that is held for looking at it; a quarter of a gigabyte in float32. */
const MOST_ELEMENTS = 1 << 26;

/** The weight that was looked at last, so that pictures and masks of one layer read it once. */
export class HeldWeights {
  private held: { readonly layer: Layer; readonly data: Float32Array } | undefined;

  /** In the order of `weightAsMatrix`; not to be changed. Throws `analysis/no-weight-values`, `worker/weight-too-large`. */
  of(layer: Layer): Float32Array {
    if (this.held?.layer !== layer) {
      if (layer.parameters > MOST_ELEMENTS) {
        throw new LatheError(
          'worker/weight-too-large',
          `The weight has ${layer.parameters} elements: pictures are drawn of up to ${MOST_ELEMENTS}.`,
          { layer: layer.name },
          { category: 'usage' },
        );
      }
      this.held = undefined;
      this.held = { layer, data: weightAsMatrix(layer).data };
    }
    return this.held.data;
  }
}

/** The layer of that name. Throws `worker/no-layer`. */
export function layerNamed(layers: readonly Layer[], name: string): Layer {
  const layer = layers.find((one) => one.name === name);
  if (layer === undefined) {
    throw new LatheError(
      'worker/no-layer',
      `The model has no layer "${name}" any more. Select another one.`,
      { layer: name },
      { category: 'usage' },
    );
  }
  return layer;
}
