import { createHash } from 'node:crypto';
import type { Model } from '../ir/model';
import { tooLarge } from '../errors';
import { inlinePlan, keepPlan } from './write/tensorPlan';
import { writeModel } from './write/writeModel';

/** The largest message that protobuf's own readers, and so ONNX Runtime, accept: 2^31 - 1 bytes. */
export const MAX_PROTOBUF_BYTES = 0x7fffffff;

/**
 * The whole model in memory, as ONNX Runtime takes it. Throws `onnx/too-large` over 2 GB, and whatever reading the
 * weights throws.
 */
export function serializeModel(
  model: Model,
  options: {
    /** Bring external data in; else it stays where it is, relative to `model.baseDirectory`. @default true */
    readonly inlineExternalData?: boolean;
  } = {},
): Uint8Array {
  const pieces = writeModel(model, (options.inlineExternalData ?? true) ? inlinePlan : keepPlan);
  if (pieces.byteLength > MAX_PROTOBUF_BYTES) {
    throw tooLarge(pieces.byteLength, 'Save it with external data and open it by its path.');
  }
  return pieces.toBytes();
}

/**
 * SHA-256 (hex) of the model's file and then of its external data files, by location. An edited model is hashed as it
 * would be written. Reads everything, in pieces.
 */
export function modelHash(model: Model): string {
  const hash = createHash('sha256');
  for (const chunk of writeModel(model, keepPlan).chunks()) {
    hash.update(chunk);
  }
  for (const { location, bytes } of model.externalFiles) {
    const source = model.file?.external.source(location);
    hash.update(JSON.stringify([location, bytes]));
    for (let at = 0; source !== undefined && at < bytes; at += 1 << 20) {
      hash.update(source.read(at, Math.min(1 << 20, bytes - at)));
    }
  }
  return hash.digest('hex');
}
