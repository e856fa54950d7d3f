import {
  accumulateCrossProduct,
  choleskyInto,
  choleskySolve,
  correlatedColumns,
  dotProduct,
  rowProductInto,
} from '../../kernels';
import type { InputMoments, MatrixProducts } from '../moments';
import { choleskyBy, rowProducts, symmetricProducts } from './longRows';

/** Of conjugate gradients: enough where columns are well conditioned, a good part of the way elsewhere. */
const LARGEST_STEPS = 20;

export interface ProblemOptions {
  /** The bias of every row is free: moments are taken about their means, which solves for it. */
  readonly centred: boolean;
  /** Multiple of the mean diagonal added to it. */
  readonly damp: number;
  /** Columns with most power are rounded first. */
  readonly actOrder: boolean;
}

/** Lᵀ of G in the order of rounding, see `nearestPlaneInto`. */
export interface Factorised {
  readonly order: Int32Array;
  readonly factor: Float64Array;
}

/**
 * The least-squares problem of the rows of one group: û G ûᵀ − 2 c ûᵀ with G = X̂ X̂ᵀ / N and c = w X X̂ᵀ / N, both about the
 * mean where the bias is free. λ |û − w₀|², λ = damp · mean diagonal, is added: it settles columns the data says nothing
 * about and keeps noise out of the fit where columns are few.
 */
export class GroupProblem {
  readonly size: number;
  /** G + λ I, row-major, both triangles. */
  readonly gram: Float64Array;
  private readonly lambda: number;
  private correlated: { readonly count: number; readonly columns: Int32Array } | undefined;
  private ordered: Factorised | undefined;

  constructor(
    private readonly moments: InputMoments,
    private readonly options: ProblemOptions,
  ) {
    const { size, gram, mean } = moments;
    this.size = size;
    const out = new Float64Array(gram);
    if (options.centred) {
      subtractOuter(out, mean, mean, size);
    }
    let trace = 0;
    for (let i = 0; i < size; i++) {
      // Rounding may leave a constant column a little below zero.
      const diagonal = Math.max(0, out[i * size + i]!);
      out[i * size + i] = diagonal;
      trace += diagonal;
    }
    this.lambda = trace > 0 ? (options.damp * trace) / size : 1;
    for (let i = 0; i < size; i++) {
      out[i * size + i]! += this.lambda;
    }
    this.gram = out;
  }

  /** Lᵀ of G in the order of rounding, see `nearestPlaneInto`. */
  factorised(): Factorised {
    if (this.ordered !== undefined) {
      return this.ordered;
    }
    const order = this.roundingOrder();
    const factor = new Float64Array(this.size * this.size);
    for (let extra = 0; ; extra = extra === 0 ? this.lambda : extra * 10) {
      this.permutedInto(factor, order, extra);
      if (choleskyInto(factor, this.size)) {
        return this.keepFactor(order, factor);
      }
    }
  }

  /** {@link factorised} by products of matrices; it is at hand afterwards. */
  async factorisedBy(products: MatrixProducts): Promise<Factorised> {
    if (this.ordered !== undefined) {
      return this.ordered;
    }
    const order = this.roundingOrder();
    const factor = new Float64Array(this.size * this.size);
    for (let extra = 0; ; extra = extra === 0 ? this.lambda : extra * 10) {
      this.permutedInto(factor, order, extra);
      if (await choleskyBy(products, factor, this.size)) {
        return this.keepFactor(order, factor);
      }
    }
  }

  private roundingOrder(): Int32Array {
    const { size, gram } = this;
    const order = Int32Array.from({ length: size }, (_, i) => size - 1 - i);
    if (this.options.actOrder) {
      // The last is rounded first: most power last, and among equals the smaller index last.
      order.sort((a, b) => gram[a * size + a]! - gram[b * size + b]! || b - a);
    }
    return order;
  }

  private permutedInto(factor: Float64Array, order: Int32Array, extra: number): void {
    const { size, gram } = this;
    for (let p = 0; p < size; p++) {
      const from = order[p]! * size;
      for (let i = 0; i <= p; i++) {
        factor[p * size + i] = gram[from + order[i]!]!;
      }
      factor[p * size + p]! += extra;
    }
  }

  private keepFactor(order: Int32Array, factor: Float64Array): Factorised {
    const { size } = this;
    for (let p = 0; p < size; p++) {
      for (let i = p + 1; i < size; i++) {
        factor[p * size + i] = factor[i * size + p]!;
      }
    }
    this.ordered = { order, factor };
    return this.ordered;
  }

  /**
   * c of `count` rows and the point û that would be best without a grid, both `count` × n. `target` rows are what the
   * float layer has, `weight` rows where the codes start from; both may be the same array.
   */
  linearTerms(
    target: Float32Array,
    weight: Float32Array,
    offset: number,
    count: number,
    mask: Uint8Array | undefined,
    c: Float64Array,
    centre: Float64Array,
    outOffset: number,
  ): void {
    const { size, moments, gram } = this;
    const length = count * size;
    for (let i = 0; i < length; i++) {
      centre[outOffset + i] = weight[offset + i]!;
    }
    if (moments.cross === moments.gram && target === weight) {
      if (count === 1) {
        rowProductInto(centre, outOffset, size, gram, c, outOffset);
        return;
      }
      c.fill(0, outOffset, outOffset + length);
      accumulateCrossProduct(centre, outOffset, count, size, gram, 0, size, size, size, c, outOffset, size);
      return;
    }
    const rows = Float64Array.from(target.subarray(offset, offset + length));
    for (let r = 0; r < count; r++) {
      rowProductInto(rows, r * size, size, moments.cross, c, outOffset + r * size);
    }
    this.settleTerms(rows, weight, offset, count, mask, c, centre, outOffset);
  }

