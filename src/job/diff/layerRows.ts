import type { Comparison } from './diffFiles';
import type { LayerFields } from './diffLayers';

/** One layer of a comparison with all its fields, for a table that can show what did not change too. */
export interface LayerRow {
  readonly name: string;
  readonly status: 'changed' | 'added' | 'removed' | 'same';
  readonly why?: string;
  /** By field; left out where the file has no such layer. */
  readonly before?: Readonly<Record<string, string>>;
  readonly after?: Readonly<Record<string, string>>;
  /** Signed changes of amounts, by field. */
  readonly changes: Readonly<Record<string, string>>;
}

/** Layers that differ in the order of the diff, then the others in the order of the second file. */
export function layerRows({ diff, before, after }: Comparison): LayerRow[] {
  const differing = diff.layers.map(({ name, status, why, fields }): LayerRow => ({
    name,
    status,
    ...(why === undefined ? {} : { why }),
    // Of models only what differs is at hand.
    ...valuesOf('before', before.get(name) ?? fields.map((field) => [field.field, field.before])),
    ...valuesOf('after', after.get(name) ?? fields.map((field) => [field.field, field.after])),
    changes: Object.fromEntries(
      fields.flatMap(({ field, change }) => (change === undefined ? [] : [[field, change] as const])),
    ),
  }));
  const named = new Set(diff.layers.map(({ name }) => name));
  const same = [...after]
    .filter(([name]) => !named.has(name))
    .map(([name, fields]): LayerRow => ({
      name,
      status: 'same',
      ...valuesOf('before', fields),
      ...valuesOf('after', fields),
      changes: {},
    }));
  return [...differing, ...same];
}

function valuesOf<K extends 'before' | 'after'>(
  side: K,
  fields: LayerFields,
): { readonly [P in K]?: Record<string, string> } {
  const known = fields.flatMap(([field, value]) => (value === undefined ? [] : [[field, value] as const]));
  if (known.length === 0) {
    return {};
  }
  return { [side]: Object.fromEntries(known) } as { [P in K]: Record<string, string> };
}
