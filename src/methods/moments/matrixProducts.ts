/** Someone who multiplies large float64 matrices faster than this process does. */
export interface MatrixProducts {
  /** sums += a bᵀ with a and b [rows, width], sums [rows, rows], all row-major. */
  addProduct(a: Float64Array, b: Float64Array, rows: number, width: number, sums: Float64Array): Promise<void>;

  /** a bᵀ with a [rows, width] and b [columns, width], row-major. */
  product(a: Float64Array, b: Float64Array, rows: number, columns: number, width: number): Promise<Float64Array>;
}

/** Matrices with fewer rows are multiplied on the spot. */
export const FEWEST_ROWS_FOR_PRODUCTS = 48;
