import type { Lock, LockLayer } from '../lock/lockSchema';
import { formatBits, formatBytes, formatChange, formatLoss, formatPercent } from '../report/formatNumbers';
import { diffFields, diffLayers, type LayerFields } from './diffLayers';
import type { FileDiff, FigureDiff } from './diffTypes';

/** Compares the decisions of two locks. */
export function diffLocks(before: Lock, after: Lock): Omit<FileDiff, 'before' | 'after'> {
  return {
    kind: 'lock',
    figures: [
      figure('Size, nominal', before.totals.size, after.totals.size, formatPercent, (d) =>
        // In bytes: what people count by.
        formatBytes((d * after.totals.floatBits) / 8),
      ),
      figure('Loss, predicted', before.totals.loss, after.totals.loss, formatLoss),
      ...(before.totals.bops === undefined || after.totals.bops === undefined
        ? []
        : [figure('8-bit operations', before.totals.bops, after.totals.bops, formatPercent)]),
    ],
    fields: diffFields(lockFields(before), lockFields(after)),
    ...diffLayers(layerMap(before.layers), layerMap(after.layers)),
  };
}

/** A figure before and after, with the change in the same or another unit. */
export function figure(
  label: string,
  before: number | undefined,
  after: number | undefined,
  format: (value: number) => string,
  formatDifference: (difference: number) => string = format,
): FigureDiff {
  const same = before === after || before === undefined || after === undefined;
  return {
    label,
    before: before === undefined ? '–' : format(before),
    after: after === undefined ? '–' : format(after),
    change: same ? '' : formatChange(formatDifference(after - before)),
  };
}

function lockFields(lock: Lock): LayerFields {
  const { budget, minimize } = lock.objective;
  const shown = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));
  const short = (hash: string | null): string => hash?.slice(0, 12) ?? 'none';
  return [
    ['lathe', lock.lathe],
    ['engine', lock.engine],
    ['model', `${lock.model.file} ${short(lock.model.sha256)}`],
    ['calibration data', short(lock.data.calibration)],
    ['minimize', minimize],
    ['budget.size', shown(budget.size)],
    ['budget.bops', shown(budget.bops)],
    ['budget.loss', shown(budget.loss)],
    ['recipe: quantization', short(lock.recipe.quantization)],
    ['recipe: allocation', short(lock.recipe.allocation)],
    ['recipe: layers', short(lock.recipe.layers)],
    ['recipe: preprocess', short(lock.recipe.preprocess)],
    ['recipe: seed', String(lock.recipe.seed)],
    ['solver', `${lock.solver.engine}${lock.solver.proven ? '' : ', not proved optimal'}`],
  ];
}

function layerMap(layers: readonly LockLayer[]): Map<string, LayerFields> {
  return new Map(
    layers.map((layer) => [
      layer.name,
      [
        ['W', formatBits(layer.weights.bits)],
        ['A', formatBits(layer.input.bits)],
        [
          'sparsity',
          layer.sparsity && `${layer.sparsity.pattern}${layer.sparsity.transposable ? ' transposable' : ''}`,
        ],
        ['size', formatBytes((layer.parameters * layer.weights.bits) / 8)],
        ['loss', formatLoss(layer.loss)],
        ['stored as', layer.weights.container],
        ['pinned', layer.pinned ? 'yes' : 'no'],
        ['why', layer.reason],
        ['input range', layer.input.range?.map((v) => String(Number(v.toPrecision(3)))).join(' … ')],
      ],
    ]),
  );
}
