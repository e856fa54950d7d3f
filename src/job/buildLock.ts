import { LATHE_VERSION } from '../base/version';
import type { AllocationModel } from './allocation';
import { allocatedLayers } from './allocation';
import type { AllocationSolution, GridWithRange } from '../methods';
import type { Lock } from './lock/lockSchema';
import { recipeSections } from './lock/recipeSections';
import type { AllocatedLayer } from './jobTypes';
import { FLOAT_BITS } from './layerWidths';

export interface LockInput {
  readonly model: AllocationModel;
  readonly solution: AllocationSolution;
  readonly modelHash: string;
  readonly calibrationHash: string | null;
  readonly engine: string;
  /** Grid of a layer's input at the chosen widths. */
  readonly inputGrid: (layer: AllocatedLayer) => GridWithRange | undefined;
}

/** What was decided, in the order of the model: no times, no absolute paths. */
export function buildLock(input: LockInput): Lock {
  const { model, solution } = input;
  const { recipe, totals } = model;
  const { size, bops, loss } = recipe.allocation.budget;
  const parameters = new Map(model.layers.map((layer) => [layer.name, layer.parameters]));
  return {
    format: 1,
    lathe: LATHE_VERSION,
    engine: input.engine,
    model: { file: recipe.model, sha256: input.modelHash },
    recipe: recipeSections(recipe),
    data: { calibration: input.calibrationHash },
    objective: {
      minimize: recipe.allocation.minimize,
      budget: {
        ...(size === undefined ? {} : { size }),
        ...(bops === undefined ? {} : { bops }),
        ...(loss === undefined ? {} : { loss }),
      },
    },
    solver: { engine: solution.engine, proven: solution.proven },
    totals: {
      size: solution.sizeBits / totals.floatBits,
      sizeBits: solution.sizeBits,
      floatBits: totals.floatBits,
      ...(totals.eightBitOperations === undefined ? {} : { bops: solution.bitOperations / totals.eightBitOperations }),
      loss: solution.loss,
      lossUnit: model.lossUnit,
    },
    layers: allocatedLayers(model, solution.picks).map((layer) => {
      const grid = layer.activationBits < FLOAT_BITS ? input.inputGrid(layer) : undefined;
      return {
        name: layer.name,
        parameters: parameters.get(layer.name) ?? 0,
        weights: { bits: layer.weightBits },
        input: {
          bits: layer.activationBits,
          ...(grid === undefined ? {} : gridEntry(grid)),
        },
        ...(layer.pattern === undefined
          ? {}
          : {
              sparsity: {
                pattern: `${layer.pattern.keep}:${layer.pattern.group}`,
                transposable: layer.pattern.transposable,
              },
            }),
        loss: layer.predictedLoss,
        pinned: layer.pinned,
        ...(layer.reason === undefined ? {} : { reason: layer.reason }),
      };
    }),
  };
}

/** The lock with the grids of the inputs as they are in the network that was made of it: the fit of a layer may move them. */
export function withInputGrids(lock: Lock, gridOf: (layer: string) => GridWithRange | undefined): Lock {
  return {
    ...lock,
    layers: lock.layers.map((layer) => {
      const grid = gridOf(layer.name);
      return grid === undefined ? layer : { ...layer, input: { bits: layer.input.bits, ...gridEntry(grid) } };
    }),
  };
}

function gridEntry({
  scale,
  zeroPoint,
  lo,
  hi,
}: GridWithRange): Pick<Lock['layers'][number]['input'], 'scale' | 'zeroPoint' | 'range'> {
  return { scale, zeroPoint, range: [lo, hi] };
}
