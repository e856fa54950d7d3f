import { findLayers, type Layer } from '../../../analysis';
import { LatheError } from '../../../base/errors';
import { ONNX_DOMAIN, type Model } from '../../../onnx';
import { foldBatchNorm, foldConstants } from '../../../passes';
import { biasType, compareWeights, describeSide } from './compareLayers';
import type { ComparedLayer, ComparedSide, LayerSide, ModelComparison } from './comparisonSchema';
import { statedBits } from './layerBits';
import { layerWeights, storedTensors } from './layerWeights';
import { matchingReports, measuredIn, totalBytes, type MatchingReport } from './matchingReports';
import { pairLayers, type LayerPair } from './pairLayers';
import { nodeChanges, operatorChanges } from './pairNodes';

export interface ComparedModel {
  /** Absolute; for finding the report beside it. */
  readonly path: string;
  readonly model: Model;
}

export interface CompareOptions {
  /** Look for Lathe reports beside the models. @default true */
  readonly reports?: boolean;
}

/**
 * Compares two models layer by layer: structure, weights, widths, zeros and bytes, and what a Lathe report beside them
 * measured. Weights are read one layer at a time.
 *
 * A generator that pauses after each layer, so that who must stay responsive can do something else in between.
 */
export function* comparisonSteps(
  before: ComparedModel,
  after: ComparedModel,
  options: CompareOptions = {},
): Generator<undefined, ModelComparison> {
  const layersBefore = findLayers(before.model);
  const layersAfter = findLayers(after.model);
  const { reports, stale } = (options.reports ?? true) ? matchingReports(before, after) : { reports: [], stale: [] };
  yield undefined;
  const folded = foldForComparison(before.model, after.model);
  const shared = reports.find((one) => isPair(one));
  const outputSqnr = new Map(shared?.report.layers.map((layer) => [layer.name, layer.outputSqnr]));
  const bits = { before: statedBits(before.model), after: statedBits(after.model) };
  const layers: ComparedLayer[] = [];
  for (const pair of pairLayers(layersBefore, layersAfter)) {
    layers.push(compareLayer(pair, folded, bits, outputSqnr));
    yield undefined;
  }
  return {
    before: describeModel(before, layersBefore, reports, 'before'),
    after: describeModel(after, layersAfter, reports, 'after'),
    operators: operatorChanges(before.model, after.model),
    nodes: nodeChanges(before.model, after.model),
    foldedBatchNorms: folded.count,
    layers,
    staleReports: [...stale],
  };
}

/** {@link comparisonSteps} in one go. */
export function compareModelFiles(
  before: ComparedModel,
  after: ComparedModel,
  options?: CompareOptions,
): ModelComparison {
  const steps = comparisonSteps(before, after, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      return step.value;
    }
  }
}

function isPair({ before, after }: MatchingReport): boolean {
  return (before === 'float' && after === 'compressed') || (before === 'compressed' && after === 'float');
}

function describeModel(
  { path, model }: ComparedModel,
  layers: readonly Layer[],
  reports: readonly MatchingReport[],
  side: 'before' | 'after',
): ComparedSide {
  const tensors = new Set(layers.flatMap((layer) => storedTensors(layer)));
  const report = reports.find((one) => one[side] !== undefined);
  const role = report?.[side];
  const opset = model.opsets.get(ONNX_DOMAIN);
  return {
    path,
    fileBytes: totalBytes(model),
    weightBytes: [...tensors].reduce((sum, tensor) => sum + tensor.byteLength, 0),
    nodes: model.graph.nodes.length,
    layers: layers.length,
    ...(opset === undefined ? {} : { opset }),
    ...(report === undefined || role === undefined ? {} : { measured: measuredIn(report, role) }),
  };
}

interface FoldedLayers {
  readonly before: ReadonlyMap<string, Layer>;
  readonly after: ReadonlyMap<string, Layer>;
  readonly count: number;
}

/**
 * Where only one of two models has its batch norms folded into its weights, the weights of the other are compared as
 * folding would leave them. The models themselves stay as they are.
 */
function foldForComparison(before: Model, after: Model): FoldedLayers {
  const norms = (model: Model): number =>
    model.graph.nodes.filter(({ domain, opType }) => domain === ONNX_DOMAIN && opType === 'BatchNormalization').length;
  const [more, less] = [norms(before), norms(after)];
  const none: ReadonlyMap<string, Layer> = new Map();
  if (more === less) {
    return { before: none, after: none, count: 0 };
  }
  const copy = (more > less ? before : after).clone();
  foldConstants(copy);
  const { folded } = foldBatchNorm(copy);
  const layers = new Map(findLayers(copy).map((layer) => [layer.name, layer]));
  return more > less
    ? { before: layers, after: none, count: folded.length }
    : { before: none, after: layers, count: folded.length };
}

function compareLayer(
  { before, after, matchedBy }: LayerPair,
  folded: FoldedLayers,
  bits: Readonly<Record<'before' | 'after', ReturnType<typeof statedBits>>>,
  outputSqnr: ReadonlyMap<string, number | undefined>,
): ComparedLayer {
  const weightsBefore = before && layerWeights(before);
  const weightsAfter = after && layerWeights(after);
  const sides = {
    ...(before === undefined || weightsBefore === undefined
      ? {}
      : { before: describeSide(before, bits.before.get(before.name), weightsBefore) }),
    ...(after === undefined || weightsAfter === undefined
      ? {}
      : { after: describeSide(after, bits.after.get(after.name), weightsAfter) }),
  };
  if (sides.before === undefined || sides.after === undefined) {
    return { status: sides.before === undefined ? 'added' : 'removed', ...sides };
  }
  const plainBefore = folded.before.get(sides.before.name);
  const plainAfter = folded.after.get(sides.after.name);
  const measured = compareWeights(
    plainBefore === undefined ? weightsBefore! : layerWeights(plainBefore),
    plainAfter === undefined ? weightsAfter! : layerWeights(plainAfter),
  );
  const sqnr = outputSqnr.get(sides.before.name) ?? outputSqnr.get(sides.after.name);
  const isSame =
    JSON.stringify(comparable(sides.before, plainBefore)) === JSON.stringify(comparable(sides.after, plainAfter)) &&
    (measured.difference === undefined
      ? sameBytes(before!, after!)
      : (measured.difference.relative ?? 1) <= ((plainBefore ?? plainAfter) ? FOLDING_NOISE : 0));
  return {
    status: isSame ? 'same' : 'changed',
    ...(matchedBy === undefined ? {} : { matchedBy }),
    ...sides,
    ...measured,
    ...(sqnr === undefined ? {} : { outputSqnr: sqnr }),
  };
}

/** Relative L2 distance that folding in float32 leaves between weights that are the same. */
const FOLDING_NOISE = 1e-6;

/** What else a layer is called is no difference of the layer; a bias that folding gives it is none either. */
function comparable(side: LayerSide, folded: Layer | undefined): object {
  const { bias, tie, ...rest } = side;
  return { ...rest, name: '', shortName: '', own: [folded === undefined ? bias : biasType(folded), tie !== undefined] };
}

/** False where it cannot be told: what is not known to be the same is shown. */
function sameBytes(before: Layer, after: Layer): boolean {
  const hash = (layer: Layer): string =>
    storedTensors(layer)
      .map((tensor) => tensor.contentHash())
      .join();
  try {
    return hash(before) === hash(after);
  } catch (error) {
    if (LatheError.is(error)) {
      return false;
    }
    throw error;
  }
}
