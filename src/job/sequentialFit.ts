import { weightAsMatrix, weightToMatrix } from '../analysis';
import { biasRefusal, chooseActivationGrid, dequantizeWeight, optimizeLayerBy } from '../methods';
import type { GridWithRange, LayerMoments, OptimizedWeight } from '../methods';
import { gridRange } from '../kernels';
import type { QuantGrid } from '../kernels';
import { FINE_INPUT_BITS } from './layerCandidates';
import type { SequentialLayer } from './layerMomentsSequential';
import { dataInputName } from './layerMomentsSource';
import type { RecipeQuantization } from './recipe/recipe';
import type { PrunedWeight } from './sparsity/prunedWeight';

/** Times that the input's grid is looked for anew after a fit of the weights. */
const RESCANS = 2;
/** Grids whose steps differ by less are not worth another fit. */
const LEAST_CHANGE = 0.03;
/** Columns of the input that the search for its grid looks at. */
export const SCANNED_COLUMNS = 1024;

export interface FitWish {
  readonly weightBits: number;
  readonly activationBits: number;
  /** Grid of the input as calibration gave it; undefined: the input stays float. */
  readonly grid: GridWithRange | undefined;
  readonly pruned: PrunedWeight | undefined;
}

export interface FittedLayer {
  readonly found: OptimizedWeight;
  readonly grid: GridWithRange | undefined;
}

/**
 * Fits layers that are visited in running order: weights on the moments of the input as the compressed network gives it, in
 * turn with the grid of that input, which is searched for the least error of the layer's output. Layers that read the same
 * value at the same width share one grid, that of the first: they share one quantiser in the exported network.
 */
export class SequentialFit {
  private readonly chosen = new Map<string, GridWithRange>();

  constructor(private readonly quantization: RecipeQuantization) {}

  /** @param moments of the visited layer, not undefined */
  async fit(visited: SequentialLayer, moments: LayerMoments, wish: FitWish): Promise<FittedLayer> {
    const { layer } = visited;
    const key = JSON.stringify([dataInputName(layer), wish.activationBits]);
    const shared = this.chosen.get(key);
    if (shared !== undefined) {
      return { found: await this.weights(visited, (await visited.momentsWith(shared)) ?? moments, wish), grid: shared };
    }
    let best: FittedLayer = { found: await this.weights(visited, moments, wish), grid: wish.grid };
    if (this.searches(wish) && visited.sampled !== undefined) {
      for (let i = 0; i < RESCANS; i++) {
        const grid = this.scan(visited, best, wish);
        const other = sameGrid(grid, best.grid) ? undefined : await visited.momentsWith(grid);
        if (other === undefined) {
          break;
        }
        const found = await this.weights(visited, other, wish);
        if (!(errorOf(found) < errorOf(best.found))) {
          break;
        }
        best = { found, grid };
      }
      this.chosen.set(key, best.grid!);
    }
    return best;
  }

  private searches({ grid, activationBits }: FitWish): boolean {
    const { method } = this.quantization.optimizer;
    return grid !== undefined && activationBits < FINE_INPUT_BITS && (method === 'gram' || method === 'adaquant');
  }

  private scan({ layer, sampled }: SequentialLayer, { found, grid }: FittedLayer, wish: FitWish): GridWithRange {
    const matrix = weightAsMatrix(layer);
    const choice = chooseActivationGrid(
      layer,
      weightToMatrix(matrix, dequantizeWeight(found.weight)),
      sampled!.compressed,
      {
        bits: wish.activationBits,
        range: grid!,
        symmetric: this.quantization.activations.symmetric,
        target: matrix.data,
        targetColumns: sampled!.target,
        refitBias: biasRefusal(layer) === undefined,
      },
    );
    return { ...choice.grid, ...gridRange(choice.grid) };
  }

  private weights(
    { layer, products }: SequentialLayer,
    moments: LayerMoments,
    { weightBits, pruned }: FitWish,
  ): Promise<OptimizedWeight> {
    const { weights, optimizer } = this.quantization;
    return optimizeLayerBy(products, layer, {
      bits: weightBits,
      granularity: weights.granularity,
      symmetric: weights.symmetric,
      blockSize: weights.blockSize,
      method: optimizer.method,
      moments,
      refitBias: biasRefusal(layer) === undefined,
      ...(optimizer.method === 'adaquant' ? { iterations: optimizer.iterations } : {}),
      ...(pruned === undefined ? {} : { weight: pruned.weight, target: weightAsMatrix(layer).data, mask: pruned.mask }),
    });
  }
}

function errorOf({ errors }: OptimizedWeight): number {
  return (errors.heldOut ?? errors.fit)?.result ?? Infinity;
}

function sameGrid(a: QuantGrid, b: QuantGrid | undefined): boolean {
  return b !== undefined && Math.abs(a.scale / b.scale - 1) < LEAST_CHANGE && a.zeroPoint === b.zeroPoint;
}
