import assert from 'node:assert/strict';
import { seededRandom } from '../../../../src/base/random';
import { decodeText, encodeText } from '../../../../src/onnx/wire/text';

describe('text of protobuf fields', () => {
  it('is UTF-8 where it is valid', () => {
    for (const text of ['', 'plain', 'naïve', '漢字', '🙂 emoji', '\ufffd', '\0']) {
      assert.equal(decodeText(Buffer.from(text)), text);
      assert.deepEqual(Buffer.from(encodeText(text)), Buffer.from(text));
    }
  });

  it('keeps any bytes', () => {
    const random = seededRandom(9);
    const fixed = [
      'ff',
      'c0af',
      'eda080',
      'f08080',
      'f4908080',
      'e28',
      'e282',
      '80',
      'c3',
      '61ff62',
      'f09f99',
      'efbfbdff',
    ];
    const cases = fixed.map((hex) => Buffer.from(hex, 'hex'));
    for (let i = 0; i < 3000; i++) {
      cases.push(
        Buffer.from(Array.from({ length: Math.floor(random() * 9) }, () => 0x60 + Math.floor(random() * 160))),
      );
    }
    for (const bytes of cases) {
      const text = decodeText(bytes);
      assert.deepEqual(Buffer.from(encodeText(text)), bytes, bytes.toString('hex'));
    }
  });
});
