/** Forms in which other tools read what a lock decided. */
export const INTEROP_FORMATS = ['ort-overrides', 'modelopt', 'netron'] as const;

/** Forms that the model of a run can be rewritten to. */
export const MODEL_FORMS = ['float', 'matmulnbits'] as const;

export type ModelFormName = (typeof MODEL_FORMS)[number];

export type InteropFormatName = (typeof INTEROP_FORMATS)[number];