  /** {@link linearTerms} of rows from anywhere, by products of matrices: c and û lie in the order of `rows`. */
  async linearTermsBy(
    products: MatrixProducts,
    target: Float32Array,
    weight: Float32Array,
    rows: readonly number[],
    mask: Uint8Array | undefined,
  ): Promise<{ readonly c: Float64Array; readonly centre: Float64Array }> {
    const { size, moments, gram } = this;
    const rowsOf = (values: Float32Array): Float64Array[] =>
      rows.map((row) => Float64Array.from(values.subarray(row * size, (row + 1) * size)));
    const starts = rowsOf(weight);
    const centre = new Float64Array(rows.length * size);
    starts.forEach((row, at) => centre.set(row, at * size));
    if (moments.cross === moments.gram && target === weight) {
      return { c: await symmetricProducts(products, starts, gram, size), centre };
    }
    const c = await rowProducts(products, rowsOf(target), moments.cross, size);
    await this.factorisedBy(products);
    rows.forEach((row, at) => {
      const own = Float64Array.from(target.subarray(row * size, (row + 1) * size));
      const part = [c, centre].map((values) => values.subarray(at * size, (at + 1) * size)) as [
        Float64Array,
        Float64Array,
      ];
      this.settleTerms(
        own,
        weight.subarray(row * size, (row + 1) * size),
        0,
        1,
        mask?.subarray(row * size, (row + 1) * size),
        part[0],
        part[1],
        0,
      );
    });
    return { c, centre };
  }

  /** From w S in `c` to c itself, and the best point without a grid. */
  private settleTerms(
    rows: Float64Array,
    weight: Float32Array,
    offset: number,
    count: number,
    mask: Uint8Array | undefined,
    c: Float64Array,
    centre: Float64Array,
    outOffset: number,
  ): void {
    const { size, moments, options, lambda } = this;
    for (let r = 0; r < count; r++) {
      const at = r * size;
      let shift = 0;
      if (options.centred) {
        for (let i = 0; i < size; i++) {
          shift += rows[at + i]! * moments.targetMean[i]!;
        }
      }
      for (let i = 0; i < size; i++) {
        c[outOffset + at + i]! += lambda * weight[offset + at + i]! - shift * moments.mean[i]!;
      }
    }
    if (mask !== undefined) {
      for (let r = 0; r < count; r++) {
        this.solveKept(mask, offset + r * size, c, centre, outOffset + r * size);
      }
      return;
    }
    const { order, factor } = this.factorised();
    const solution = new Float64Array(size);
    for (let r = 0; r < count; r++) {
      const at = outOffset + r * size;
      for (let p = 0; p < size; p++) {
        solution[p] = c[at + order[p]!]!;
      }
      choleskySolve(factor, size, solution);
      for (let p = 0; p < size; p++) {
        centre[at + order[p]!] = solution[p]!;
      }
    }
  }

  /**
   * The best û with zeros where the mask has them, from the row in `centre` on: conjugate gradients on the kept columns,
   * divided by their diagonal. A factor for every row's own mask would cost n³ each; some ten products come close enough
   * for a place to round from.
   */
  private solveKept(mask: Uint8Array, maskOffset: number, c: Float64Array, centre: Float64Array, at: number): void {
    const { size, gram } = this;
    const residual = new Float64Array(size);
    const direction = new Float64Array(size);
    const product = new Float64Array(size);
    const inverse = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const diagonal = gram[i * size + i]!;
      inverse[i] = diagonal > 0 ? 1 / diagonal : 0;
      centre[at + i]! *= mask[maskOffset + i]!;
    }
    rowProductInto(centre, at, size, gram, product, 0);
    let power = 0;
    for (let i = 0; i < size; i++) {
      residual[i] = mask[maskOffset + i] === 0 ? 0 : c[at + i]! - product[i]!;
      direction[i] = residual[i]! * inverse[i]!;
      power += residual[i]! * direction[i]!;
    }
    const enough = 1e-10 * power;
    for (let step = 0; step < LARGEST_STEPS && power > enough; step++) {
      rowProductInto(direction, 0, size, gram, product, 0);
      const length = power / dotProduct(direction, 0, product, 0, size);
      let next = 0;
      for (let i = 0; i < size; i++) {
        if (mask[maskOffset + i] !== 0) {
          centre[at + i]! += length * direction[i]!;
          residual[i]! -= length * product[i]!;
          next += residual[i]! * residual[i]! * inverse[i]!;
        }
      }
      for (let i = 0; i < size; i++) {
        direction[i] = residual[i]! * inverse[i]! + (next / power) * direction[i]!;
      }
      power = next;
    }
  }

  /** The columns each column is most correlated with, see `correlatedColumns`. */
  partners(count: number): Int32Array {
    if (this.correlated?.count !== count) {
      this.correlated = { count, columns: correlatedColumns(this.gram, this.size, count) };
    }
    return this.correlated.columns;
  }

  /** v G of one row. */
  products(steps: Float64Array, offset: number, out: Float64Array, outOffset: number): void {
    rowProductInto(steps, offset, this.size, this.gram, out, outOffset);
  }
}

/** M −= a bᵀ. */
function subtractOuter(matrix: Float64Array, a: Float64Array, b: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    const ai = a[i]!;
    if (ai !== 0) {
      for (let j = 0; j < n; j++) {
        matrix[i * n + j]! -= ai * b[j]!;
      }
    }
  }
}
