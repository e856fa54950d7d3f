import { accumulateCrossProduct, accumulateGram, mirrorUpperTriangle, scaleMatrix } from '../../kernels';
import { ColumnBlock } from './columnBlock';
import type { InputColumns, InputLayout } from './inputLayout';
import type { InputMoments } from './layerMoments';

/** Sums of one group over all columns so far. */
interface GroupSums {
  readonly power: Float64Array;
  readonly targetMean: Float64Array;
  readonly gram: Float64Array;
  readonly cross: Float64Array;
  readonly mean: Float64Array;
}

/**
 * Sums of products of columns, for each group. Columns wait in blocks of fixed width, so that the sums do not depend on
 * how the samples were cut into batches.
 */
export class MomentSums {
  private readonly groups: readonly GroupSums[];
  private readonly target: ColumnBlock;
  private readonly compressed: ColumnBlock | undefined;
  private columns = 0;

  constructor(
    private readonly layout: InputLayout,
    /** Whether the compressed network's columns differ: three matrices instead of one. */
    isTwofold: boolean,
  ) {
    const { size } = layout;
    this.target = new ColumnBlock(layout);
    this.compressed = isTwofold ? new ColumnBlock(layout) : undefined;
    this.groups = Array.from({ length: layout.groups }, () => {
      const power = new Float64Array(size * size);
      const targetMean = new Float64Array(size);
      return isTwofold
        ? { power, targetMean, gram: power.slice(), cross: power.slice(), mean: targetMean.slice() }
        : { power, targetMean, gram: power, cross: power, mean: targetMean };
    });
  }

  /** Adds columns at the given positions of one sample. */
  add(
    columns: InputColumns,
    target: Float32Array,
    compressed: Float32Array | undefined,
    sample: number,
    positions: Int32Array,
  ): void {
    for (let from = 0; from < positions.length;) {
      const taken = positions.subarray(from, from + this.target.room);
      this.target.take(columns, target, sample, taken);
      if (this.compressed !== undefined) {
        this.compressed.take(columns, compressed!, sample, taken);
      }
      from += taken.length;
      if (this.target.room === 0) {
        this.flush();
      }
    }
  }

  /** Adds what `other` has seen; `other` is of no use afterwards. */
  merge(other: MomentSums): void {
    this.flush();
    other.flush();
    this.columns += other.columns;
    this.groups.forEach((sums, index) => {
      const more = other.groups[index]!;
      addInto(sums.power, more.power);
      addInto(sums.targetMean, more.targetMean);
      if (this.compressed !== undefined) {
        addInto(sums.gram, more.gram);
        addInto(sums.cross, more.cross);
        addInto(sums.mean, more.mean);
      }
    });
  }

  /** Means over all columns; empty before the first. Gives the buffers away: call once. */
  finish(): InputMoments[] {
    this.flush();
    const { size } = this.layout;
    const count = this.columns;
    if (count === 0) {
      return [];
    }
    return this.groups.map((sums) => {
      const symmetric = new Set([sums.power, sums.gram]);
      for (const matrix of new Set([sums.power, sums.gram, sums.cross])) {
        scaleMatrix(matrix, size, size, size, 1 / count);
        if (symmetric.has(matrix)) {
          mirrorUpperTriangle(matrix, size, size);
        }
      }
      for (const mean of new Set([sums.targetMean, sums.mean])) {
        scaleMatrix(mean, 1, size, size, 1 / count);
      }
      return { size, count, ...sums };
    });
  }

  private flush(): void {
    const { target, compressed } = this;
    const { size } = this.layout;
    const { count, width } = target;
    this.groups.forEach((sums, group) => {
      const at = target.offsetOf(group);
      accumulateGram(target.data, at, size, count, width, sums.power, size);
      addRows(target.data, at, size, count, width, sums.targetMean);
      if (compressed !== undefined) {
        const { data } = compressed;
        accumulateGram(data, at, size, count, width, sums.gram, size);
        accumulateCrossProduct(target.data, at, size, width, data, at, size, width, count, sums.cross, 0, size);
        addRows(data, at, size, count, width, sums.mean);
      }
    });
    this.columns += count;
    target.clear();
    compressed?.clear();
  }
}

function addRows(
  block: Float64Array,
  offset: number,
  rows: number,
  count: number,
  stride: number,
  out: Float64Array,
): void {
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    const begin = offset + row * stride;
    for (let at = begin; at < begin + count; at++) {
      sum += block[at]!;
    }
    out[row]! += sum;
  }
}

function addInto(sums: Float64Array, more: Float64Array): void {
  for (let i = 0; i < sums.length; i++) {
    sums[i]! += more[i]!;
  }
}
