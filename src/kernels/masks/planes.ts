/** Array types that planes come in. */
type Values = Float32Array | Float64Array | Uint8Array;

/**
 * Splits a matrix [rows × inputs·positions], positions innermost (a convolution weight flattened per output channel),
 * into one plane [rows × inputs] per position, one after the other: planes[p][i][j] = matrix[i][j · positions + p].
 */
export function splitPositions<T extends Values>(
  matrix: T,
  rows: number,
  inputs: number,
  positions: number,
  planes: T,
): void {
  const size = rows * inputs;
  for (let cell = 0, from = 0; cell < size; cell++) {
    for (let p = 0, to = cell; p < positions; p++, to += size) {
      planes[to] = matrix[from++]!;
    }
  }
}

/** The inverse of {@link splitPositions}. */
export function joinPositions<T extends Values>(
  planes: T,
  rows: number,
  inputs: number,
  positions: number,
  matrix: T,
): void {
  const size = rows * inputs;
  for (let cell = 0, to = 0; cell < size; cell++) {
    for (let p = 0, from = cell; p < positions; p++, from += size) {
      matrix[to++] = planes[from]!;
    }
  }
}
