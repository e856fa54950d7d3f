import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { LatheError } from '../../../../src/base/errors';
import { openModel, parseModel, serializeModel, verifyModel } from '../../../../src/onnx';
import { EXTERNAL, encodeModel } from '../../../support/onnx/protobuf';
import { temporaryFolder } from '../../../support/onnx/temporaryFolder';

function externalModel(entries: Readonly<Record<string, string>>, elements = 4): Uint8Array {
  return encodeModel({
    graph: {
      name: 'g',
      initializer: [
        {
          name: 'weight',
          dataType: 1,
          dims: [BigInt(elements)],
          dataLocation: EXTERNAL,
          externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
        },
      ],
    },
  });
}

describe('external data', () => {
  const at = temporaryFolder();
  const values = Float32Array.of(1, -2, 3.5, Infinity);

  function write(name: string, bytes: Uint8Array): string {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), bytes);
    return at(name);
  }

  function open(entries: Readonly<Record<string, string>>, elements = 4) {
    return openModel(write('models/model.onnx', externalModel(entries, elements)));
  }

  function refuses(entries: Readonly<Record<string, string>>, message: RegExp): void {
    assert.throws(
      () => open(entries),
      (error: unknown) => {
        assert.ok(LatheError.is(error, 'onnx/external-refused'));
        assert.match(error.message, /"weight"/);
        assert.match(error.message, message);
        return true;
      },
    );
  }

  before(() => {
    write('models/weights.bin', new Uint8Array(values.buffer));
    write('models/sub/deep/weights.bin', Buffer.concat([Buffer.alloc(8), new Uint8Array(values.buffer)]));
    write('outside.bin', new Uint8Array(values.buffer));
  });

  it('is read from the folder of the model and below', () => {
    const model = open({ location: 'weights.bin' });
    assert.deepEqual(model.graph.initializers.get('weight')!.toFloat32(), values);
    assert.deepEqual(model.externalFiles, [{ location: 'weights.bin', path: at('models/weights.bin'), bytes: 16 }]);
    const deep = open({
      location: 'sub/./deep/weights.bin',
      offset: '8',
      length: '16',
      checksum: 'abc',
      prepacked_0: 'x',
    });
    assert.deepEqual(deep.graph.initializers.get('weight')!.toFloat32(), values);
    const parsed = parseModel(externalModel({ location: 'weights.bin' }), { baseDirectory: at('models') });
    assert.deepEqual(parsed.graph.initializers.get('weight')!.toFloat32(), values);
  });

  it('is not read from outside the folder', () => {
    refuses({ location: '../outside.bin' }, /leads out of the model's folder/);
    refuses({ location: 'sub/../../outside.bin' }, /leads out/);
    refuses({ location: 'sub/../weights.bin' }, /leads out/);
    refuses({ location: '..\\outside.bin' }, /leads out/);
    refuses({ location: at('outside.bin') }, /absolute/);
    refuses({ location: 'C:\\outside.bin' }, /absolute/);
    refuses({ location: '\\\\server\\share\\outside.bin' }, /absolute/);
    refuses({ location: '' }, /not a file name/);
    refuses({ offset: '0' }, /"location" is missing/);
    refuses({ location: 'sub' }, /not a regular file/);
  });

  it('is read through symbolic links that stay inside the folder, and no others', () => {
    fs.symlinkSync(at('outside.bin'), at('models/symbolic.bin'));
    fs.symlinkSync(at('models/weights.bin'), at('models/inside.bin'));
    fs.symlinkSync(at(), at('models/up'));
    fs.linkSync(at('outside.bin'), at('models/hard.bin'));
    refuses({ location: 'symbolic.bin' }, /symbolic link/);
    refuses({ location: 'up/outside.bin' }, /symbolic link/);
    refuses({ location: 'hard.bin' }, /hard link/);
    fs.rmSync(at('models/hard.bin'));
    const linked = open({ location: 'inside.bin' });
    assert.deepEqual(linked.graph.initializers.get('weight')!.toFloat32(), values);
  });

  it('works when the folder of the model is itself reached by a link', () => {
    fs.symlinkSync(at('models'), at('linked'));
    open({ location: 'weights.bin' });
    const model = openModel(at('linked/model.onnx'));
    assert.deepEqual(model.graph.initializers.get('weight')!.toFloat32(), values);
  });

  it('wants numbers for offset and length', () => {
    refuses({ location: 'weights.bin', offset: '-4' }, /offset is "-4"/);
    refuses({ location: 'weights.bin', length: '1e3' }, /length is "1e3"/);
    refuses({ location: 'weights.bin', offset: '99999999999999999999' }, /offset/);
  });

  it('may be missing or short until it is wanted', () => {
    const missing = open({ location: 'nowhere.bin' });
    assert.throws(() => missing.graph.initializers.get('weight')!.bytes(), {
      code: 'onnx/external-missing',
      message: /"weight".*nowhere\.bin/,
    });
    assert.match(verifyModel(missing).join(), /nowhere\.bin/);
    assert.throws(() => serializeModel(missing), { code: 'onnx/external-missing' });

    const short = open({ location: 'weights.bin', offset: '4' });
    assert.throws(() => short.graph.initializers.get('weight')!.toFloat32(), {
      code: 'onnx/external-short',
      message: /bytes 4 to 20 of "weights\.bin", but the file has 16/,
    });
    // No room is made for what the file cannot hold.
    const huge = open({ location: 'weights.bin' }, 2 ** 45);
    assert.throws(() => huge.graph.initializers.get('weight')!.toFloat32(), { code: 'onnx/external-short' });
    const other = open({ location: 'weights.bin', length: '12' });
    assert.throws(() => other.graph.initializers.get('weight')!.bytes(), { code: 'onnx/data-length' });
  });

  it('is not touched when that is asked for, or without a folder', () => {
    const file = write('models/model.onnx', externalModel({ location: '../outside.bin' }));
    const model = openModel(file, { followExternalData: false });
    assert.deepEqual(model.externalFiles, []);
    const tensor = model.graph.initializers.get('weight')!;
    assert.equal(tensor.externalLocation, '../outside.bin');
    assert.throws(() => tensor.bytes(), { code: 'onnx/external-refused', message: /without its external data/ });
    const bytes = parseModel(fs.readFileSync(file));
    assert.throws(() => bytes.graph.initializers.get('weight')!.bytes(), { code: 'onnx/external-refused' });
  });

  it('is not read from a file put in its place', () => {
    write('models/late.bin', new Uint8Array(values.buffer));
    const model = open({ location: 'late.bin' });
    fs.rmSync(at('models/late.bin'));
    fs.symlinkSync(at('outside.bin'), at('models/late.bin'));
    assert.throws(() => model.graph.initializers.get('weight')!.bytes(), LatheError);
  });
});
