import type { InferenceRunner, RunnerFactory, TensorData } from '../src/analysis';
import { DataType, buildModel, serializeModel } from '../src/onnx';
import type { Gradient } from './adamPrune';

/** Inputs and float outputs of a layer, one sample after the other: what the reference code caches. */
export interface CachedLayer {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** Output positions of one sample. */
  readonly positions: number;
  /** Input columns [samples · positions, columns]: convolutions unfolded once, so that a step is two matrix products. */
  readonly inputs: Float32Array;
  /** [samples · positions, rows] */
  readonly outputs: Float32Array;
}

/** Gradients of a layer's mean squared error by two matrix products in ONNX Runtime, on all cores. */
export class LayerGradient {
  private readonly inputs: Float32Array;
  private readonly outputs: Float32Array;

  private constructor(
    private readonly layer: CachedLayer,
    private readonly runner: InferenceRunner,
    batchSize: number,
  ) {
    this.inputs = new Float32Array(batchSize * layer.positions * layer.columns);
    this.outputs = new Float32Array(batchSize * layer.positions * layer.rows);
  }

  static async create(factory: RunnerFactory, layer: CachedLayer, batchSize: number): Promise<LayerGradient> {
    const { rows, columns, positions } = layer;
    const m = batchSize * positions;
    const value = (name: string, ...shape: number[]) => ({ name, type: DataType.FLOAT, shape });
    const model = buildModel({
      opset: 13,
      inputs: [
        value('inputs', m, columns),
        value('outputs', m, rows),
        value('weight', rows, columns),
        value('bias', rows),
      ],
      outputs: [value('weightGradient', rows, columns), value('biasGradient', rows)],
      nodes: [
        { opType: 'Gemm', inputs: ['inputs', 'weight', 'bias'], outputs: ['found'], attributes: { transB: 1 } },
        { opType: 'Sub', inputs: ['found', 'outputs'], outputs: ['error'] },
        {
          opType: 'Gemm',
          inputs: ['error', 'inputs'],
          outputs: ['weightGradient'],
          attributes: { transA: 1, alpha: { float: 2 / (m * rows) } },
        },
        { opType: 'ReduceMean', inputs: ['error'], outputs: ['biasGradient'], attributes: { axes: [0], keepdims: 0 } },
      ],
    });
    return new LayerGradient(layer, await factory.create(serializeModel(model)), batchSize);
  }

  async of(batch: Int32Array, weight: Float64Array, bias: Float64Array): Promise<Gradient> {
    const { rows, columns, positions, inputs, outputs } = this.layer;
    const inputSize = positions * columns;
    const outputSize = positions * rows;
    batch.forEach((sample, i) => {
      this.inputs.set(inputs.subarray(sample * inputSize, (sample + 1) * inputSize), i * inputSize);
      this.outputs.set(outputs.subarray(sample * outputSize, (sample + 1) * outputSize), i * outputSize);
    });
    const m = batch.length * positions;
    const found = await this.runner.run(
      new Map<string, TensorData>([
        ['inputs', { type: DataType.FLOAT, dims: [m, columns], data: this.inputs }],
        ['outputs', { type: DataType.FLOAT, dims: [m, rows], data: this.outputs }],
        ['weight', { type: DataType.FLOAT, dims: [rows, columns], data: Float32Array.from(weight) }],
        ['bias', { type: DataType.FLOAT, dims: [rows], data: Float32Array.from(bias) }],
      ]),
    );
    const scale = 2 / rows;
    return {
      weight: found.get('weightGradient')!.data as Float32Array,
      bias: (found.get('biasGradient')!.data as Float32Array).map((g) => scale * g),
    };
  }

  async release(): Promise<void> {
    await this.runner.release();
  }
}
