import type { Lock } from '../lock/lockSchema';
import { formatBits, formatBytes, formatChange, formatLoss, formatPercent } from '../report/formatNumbers';
import { amountField, diffFields, diffLayers, type LayerFields } from './diffLayers';
import type { FileDiff, FigureDiff } from './diffTypes';

/** Compares the decisions of two locks. */
export function diffLocks(before: Lock, after: Lock): Omit<FileDiff, 'before' | 'after'> {
  const reasons = new Map(after.layers.map(({ name, reason }) => [name, reason]));
  const cause = causes(before, after);
  return {
    kind: 'lock',
    figures: [
      figure('size', 'Size, nominal', before.totals.size, after.totals.size, formatPercent, (d) =>
        // In bytes: what people count by.
        formatBytes((d * after.totals.floatBits) / 8),
      ),
      figure('loss.predicted', 'Loss, predicted', before.totals.loss, after.totals.loss, formatLoss),
      ...(before.totals.bops === undefined || after.totals.bops === undefined
        ? []
        : [figure('bops', '8-bit operations', before.totals.bops, after.totals.bops, formatPercent)]),
    ],
    fields: diffFields(lockFields(before), lockFields(after)),
    ...diffLayers(lockLayers(before), lockLayers(after), (name) => reasons.get(name) ?? cause),
  };
}

/** A figure before and after, with the change in the same or another unit. */
export function figure(
  key: string,
  label: string,
  before: number | undefined,
  after: number | undefined,
  format: (value: number) => string,
  formatDifference: (difference: number) => string = format,
): FigureDiff {
  const same = before === after || before === undefined || after === undefined;
  return {
    key,
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
    ['recipe: sparsity', lock.recipe.sparsity?.slice(0, 12)],
    ['recipe: preprocess', short(lock.recipe.preprocess)],
    ['recipe: seed', String(lock.recipe.seed)],
    ['solver', `${lock.solver.engine}${lock.solver.proven ? '' : ', not proved optimal'}`],
  ];
}

/** What the layers of a lock are compared by. */
export function lockLayers(lock: Lock): Map<string, LayerFields> {
  return new Map(
    lock.layers.map((layer) => [
      layer.name,
      [
        ['W', formatBits(layer.weights.bits)],
        ['A', formatBits(layer.input.bits)],
        ['sparsity', layer.sparsity && patternText(layer.sparsity)],
        amountField('size', (layer.parameters * layer.weights.bits) / 8, formatBytes),
        amountField('loss', layer.loss, formatLoss),
        ['stored as', layer.weights.container],
        ['pinned', layer.pinned ? 'yes' : 'no'],
        ['why', layer.reason],
        ['input range', layer.input.range?.map((v) => String(Number(v.toPrecision(3)))).join(' … ')],
      ],
    ]),
  );
}

/** "2:4", "2:4 transposable". */
export function patternText({ pattern, transposable }: { readonly pattern: string; readonly transposable: boolean }) {
  return `${pattern}${transposable ? ' transposable' : ''}`;
}

/** What the two allocations were given that differs; undefined when nothing is. */
function causes(before: Lock, after: Lock): string | undefined {
  const objective = ({ minimize, budget }: Lock['objective']): string =>
    JSON.stringify([minimize, budget.size, budget.bops, budget.loss]);
  const sameObjective = objective(before.objective) === objective(after.objective);
  const found = [
    [!sameObjective, 'budget'],
    [sameObjective && before.recipe.allocation !== after.recipe.allocation, 'allocation'],
    [before.recipe.quantization !== after.recipe.quantization, 'quantization'],
    [before.recipe.sparsity !== after.recipe.sparsity, 'sparsity'],
    [before.recipe.layers !== after.recipe.layers, 'overrides'],
    [before.recipe.preprocess !== after.recipe.preprocess, 'preprocessing'],
    [before.recipe.seed !== after.recipe.seed, 'seed'],
    [before.model.sha256 !== after.model.sha256, 'model'],
    [before.data.calibration !== after.data.calibration, 'calibration data'],
    [before.lathe !== after.lathe, 'Lathe version'],
    [before.engine !== after.engine, 'engine'],
  ] as const;
  const words = found.filter(([differs]) => differs).map(([, word]) => word);
  return words.length === 0 ? undefined : words.join(', ');
}
