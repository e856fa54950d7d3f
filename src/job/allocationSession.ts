import { findLayers } from '../analysis';
import type { Layer } from '../analysis';
import { LatheError } from '../base/errors';
import { frontier, policyCost, refineFrontier } from '../methods';
import type { AllocationSolution, FrontierPoint } from '../methods';
import { allocatedLayers, buildAllocationModel, solve, solveOnHull, uniformWidths } from './allocation';
import type { AllocationModel } from './allocation';
import { MeasurementCache } from './cache/measurementCache';
import { notMeasured } from './errors';
import type { AllocatedLayer, AllocateResult, AnalyzeResult } from './jobTypes';
import type { WidthPin } from './layerWidths';
import { cacheDirectory } from './prepare';
import { loadRecipe } from './recipe/loadRecipe';
import type { Recipe, RecipeBudget } from './recipe/recipe';
import { openedModel, readAnalysis } from './storedAnalysis';

/** What an allocation looks like while the user plays with it. */
export interface AllocationPreview {
  /** `hull`: the lower hull's point within the budget, at once. `exact`: solved and verified. */
  readonly precision: 'hull' | 'exact';
  readonly size: number;
  readonly sizeBits: number;
  readonly floatBits: number;
  readonly bops: number | undefined;
  readonly loss: number;
  readonly bound: number;
  readonly proven: boolean;
  readonly engine: string;
  readonly layers: readonly AllocatedLayer[];
}

/**
 * The integer programme of one recipe from stored measurements: opens neither data nor ONNX Runtime, so it answers within
 * the frame of a moving slider.
 */
export class AllocationSession {
  private constructor(
    readonly recipe: Recipe,
    readonly analysis: AnalyzeResult,
    private readonly layers: readonly Layer[],
  ) {}

  /** Throws `recipe/*`, `onnx/*`, and `job/not-measured` when there is no whole analysis in the cache. */
  static open(recipePath: string): AllocationSession {
    const recipe = loadRecipe(recipePath);
    const { model, hash } = openedModel(recipe.modelPath);
    const analysis = readAnalysis(new MeasurementCache(cacheDirectory(recipePath)), recipe, hash);
    if (analysis === undefined) {
      throw notMeasured(recipePath);
    }
    return new AllocationSession(recipe, analysis, findLayers(model));
  }

  /** The same measurements under a recipe whose overrides or budget differ. */
  withRecipe(recipe: Recipe): AllocationSession {
    return new AllocationSession(recipe, this.analysis, this.layers);
  }

  model(pins: readonly WidthPin[] = []): AllocationModel {
    return buildAllocationModel({
      recipe: this.recipe,
      layers: this.layers,
      macs: new Map(this.analysis.layers.map((layer) => [layer.name, layer.macs])),
      candidates: new Map(this.analysis.layers.map((layer) => [layer.name, layer.candidates])),
      lossUnit: this.analysis.lossUnit,
      pins,
    });
  }

  /**
   * Throws `allocate/infeasible` with the smallest feasible budget.
   * With `hull`, a budget that no point of the hull meets but another policy may, is solved exactly.
   */
  async preview(
    budget: RecipeBudget,
    pins: readonly WidthPin[],
    precision: 'hull' | 'exact',
    signal?: AbortSignal,
  ): Promise<AllocationPreview> {
    const model = this.model(pins);
    if (precision === 'hull') {
      try {
        const picks = solveOnHull(model, budget);
        return previewOf(model, picks, { precision, bound: 0, proven: false, engine: 'lower hull' });
      } catch (error) {
        if (!LatheError.is(error, 'allocate/hull')) {
          throw error;
        }
      }
    }
    const engine = this.recipe.allocation.engine === 'auto' ? 'pareto' : this.recipe.allocation.engine;
    const solution = await solve(model, budget, { engine, signal });
    return previewOf(model, solution.picks, { precision: 'exact', ...solution });
  }

  async frontier(
    pins: readonly WidthPin[],
    precision: 'hull' | 'exact',
    signal?: AbortSignal,
  ): Promise<{ points: readonly FrontierPoint[]; uniform: AllocateResult['uniform']; floatBits: number }> {
    const model = this.model(pins);
    const points =
      precision === 'hull' ? frontier(model.units) : await refineFrontier(model.units, { signal, timeLimit: 5 });
    return { points, uniform: uniformWidths(model), floatBits: model.totals.floatBits };
  }
}

function previewOf(
  model: AllocationModel,
  picks: readonly number[],
  answer: Pick<AllocationSolution, 'bound' | 'proven'> & Pick<AllocationPreview, 'precision' | 'engine'>,
): AllocationPreview {
  const cost = policyCost(model.units, picks);
  const { floatBits, eightBitOperations } = model.totals;
  return {
    precision: answer.precision,
    size: cost.sizeBits / floatBits,
    sizeBits: cost.sizeBits,
    floatBits,
    bops: eightBitOperations === undefined ? undefined : cost.bitOperations / eightBitOperations,
    loss: cost.loss,
    bound: answer.bound,
    proven: answer.proven,
    engine: answer.engine,
    layers: allocatedLayers(model, picks),
  };
}
