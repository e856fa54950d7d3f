import { invariant } from '../../base/errors';

/**
 * JSON with sorted keys and no white space: equal values give equal texts. Undefined fields are left out, Maps are written
 * as objects, numbers that JSON lacks as "NaN", "Infinity", "-Infinity"; −0 is 0.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value === 0 ? 0 : value) : `"${value}"`;
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'bigint':
      return String(value);
    case 'undefined':
      return 'null';
    case 'object':
      break;
    default:
      invariant(false, `canonical JSON of a ${typeof value}`);
  }
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  invariant(!ArrayBuffer.isView(value), 'canonical JSON of binary data: hash it first');
  const entries: [string, unknown][] =
    value instanceof Map ? [...value].map(([k, v]) => [String(k), v]) : Object.entries(value);
  const fields = entries
    .filter(([, v]) => v !== undefined)
    // By code unit, not by locale: the order must not depend on the machine.
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`);
  return `{${fields.join(',')}}`;
}
