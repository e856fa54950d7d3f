import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { LatheError } from '../../../src/base/errors';
import { allocateJob, analyzeJob, runJob } from '../../../src/job/jobs';
import { DataType } from '../../../src/onnx';
import { FLOAT, ModelWorkspace, wave, waveTensor } from '../../support/modelWorkspace';

describe('jobs on built models', function () {
  this.timeout(60_000);
  let workspace: ModelWorkspace;
  afterEach(() => workspace.dispose());

  it('quantises an embedding that is tied to the output projection', async () => {
    workspace = new ModelWorkspace(
      {
        opset: 17,
        inputs: [{ name: 'ids', type: DataType.INT64, shape: ['batch', 3] }],
        outputs: [{ name: 'logits', type: FLOAT, shape: ['batch', 3, 20] }],
        initializers: [waveTensor('table', [20, 8]), waveTensor('w', [8, 8])],
        nodes: [
          { opType: 'Gather', name: 'embed', inputs: ['table', 'ids'], outputs: ['a'] },
          { opType: 'MatMul', name: 'middle', inputs: ['a', 'w'], outputs: ['b'] },
          { opType: 'Transpose', name: 'turn', inputs: ['table'], outputs: ['t'], attributes: { perm: [1, 0] } },
          { opType: 'MatMul', name: 'project', inputs: ['b', 't'], outputs: ['logits'] },
        ],
      },
      { ids: { dims: [16, 3], data: BigInt64Array.from({ length: 48 }, (_, i) => BigInt((i * 7) % 20)) } },
    );
    const { layers, size } = await runJob(workspace.recipePath);
    const widths = new Map(layers.map((layer) => [layer.name, [layer.weightBits, layer.activationBits]]));
    assert.equal(widths.get('embed')![1], 32, 'indices are not quantised');
    assert.equal(widths.get('embed')![0], widths.get('project')![0], 'one weight, one width');
    assert.equal(widths.get('project')![1], 8);
    assert.ok(size.nominal <= 0.2);
  });

  it('says in the terms of the recipe why a budget cannot be met, with the layers that stay float', async () => {
    workspace = new ModelWorkspace(
      {
        opset: 17,
        inputs: [{ name: 'x', type: FLOAT, shape: [4, 'batch', 6] }],
        outputs: [{ name: 'y', type: FLOAT }],
        initializers: [waveTensor('W', [1, 32, 6]), waveTensor('R', [1, 32, 8]), waveTensor('w', [8, 4])],
        nodes: [
          {
            opType: 'LSTM',
            name: 'memory',
            inputs: ['x', 'W', 'R'],
            outputs: ['', 'h'],
            attributes: { hidden_size: 8 },
          },
          { opType: 'MatMul', name: 'head', inputs: ['h', 'w'], outputs: ['y'] },
        ],
      },
      { x: { dims: [4, 5, 6], data: wave(120) } },
    );
    await analyzeJob(workspace.recipePath);
    const error = await allocateJob(workspace.recipePath, { size: 0.1 }).catch((reason: unknown) => reason);
    assert.ok(LatheError.is(error, 'allocate/infeasible'), String(error));
    // LSTM: 32 × 6 + 32 × 8 floats that stay; head: 32 weights at 4 of 32 bits.
    const smallest = (448 * 32 + 32 * 4) / (480 * 32);
    const named = /"size": (\d\.\d+)/.exec(error.message);
    assert.ok(named !== null, error.message);
    assert.ok(Number(named[1]) >= smallest && Number(named[1]) < smallest + 1e-4, error.message);
    assert.match(error.message, /"memory" stays float/);
    await allocateJob(workspace.recipePath, { size: Number(named[1]) });
  });
});
