import { LatheError } from '../base/errors';
import { neighbours, policyCost, uniformPoints, violatedBudget } from '../methods';
import type { AllocationProblem, AllocationSolution } from '../methods';
import { allocatedLayers, allocateResult, buildAllocationModel, objectiveFor, solve } from './allocation';
import type { AllocationModel } from './allocation';
import type { Analysis } from './analyze';
import { cacheKey } from './cache/cacheKey';
import { measuredNetwork } from './compress';
import type { AllocatedLayer, MeasuredPolicy } from './jobTypes';
import { lossOfModel } from './lossBetween';
import { measurementScope } from './prepare';
import type { PreparedJob } from './prepare';
import type { StageSteps, StageTracker } from './stageTracker';

export interface Decision {
  readonly model: AllocationModel;
  /** The programme's optimum, or the neighbour that measures better: then unproven, for it is no optimum of the programme. */
  readonly solution: AllocationSolution;
  /** The optimum first. Empty where nothing was measured. */
  readonly policies: readonly MeasuredPolicy[];
}

/**
 * Solves the integer programme, then measures its optimum beside its nearest neighbours and the widest uniform policy within
 * the budget, as whole networks of the layers that the scan measured: losses of layers add up only approximately. The best
 * measured is kept. Measurements lie in the cache.
 */
export async function decidePolicy(
  job: PreparedJob,
  analysis: Analysis,
  steps: Pick<StageSteps, 'setTotal' | 'advance'>,
  tracker: StageTracker,
): Promise<Decision> {
  const { allocation } = job.recipe;
  const model = buildAllocationModel({
    recipe: job.recipe,
    layers: job.layers,
    patterns: new Map([...analysis.pruned].map(([name, { pattern }]) => [name, pattern])),
    macs: new Map(analysis.result.layers.map((layer) => [layer.name, layer.macs])),
    candidates: analysis.candidates,
    lossUnit: analysis.loss.unit,
  });
  const optimum = await solve(model, allocation.budget, { signal: tracker.signal });
  // With patterns to choose from, each policy would have to be pruned first.
  const rivals =
    allocation.neighbours === 0 || analysis.tried !== undefined
      ? []
      : rivalsOf({ units: model.units, objective: objectiveFor(model, allocation.budget) }, optimum.picks, allocation);
  if (rivals.length === 0) {
    return { model, solution: optimum, policies: [] };
  }
  const choices = [optimum.picks, ...rivals];
  steps.setTotal(choices.length);
  const measured: { readonly picks: readonly number[]; readonly layers: readonly AllocatedLayer[]; loss: number }[] =
    [];
  for (const picks of choices) {
    const layers = allocatedLayers(model, picks);
    measured.push({ picks, layers, loss: await measurePolicy(job, analysis, model, picks, layers, optimum, tracker) });
    steps.advance('policy');
  }
  const chosen = bestOf(measured, model, allocation);
  const [first] = measured;
  const policies = measured.map(({ picks, layers, loss }, index): MeasuredPolicy => {
    const cost = policyCost(model.units, picks);
    const before = new Map(first!.layers.map((layer) => [layer.name, layer]));
    const changed = layers.filter(({ name, weightBits, activationBits }) => {
      const other = before.get(name)!;
      return weightBits !== other.weightBits || activationBits !== other.activationBits;
    });
    return {
      predicted: cost.loss,
      measured: loss,
      sizeBits: cost.sizeBits,
      kept: index === chosen,
      changed: changed.map(({ shortName, weightBits, activationBits }) => ({ shortName, weightBits, activationBits })),
    };
  });
  const { picks } = measured[chosen]!;
  const solution: AllocationSolution =
    chosen === 0 ? optimum : { ...optimum, ...policyCost(model.units, picks), picks, proven: false };
  return { model, solution, policies };
}

function rivalsOf(
  problem: AllocationProblem,
  picks: readonly number[],
  { neighbours: count, minimize }: PreparedJob['recipe']['allocation'],
): (readonly number[])[] {
  const rivals: (readonly number[])[] = neighbours(problem, picks, count).map((neighbour) => neighbour.picks);
  const uniform = uniformPoints(problem.units)
    .filter((point) => violatedBudget(problem, policyCost(problem.units, point.picks)) === undefined)
    .sort((a, b) => b.weightBits - a.weightBits || b.activationBits - a.activationBits);
  if (minimize === 'loss' && uniform[0] !== undefined) {
    rivals.push(uniform[0].picks);
  }
  const seen = new Set([picks.join()]);
  return rivals.filter((rival) => !seen.has(rival.join()) && seen.add(rival.join()));
}

/** The least loss; where the size is to be least, the smallest within the loss, or the least loss where none is. */
function bestOf(
  measured: readonly { readonly picks: readonly number[]; readonly loss: number }[],
  { units }: AllocationModel,
  { minimize, budget }: PreparedJob['recipe']['allocation'],
): number {
  const limit = minimize === 'size' ? (budget.loss ?? Infinity) : -Infinity;
  const sizes = measured.map(({ picks }) => policyCost(units, picks).sizeBits);
  let best = 0;
  for (let i = 1; i < measured.length; i++) {
    const [a, b] = [measured[i]!.loss, measured[best]!.loss];
    const bothFit = a <= limit && b <= limit;
    if (bothFit ? sizes[i]! < sizes[best]! : a < b) {
      best = i;
    }
  }
  return best;
}

async function measurePolicy(
  job: PreparedJob,
  analysis: Analysis,
  model: AllocationModel,
  picks: readonly number[],
  layers: readonly AllocatedLayer[],
  optimum: AllocationSolution,
  tracker: StageTracker,
): Promise<number> {
  const { quantization, sparsity } = job.recipe;
  const key = cacheKey({
    ...measurementScope(job),
    what: 'policy',
    data: analysis.calibration.hash,
    quantization,
    sparsity,
    layers: layers.map(({ name, weightBits, activationBits }) => [name, weightBits, activationBits]),
  });
  const known = job.cache.get<{ readonly loss: number }>(key);
  if (known !== undefined) {
    return known.loss;
  }
  const policy = allocateResult(model, { ...optimum, picks }, undefined);
  const network = await measuredNetwork(analysis, policy, tracker);
  const loss = await lossOfModel(job, analysis, network.model, tracker.signal);
  if (!Number.isFinite(loss)) {
    throw new LatheError('job/policy-loss', 'The loss of a whole policy is not finite; look at the calibration data.');
  }
  job.cache.put(key, { loss });
  return loss;
}
