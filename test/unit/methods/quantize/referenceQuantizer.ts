/**
 * Uniform quantisation written a second time, plainly and apart from Lathe's kernels: rounding by floor and comparison,
 * codes in ordinary arrays.
 */

export function roundTiesToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

export interface ReferenceGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly qmin: number;
  readonly qmax: number;
}

export function referenceCode(x: number, { scale, zeroPoint, qmin, qmax }: ReferenceGrid): number {
  return Math.min(qmax, Math.max(qmin, roundTiesToEven(Math.fround(Math.fround(x) / Math.fround(scale))) + zeroPoint));
}

export function referenceFake(values: Float32Array, grid: ReferenceGrid): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    out[i] = (referenceCode(values[i]!, grid) - grid.zeroPoint) * Math.fround(grid.scale);
  }
  return out;
}

/** Min-max grid: narrow symmetric, or asymmetric unsigned holding 0. */
export function referenceGrid(values: readonly number[], bits: number, symmetric: boolean): ReferenceGrid {
  if (symmetric) {
    const qmax = 2 ** (bits - 1) - 1;
    const scale = Math.fround(Math.max(0, ...values.map(Math.abs)) / qmax);
    return { scale: scale === 0 ? 1 : scale, zeroPoint: 0, qmin: -qmax, qmax };
  }
  const lo = Math.min(0, ...values);
  const hi = Math.max(0, ...values);
  const qmax = 2 ** bits - 1;
  const scale = hi === lo ? 1 : Math.fround((hi - lo) / qmax);
  return { scale, zeroPoint: Math.min(qmax, Math.max(0, roundTiesToEven(-lo / scale))), qmin: 0, qmax };
}

/** Fake-quantised weight with one min-max grid per index of `axis` (undefined: one for all), and those grids. */
export function referenceWeight(
  values: Float32Array,
  dims: readonly number[],
  axis: number | undefined,
  bits: number,
  symmetric: boolean,
): { readonly values: Float32Array; readonly grids: readonly ReferenceGrid[] } {
  const channels = axis === undefined ? 1 : dims[axis]!;
  const inner = axis === undefined ? values.length : dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const channelOf = (i: number) => Math.floor(i / inner) % channels;
  const grids: ReferenceGrid[] = [];
  for (let c = 0; c < channels; c++) {
    const own: number[] = [];
    values.forEach((x, i) => {
      if (channelOf(i) === c) {
        own.push(x);
      }
    });
    grids.push(referenceGrid(own, bits, symmetric));
  }
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    out[i] = referenceFake(Float32Array.of(values[i]!), grids[channelOf(i)]!)[0]!;
  }
  return { values: out, grids };
}

/** x = sign(v) · (−ln(1 − |v|)) from the generator s ← 1664525 s + 1013904223 mod 2³², v = 2 s / 2³² − 1. */
export function laplaceDraws(seed: number, count: number): Float64Array {
  let state = seed >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    const v = (2 * state) / 2 ** 32 - 1;
    return Math.sign(v) * -Math.log(1 - Math.abs(v));
  });
}
