import { createHash } from 'node:crypto';
import { canonicalJson } from './canonicalJson';

/** SHA-256 (hex) over everything a measurement depends on. */
export type CacheKey = string & { readonly __brand: 'CacheKey' };

/** Key of what is determined by `parts`: hashes of model and data, recipe section, version, layer, width… */
export function cacheKey(parts: Readonly<Record<string, unknown>>): CacheKey {
  return createHash('sha256').update(canonicalJson(parts)).digest('hex') as CacheKey;
}
