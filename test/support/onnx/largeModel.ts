import * as fs from 'node:fs';

/**
 * Writes a model of `layers` MatMul nodes with `[size, size]` float32 weights inside the file, tensor by tensor, so that
 * models of gigabytes cost little memory to make. Weights are a fixed pattern with every 16th element zero. The bytes are
 * put together here by hand, independently of Lathe's own writer. Returns the size of the file.
 */
export function writeLargeModel(file: string, layers: number, size: number): number {
  const rawBytes = 4 * size * size;
  const weights = new Float32Array(size * size);
  for (let i = 0; i < weights.length; i++) {
    weights[i] = i % 16 === 0 ? 0 : ((i % 251) - 125) / 256;
  }
  const raw = Buffer.from(weights.buffer);
  const heads: Buffer[] = [];
  for (let i = 0; i < layers; i++) {
    // TensorProto: dims, data_type FLOAT, name, then the tag and length of raw_data.
    heads.push(
      Buffer.concat([varint(1, size), varint(1, size), varint(2, 1), text(8, `w${i}`), tag(9, 2), number(rawBytes)]),
    );
  }
  const nodes = heads.map((_, i) =>
    message(1, text(1, `x${i}`), text(1, `w${i}`), text(2, `x${i + 1}`), text(3, `matmul${i}`), text(4, 'MatMul')),
  );
  const tail = [text(2, 'large'), message(11, ...vector('x0', size)), message(12, ...vector(`x${layers}`, size))];
  const tensors = heads.map((head) => Buffer.concat([tag(5, 2), number(head.length + rawBytes), head]));
  const length = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);
  const graphBytes = length(nodes) + length(tensors) + layers * rawBytes + length(tail);

  const descriptor = fs.openSync(file, 'w');
  try {
    fs.writeSync(descriptor, Buffer.concat([varint(1, 8), tag(7, 2), number(graphBytes), ...nodes]));
    for (const tensor of tensors) {
      fs.writeSync(descriptor, tensor);
      fs.writeSync(descriptor, raw);
    }
    fs.writeSync(descriptor, Buffer.concat([...tail, message(8, varint(2, 17))]));
  } finally {
    fs.closeSync(descriptor);
  }
  return fs.statSync(file).size;
}

/** ValueInfoProto of a float32 tensor [1, size]. */
function vector(name: string, size: number): Buffer[] {
  const shape = message(2, message(1, varint(1, 1)), message(1, varint(1, size)));
  return [text(1, name), message(2, message(1, varint(1, 1), shape))];
}

function number(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) + 128);
  }
  return Buffer.from([...bytes, rest]);
}

function tag(field: number, wireType: number): Buffer {
  return number(field * 8 + wireType);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, 0), number(value)]);
}

function text(field: number, value: string): Buffer {
  return Buffer.concat([tag(field, 2), number(Buffer.byteLength(value)), Buffer.from(value)]);
}

function message(field: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([tag(field, 2), number(body.length), body]);
}
