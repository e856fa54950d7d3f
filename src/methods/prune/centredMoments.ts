import type { InputMoments } from '../moments';

/** The moments a fit of the weights alone needs, n × n row-major. */
export interface FitMoments {
  readonly size: number;
  /** G, about the mean where a bias takes up the mean. */
  readonly gram: Float64Array;
  /** S likewise; the array of `gram` where X̂ = X. */
  readonly cross: Float64Array;
}

/**
 * With the best bias b̂ = b + w·x̄ − ŵ·x̂̄ put in, the error of a row is that of the centred columns: G − x̂̄ x̂̄ᵀ in place of G and
 * S − x̄ x̂̄ᵀ in place of S. Without a bias to fit the moments are used as they are.
 */
export function fitMoments(moments: InputMoments, fitBias: boolean): FitMoments {
  const { size, gram, cross, mean, targetMean } = moments;
  if (!fitBias) {
    return { size, gram, cross };
  }
  const centred = minusOuter(gram, mean, mean, size);
  return { size, gram: centred, cross: cross === gram ? centred : minusOuter(cross, targetMean, mean, size) };
}

function minusOuter(matrix: Float64Array, left: Float64Array, right: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const l = left[i]!;
    for (let j = 0, at = i * n; j < n; j++, at++) {
      out[at] = matrix[at]! - l * right[j]!;
    }
  }
  return out;
}
