import { statSync } from 'node:fs';
import { declaredShapes, findLayers, type Layer, type ShapeTable } from '../analysis';
import { openModel, type Model } from '../onnx';
import type { ModelAccess } from '../protocol/workerProtocol';

export interface OpenedModel {
  readonly model: Model;
  readonly shapes: ShapeTable;
  readonly layers: readonly Layer[];
}

/** Structures of models that were asked for lately; a file that changed is read again. Weights are not held. */
export class OpenModels {
  private readonly recent = new Map<string, { readonly stamp: string; readonly opened: OpenedModel }>();

  constructor(private readonly capacity = 4) {}

  open({ path, followExternalData }: ModelAccess): OpenedModel {
    const key = `${path}\0${followExternalData}`;
    const stamp = stampOf(path);
    const known = this.recent.get(key);
    this.recent.delete(key);
    if (known?.stamp === stamp) {
      this.recent.set(key, known);
      return known.opened;
    }
    const model = openModel(path, { followExternalData });
    const shapes = declaredShapes(model);
    const opened = { model, shapes, layers: findLayers(model) };
    this.recent.set(key, { stamp, opened });
    for (const oldest of [...this.recent.keys()].slice(0, Math.max(0, this.recent.size - this.capacity))) {
      this.recent.delete(oldest);
    }
    return opened;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.size}:${stat.mtimeMs}:${stat.ino}`;
}
