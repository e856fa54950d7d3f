import { seededRandom } from '../../../../src/base/random';

export interface RandomPlane {
  readonly name: string;
  readonly scores: Float32Array | Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Ways to fill a plane: distinct values, many ties, mostly zeros, a wide range of magnitudes. */
const fillings: Readonly<Record<string, (random: () => number) => number>> = {
  uniform: (random) => random(),
  ties: (random) => Math.floor(4 * random()),
  sparse: (random) => (random() < 0.7 ? 0 : random()),
  wide: (random) => 2 ** (60 * random() - 30),
  constant: () => 0.1,
};

/** A plane of each filling, as float32 and float64 in turn. */
export function randomPlanes(rows: number, columns: number, seed: number): RandomPlane[] {
  return Object.entries(fillings).map(([name, fill], n) => {
    const random = seededRandom(seed * 10 + n);
    const values = Array.from({ length: rows * columns }, () => fill(random));
    const scores = (seed + n) % 2 === 0 ? Float32Array.from(values) : Float64Array.from(values);
    return { name: `${name}, seed ${seed}`, scores, rows, columns };
  });
}
