import type { Lock } from '../../src/job/lock/lockSchema';
import type { Report } from '../../src/job/report/reportSchema';

/** A lock with two layers; figures are made up. */
export function sampleLock(): Lock {
  return {
    format: 1,
    lathe: '0.1.0',
    engine: 'onnxruntime-node 1.30.0 (cpu)',
    model: { file: 'net.onnx', sha256: 'a'.repeat(64) },
    recipe: {
      quantization: 'b'.repeat(64),
      allocation: 'c'.repeat(64),
      layers: 'd'.repeat(64),
      preprocess: 'e'.repeat(64),
      seed: 1,
    },
    data: { calibration: 'f'.repeat(64) },
    objective: { minimize: 'loss', budget: { size: 0.13 } },
    solver: { engine: 'javascript-lp-solver', proven: true },
    totals: { size: 0.12987654321, sizeBits: 416, floatBits: 3200, bops: 0.25, loss: 0.045, lossUnit: 'nats' },
    layers: [
      {
        name: '/conv1/Conv',
        parameters: 4,
        weights: { bits: 8, container: 'int8', scales: { count: 2, min: 0.001234567, max: 0.02 } },
        input: { bits: 8, container: 'uint8', scale: 0.01, zeroPoint: 12, range: [-0.8099999, 2.02] },
        loss: 0.0004,
        pinned: true,
        reason: 'first or last layer: 8 bits',
      },
      {
        name: '/layer1/conv/Conv',
        parameters: 96,
        weights: { bits: 4, container: 'int4' },
        input: { bits: 8 },
        loss: 0.0446,
        pinned: false,
      },
    ],
  };
}

/** A report of the same network. */
export function sampleReport(): Report {
  return {
    format: 1,
    lathe: '0.1.0',
    createdAt: '2026-01-02T03:04:05.000Z',
    seconds: 83.4,
    resumedSteps: 3,
    engine: 'onnxruntime-node 1.30.0 (cpu)',
    machine: { platform: 'linux', arch: 'x64', cpu: 'A processor', cores: 2, memoryBytes: 8e9, node: '20.20.2' },
    seed: 1,
    recipe: 'net.lathe.json',
    model: { file: 'net.onnx', sha256: 'a'.repeat(64) },
    compressed: { file: 'compressed/net.onnx' },
    size: {
      nominal: 0.13,
      nominalBits: 416,
      floatBits: 3200,
      packedBytes: 60,
      fileBytes: 162000,
      floatFileBytes: 1113102,
    },
    objective: { minimize: 'loss', budget: { size: 0.13 } },
    solver: { engine: 'javascript-lp-solver', proven: true, bound: 0.045, seconds: 0.2 },
    accuracy: { metric: 'top1', samples: 2000, float: 0.9217, simulated: 0.9198, deployed: 0.9195 },
    loss: { unit: 'nats', predicted: 0.045, measured: 0.055 },
    limits: { accuracyDrop: 0.01, within: true, messages: [] },
    memory: { limit: 536870912, peak: 1000000, samplesPerTurn: 256 },
    layers: [
      {
        name: '/conv1/Conv',
        shortName: 'conv1',
        parameters: 4,
        macs: 1000,
        weightBits: 8,
        activationBits: 8,
        container: 'int8',
        sizeBits: 32,
        predictedLoss: 0.0004,
        weightSqnr: 46.44,
        outputSqnr: 40.01,
        pinned: true,
        reason: 'first or last layer: 8 bits',
        notes: [],
      },
      {
        name: '/layer1/conv/Conv',
        shortName: 'layer1.conv',
        parameters: 96,
        weightBits: 4,
        activationBits: 32,
        container: 'int4',
        sizeBits: 384,
        predictedLoss: 0.0446,
        pinned: false,
        notes: [],
      },
    ],
    refused: [{ layer: '/lstm/LSTM', reason: 'recurrent layers have no QDQ form' }],
    stages: [{ name: 'fold', seconds: 0.1, before: '19 batch norms', after: '0' }],
    frontier: [
      { size: 0.0625, loss: 0.5, exact: false },
      { size: 0.13, loss: 0.045, exact: true },
      { size: 0.25, loss: 0.001, exact: false },
    ],
    uniform: [
      { bits: 4, size: 0.125, loss: 0.1 },
      { bits: 8, size: 0.25, loss: 0.001 },
    ],
  };
}
