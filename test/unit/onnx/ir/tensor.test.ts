import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { seededRandom } from '../../../../src/base/random';
import { DataType, elementBits, openModel, packedByteLength, parseModel, Tensor } from '../../../../src/onnx';
import { EXTERNAL, encodeModel, type TensorInit } from '../../../support/onnx/protobuf';

/** The one initializer of a model encoded by the second implementation. */
function read(init: TensorInit): Tensor {
  const model = parseModel(encodeModel({ graph: { name: 'g', initializer: [{ name: 't', ...init }] } }));
  return model.graph.initializers.get('t')!;
}

/** What a float16 is worth, from its definition. */
function halfValue(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >> 10) & 31;
  const fraction = code & 1023;
  if (exponent === 31) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

describe('Tensor', () => {
  it('reads every float16 exactly, NaN payloads included', () => {
    const codes = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = read({
      dataType: DataType.FLOAT16,
      dims: [65536n],
      rawData: new Uint8Array(codes.buffer),
    }).toFloat32();
    const raw = bits(values);
    for (let code = 0; code < 65536; code++) {
      const expected = halfValue(code);
      assert.ok(Object.is(values[code], Math.fround(expected)), `code ${code}`);
      if (Number.isNaN(expected)) {
        assert.equal(raw[code]! & 0x7fffff, (code & 1023) << 13);
        assert.equal(raw[code]! >>> 31, code >>> 15);
      }
    }
  });

  it('reads every bfloat16 as the upper half of a float32', () => {
    const codes = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const tensor = read({ dataType: DataType.BFLOAT16, dims: [65536n], rawData: new Uint8Array(codes.buffer) });
    const expected = Uint32Array.from(codes, (code) => code * 65536);
    assert.deepEqual(bits(tensor.toFloat32()), expected);
    const doubles = tensor.toFloat64();
    assert.deepEqual(doubles, Float64Array.from(new Float32Array(expected.buffer)));
  });

  it('reads the 8- and 4-bit floats by their published values', () => {
    const value = (dataType: DataType, code: number): number =>
      Tensor.fromBytes('t', dataType, [1], Uint8Array.of(code)).toFloat32()[0]!;
    // Table "Float8 types" of the ONNX documentation and OCP MX 1.0, section 5.3.
    assert.equal(value(DataType.FLOAT8E4M3FN, 0x7e), 448);
    assert.equal(value(DataType.FLOAT8E4M3FN, 0x01), 2 ** -9);
    assert.ok(Number.isNaN(value(DataType.FLOAT8E4M3FN, 0xff)));
    assert.equal(value(DataType.FLOAT8E4M3FNUZ, 0x7f), 240);
    assert.ok(Number.isNaN(value(DataType.FLOAT8E4M3FNUZ, 0x80)));
    assert.equal(value(DataType.FLOAT8E5M2, 0x7b), 57344);
    assert.equal(value(DataType.FLOAT8E5M2, 0xfc), -Infinity);
    assert.equal(value(DataType.FLOAT8E5M2, 0x01), 2 ** -16);
    assert.equal(value(DataType.FLOAT8E5M2FNUZ, 0x7f), 57344);
    assert.equal(value(DataType.FLOAT8E8M0, 127), 1);
    assert.equal(value(DataType.FLOAT8E8M0, 0), 2 ** -127);
    assert.ok(Number.isNaN(value(DataType.FLOAT8E8M0, 255)));
    const fp4 = Tensor.fromBytes(
      't',
      DataType.FLOAT4E2M1,
      [16],
      Uint8Array.from([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]),
    );
    assert.deepEqual([...fp4.toFloat32()], [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6]);
  });

  it('rounds 64-bit integers once on the way to float32', () => {
    const random = seededRandom(5);
    const values: bigint[] = [0n, -1n, (1n << 63n) - 1n, -(1n << 63n), (1n << 53n) + 1n, -(1n << 53n) - 1n];
    for (let shift = 24n; shift < 63n; shift++) {
      // Just off the middle between two floats: where rounding to double first would make a tie of it.
      const middle = (1n << shift) + (1n << (shift - 24n));
      values.push(middle, middle + 1n, middle - 1n, -middle, -middle - 1n, -middle + 1n);
      values.push(
        BigInt.asIntN(64, (BigInt(Math.floor(random() * 2 ** 52)) << 12n) + BigInt(Math.floor(random() * 4096))),
      );
    }
    const data = BigInt64Array.from(values);
    const tensor = read({
      dataType: DataType.INT64,
      dims: [BigInt(values.length)],
      rawData: new Uint8Array(data.buffer),
    });
    const floats = tensor.toFloat32();
    values.forEach((value, i) => assert.equal(floats[i], nearestFloat32(value), String(value)));
    assert.deepEqual(tensor.toFloat64(), Float64Array.from(values, Number));
  });

  it('packs and reads 4- and 2-bit integers over the flattened tensor', () => {
    for (const [type, lowest, highest] of [
      [DataType.INT4, -8, 7],
      [DataType.UINT4, 0, 15],
      [DataType.INT2, -2, 1],
      [DataType.UINT2, 0, 3],
    ] as const) {
      for (const count of [0, 1, 2, 3, 4, 5, 7, 8, 9, 33]) {
        const codes = Int32Array.from({ length: count }, (_, i) => lowest + (i % (highest - lowest + 1)));
        const tensor = Tensor.fromIntegers('t', type, [count], codes);
        assert.equal(tensor.byteLength, Math.ceil((count * elementBits(type)!) / 8));
        assert.deepEqual(tensor.toInt32(), codes);
        assert.deepEqual([...tensor.toFloat32()], [...codes]);
      }
    }
    // ONNX: x0 in the low nibble; x0 | x1 << 2 | x2 << 4 | x3 << 6.
    assert.deepEqual([...Tensor.fromIntegers('t', DataType.INT4, [3], [1, -2, 7]).bytes()], [0xe1, 0x07]);
    assert.deepEqual(
      [...Tensor.fromIntegers('t', DataType.UINT2, [5], [1, 2, 3, 0, 2]).bytes()],
      [0b00_11_10_01, 0b10],
    );
    assert.equal(packedByteLength(DataType.UINT2, 5), 2);
  });

  it('reads the same elements from raw data, typed lists and external files', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-tensor-'));
    try {
      for (const { type, raw, typed, count } of storageCases()) {
        const dims = [BigInt(count)];
        const inline = read({ dataType: type, dims, rawData: raw });
        assert.deepEqual(Buffer.from(inline.bytes()), Buffer.from(raw), `type ${type}`);
        const expected = inline.toFloat64();
        const asList = read({ dataType: type, dims, ...typed });
        assert.deepEqual(Buffer.from(asList.bytes()), Buffer.from(raw), `list of type ${type}`);
        assert.deepEqual(asList.toFloat64(), expected);
        fs.writeFileSync(path.join(folder, 'data.bin'), Buffer.concat([Buffer.alloc(5), raw]));
        const file = path.join(folder, 'model.onnx');
        const external = {
          name: 't',
          dataType: type,
          dims,
          dataLocation: EXTERNAL,
          externalData: [
            { key: 'location', value: 'data.bin' },
            { key: 'offset', value: '5' },
            { key: 'length', value: String(raw.length) },
          ],
        };
        fs.writeFileSync(file, encodeModel({ graph: { name: 'g', initializer: [external] } }));
        const outside = openModel(file).graph.initializers.get('t')!;
        assert.equal(outside.location, 'external');
        assert.deepEqual(outside.toFloat64(), expected);
        assert.deepEqual(outside.toFloat32(), inline.toFloat32());
        assert.equal(outside.contentHash(), asList.contentHash());
      }
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('accepts typed lists that are not packed', () => {
    // TensorProto: dims 3, data_type INT32, int32_data 1, -1, 300 one by one, name "t".
    const tensor = Buffer.from([
      8, 3, 16, 6, 40, 1, 40, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 40, 0xac, 2, 66, 1, 116,
    ]);
    const graph = Buffer.concat([Buffer.from([0x2a, tensor.length]), tensor]);
    const bytes = Buffer.concat([Buffer.from([8, 8, 0x3a, graph.length]), graph, Buffer.from([0x42, 2, 16, 17])]);
    assert.deepEqual([...parseModel(bytes).graph.initializers.get('t')!.toInt32()], [1, -1, 300]);
  });

  it('streams what it reads at once, from memory and from a file', () => {
    const random = seededRandom(3);
    const count = 100_003;
    const types = [DataType.FLOAT, DataType.FLOAT16, DataType.INT4, DataType.UINT2, DataType.INT64, DataType.BOOL];
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-stream-'));
    try {
      for (const type of types) {
        const raw = Uint8Array.from({ length: packedByteLength(type, count) }, () =>
          Math.floor(random() * (type === DataType.BOOL ? 2 : 256)),
        );
        const file = path.join(folder, 'model.onnx');
        const init = { name: 't', dataType: type, dims: [BigInt(count)], rawData: raw };
        fs.writeFileSync(file, encodeModel({ graph: { name: 'g', initializer: [init] } }));
        for (const tensor of [read(init), openModel(file).graph.initializers.get('t')!]) {
          const whole = bits(tensor.toFloat32());
          for (const step of [1, 1000, 65536, 1 << 20]) {
            const streamed = new Uint32Array(count);
            let at = 0;
            for (const chunk of tensor.chunksFloat32(step)) {
              assert.ok(chunk.length <= Math.max(8, step));
              streamed.set(bits(chunk), at);
              at += chunk.length;
            }
            assert.equal(at, count);
            assert.deepEqual(streamed, whole);
          }
        }
      }
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('says what is wrong with data that does not fit its shape', () => {
    const cases: TensorInit[] = [
      { dataType: DataType.FLOAT, dims: [3n], rawData: new Uint8Array(8) },
      { dataType: DataType.FLOAT, dims: [1n << 40n], rawData: new Uint8Array(8) },
      { dataType: DataType.FLOAT, dims: [3n], floatData: [1, 2] },
      { dataType: DataType.FLOAT, dims: [2n] },
      { dataType: DataType.INT8, dims: [2n], int32Data: [1, 2, 3] },
      { dataType: DataType.INT64, dims: [1n << 40n], int64Data: [1n] },
      { dataType: DataType.FLOAT, dims: [1n], int64Data: [1n] },
    ];
    for (const init of cases) {
      const tensor = read(init);
      const error = { name: 'LatheError', code: 'onnx/data-length' };
      assert.throws(() => tensor.bytes(), error);
      assert.throws(() => tensor.toFloat32(), error);
      assert.throws(() => [...tensor.chunksFloat32()], error);
    }
  });

  it('refuses what is not a number, and integers that do not fit', () => {
    const strings = read({ dataType: DataType.STRING, dims: [2n], stringData: [Buffer.from('a'), Buffer.from('ü')] });
    assert.deepEqual(strings.toStrings(), ['a', 'ü']);
    assert.throws(() => strings.toFloat32(), { code: 'onnx/data-type' });
    const large = Tensor.fromIntegers('t', DataType.INT64, [2], [1, 2 ** 31]);
    assert.throws(() => large.toInt32(), { code: 'onnx/range' });
    assert.deepEqual(large.toNumbers(), [1, 2 ** 31]);
    assert.throws(() => Tensor.fromFloat32('t', [], Float32Array.of(1)).toInt32(), { code: 'onnx/data-type' });
  });

  it('keeps the largest int64 through numbers', () => {
    const end = Tensor.fromIntegers('t', DataType.INT64, [3], [2 ** 63, -(2 ** 63), -1]);
    const { buffer } = end.bytes().slice();
    assert.deepEqual([...new BigInt64Array(buffer)], [(1n << 63n) - 1n, -(1n << 63n), -1n]);
  });

  it('renames and reshapes without touching the elements', () => {
    const tensor = Tensor.fromFloat32('t', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    assert.deepEqual(tensor.renamed('u').reshaped([6]).toNumbers(), [1, 2, 3, 4, 5, 6]);
    assert.equal(tensor.name, 't');
    assert.throws(() => tensor.reshaped([5]), /Internal error/);
  });
});

/** By exact comparison with the two neighbouring floats. */
function nearestFloat32(value: bigint): number {
  const guess = Math.fround(Number(value));
  const word = new Uint32Array(Float32Array.of(guess).buffer)[0]!;
  const candidates = [word - 1, word, word + 1]
    .map((w) => new Float32Array(Uint32Array.of(w).buffer)[0]!)
    .filter((f) => Number.isFinite(f) && Number.isInteger(f));
  const distance = (f: number): bigint => {
    const difference = BigInt(f) - value;
    return difference < 0n ? -difference : difference;
  };
  return candidates.reduce((best, f) => {
    const [a, b] = [distance(f), distance(best)];
    const isEven = (new Uint32Array(Float32Array.of(f).buffer)[0]! & 1) === 0;
    return a < b || (a === b && isEven) ? f : best;
  });
}

function storageCases(): { type: DataType; raw: Uint8Array<ArrayBuffer>; typed: TensorInit; count: number }[] {
  const bytesOf = (array: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
  const halves = [0, 0x8000, 1, 0x3c00, 0x7bff, 0x7c00, 0xfc00, 0xc123];
  return [
    {
      type: DataType.FLOAT,
      raw: bytesOf(Float32Array.of(1.5, -0, 1e-45, Infinity)),
      typed: { floatData: [1.5, -0, 1e-45, Infinity] },
      count: 4,
    },
    {
      type: DataType.DOUBLE,
      raw: bytesOf(Float64Array.of(0.1, -1e300)),
      typed: { doubleData: [0.1, -1e300] },
      count: 2,
    },
    { type: DataType.FLOAT16, raw: bytesOf(Uint16Array.from(halves)), typed: { int32Data: halves }, count: 8 },
    { type: DataType.BFLOAT16, raw: bytesOf(Uint16Array.from(halves)), typed: { int32Data: halves }, count: 8 },
    { type: DataType.INT8, raw: bytesOf(Int8Array.of(-128, -1, 127)), typed: { int32Data: [-128, -1, 127] }, count: 3 },
    { type: DataType.UINT8, raw: Uint8Array.of(0, 255), typed: { int32Data: [0, 255] }, count: 2 },
    { type: DataType.BOOL, raw: Uint8Array.of(0, 1, 1), typed: { int32Data: [0, 1, 1] }, count: 3 },
    { type: DataType.INT16, raw: bytesOf(Int16Array.of(-32768, 5)), typed: { int32Data: [-32768, 5] }, count: 2 },
    { type: DataType.UINT16, raw: bytesOf(Uint16Array.of(65535, 5)), typed: { int32Data: [65535, 5] }, count: 2 },
    {
      type: DataType.INT32,
      raw: bytesOf(Int32Array.of(-2147483648, 2147483647, -1)),
      typed: { int32Data: [-2147483648, 2147483647, -1] },
      count: 3,
    },
    {
      type: DataType.UINT32,
      raw: bytesOf(Uint32Array.of(4294967295, 7)),
      typed: { uint64Data: [4294967295n, 7n] },
      count: 2,
    },
    {
      type: DataType.INT64,
      raw: bytesOf(BigInt64Array.of(-1n, 1n << 62n, -(1n << 63n))),
      typed: { int64Data: [-1n, 1n << 62n, -(1n << 63n)] },
      count: 3,
    },
    {
      type: DataType.UINT64,
      raw: bytesOf(BigUint64Array.of((1n << 64n) - 1n, 3n)),
      typed: { uint64Data: [(1n << 64n) - 1n, 3n] },
      count: 2,
    },
    { type: DataType.INT4, raw: Uint8Array.of(0xe1, 0x07), typed: { int32Data: [0xe1, 0x07] }, count: 3 },
    { type: DataType.UINT4, raw: Uint8Array.of(0xe1, 0x07), typed: { int32Data: [0xe1, 0x07] }, count: 3 },
    { type: DataType.INT2, raw: Uint8Array.of(0x39, 0x02), typed: { int32Data: [0x39, 0x02] }, count: 5 },
    { type: DataType.UINT2, raw: Uint8Array.of(0x39, 0x02), typed: { int32Data: [0x39, 0x02] }, count: 5 },
    { type: DataType.FLOAT8E4M3FN, raw: Uint8Array.of(1, 0x7e), typed: { int32Data: [1, 0x7e] }, count: 2 },
  ];
}
