import { countOf, formatBits, formatBytes, formatDecibel, formatPercent } from '../../report/formatNumbers';
import type { ComparedLayer, ComparedNode, LayerSide, ModelComparison } from './comparisonSchema';

/** A table of words, for terminals and Markdown alike. */
export interface ComparisonTable {
  readonly columns: readonly { readonly title: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly string[])[];
}

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Whether the column is needed for this layer. */
  readonly says: (layer: ComparedLayer) => boolean;
  readonly cell: (layer: ComparedLayer) => string;
}

/** The layers that differ; columns in which nothing differs are left out. */
export function layerTable({ layers }: ModelComparison): ComparisonTable {
  const differing = layers.filter(({ status }) => status !== 'same');
  const columns = allColumns.filter(({ says }) => differing.some(says));
  return { columns, rows: differing.map((layer) => columns.map(({ cell }) => cell(layer))) };
}

/** Operator types and how often each model has them. */
export function operatorTable({ operators }: ModelComparison): ComparisonTable {
  return {
    columns: [
      { title: 'Operator', align: 'left' },
      { title: 'Before', align: 'right' },
      { title: 'After', align: 'right' },
    ],
    rows: operators.map(({ operator, before, after }) => [operator, String(before), String(after)]),
  };
}

/** Nodes up to a number, and how many are left out. */
export function nodeLines({ nodes }: ModelComparison, most: number): { lines: string[]; more: number } {
  return { lines: nodes.slice(0, most).map(nodeLine), more: Math.max(0, nodes.length - most) };
}

/** What must be known to read the figures. */
export function comparisonNotes({ foldedBatchNorms, staleReports, layers }: ModelComparison): string[] {
  const unmeasured = layers.filter(({ unmeasured }) => unmeasured !== undefined);
  return [
    ...(foldedBatchNorms > 0
      ? [
          `Only one model has its batch norms folded: weights are compared with ${countOf(foldedBatchNorms, 'norm')} of the other folded too.`,
        ]
      : []),
    ...staleReports.map((path) => `${path} measured other versions of these files: nothing is taken from it.`),
    ...(unmeasured.length > 0
      ? [`The weights of ${countOf(unmeasured.length, 'layer')} are not compared: ${unmeasured[0]!.unmeasured!}.`]
      : []),
  ];
}

function nodeLine({ name, status, before, after, changes }: ComparedNode): string {
  const operator =
    before === after || before === undefined || after === undefined ? (after ?? before!) : `${before} → ${after}`;
  return `${status} ${operator} ${name}${changes.length > 0 ? `: ${changes.join(', ')}` : ''}`;
}

/** A column that holds one figure of each side. */
function pair(title: string, text: (side: LayerSide) => string | undefined): Column {
  return {
    title,
    align: 'left',
    says: ({ before, after }) => (before && text(before)) !== (after && text(after)),
    cell: ({ before, after }) => {
      if (before === undefined || after === undefined) {
        return text((after ?? before)!) ?? '–';
      }
      const [a, b] = [text(before) ?? '–', text(after) ?? '–'];
      return a === b ? a : `${a} → ${b}`;
    },
  };
}

const allColumns: readonly Column[] = [
  {
    title: 'Layer',
    align: 'left',
    says: () => true,
    cell: ({ before, after }) =>
      before !== undefined && after !== undefined && before.name !== after.name
        ? `${before.shortName} → ${after.shortName}`
        : (after ?? before)!.shortName,
  },
  {
    title: '',
    align: 'left',
    says: ({ status }) => status !== 'changed',
    cell: ({ status }) => (status === 'changed' ? '' : status),
  },
  pair('Operator', (side) => side.description),
  pair('Shape', (side) => side.shape.join('×')),
  pair('W', (side) => bitsText(side.weightBits)),
  pair('A', (side) => bitsText(side.inputBits)),
  pair('Type', (side) => side.type),
  pair('Stored', (side) => formatBytes(side.storedBytes)),
  pair('Zeros', (side) => (side.zeros === undefined ? undefined : formatPercent(side.zeros))),
  pair('N:M', (side) => side.pattern),
  {
    title: 'Weights Δ',
    align: 'right',
    says: ({ difference }) => difference !== undefined,
    cell: ({ difference }) => (difference === undefined ? '' : (relativeText(difference.relative) ?? '–')),
  },
  {
    title: 'max |Δ|',
    align: 'right',
    says: ({ difference }) => difference !== undefined,
    cell: ({ difference }) =>
      difference === undefined ? '' : Number(difference.maxAbsolute.toPrecision(3)).toString(),
  },
  {
    title: 'Output',
    align: 'right',
    says: ({ outputSqnr }) => outputSqnr !== undefined,
    cell: ({ outputSqnr }) => (outputSqnr === undefined ? '' : formatDecibel(outputSqnr)),
  },
];

function bitsText(bits: number | undefined): string | undefined {
  return bits === undefined ? undefined : formatBits(bits);
}

function relativeText(relative: number | undefined): string | undefined {
  return relative === undefined
    ? undefined
    : relative > 0 && relative < 0.0001
      ? '< 0.01 %'
      : formatPercent(relative, 2);
}
