import type { Lock, LockLayer } from './lockSchema';

/** Digits that survive a change of processor or thread count; more would make locks differ for nothing. */
const digits = 6;

/**
 * The lock as text: fixed order of fields, one line per field of a layer, numbers rounded to six significant digits, so
 * that equal decisions give equal bytes and a review shows one hunk per changed layer.
 */
export function formatLock(lock: Lock): string {
  const { layers, ...head } = lock;
  const lines = ['{'];
  for (const key of headOrder) {
    const value = head[key];
    if (value !== undefined) {
      lines.push(`  ${JSON.stringify(key)}: ${formatValue(value)},`);
    }
  }
  lines.push(layers.length === 0 ? '  "layers": []' : `  "layers": [\n${layers.map(formatLayer).join(',\n')}\n  ]`);
  lines.push('}', '');
  return lines.join('\n');
}

const headOrder = [
  '$schema',
  'format',
  'lathe',
  'engine',
  'model',
  'recipe',
  'data',
  'objective',
  'solver',
  'totals',
] as const satisfies readonly Exclude<keyof Lock, 'layers'>[];

/** Sections with hashes or several figures get a line per field, short ones a line. */
function formatValue(value: unknown): string {
  const line = formatLine(value);
  if (typeof value !== 'object' || value === null || line.length <= 90) {
    return line;
  }
  const fields = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .map(([k, v]) => `    ${JSON.stringify(k)}: ${formatLine(v)}`);
  return `{\n${fields.join(',\n')}\n  }`;
}

function formatLayer(layer: LockLayer): string {
  const fields: [string, unknown][] = [
    ['name', layer.name],
    ['parameters', layer.parameters],
    ['weights', layer.weights],
    ['input', layer.input],
    ['sparsity', layer.sparsity],
    ['loss', layer.loss],
    ['pinned', layer.pinned],
    ['reason', layer.reason],
  ];
  const lines = fields
    .filter(([, v]) => v !== undefined)
    .map(([k, v]) => `      ${JSON.stringify(k)}: ${formatLine(v)}`);
  return `    {\n${lines.join(',\n')}\n    }`;
}

function formatLine(value: unknown): string {
  if (typeof value === 'number') {
    return JSON.stringify(roundNumber(value));
  }
  if (Array.isArray(value)) {
    return `[${value.map(formatLine).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => `${JSON.stringify(k)}: ${formatLine(v)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return JSON.stringify(value);
}

/** Integers stay whole; −0 is 0. */
function roundNumber(value: number): number {
  return Number.isInteger(value) ? value + 0 : Number(value.toPrecision(digits));
}
