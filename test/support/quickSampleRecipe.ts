/** The sample's recipe with few samples and widths, so that a run takes seconds. */
export function quickSampleRecipe(more: Record<string, unknown> = {}): string {
  return JSON.stringify(
    {
      model: 'resnet20.onnx',
      data: {
        calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 64 },
        evaluation: { source: 'evaluation.npz', inputs: { input: 'x' }, labels: 'y', metric: 'top1', samples: 200 },
        preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
      },
      quantization: {
        weights: { bits: [2, 4, 8] },
        activations: { bits: [8] },
        sensitivity: { samples: 32 },
        optimizer: { method: 'rtn' },
      },
      allocation: { minimize: 'loss', budget: { size: 0.2 } },
      export: { directory: 'compressed' },
      ...more,
    },
    null,
    2,
  );
}
