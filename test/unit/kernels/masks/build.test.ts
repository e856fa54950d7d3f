import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { decodeBase64 } from '../../../../src/kernels/masks/decodeBase64';

describe('masks: the committed WebAssembly module', () => {
  it('is what its source compiles to', function () {
    this.timeout(180_000);
    const script = join(resolve(import.meta.dirname, '../../../..'), 'scripts/buildKernels.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  it('base64 of every length decodes to its bytes', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, n) => (n * 89 + length * 7) & 255);
      assert.deepEqual(decodeBase64(Buffer.from(bytes).toString('base64')), bytes);
    }
  });
});
