import assert from 'node:assert/strict';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  toBfloat16Into,
  toFloat16Into,
} from '../../../src/kernels';

describe('half-precision numbers', () => {
  it('come back from every bit pattern', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const half = float16ToFloat32(bits);
      if (half === half) {
        assert.equal(float32ToFloat16(half), bits);
      }
      const brain = bfloat16ToFloat32(bits);
      if (brain === brain) {
        assert.equal(float32ToBfloat16(brain), bits);
      }
    }
  });

  it('round every midpoint to even, and what lies just beside it to the nearer number', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const middle = (float16ToFloat32(bits) + float16ToFloat32(bits + 1)) / 2;
      assert.equal(float32ToFloat16(middle), bits + (bits & 1));
      assert.equal(float32ToFloat16(middle * (1 - 2 ** -50)), bits);
      assert.equal(float32ToFloat16(-middle * (1 + 2 ** -50)), (bits + 1) | 0x8000);
    }
    for (let bits = 0; bits < 0x7f7f; bits++) {
      const middle = (bfloat16ToFloat32(bits) + bfloat16ToFloat32(bits + 1)) / 2;
      assert.equal(float32ToBfloat16(middle), bits + (bits & 1));
    }
  });

  it('overflow to infinity from the middle on, underflow to zero', () => {
    assert.equal(float32ToFloat16(65519.99), 0x7bff);
    assert.equal(float32ToFloat16(65520), 0x7c00);
    assert.equal(float32ToFloat16(-1e300), 0xfc00);
    assert.equal(float32ToFloat16(2 ** -25), 0);
    assert.equal(float32ToFloat16(2 ** -25 * 1.001), 1);
    assert.equal(float32ToFloat16(1e-320), 0);
    assert.equal(float32ToBfloat16(1e39), 0x7f80);
    assert.equal(float32ToFloat16(NaN), 0x7e00);
    assert.equal(float32ToBfloat16(NaN), 0x7fc0);
  });

  it('agree over runs with offsets', () => {
    const out = new Uint16Array(4);
    toFloat16Into(Float64Array.of(5, 1, -2), 1, 2, out, 1);
    assert.deepEqual(Array.from(out), [0, 0x3c00, 0xc000, 0]);
    toBfloat16Into(Float64Array.of(5, 1, -2), 1, 2, out, 1);
    assert.deepEqual(Array.from(out), [0, 0x3f80, 0xc000, 0]);
  });
});
