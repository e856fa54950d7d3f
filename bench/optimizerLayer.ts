import { seededNormal, seededRandom } from '../src/base/random';

/** Channels in and out, and the side of the square feature map. */
export const CHANNELS = 64;
export const SIDE = 14;

/**
 * Inputs like those of a layer inside a network: ReLU of 16 smooth random fields mixed into the channels, some 58 % zeros.
 * Row-major samples × CHANNELS × SIDE × SIDE.
 */
export function layerInputs(samples: number, seed: number): Float32Array {
  const normal = seededNormal(7);
  const fields = 16;
  const mixing = Float64Array.from({ length: CHANNELS * fields }, () => normal() / Math.sqrt(fields));
  const shift = Float64Array.from({ length: CHANNELS }, () => 0.2 + 0.1 * normal());
  const gains = Float64Array.from({ length: CHANNELS }, () => Math.exp(0.4 * normal()));
  const draw = seededNormal(seed);
  const uniform = seededRandom(seed + 1);
  const positions = SIDE * SIDE;
  const out = new Float32Array(samples * CHANNELS * positions);
  const field = new Float64Array(fields * positions);
  for (let s = 0; s < samples; s++) {
    field.fill(0);
    for (let f = 0; f < fields; f++) {
      // A few waves of low frequency: neighbours are alike, as in images.
      for (let wave = 0; wave < 4; wave++) {
        const amplitude = draw() * 0.7;
        const fx = 0.5 * draw();
        const fy = 0.5 * draw();
        const phase = 2 * Math.PI * uniform();
        for (let y = 0; y < SIDE; y++) {
          for (let x = 0; x < SIDE; x++) {
            field[f * positions + y * SIDE + x]! += amplitude * Math.SQRT2 * Math.cos(fx * x + fy * y + phase);
          }
        }
      }
    }
    for (let c = 0; c < CHANNELS; c++) {
      for (let p = 0; p < positions; p++) {
        let sum = -shift[c]!;
        for (let f = 0; f < fields; f++) {
          sum += mixing[c * fields + f]! * field[f * positions + p]!;
        }
        out[(s * CHANNELS + c) * positions + p] = Math.max(0, gains[c]! * sum);
      }
    }
  }
  return out;
}

/** He-normal 3 × 3 weights with log-normal channel gains and one in a hundred three times as large. */
export function layerWeights(seed: number): Float32Array {
  const normal = seededNormal(seed);
  const uniform = seededRandom(seed + 1);
  const size = CHANNELS * 9;
  const out = new Float32Array(CHANNELS * size);
  for (let o = 0; o < CHANNELS; o++) {
    const gain = Math.exp(0.3 * normal()) * Math.sqrt(2 / size);
    for (let i = 0; i < size; i++) {
      out[o * size + i] = gain * normal() * (uniform() < 0.01 ? 3 : 1);
    }
  }
  return out;
}
