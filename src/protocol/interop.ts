/** Forms in which other tools read what a lock decided. */
export const INTEROP_FORMATS = ['ort-overrides', 'modelopt', 'netron'] as const;

export type InteropFormatName = (typeof INTEROP_FORMATS)[number];
