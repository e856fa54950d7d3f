import type { Layer } from '../analysis';
import { LatheError } from '../base/errors';
import { buildUnits, frontier, policyCost, solveAllocation, uniformPoints } from '../methods';
import type { AllocationLayer, AllocationProblem, AllocationSolution, AllocationUnit, Objective } from '../methods';
import { bopsUnknown, budgetUnreachable, noBudget } from './errors';
import type { AllocatedLayer, AllocateResult, CandidateMeasurement, LossUnit, MeasuredPolicy } from './jobTypes';
import { FLOAT_BITS, edgeLayers, layerWidths } from './layerWidths';
import type { LayerWidths, WidthPin } from './layerWidths';
import type { Recipe, RecipeBudget, SparsityChoice } from './recipe/recipe';

/** What a budget is a fraction of. */
export interface AllocationTotals {
  /** Bits of all weights at float32; a tied weight counts once. */
  readonly floatBits: number;
  /** Σ MACs · 8 · 8 over all layers; undefined where a layer's MACs are unknown. */
  readonly eightBitOperations: number | undefined;
}

/** The integer programme of one recipe, before a budget is set. */
export interface AllocationModel {
  readonly recipe: Recipe;
  readonly layers: readonly Layer[];
  readonly widths: ReadonlyMap<string, LayerWidths>;
  readonly units: readonly AllocationUnit[];
  readonly totals: AllocationTotals;
  readonly lossUnit: LossUnit;
}

export interface AllocationModelInput {
  readonly recipe: Recipe;
  readonly layers: readonly Layer[];
  /** MACs per sample of each layer, by name. */
  readonly macs: ReadonlyMap<string, number | undefined>;
  readonly candidates: ReadonlyMap<string, readonly CandidateMeasurement[]>;
  /** Patterns of layers that are sparse already, for those that stay float. */
  readonly patterns?: ReadonlyMap<string, SparsityChoice>;
  readonly lossUnit: LossUnit;
  readonly pins?: readonly WidthPin[];
}

/** Builds units from layers and measurements. Throws `allocate/*` (see `buildUnits`). */
export function buildAllocationModel(input: AllocationModelInput): AllocationModel {
  const { recipe, layers, macs } = input;
  const edges = edgeLayers(layers);
  const pins = new Map((input.pins ?? []).map((pin) => [pin.layer, pin]));
  const widths = new Map(layers.map((layer) => [layer.name, layerWidths(recipe, layer, edges, pins.get(layer.name))]));
  const units = buildUnits({
    layers: layers.map((layer): AllocationLayer => {
      const width = widths.get(layer.name)!;
      const measured = input.candidates.get(layer.name) ?? [];
      // A float layer that was measured has patterns to choose from.
      const excluded = width.excluded && !measured.some(({ weightBits }) => weightBits === FLOAT_BITS);
      return {
        name: layer.name,
        parameters: layer.parameters,
        macs: macs.get(layer.name) ?? 0,
        tie: layer.tie,
        candidates: excluded ? ifIncluded(recipe, layer) : measured,
        pattern: input.patterns?.get(layer.name),
        pinnedWeight: width.excluded ? undefined : width.pinnedWeight,
        pinnedActivation: width.pinnedActivation,
        allowedWeights: width.allowedWeights,
        allowedActivations: width.allowedActivations,
        excluded,
      };
    }),
    pairing: recipe.quantization.pairing,
    firstAndLast: recipe.quantization.firstAndLast,
    edges: [...edges],
  });
  return { recipe, layers, widths, units, totals: totalsOf(layers, macs), lossUnit: input.lossUnit };
}

/**
 * What a layer that the recipe leaves out could become, so that a budget out of reach can say what leaving it out costs.
 * Not measured: the losses are 0, which is no more than any would be, and are read for nothing but that.
 */
function ifIncluded(recipe: Recipe, layer: Layer): CandidateMeasurement[] {
  if (!recipe.quantization.enabled || !layer.quantizeWeights.possible) {
    return [];
  }
  const { weights, activations } = recipe.quantization;
  const inputs = layer.quantizeActivations.possible ? activations.bits : [FLOAT_BITS];
  return weights.bits.flatMap((weightBits) =>
    inputs.map((activationBits) => ({ weightBits, activationBits, loss: 0 })),
  );
}

function totalsOf(layers: readonly Layer[], macs: ReadonlyMap<string, number | undefined>): AllocationTotals {
  let floatBits = 0;
  let operations: number | undefined = 0;
  const counted = new Set<string>();
  for (const layer of layers) {
    if (layer.tie === undefined || !counted.has(layer.tie)) {
      floatBits += layer.parameters * FLOAT_BITS;
      counted.add(layer.tie ?? layer.name);
    }
    const own = macs.get(layer.name);
    operations = own === undefined || operations === undefined ? undefined : operations + own * 64;
  }
  return { floatBits, eightBitOperations: operations };
}

/** The recipe's budget in bits and bit-operations. Throws usage errors when it says nothing or MACs are unknown. */
export function objectiveFor(model: AllocationModel, budget: RecipeBudget): Objective {
  const { totals, recipe } = model;
  if (budget.bops !== undefined && totals.eightBitOperations === undefined) {
    throw bopsUnknown(recipe.modelPath);
  }
  const operations =
    budget.bops === undefined || totals.eightBitOperations === undefined
      ? {}
      : { maxBitOperations: budget.bops * totals.eightBitOperations };
  if (budget.loss !== undefined) {
    return { minimize: 'size', maxLoss: budget.loss, ...operations };
  }
  if (budget.size === undefined && budget.bops === undefined) {
    throw noBudget(recipe.path);
  }
  const size = budget.size === undefined ? {} : { maxSizeBits: budget.size * totals.floatBits };
  return { minimize: 'loss', ...size, ...operations };
}

