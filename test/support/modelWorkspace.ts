import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildModel, DataType, saveModel, Tensor } from '../../src/onnx';

type ModelSpec = Parameters<typeof buildModel>[0];

/** Samples for one model input; the first axis counts them. */
export interface SampleArray {
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** A temporary folder with a built model, its samples as `.npy` files and a recipe with few, wide steps. */
export class ModelWorkspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'lathe-test-'));
  readonly recipePath = join(this.folder, 'model.lathe.json');

  constructor(
    spec: ModelSpec,
    samples: Readonly<Record<string, SampleArray>>,
    recipe: Readonly<Record<string, unknown>> = {},
  ) {
    saveModel(buildModel(spec), join(this.folder, 'model.onnx'));
    mkdirSync(join(this.folder, 'data'));
    for (const [name, array] of Object.entries(samples)) {
      writeFileSync(join(this.folder, 'data', `${name}.npy`), npyBytes(array));
    }
    const written = {
      model: 'model.onnx',
      data: { calibration: { source: 'data' }, evaluation: { source: 'data', metric: 'mse' } },
      quantization: { weights: { bits: [4, 8] }, activations: { bits: [8] }, firstAndLast: null },
      allocation: { budget: { size: 0.2 } },
      ...recipe,
    };
    writeFileSync(this.recipePath, JSON.stringify(written));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Numbers in −1…1 that look random and are the same every time. */
export function wave(count: number, phase = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 + phase) * Math.cos(i * 0.37));
}

/** A float32 constant of {@link wave} values. */
export function waveTensor(name: string, dims: readonly number[], phase = dims.length): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return Tensor.fromFloat32(name, dims, wave(count, phase));
}

export const FLOAT = DataType.FLOAT;

function npyBytes({ dims, data }: SampleArray): Buffer {
  const kind = data instanceof Float32Array ? '<f4' : '<i8';
  const header = `{'descr': '${kind}', 'fortran_order': False, 'shape': (${dims.map((dim) => `${dim},`).join(' ')})}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}
