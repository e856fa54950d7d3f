import { outputClip, weightAsMatrix } from '../analysis';
import type { Layer, RunnerFactory } from '../analysis';
import { gridRange } from '../kernels';
import { adaquantOnColumns, biasRefusal, optimizeLayer, optimizeLayerBy } from '../methods';
import type { GridWithRange, InputLayout, LayerMoments, OptimizedWeight, OptimizeInput } from '../methods';
import type { FitEngine } from './fitEngine';
import { columnBytes } from './layerMomentsSource';
import type { SampledInput } from './layerMomentsSource';
import type { RecipeQuantization } from './recipe/recipe';

/** AdaQuant looks at a hundred columns and more in every step and at all of them in a run: fewer than fits do. */
const COLUMNS_PER_WEIGHT = 10;
const FEWEST_COLUMNS = 8192;
/** The authors' batch; fewer of samples with many columns, which would make a step slow and no better. */
const BATCH = 50;
const COLUMNS_PER_STEP = 2048;
/** Part of the memory limit that the columns of one layer may take. */
const MEMORY_SHARE = 1 / 8;
/** As moments have it. */
const HELD_OUT_EVERY = 5;

/** What is said of fits that AdaQuant made of weights and inputs together, for keys of measurements. */
export const WITH_INPUTS = 'columns, with the grid of the input';

export type FitSettings = Pick<RecipeQuantization, 'weights' | 'activations' | 'optimizer'>;

export interface FitWish {
  readonly weightBits: number;
  readonly activationBits: number;
  /** Grid of the input as it is known beforehand; undefined: the input stays float. */
  readonly grid: GridWithRange | undefined;
  /** False: other layers read the input through that grid already. @default true */
  readonly learnsGrid?: boolean;
  /** Where codes start from, in matrix order. @default the layer's weight */
  readonly weight?: Float32Array | undefined;
  /** In matrix order, 1 = kept. */
  readonly mask?: Uint8Array | undefined;
  /** Whether the bias may move. @default true, for a fit on columns: where the layer can have one */
  readonly refitBias?: boolean | undefined;
}

export interface FitData {
  /** With the input seen through the grid of the wish. */
  readonly moments: LayerMoments | undefined;
  /** As many columns as `fitColumns` asks for. */
  readonly sampled: SampledInput | undefined;
  readonly samples: number;
  /** For fits of long rows. */
  readonly engine?: FitEngine | undefined;
}

export interface FittedLayer {
  readonly found: OptimizedWeight;
  /** Grid of the input: another one where it was learned. */
  readonly grid: GridWithRange | undefined;
}

/** Whether a layer is fitted on columns of its input: what AdaQuant is asked for, where moments know too little. */
export function fitsOnColumns({ weights, optimizer }: FitSettings): boolean {
  return optimizer.method === 'adaquant' && weights.blockSize === undefined;
}

/** Columns that a fit wants of an input: bounded by the memory that the input and its target may take. */
export function fitColumns(settings: FitSettings, layout: InputLayout, memoryLimit: number): number {
  if (!fitsOnColumns(settings)) {
    return 0;
  }
  const wanted = Math.max(COLUMNS_PER_WEIGHT * layout.size, FEWEST_COLUMNS);
  const fitting = Math.floor((memoryLimit * MEMORY_SHARE) / columnBytes(layout));
  return Math.max(1, Math.min(wanted, fitting));
}

/**
 * Codes, scales and bias of a layer by the recipe's optimiser. AdaQuant learns the grid of a quantised input with them, and
 * counts only what a Relu or Clip behind the layer lets through, as the graph has it; where there is neither it comes down to
 * the quadratic form, which needs a hundredth of the work.
 */
export async function fitLayer(
  layer: Layer,
  settings: FitSettings,
  data: FitData,
  wish: FitWish,
  factory: RunnerFactory,
  signal?: AbortSignal,
): Promise<FittedLayer> {
  const { weights, activations, optimizer } = settings;
  const { moments, sampled, engine } = data;
  const { weightBits, activationBits, grid, learnsGrid = true, weight, mask } = wish;
  const clip = outputClip(layer);
  const pruned = {
    ...(weight === undefined ? {} : { weight, target: weightAsMatrix(layer).data }),
    ...(mask === undefined ? {} : { mask }),
  };
  if (fitsOnColumns(settings) && sampled !== undefined && (grid !== undefined || clip !== undefined)) {
    const { compressed, target } = sampled;
    const whole = compressed.count % data.samples === 0;
    const positionsPerSample = whole ? compressed.count / data.samples : 1;
    const found = await adaquantOnColumns(layer, { input: compressed, target, positionsPerSample }, factory, {
      bits: weightBits,
      granularity: weights.granularity,
      symmetric: weights.symmetric,
      iterations: optimizer.iterations,
      batch: Math.min(BATCH, Math.max(1, Math.floor(COLUMNS_PER_STEP / positionsPerSample))),
      activation: grid && {
        bits: activationBits,
        lo: grid.lo,
        hi: grid.hi,
        symmetric: activations.symmetric,
        grid,
      },
      learnActivation: learnsGrid,
      refitBias: wish.refitBias ?? biasRefusal(layer) === undefined,
      clip,
      heldOutEvery: HELD_OUT_EVERY,
      // Sums of another number of threads may come in another order.
      threads: 1,
      signal,
      ...pruned,
    });
    const learned = found.activation;
    return { found, grid: learnsGrid ? learned && { ...learned, ...gridRange(learned) } : grid };
  }
  const input: OptimizeInput = {
    bits: weightBits,
    granularity: weights.granularity,
    symmetric: weights.symmetric,
    blockSize: weights.blockSize,
    method: optimizer.method,
    moments,
    ...(wish.refitBias === undefined ? {} : { refitBias: wish.refitBias }),
    ...(optimizer.method === 'adaquant' ? { iterations: optimizer.iterations } : {}),
    ...pruned,
  };
  const found =
    engine === undefined
      ? optimizeLayer(layer, input)
      : await optimizeLayerBy(engine.products, layer, input, engine.team);
  return { found, grid };
}
