import type { FieldDiff, LayerDiff } from './diffTypes';

/** Fields of one layer as people read them, in the order shown. */
export type LayerFields = readonly (readonly [field: string, value: string | undefined])[];

/** Pairs layers by name and lists those whose fields differ. */
export function diffLayers(
  before: ReadonlyMap<string, LayerFields>,
  after: ReadonlyMap<string, LayerFields>,
): { layers: LayerDiff[]; unchangedLayers: number } {
  const layers: LayerDiff[] = [];
  let unchangedLayers = 0;
  for (const [name, fields] of after) {
    const old = before.get(name);
    const changed = diffFields(old ?? [], fields);
    if (old === undefined) {
      layers.push({ name, status: 'added', fields: changed });
    } else if (changed.length > 0) {
      layers.push({ name, status: 'changed', fields: changed });
    } else {
      unchangedLayers++;
    }
  }
  for (const [name, fields] of before) {
    if (!after.has(name)) {
      layers.push({ name, status: 'removed', fields: diffFields(fields, []) });
    }
  }
  return { layers, unchangedLayers };
}

/** Fields that differ, in the order of the second list, lost ones last. */
export function diffFields(before: LayerFields, after: LayerFields): FieldDiff[] {
  const old = new Map(before);
  const now = new Map(after);
  return [...new Set([...now.keys(), ...old.keys()])]
    .filter((field) => old.get(field) !== now.get(field))
    .map((field) => ({ field, before: old.get(field), after: now.get(field) }));
}
