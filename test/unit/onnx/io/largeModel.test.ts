import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { openModel } from '../../../../src/onnx';
import { FileSource, type ByteSource } from '../../../../src/onnx/io/byteSource';
import { ExternalDataStore } from '../../../../src/onnx/io/externalData';
import { readModel } from '../../../../src/onnx/io/read/readModel';
import { writeLargeModel } from '../../../support/onnx/largeModel';
import { decodeModel } from '../../../support/onnx/protobuf';
import { temporaryFolder } from '../../../support/onnx/temporaryFolder';

/** Counts what is read of a file. */
class CountingSource implements ByteSource {
  reads = 0;
  bytesRead = 0;
  readonly memory = undefined;

  constructor(private readonly source: FileSource) {}

  get label(): string {
    return this.source.label;
  }

  get byteLength(): number {
    return this.source.byteLength;
  }

  read(offset: number, length: number): Uint8Array {
    this.reads++;
    this.bytesRead += length;
    return this.source.read(offset, length);
  }

  readInto(target: Uint8Array, offset: number): void {
    target.set(this.read(offset, target.length));
  }

  whileOpen<T>(work: () => T): T {
    return this.source.whileOpen(work);
  }
}

describe('a model with large weights inside', () => {
  const at = temporaryFolder();

  it('is read without its weights', () => {
    const bytes = writeLargeModel(at('large.onnx'), 16, 512);
    assert.ok(bytes > 16 << 20);
    const source = new CountingSource(FileSource.open(at('large.onnx')));
    const model = readModel({ source, external: new ExternalDataStore(undefined, true) }, undefined);
    assert.equal(model.graph.nodes.length, 16);
    assert.equal(model.graph.initializers.size, 16);
    // A window or two for each jump over a weight, and the start.
    assert.ok(source.reads <= 2 * 16 + 4, `${source.reads} reads`);
    assert.ok(source.bytesRead <= 16 * 8192 + (1 << 16), `${source.bytesRead} bytes`);
  });

  it('is the model its maker meant', () => {
    writeLargeModel(at('small.onnx'), 3, 8);
    const decoded = decodeModel(fs.readFileSync(at('small.onnx')));
    assert.equal(decoded.graph!.initializer.length, 3);
    const weights = openModel(at('small.onnx')).graph.initializers.get('w2')!;
    assert.deepEqual(Buffer.from(weights.bytes()), Buffer.from(decoded.graph!.initializer[2]!.rawData));
  });
});
