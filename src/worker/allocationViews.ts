import { statSync } from 'node:fs';
import { AllocationSession, type AllocationPreview } from '../job/allocationSession';
import { FLOAT_BITS, type WidthPin } from '../job/layerWidths';
import type { AnalyzeResult } from '../job/jobTypes';
import type { Recipe } from '../job/recipe/recipe';
import type { AllocationView, FrontierView, LayerMeasurementView, MeasurementsView } from '../protocol/job';
import type { Budget, Pin } from '../protocol/webviewProtocol';
import { recipeBudget } from './budget';
import { drawnPoints } from './drawnPoints';

export type Precision = 'hull' | 'exact';

/** The integer programmes of recipes that are being looked at; opened anew when recipe or model changed on disk. */
export class AllocationViews {
  private readonly sessions = new Map<string, { readonly stamp: string; readonly session: AllocationSession }>();

  /** Forgets what is held, since a job may have written new measurements. Throws as `AllocationSession.open`. */
  measurements(recipePath: string): MeasurementsView {
    this.sessions.delete(recipePath);
    const { analysis } = this.session(recipePath);
    return {
      recipePath,
      baseline: analysis.baseline,
      lossUnit: analysis.lossUnit,
      layers: analysis.layers.map(measurementView),
      complete: true,
    };
  }

  /** Without a budget: the recipe's. Throws `allocate/infeasible`. */
  async solve(
    recipePath: string,
    budget: Budget | undefined,
    pins: readonly Pin[],
    precision: Precision,
    signal: AbortSignal,
  ): Promise<AllocationView> {
    const session = withFreedLayers(this.session(recipePath), pins);
    const wanted = budget === undefined ? session.recipe.allocation.budget : recipeBudget(budget);
    return allocationView(await session.preview(wanted, widthPins(pins), precision, signal));
  }

  async frontier(
    recipePath: string,
    pins: readonly Pin[],
    precision: Precision,
    measured: FrontierView['measured'],
    signal: AbortSignal,
  ): Promise<FrontierView> {
    const session = withFreedLayers(this.session(recipePath), pins);
    const { points, uniform, floatBits } = await session.frontier(widthPins(pins), precision, signal);
    const sizes = points.map((point) => point.sizeBits / floatBits);
    return {
      points: drawnPoints(points).map((point) => ({
        size: point.sizeBits / floatBits,
        loss: point.loss,
        exact: point.kind === 'exact',
      })),
      uniform: uniform.map(({ bits, sizeBits, loss }) => ({ bits, size: sizeBits / floatBits, loss })),
      measured,
      smallestSize: Math.min(...sizes),
      largestSize: Math.max(...sizes),
    };
  }

  private session(recipePath: string): AllocationSession {
    const stamp = stampOf(recipePath);
    const known = this.sessions.get(recipePath);
    if (known?.stamp === stamp) {
      return known.session;
    }
    const session = AllocationSession.open(recipePath);
    this.sessions.set(recipePath, { stamp: stampOf(recipePath), session });
    return session;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.size}:${stat.mtimeMs}`;
}

/** `null` keeps a side float, which the core writes as 32. */
function widthPins(pins: readonly Pin[]): WidthPin[] {
  return pins.map(({ layer, weightBits, activationBits }) => ({
    layer,
    weightBits: widthOf(weightBits),
    activationBits: widthOf(activationBits),
  }));
}

function widthOf(value: Pin['weightBits']): number | undefined {
  return value === 'free' || value === undefined ? undefined : (value ?? FLOAT_BITS);
}

/** `'free'` undoes what the recipe says of a layer: all its widths are allowed again. */
function withFreedLayers(session: AllocationSession, pins: readonly Pin[]): AllocationSession {
  const freed = pins.filter((pin) => pin.weightBits === 'free' || pin.activationBits === 'free');
  if (freed.length === 0) {
    return session;
  }
  const { recipe } = session;
  const { weights, activations } = recipe.quantization;
  const layers: Recipe['layers'] = [
    ...recipe.layers,
    ...freed.map((pin) => ({
      pattern: pin.layer,
      weights: pin.weightBits === 'free' ? weights.bits : undefined,
      activations: pin.activationBits === 'free' ? activations.bits : undefined,
      sparsity: undefined,
    })),
  ];
  return session.withRecipe({ ...recipe, layers });
}

function allocationView(preview: AllocationPreview): AllocationView {
  return {
    size: preview.size,
    sizeBytes: Math.ceil(preview.sizeBits / 8),
    floatBytes: preview.floatBits / 8,
    bops: preview.bops,
    predictedLoss: preview.loss,
    bound: preview.bound,
    proven: preview.proven,
    engine: preview.engine,
    exact: preview.precision === 'exact',
    layers: preview.layers.map(
      ({ name, weightBits, activationBits, pinned, parameters, sizeBits, predictedLoss, reason }) => ({
        name,
        weightBits,
        activationBits,
        pinned,
        parameters,
        sizeBits,
        predictedLoss,
        ...(reason === undefined ? {} : { reason }),
      }),
    ),
  };
}

function measurementView(layer: AnalyzeResult['layers'][number]): LayerMeasurementView {
  const decibel = new Map(layer.weightSqnr.map((entry) => [entry.bits, entry.decibel]));
  return {
    name: layer.name,
    candidates: layer.candidates.map(({ weightBits, activationBits, loss }) => ({
      weightBits,
      activationBits,
      loss,
      // A weight that its grid holds exactly has no noise; JSON has no infinity.
      weightSqnr: finite(decibel.get(weightBits)),
    })),
    activationMin: layer.activation?.min,
    activationMax: layer.activation?.max,
    ...activationView(layer.activation),
    ...(layer.outputErrors === undefined ? {} : { outputErrors: layer.outputErrors }),
  };
}

function activationView(
  activation: AnalyzeResult['layers'][number]['activation'],
): Pick<LayerMeasurementView, 'activation'> {
  const { zeros, histogram, grids } = activation ?? {};
  return zeros === undefined || histogram === undefined || grids === undefined
    ? {}
    : { activation: { zeros, histogram, grids } };
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
