/** A NumPy file of these bytes; `type` as NumPy writes it, e.g. "|u1" or "<f4". */
export function npyFile(type: string, shape: readonly number[], data: Buffer): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.map((size) => `${size}, `).join('')}), }`;
  const padded = `${header.padEnd(117)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded, 'latin1'), data]);
}
