import { realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { QdqResult } from '../methods';
import { openModel, saveModel, verifyModel, type Model, type SaveOptions } from '../onnx';
import { badCodes, overInput, unsoundModel } from './errors';

/** All keys Lathe writes into `metadata_props` begin so. */
export const METADATA_PREFIX = 'ai.lathe.';

export interface ExportRequest {
  /** The model as it was read; never written over. */
  readonly source: Model;
  /** The compressed model. Gets its provenance set. */
  readonly model: Model;
  /** What `insertQdq` reported, to check the written codes against; undefined when nothing was quantised. */
  readonly quantization: QdqResult | undefined;
  /** Absolute path of the file to write. */
  readonly path: string;
  /** Where the model comes from: small texts, keys without prefix, e.g. `version`, `source`, `recipe`. No times. */
  readonly provenance: Readonly<Record<string, string>>;
  /** See `SaveOptions`. @default true */
  readonly overwrite?: SaveOptions['overwrite'];
}

export interface ExportResult {
  readonly path: string;
  /** Bytes of the model file. */
  readonly bytes: number;
  /** Paths of the files with external data, if the model needed them. */
  readonly externalFiles: readonly string[];
  /** The written file, opened again. */
  readonly model: Model;
}

/**
 * Writes a compressed model beside its target, renames it into place, opens it again and checks it: its structure, and that
 * every quantised layer's stored codes lie in their grid.
 *
 * Throws LatheError `export/over-input`, `export/unsound`, `export/codes`, and what saving throws.
 */
export function exportModel(request: ExportRequest): ExportResult {
  const { source, model, path } = request;
  refuseInput(source, path);
  for (const key of Object.keys(request.provenance).sort()) {
    model.setMetadata(`${METADATA_PREFIX}${key}`, request.provenance[key]!);
  }
  const faults = verifyModel(model);
  if (faults.length > 0) {
    throw unsoundModel('before writing', faults);
  }
  const saved = saveModel(model, path, request.overwrite === undefined ? {} : { overwrite: request.overwrite });
  const written = openModel(saved.path);
  const faultsAfter = verifyModel(written);
  if (faultsAfter.length > 0) {
    throw unsoundModel(saved.path, faultsAfter);
  }
  if (request.quantization !== undefined) {
    checkCodes(written, saved.path, request.quantization);
  }
  return { ...saved, model: written };
}

/** Throws `export/over-input` where a path is a file that a model was read from. */
export function refuseInput(source: Model, path: string): void {
  const target = realPath(path);
  const inputs = [
    ...(source.path === undefined ? [] : [source.path]),
    ...source.externalFiles.map((file) => file.path),
  ];
  for (const input of inputs) {
    if (realPath(input) === target) {
      throw overInput(path, input);
    }
  }
}

/** The path with links resolved as far as it exists, since a target need not. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    // Not there yet: its folder may still be a link.
    const folder = dirname(absolute);
    return folder === absolute ? absolute : resolve(realPath(folder), basename(absolute));
  }
}

function checkCodes(written: Model, path: string, quantization: QdqResult): void {
  const { initializers } = written.graph;
  const checked = new Set<string>();
  for (const layer of quantization.layers) {
    const { weightTensor, weightContainer } = layer;
    if (weightTensor === undefined || checked.has(weightTensor.name)) {
      continue;
    }
    checked.add(weightTensor.name);
    const tensor = initializers.get(weightTensor.name);
    if (tensor === undefined) {
      throw badCodes(path, layer.name, `the tensor "${weightTensor.name}" is missing`);
    }
    if (tensor.dataType !== weightContainer) {
      throw badCodes(path, layer.name, `the tensor "${weightTensor.name}" has another type than was written`);
    }
    const { qmin, qmax } = weightTensor;
    for (const chunk of tensor.chunksFloat32()) {
      for (const code of chunk) {
        if (code < qmin || code > qmax) {
          throw badCodes(path, layer.name, `code ${code} lies outside [${qmin}, ${qmax}]`);
        }
      }
    }
  }
}
