/**
 * Second moments of a layer's input columns, for one group of rows that see the same input. A column is what one output
 * element is a dot product with: x in the float network, x̂ in the compressed one. All that a layer-wise least-squares fit
 * needs of the data; the data itself is dropped.
 *
 * For a row w, b of the float layer and ŵ, b̂ of the compressed one, the mean squared error of the output is
 * w P wᵀ − 2 w S ŵᵀ + ŵ G ŵᵀ + 2 (b − b̂)(w·x̄ − ŵ·x̂̄) + (b − b̂)².
 */
export interface InputMoments {
  /** Elements of one column (n): weight elements of one output channel, in the order of `weightAsMatrix`'s rows. */
  readonly size: number;
  /** Columns seen (N). */
  readonly count: number;
  /** G = X̂ X̂ᵀ / N, row-major n × n, both triangles filled. */
  readonly gram: Float64Array;
  /** S = X X̂ᵀ / N, row-major n × n: rows by the float column, columns by the compressed one. The array of `gram` itself where X̂ = X. */
  readonly cross: Float64Array;
  /** P = X Xᵀ / N. The array of `gram` itself where X̂ = X. */
  readonly power: Float64Array;
  /** Mean column of X̂ and of X (n each); the same array where X̂ = X. */
  readonly mean: Float64Array;
  readonly targetMean: Float64Array;
}

/** Moments of a layer: one entry per row group (`MatrixLayout.rowGroups`), for the fit and for samples held out of it. */
export interface LayerMoments {
  readonly fit: readonly InputMoments[];
  /** Undefined where there are too few samples to hold any out. */
  readonly heldOut: readonly InputMoments[] | undefined;
}
