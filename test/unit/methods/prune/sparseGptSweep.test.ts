import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { fitMoments } from '../../../../src/methods/prune/centredMoments';
import { sparseGptSweep } from '../../../../src/methods/prune/sparseGptSweep';
import { momentsOf } from './layerSamples';

/** Gauss-Jordan with row exchanges, on nested arrays. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const a = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) {
      pivot = Math.abs(a[r]![c]!) > Math.abs(a[pivot]![c]!) ? r : pivot;
    }
    [a[c], a[pivot]] = [a[pivot]!, a[c]!];
    const scale = a[c]![c]!;
    a[c] = a[c]!.map((v) => v / scale);
    for (let r = 0; r < n; r++) {
      if (r !== c) {
        const factor = a[r]![c]!;
        a[r] = a[r]!.map((v, k) => v - factor * a[c]![k]!);
      }
    }
  }
  return a.map((row) => row.slice(n));
}

interface Case {
  readonly rows: number;
  readonly channels: number;
  readonly kernelSize: number;
  readonly keep: number;
  readonly group: number;
  readonly sequential: boolean;
}

/** Optimal brain surgery column by column, the inverse of what is left computed afresh each time. */
function surgery(
  { rows, channels, kernelSize, keep, group }: Case,
  hessian: readonly (readonly number[])[],
  start: readonly number[][],
  given: Uint8Array | undefined,
): { readonly weight: number[][]; readonly mask: boolean[][] } {
  const n = channels * kernelSize;
  const order = Array.from({ length: n }, (_, t) => (t % channels) * kernelSize + Math.floor(t / channels));
  const left = order.map((_, t) => {
    const rest = order.slice(t);
    return inverse(rest.map((i) => rest.map((j) => hessian[i]![j]!)));
  });
  const weight = start.map((row) => [...row]);
  const mask = weight.map((row, r) => row.map((_, j) => given !== undefined && given[r * n + j] === 1));
  for (let t = 0; t < n; t++) {
    const channel = t % channels;
    for (let r = 0; r < rows; r++) {
      const row = weight[r]!;
      if (given === undefined && channel % group === 0) {
        const members = Array.from({ length: Math.min(group, channels - channel) }, (_, i) => t + i);
        const cost = (m: number): number => row[order[m]!]! ** 2 / left[m]![0]![0]!;
        members.sort((a, b) => cost(b) - cost(a) || a - b);
        members.slice(0, keep).forEach((m) => (mask[r]![order[m]!] = true));
      }
      if (!mask[r]![order[t]!]) {
        const factor = row[order[t]!]! / left[t]![0]![0]!;
        for (let k = t; k < n; k++) {
          row[order[k]!]! -= factor * left[t]![0]![k - t]!;
        }
        row[order[t]!] = 0;
      }
    }
  }
  return { weight, mask };
}

describe('sparseGptSweep', () => {
  const cases: readonly Case[] = [
    { rows: 3, channels: 8, kernelSize: 1, keep: 2, group: 4, sequential: false },
    { rows: 2, channels: 6, kernelSize: 3, keep: 2, group: 4, sequential: false },
    { rows: 2, channels: 7, kernelSize: 2, keep: 1, group: 4, sequential: true },
    // More columns than one block of the sweep.
    { rows: 2, channels: 36, kernelSize: 2, keep: 4, group: 8, sequential: false },
  ];
  for (const kind of cases) {
    const { rows, channels, kernelSize, keep, group, sequential } = kind;
    const n = channels * kernelSize;
    const name = `${rows} × ${channels} × ${kernelSize}, ${keep} of ${group}${sequential ? ', compressed inputs' : ''}`;
    for (const isGiven of [false, true]) {
      it(`removes weights as one by one: ${name}, mask ${isGiven ? 'given' : 'chosen'}`, () => {
        const normal = seededNormal(n + rows);
        const count = 3 * n;
        const common = Float64Array.from({ length: count }, normal);
        const x = Float64Array.from({ length: n * count }, (_, i) => normal() + 0.7 * common[i % count]!);
        const moments = fitMoments(
          sequential
            ? momentsOf(
                x,
                n,
                x.map((v) => 0.9 * v + 0.2 * normal()),
              )
            : momentsOf(x, n),
          true,
        );
        const weight = Float64Array.from({ length: rows * n }, normal);
        const given = isGiven ? Uint8Array.from({ length: rows * n + 5 }, (_, i) => (i % 3 === 0 ? 0 : 1)) : undefined;
        const offset = isGiven ? 5 : 0;
        const damping = 0.01;
        const swept = sparseGptSweep(moments, rows, weight, { keep, group }, kernelSize, damping, given, offset);

        let lambda = 0;
        for (let i = 0; i < n; i++) {
          lambda += (damping * moments.gram[i * n + i]!) / n;
        }
        const hessian = Array.from({ length: n }, (_, i) =>
          Array.from({ length: n }, (__, j) => moments.gram[i * n + j]! + (i === j ? lambda : 0)),
        );
        const whole = inverse(hessian);
        const start = Array.from({ length: rows }, (_, r) => {
          const right = Array.from({ length: n }, (__, j) => {
            let sum = lambda * weight[r * n + j]!;
            for (let i = 0; i < n; i++) {
              sum += weight[r * n + i]! * moments.cross[i * n + j]!;
            }
            return sum;
          });
          return Array.from({ length: n }, (__, j) => right.reduce((sum, v, i) => sum + v * whole[i]![j]!, 0));
        });
        const expected = surgery(kind, hessian, start, given?.subarray(offset));
        for (let r = 0; r < rows; r++) {
          for (let j = 0; j < n; j++) {
            const at = r * n + j;
            assert.equal(swept.mask[at] === 1, expected.mask[r]![j], `mask at ${r}, ${j}`);
            assert.ok(Math.abs(swept.weight[at]! - expected.weight[r]![j]!) < 1e-8, `weight at ${r}, ${j}`);
            assert.ok(swept.mask[at] === 1 || Object.is(swept.weight[at], 0));
          }
        }
        if (!isGiven) {
          for (let r = 0; r < rows; r++) {
            for (let p = 0; p < kernelSize; p++) {
              for (let c = 0; c < channels; c += group) {
                let kept = 0;
                for (let i = c; i < Math.min(c + group, channels); i++) {
                  kept += swept.mask[r * n + i * kernelSize + p]!;
                }
                assert.equal(kept, Math.min(keep, channels - c));
              }
            }
          }
        }
      });
    }
  }
});
