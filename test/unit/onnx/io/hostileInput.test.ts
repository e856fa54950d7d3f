import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LatheError } from '../../../../src/base/errors';
import { seededRandom } from '../../../../src/base/random';
import { openModel, parseModel, printModel, serializeModel, verifyModel, type Model } from '../../../../src/onnx';
import { kitchenSinkBytes } from '../../../support/onnx/kitchenSink';
import { encodeModel, valueInfo } from '../../../support/onnx/protobuf';

/** Reads everything there is to read; a damaged model may only ever answer with a LatheError. */
function exercise(read: () => Model): string {
  try {
    const model = read();
    verifyModel(model);
    printModel(model);
    serializeModel(model.clone());
    return 'read';
  } catch (error) {
    if (LatheError.is(error)) {
      assert.match(error.code, /^onnx\//);
      assert.ok(error.message.length > 20);
      return error.code;
    }
    throw error;
  }
}

function lengthPrefixed(field: number, ...parts: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) {
    bytes.push((value % 128) + 128);
  }
  return Buffer.from([...bytes, value]);
}

/** A model around the given body of a graph. */
function withGraph(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat([Buffer.from([8, 8]), lengthPrefixed(7, ...parts), Buffer.from([0x42, 2, 16, 17])]);
}

describe('hostile input', () => {
  it('answers every truncation of a model', () => {
    const bytes = kitchenSinkBytes();
    const ends = topLevelEnds(bytes);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-hostile-'));
    const file = path.join(folder, 'cut.onnx');
    try {
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        const outcome = exercise(() => parseModel(cut));
        // Cut between two fields of the model, what is left may be a smaller model.
        if (outcome === 'read') {
          assert.ok(ends.has(length), `cut at ${length}`);
        }
        if (length % 7 === 0) {
          fs.writeFileSync(file, cut);
          assert.equal(
            exercise(() => openModel(file)),
            outcome,
          );
        }
      }
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('names file and byte of a cut', () => {
    const bytes = kitchenSinkBytes();
    assert.throws(
      () => parseModel(bytes.subarray(0, 500)),
      (error: unknown) => {
        assert.ok(LatheError.is(error, 'onnx/truncated'));
        assert.match(error.message, /cut short.*byte 500/);
        return true;
      },
    );
  });

  it('survives flipped bytes', () => {
    const bytes = kitchenSinkBytes();
    const random = seededRandom(1);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 1000; round++) {
      const damaged = Buffer.from(bytes);
      const flips = 1 + Math.floor(random() * 4);
      for (let i = 0; i < flips; i++) {
        damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      }
      const outcome = exercise(() => parseModel(damaged));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    assert.ok((outcomes.get('read') ?? 0) > 30);
    assert.ok((outcomes.get('onnx/malformed') ?? 0) > 30);
  });

  it('survives random bytes after a good start', () => {
    const random = seededRandom(2);
    for (let round = 0; round < 500; round++) {
      const noise = Uint8Array.from({ length: 1 + Math.floor(random() * 80) }, () => Math.floor(random() * 256));
      exercise(() => parseModel(Buffer.concat([Buffer.from([8, 8]), noise])));
      exercise(() => parseModel(withGraph(noise)));
      exercise(() => parseModel(withGraph(lengthPrefixed(1, noise))));
      exercise(() => parseModel(withGraph(lengthPrefixed(5, noise))));
    }
  });

  it('tells other formats by name', () => {
    const cases: (readonly [Uint8Array, RegExp])[] = [
      [new Uint8Array(0), /is empty/],
      [Buffer.from('import torch\nmodel = torch.load("a.pt")\n'), /is text/],
      [Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:abc\n'), /Git LFS/],
      [Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /PNG/],
      [Buffer.from('504b0304140000000800', 'hex'), /ZIP/],
      [Buffer.from([8, 8]), /no graph/],
      [Buffer.from([8, 8, 0x3a, 0]), /no operator set/],
    ];
    for (const [bytes, message] of cases) {
      assert.throws(() => parseModel(bytes), { code: 'onnx/not-onnx', message });
    }
    assert.throws(() => parseModel(Buffer.from([8, 2, 0x3a, 0, 0x42, 2, 16, 7])), { code: 'onnx/unsupported-version' });
    assert.throws(() => openModel('/nowhere/model.onnx'), { code: 'onnx/read', message: /does not exist/ });
    assert.throws(() => openModel(os.tmpdir()), { code: 'onnx/read', message: /folder/ });
  });

  it('refuses wrong wire types and impossible tags', () => {
    // graph.node as varint, initializer as fixed64, ir_version as bytes, field 0, wire types 6 and 7.
    for (const bytes of [
      withGraph(Buffer.from([0x08, 1])),
      withGraph(Buffer.from([0x29, 0, 0, 0, 0, 0, 0, 0, 0])),
      Buffer.from([0x0a, 1, 8]),
      Buffer.from([8, 8, 0x02, 0]),
      withGraph(Buffer.from([0x0e])),
      withGraph(Buffer.from([0x0f])),
      withGraph(Buffer.from([0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])),
    ]) {
      assert.throws(() => parseModel(bytes), { code: 'onnx/malformed', message: /byte \d+/ });
    }
  });

  it('refuses lengths that lie', () => {
    const lies = [
      withGraph(Buffer.from([0x0a, 100])),
      withGraph(Buffer.from([0x2a, 0xff, 0xff, 0xff, 0xff, 0x7f])),
      withGraph(Buffer.concat([Buffer.from([0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])])),
      withGraph(lengthPrefixed(5, Buffer.from([0x4a, 0x80, 0x80, 0x80, 0x80, 0x08]))),
    ];
    for (const bytes of lies) {
      assert.throws(() => parseModel(bytes), { code: 'onnx/malformed' });
    }
  });

  it('caps nesting of graphs and of unknown groups', () => {
    let graph: Uint8Array = Buffer.alloc(0);
    for (let depth = 0; depth < 2000; depth++) {
      graph = lengthPrefixed(1, lengthPrefixed(5, lengthPrefixed(6, graph)));
    }
    assert.throws(() => parseModel(withGraph(graph)), { code: 'onnx/too-deep' });
    assert.throws(() => parseModel(withGraph(Buffer.alloc(100_000, Buffer.from([0xd3, 0x01])))), {
      code: 'onnx/too-deep',
    });
  });

  it('refuses impossible shapes and listens to no length in them', () => {
    const tensor = (...dims: bigint[]): Uint8Array =>
      encodeModel({
        graph: { name: 'g', initializer: [{ name: 'bad', dataType: 1, dims, rawData: new Uint8Array(4) }] },
      });
    for (const dims of [[-1n], [1n << 62n], [1n << 31n, 1n << 31n], [0n, -5n], [(1n << 63n) - 1n, 2n]]) {
      assert.throws(() => parseModel(tensor(...dims)), { code: 'onnx/shape', message: /"bad"/ });
    }
    const faults = verifyModel(parseModel(tensor(1n << 40n)));
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /bad.*4398046511104 bytes/);
    assert.throws(() => parseModel(tensor(...Array.from({ length: 5000 }, () => 1n))), { code: 'onnx/malformed' });
  });

  it('stops at counts no model has', () => {
    // A node with more inputs than a model may have names, two bytes each.
    const inputs = Buffer.alloc(4_200_000, Buffer.from([0x0a, 0]));
    assert.throws(() => parseModel(withGraph(lengthPrefixed(1, inputs))), { code: 'onnx/too-many' });
  });

  it('lists cycles, double and missing producers', () => {
    const model = parseModel(
      encodeModel({
        graph: {
          name: 'g',
          input: [valueInfo('x', [1])],
          output: [valueInfo('y', [1]), { name: 'absent' }],
          node: [
            { opType: 'Add', name: 'a', input: ['x', 'q'], output: ['p'] },
            { opType: 'Neg', name: 'b', input: ['p'], output: ['q'] },
            { opType: 'Neg', name: 'c', input: ['nowhere'], output: ['y'] },
            { opType: 'Abs', name: 'd', input: ['x'], output: ['y'] },
            { opType: 'Strange', domain: 'not.imported', input: ['x'], output: ['s'] },
            { name: 'e', input: ['x'], output: ['x'] },
          ],
        },
      }),
    );
    const faults = verifyModel(model).join('\n');
    for (const expected of [
      /cycle through a, b|cycle through b, a/,
      /node c is nowhere, which nothing defines/,
      /output of node "d" y.*defined already/,
      /output of node "e" x.*defined already/,
      /output absent/,
      /not\.imported/,
      /e names no operator/,
    ]) {
      assert.match(faults, expected);
    }
    assert.throws(() => model.graph.sortTopologically(), { code: 'onnx/cycle' });
    assert.deepEqual(Buffer.from(serializeModel(model)), Buffer.from(serializeModel(model.clone())));
  });

  it('stops when the file changes under it', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-changed-'));
    try {
      const file = path.join(folder, 'model.onnx');
      fs.writeFileSync(file, kitchenSinkBytes());
      const model = openModel(file);
      fs.writeFileSync(file, Buffer.concat([kitchenSinkBytes(), Buffer.from([8, 8])]));
      assert.throws(() => model.graph.initializers.get('w')!.bytes(), { code: 'onnx/changed' });
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Offsets at which a field of the model ends. */
function topLevelEnds(bytes: Uint8Array): Set<number> {
  const ends = new Set<number>([0]);
  const number = (at: number): readonly [number, number] => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte % 128) * scale;
      if (byte < 128) {
        return [value, at];
      }
    }
  };
  for (let at = 0; at < bytes.length;) {
    let tag: number;
    [tag, at] = number(at);
    if (tag % 8 === 2) {
      const [length, start] = number(at);
      at = start + length;
    } else if (tag % 8 === 3) {
      at = bytes.length;
    } else {
      [, at] = number(at);
    }
    ends.add(at);
  }
  return ends;
}
