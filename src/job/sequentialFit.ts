import { weightAsMatrix, weightToMatrix } from '../analysis';
import type { RunnerFactory } from '../analysis';
import { biasRefusal, chooseActivationGrid, dequantizeWeight } from '../methods';
import type { GridWithRange, LayerMoments, OptimizedWeight } from '../methods';
import { gridRange } from '../kernels';
import type { QuantGrid } from '../kernels';
import { fitColumns, fitLayer, fitsOnColumns } from './fitLayer';
import type { FittedLayer } from './fitLayer';
import { FINE_INPUT_BITS } from './layerCandidates';
import type { SequentialLayer } from './layerMomentsSequential';
import { dataInputName } from './layerMomentsSource';
import type { ColumnWish } from './layerMomentsSource';
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

/** Columns of every input that a walk is to hand out for {@link SequentialFit}. */
export function sequentialColumns(quantization: RecipeQuantization, memoryLimit: number): ColumnWish {
  return fitsOnColumns(quantization) ? (layout) => fitColumns(quantization, layout, memoryLimit) : SCANNED_COLUMNS;
}

/**
 * Fits layers that are visited in running order: weights on the moments of the input as the compressed network gives it, in
 * turn with the grid of that input, which is searched for the least error of the layer's output; AdaQuant learns both at once. Layers that read the same
 * value at the same width share one grid, that of the first: they share one quantiser in the exported network.
 */
export class SequentialFit {
  private readonly chosen = new Map<string, GridWithRange>();

  constructor(
    private readonly quantization: RecipeQuantization,
    private readonly factory: RunnerFactory,
    private readonly signal?: AbortSignal,
  ) {}

  /** @param moments of the visited layer, not undefined */
  async fit(visited: SequentialLayer, moments: LayerMoments, wish: FitWish): Promise<FittedLayer> {
    const { layer } = visited;
    const key = JSON.stringify([dataInputName(layer), wish.activationBits]);
    const shared = this.chosen.get(key);
    if (shared !== undefined) {
      const seen = (await visited.momentsWith(shared)) ?? moments;
      return await this.weights(visited, seen, { ...wish, grid: shared }, false);
    }
    let best = await this.weights(visited, moments, wish);
    if (fitsOnColumns(this.quantization)) {
      if (best.grid !== undefined) {
        this.chosen.set(key, best.grid);
      }
    } else if (this.searches(wish) && visited.sampled !== undefined) {
      for (let i = 0; i < RESCANS; i++) {
        const grid = this.scan(visited, best, wish);
        const other = sameGrid(grid, best.grid) ? undefined : await visited.momentsWith(grid);
        if (other === undefined) {
          break;
        }
        const next = await this.weights(visited, other, { ...wish, grid });
        if (!(errorOf(next.found) < errorOf(best.found))) {
          break;
        }
        best = next;
      }
      this.chosen.set(key, best.grid!);
    }
    return best;
  }

  private searches({ grid, activationBits }: FitWish): boolean {
    const { method } = this.quantization.optimizer;
    return grid !== undefined && activationBits < FINE_INPUT_BITS && method === 'gram';
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

  private async weights(
    { layer, sampled, samples, engine }: SequentialLayer,
    moments: LayerMoments,
    { weightBits, activationBits, grid, pruned }: FitWish,
    learnsGrid = true,
  ): Promise<FittedLayer> {
    return await fitLayer(
      layer,
      this.quantization,
      { moments, sampled, samples, engine },
      {
        weightBits,
        activationBits,
        grid,
        learnsGrid,
        refitBias: biasRefusal(layer) === undefined,
        weight: pruned?.weight,
        mask: pruned?.mask,
      },
      this.factory,
      this.signal,
    );
  }
}

function errorOf({ errors }: OptimizedWeight): number {
  return (errors.heldOut ?? errors.fit)?.result ?? Infinity;
}

function sameGrid(a: QuantGrid, b: QuantGrid | undefined): boolean {
  return b !== undefined && Math.abs(a.scale / b.scale - 1) < LEAST_CHANGE && a.zeroPoint === b.zeroPoint;
}
