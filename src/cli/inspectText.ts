import { countOf, formatBytes, formatCount, formatPercent, groupDigits } from '../job/report/formatNumbers';
import type { InspectOutput } from './outputSchemas';
import { formatTable, shorten } from './table';
import { printable, type Style } from './terminal';
import { wrapWords } from './wrapWords';

type LayerOutput = InspectOutput['layers'][number];

/** The result of `lathe inspect` for people. */
export function inspectText(output: InspectOutput, file: string, style: Style, width: number): string {
  const parts: string[] = [];
  const external = output.externalFiles.reduce((sum, f) => sum + f.bytes, 0);
  const head = [
    formatBytes(output.fileBytes) + (external > 0 ? ` + ${formatBytes(external)} external` : ''),
    `IR ${output.irVersion}`,
    output.opsets.map(({ domain, version }) => `${domain === 'ai.onnx' ? 'opset' : domain} ${version}`).join(', '),
    output.producer,
  ].filter((text) => text !== '');
  parts.push(`${style.bold(printable(file))}  ${style.dim(printable(head.join(' · ')))}\n\n`);
  parts.push(
    formatTable(
      [{ title: '' }, { title: '' }, { title: '' }, { title: '' }],
      [
        ...output.inputs.map((value) => ['input', value.name, value.type, shapeText(value.shape)]),
        ...output.outputs.map((value) => ['output', value.name, value.type, shapeText(value.shape)]),
      ],
      { width },
    ),
  );
  const operators = output.operators.slice(0, 5).map(({ operator, count }) => `${count} ${operator}`);
  const more = output.operators.length > 5 ? ', …' : '';
  const macs = output.macs === null ? 'MACs unknown' : `${formatCount(output.macs)} MACs`;
  parts.push(
    `\n${groupDigits(output.parameters)} parameters, ${groupDigits(output.layerParameters)} of them in ${countOf(output.layers.length, 'layer')} · ${macs}\n`,
    `${shorten(`${countOf(output.nodes, 'node')}: ${printable(operators.join(', '))}${more}`, width, 'end')}\n\n`,
  );
  if (output.layers.length > 0) {
    parts.push(layerTable(output, style, width), '\n');
  }
  parts.push(...output.notes.map((note) => `${note}\n`));
  if (!output.weightsRead && output.layers.length > 0) {
    parts.push('The weights were not read: zeros and N:M compliance by --weights.\n');
  }
  if (output.macs === null) {
    parts.push('Some shapes are not stated in the file: --infer lets ONNX Runtime infer them.\n');
  }
  parts.push(refusals(output.layers, width));
  return parts.join('').replace(/\n+$/, '\n');
}

function layerTable(output: InspectOutput, style: Style, width: number): string {
  const rows = output.layers.map((layer) => [
    layer.shortName,
    layer.description,
    layer.weight.type === 'float32'
      ? shapeText(layer.weight.shape)
      : `${shapeText(layer.weight.shape)} ${layer.weight.type}`,
    groupDigits(layer.parameters),
    layer.macs === null ? '–' : formatCount(layer.macs),
    ...(output.weightsRead
      ? [layer.statistics === null ? '–' : formatPercent(layer.statistics.zeros), patternText(layer)]
      : []),
  ]);
  return formatTable(
    [
      { title: 'Layer', max: 36 },
      { title: 'Operator', max: 32, cut: 'end' },
      { title: 'Weight' },
      { title: 'Parameters', align: 'right' },
      { title: 'MACs', align: 'right' },
      ...(output.weightsRead ? [{ title: 'Zeros', align: 'right' as const }, { title: 'N:M' }] : []),
    ],
    rows,
    { width, paint: style.dim },
  );
}

/** Patterns that all groups comply with: "2:4, 4:8"; nothing is claimed of weights without zeros. */
function patternText({ statistics }: LayerOutput): string {
  const full = statistics?.nm.filter(({ compliance, eligible }) => eligible.possible && compliance === 1) ?? [];
  return full.length === 0 ? '–' : full.map(({ keep, group }) => `${keep}:${group}`).join(', ');
}

/** Reasons beside refusals, alike ones together. */
function refusals(layers: readonly LayerOutput[], width: number): string {
  const byReason = new Map<string, string[]>();
  for (const layer of layers) {
    for (const [what, verdict] of [
      ['weights stay as they are', layer.quantizeWeights],
      ['input stays float', layer.quantizeActivations],
    ] as const) {
      if (!verdict.possible) {
        const reason = `${what}: ${verdict.reason ?? ''}`;
        byReason.set(reason, [...(byReason.get(reason) ?? []), layer.shortName]);
      }
    }
  }
  const lines = [...byReason].map(([reason, names]) => {
    const shown = names.slice(0, 3).map(printable).join(', ');
    return `  ${shorten(`${shown}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`, 48, 'end')} — ${printable(reason)}\n`;
  });
  const limit = Math.max(width, 60);
  return lines.length === 0 ? '' : `\nNot quantised:\n${lines.map((line) => wrapWords(line, limit, 6)).join('')}`;
}

export function shapeText(shape: readonly (number | string | null)[] | null): string {
  return shape === null ? '?' : shape.length === 0 ? 'scalar' : shape.map((d) => String(d ?? '?')).join(' × ');
}
