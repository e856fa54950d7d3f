import { invariant } from '../../base/errors';
import { accumulateCrossProduct, accumulateGram, mirrorUpperTriangle, scaleMatrix } from '../../kernels';
import { ColumnBlock } from './columnBlock';
import type { InputColumns, InputLayout } from './inputLayout';
import type { InputMoments } from './layerMoments';
import type { MatrixProducts } from './matrixProducts';

/** Sums of one group over all columns so far. */
interface GroupSums {
  readonly power: Float64Array;
  readonly targetMean: Float64Array;
  readonly gram: Float64Array;
  readonly cross: Float64Array;
  readonly mean: Float64Array;
}

/** Columns side by side of both networks. */
interface BlockPair {
  readonly target: ColumnBlock;
  readonly compressed: ColumnBlock | undefined;
}

/**
 * Sums of products of columns, for each group. Columns wait in blocks of fixed width, so that the sums do not depend on
 * how the samples were cut into batches.
 */
export class MomentSums {
  private readonly groups: readonly GroupSums[];
  private blocks: BlockPair;
  /** Full blocks that wait for {@link settle}, and an emptied one. */
  private readonly waiting: BlockPair[] = [];
  private readonly spare: BlockPair[] = [];
  private columns = 0;

  constructor(
    private readonly layout: InputLayout,
    /** Whether the compressed network's columns differ: three matrices instead of one. */
    private readonly isTwofold: boolean,
    /** Makes the products when asked to settle; by default they are made here, as blocks fill up. */
    private readonly products: MatrixProducts | undefined,
  ) {
    const { size } = layout;
    this.blocks = this.newBlocks();
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
      const { blocks } = this;
      const taken = positions.subarray(from, from + blocks.target.room);
      blocks.target.take(columns, target, sample, taken);
      if (blocks.compressed !== undefined) {
        blocks.compressed.take(columns, compressed!, sample, taken);
      }
      from += taken.length;
      if (blocks.target.room > 0) {
        continue;
      }
      if (this.products === undefined) {
        this.flush();
      } else {
        this.waiting.push(blocks);
        this.blocks = this.spare.pop() ?? this.newBlocks();
      }
    }
  }

  /**
   * Makes the products of the blocks that are full.
   *
   * @param isLast no more columns come: takes the block that is not full, too
   */
  async settle(isLast: boolean): Promise<void> {
    const { products, waiting } = this;
    if (products === undefined) {
      return;
    }
    if (isLast && this.blocks.target.count > 0) {
      this.blocks.target.clearRoom();
      this.blocks.compressed?.clearRoom();
      waiting.push(this.blocks);
      this.blocks = this.spare.pop() ?? this.newBlocks();
    }
    for (let blocks = waiting.shift(); blocks !== undefined; blocks = waiting.shift()) {
      await this.multiply(blocks, products);
      this.drop(blocks);
      if (this.spare.length === 0 && !isLast) {
        this.spare.push(blocks);
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
      if (this.isTwofold) {
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

  private newBlocks(): BlockPair {
    const multiplied = this.products === undefined ? 'here' : 'elsewhere';
    return {
      target: new ColumnBlock(this.layout, multiplied),
      compressed: this.isTwofold ? new ColumnBlock(this.layout, multiplied) : undefined,
    };
  }

  private async multiply(blocks: BlockPair, products: MatrixProducts): Promise<void> {
    const { size } = this.layout;
    const { target, compressed } = blocks;
    const { width } = target;
    for (const [group, sums] of this.groups.entries()) {
      const x = target.matrixOf(group);
      await products.addProduct(x, x, size, width, sums.power);
      if (compressed !== undefined) {
        const seen = compressed.matrixOf(group);
        await products.addProduct(x, seen, size, width, sums.cross);
        await products.addProduct(seen, seen, size, width, sums.gram);
      }
    }
  }

  /** Multiplies the present block here. */
  private flush(): void {
    invariant(this.waiting.length === 0, 'blocks of columns wait for their products');
    const { target, compressed } = this.blocks;
    const { size } = this.layout;
    const { count, width } = target;
    this.groups.forEach((sums, group) => {
      const at = target.offsetOf(group);
      accumulateGram(target.data, at, size, count, width, sums.power, size);
      if (compressed !== undefined) {
        const { data } = compressed;
        accumulateGram(data, at, size, count, width, sums.gram, size);
        accumulateCrossProduct(target.data, at, size, width, data, at, size, width, count, sums.cross, 0, size);
      }
    });
    this.drop(this.blocks);
  }

  /** Counts and empties blocks whose products are made. */
  private drop({ target, compressed }: BlockPair): void {
    const { size } = this.layout;
    const { count, width } = target;
    this.groups.forEach((sums, group) => {
      const at = target.offsetOf(group);
      addRows(target.data, at, size, count, width, sums.targetMean);
      if (compressed !== undefined) {
        addRows(compressed.data, at, size, count, width, sums.mean);
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
