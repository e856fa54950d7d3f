import { version } from '../../package.json';

/** Part of every cache key and lock: a new version measures anew. */
export const LATHE_VERSION: string = version;