/**
 * Solves the programme. Throws `allocate/infeasible` with the smallest feasible budget, as a fraction too.
 */
export async function solve(
  model: AllocationModel,
  budget: RecipeBudget,
  options: { readonly engine?: Recipe['allocation']['engine']; readonly signal?: AbortSignal | undefined } = {},
): Promise<AllocationSolution> {
  const problem: AllocationProblem = { units: model.units, objective: objectiveFor(model, budget) };
  try {
    return await solveAllocation(problem, {
      engine: options.engine ?? model.recipe.allocation.engine,
      timeLimit: model.recipe.allocation.timeLimit,
      signal: options.signal,
    });
  } catch (error) {
    throw LatheError.is(error, 'allocate/infeasible') ? inFractions(error, model) : error;
  }
}

/** The solver counts bits; people write fractions, and want to know which layers no budget can make smaller. */
function inFractions(error: LatheError, { totals, units, layers }: AllocationModel): LatheError {
  const unreachable = error.details.budgets as readonly { readonly what: string; readonly smallest: number }[];
  const fraction = (what: string, whole: number | undefined): number | undefined => {
    const amount = unreachable.find((row) => row.what === what)?.smallest;
    return amount === undefined || whole === undefined ? undefined : amount / whole;
  };
  const impossible = new Set(layers.filter((layer) => !layer.quantizeWeights.possible).map((layer) => layer.name));
  const floats = units
    .filter((unit) => unit.members.some((name) => impossible.has(name)))
    .map((unit) => ({ name: unit.name, size: unit.choices[0]!.sizeBits / totals.floatBits }))
    .sort((a, b) => b.size - a.size);
  return budgetUnreachable(
    error,
    { size: fraction('size', totals.floatBits), bops: fraction('bitOperations', totals.eightBitOperations) },
    floats,
  );
}

/** The best point of the lower hull within the budget: at once, for a view that follows a slider. */
export function solveOnHull(model: AllocationModel, budget: RecipeBudget): readonly number[] {
  const objective = objectiveFor(model, budget);
  const points = frontier(model.units);
  const within = points.filter((point) => {
    const cost = policyCost(model.units, point.picks);
    return objective.minimize === 'loss'
      ? cost.sizeBits <= (objective.maxSizeBits ?? Infinity) &&
          cost.bitOperations <= (objective.maxBitOperations ?? Infinity)
      : cost.loss <= objective.maxLoss && cost.bitOperations <= (objective.maxBitOperations ?? Infinity);
  });
  const best = objective.minimize === 'loss' ? within.at(-1) : within[0];
  if (best === undefined) {
    throw new LatheError('allocate/hull', 'No point of the lower hull lies within the budget.');
  }
  return best.picks;
}

/** Each layer with what the picks make of it. */
export function allocatedLayers(model: AllocationModel, picks: readonly number[]): AllocatedLayer[] {
  const choiceOf = new Map(
    model.units.flatMap((unit, index) => unit.members.map((name) => [name, { unit, pick: picks[index]! }] as const)),
  );
  return model.layers.map((layer): AllocatedLayer => {
    const { unit, pick } = choiceOf.get(layer.name)!;
    const choice = unit.choices[pick]!;
    const width = model.widths.get(layer.name)!;
    const shares = unit.members[0] !== layer.name;
    return {
      name: layer.name,
      shortName: layer.shortName,
      weightBits: choice.weightBits,
      activationBits: layer.quantizeActivations.possible ? choice.activationBits : FLOAT_BITS,
      ...(choice.pattern === undefined ? {} : { pattern: choice.pattern }),
      pinned: width.pinnedWeight !== undefined || width.pinnedActivation !== undefined,
      parameters: layer.parameters,
      sizeBits: shares ? 0 : choice.sizeBits,
      predictedLoss: shares ? 0 : choice.loss,
      reason: shares ? `shares its weight with ${unit.name}` : width.reason,
    };
  });
}

/** A solution with all that is said about it. */
export function allocateResult(
  model: AllocationModel,
  solution: AllocationSolution,
  lockPath: string | undefined,
  policies: readonly MeasuredPolicy[] = [],
): AllocateResult {
  const { picks, ...rest } = solution;
  const { floatBits, eightBitOperations } = model.totals;
  return {
    recipePath: model.recipe.path,
    lockPath,
    solution: rest,
    layers: allocatedLayers(model, picks),
    size: solution.sizeBits / floatBits,
    bops: eightBitOperations === undefined ? undefined : solution.bitOperations / eightBitOperations,
    lossUnit: model.lossUnit,
    frontier: frontier(model.units).map(({ sizeBits, loss, kind }) => ({ sizeBits, loss, kind })),
    uniform: uniformWidths(model),
    floatBits,
    policies,
  };
}

/** One width everywhere, weights and activations alike where both have it, else at the widest activations. */
export function uniformWidths(model: AllocationModel): AllocateResult['uniform'] {
  const points = uniformPoints(model.units);
  const byBits = new Map<number, (typeof points)[number]>();
  for (const point of points) {
    const known = byBits.get(point.weightBits);
    if (known === undefined || point.activationBits === point.weightBits) {
      byBits.set(point.weightBits, point);
    }
  }
  return [...byBits.values()].map(({ weightBits, sizeBits, loss }) => ({ bits: weightBits, sizeBits, loss }));
}
