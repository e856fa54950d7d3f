import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { TensorData } from '../../../src/analysis';
import { DataType } from '../../../src/onnx';

const root = join(__dirname, '../../..');

export const RESNET20 = join(root, 'test/fixtures/models/resnet20.onnx');

export interface LabelledImages {
  readonly count: number;
  /** Samples start to start + count as the network's input, (x / 255 − 0.2860) / 0.3530. */
  batch(start: number, count: number): Map<string, TensorData>;
  readonly labels: readonly number[];
}

/** Fashion-MNIST images of the sample, read here on foot. */
export function readImages(which: 'calibration' | 'evaluation'): LabelledImages {
  const files = unzipSync(readFileSync(join(root, 'samples/fmnist-resnet20', `${which}.npz`)));
  const pixels = npyData(files['x.npy']!);
  const bytes = npyData(files['y.npy']!);
  const labels = Array.from(new BigInt64Array(bytes.slice().buffer), Number);
  return {
    count: labels.length,
    labels,
    batch(start, count) {
      const data = new Float32Array(count * 784);
      for (let i = 0; i < data.length; i++) {
        data[i] = (pixels[start * 784 + i]! / 255 - 0.286) / 0.353;
      }
      return new Map([['input', { type: DataType.FLOAT, dims: [count, 1, 28, 28], data }]]);
    },
  };
}

function npyData(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isFirst = file[6] === 1;
  return file.subarray(isFirst ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true));
}
