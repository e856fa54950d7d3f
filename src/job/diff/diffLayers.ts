import { formatChange } from '../report/formatNumbers';
import type { FieldDiff, LayerDiff } from './diffTypes';

/** A number behind a field, so that its change can be told. */
export interface Amount {
  readonly value: number;
  readonly format: (value: number) => string;
}

/** Fields of one layer as people read them, in the order shown. */
export type LayerFields = readonly (readonly [field: string, value: string | undefined, amount?: Amount])[];

/** A field that is an amount. */
export function amountField(
  field: string,
  value: number,
  format: (value: number) => string,
): readonly [string, string, Amount] {
  return [field, format(value), { value, format }];
}

/** Pairs layers by name and lists those whose fields differ; `why` says what can have changed one. */
export function diffLayers(
  before: ReadonlyMap<string, LayerFields>,
  after: ReadonlyMap<string, LayerFields>,
  why: (name: string) => string | undefined = () => undefined,
): { layers: LayerDiff[]; unchangedLayers: number } {
  const layers: LayerDiff[] = [];
  let unchangedLayers = 0;
  const add = (name: string, status: LayerDiff['status'], fields: FieldDiff[]): void => {
    const reason = status === 'removed' ? undefined : why(name);
    layers.push({ name, status, ...(reason === undefined ? {} : { why: reason }), fields });
  };
  for (const [name, fields] of after) {
    const old = before.get(name);
    const changed = diffFields(old ?? [], fields);
    if (old === undefined) {
      add(name, 'added', changed);
    } else if (changed.length > 0) {
      add(name, 'changed', changed);
    } else {
      unchangedLayers++;
    }
  }
  for (const [name, fields] of before) {
    if (!after.has(name)) {
      add(name, 'removed', diffFields(fields, []));
    }
  }
  return { layers, unchangedLayers };
}

/** Fields that differ, in the order of the second list, lost ones last. */
export function diffFields(before: LayerFields, after: LayerFields): FieldDiff[] {
  const old = new Map(before.map((entry) => [entry[0], entry]));
  const now = new Map(after.map((entry) => [entry[0], entry]));
  return [...new Set([...now.keys(), ...old.keys()])]
    .filter((field) => old.get(field)?.[1] !== now.get(field)?.[1])
    .map((field) => {
      const [, was, from] = old.get(field) ?? [];
      const [, is, to] = now.get(field) ?? [];
      const change =
        from === undefined || to === undefined ? {} : { change: formatChange(to.format(to.value - from.value)) };
      return { field, before: was, after: is, ...change };
    });
}
