import type { Layer } from '../../analysis';
import { invariant } from '../../base/errors';
import { PositionChoice } from './columnChoice';
import { inputNotFinite } from './errors';
import { inputLayout, type InputColumns, type InputLayout } from './inputLayout';
import type { InputMoments, LayerMoments } from './layerMoments';
import { FEWEST_ROWS_FOR_PRODUCTS, type MatrixProducts } from './matrixProducts';
import { MomentSums } from './momentSums';

export interface MomentsOptions {
  /** Output positions taken from each sample (tokens of a sequence), evenly spread. See `positionsPerSample`. @default 64 */
  readonly positionsPerSample?: number;
  /** Every sample of that number goes into the second set of moments; 0 holds none out. @default 5 (20 %) */
  readonly heldOutEvery?: number;
  /** Multiplies matrices of many rows: call `settle` after every batch and before `finish`. @default done by `add` itself */
  readonly products?: MatrixProducts;
}

/** With fewer samples all go into the fit. */
const FEWEST_FOR_HOLDING_OUT = 20;
/** Largest column: a matrix is then 537 MB. */
const LARGEST = 8192;

/**
 * Builds the moments of one layer's input from batches of it. Memory: one size × size float64 matrix per group, three where
 * the compressed network's input is given, the same again once a sample is held out; and blocks of columns, 8 MB each.
 */
export class MomentsAccumulator {
  private readonly positions: PositionChoice;
  private readonly heldOutEvery: number;
  private readonly products: MatrixProducts | undefined;
  private fit: MomentSums | undefined;
  private heldOut: MomentSums | undefined;
  private isTwofold = false;
  private samples = 0;

  constructor(
    private readonly name: string,
    readonly layout: InputLayout,
    options: MomentsOptions,
  ) {
    this.positions = new PositionChoice(options.positionsPerSample ?? 64);
    this.heldOutEvery = options.heldOutEvery ?? 5;
    this.products = layout.size < FEWEST_ROWS_FOR_PRODUCTS ? undefined : options.products;
  }

  /**
   * Adds one batch of the layer's input. Cost: groups · columns · size² / 2 multiply-adds, four times that with a
   * compressed input.
   *
   * @param target input in the float network, row-major in `dims`
   * @param compressed the same tensor in the compressed network or after quantisation: in every call or in none
   * @param samples samples in the batch, for inputs that are matrices: tells rows from tokens of flattened samples.
   *   By default each row is a sample.
   * @returns false when the shape does not fit the layer; nothing is added then
   */
  add(target: Float32Array, dims: readonly number[], compressed?: Float32Array, samples?: number): boolean {
    const columns = this.layout.read(dims);
    if (columns === undefined) {
      return false;
    }
    invariant(
      compressed === undefined || compressed.length === target.length,
      `two inputs of layer ${this.name} have different sizes`,
    );
    if (this.fit === undefined) {
      this.isTwofold = compressed !== undefined;
      this.fit = new MomentSums(this.layout, this.isTwofold, this.products);
    }
    invariant(
      this.isTwofold === (compressed !== undefined),
      `the compressed input of layer ${this.name} was given for some batches only`,
    );
    if (columns.rowsAreSamples) {
      this.addRows(columns, target, compressed, samples);
      return true;
    }
    for (let sample = 0; sample < columns.samples; sample++) {
      const positions = this.positions.of(this.samples, columns.positions);
      this.next().add(columns, target, compressed, sample, positions);
    }
    return true;
  }

  /**
   * Makes the products that wait, where `products` makes them. Without it waiting columns pile up.
   *
   * @param isLast nothing more will be added
   */
  async settle(isLast: boolean): Promise<void> {
    await this.fit?.settle(isLast);
    await this.heldOut?.settle(isLast);
  }

  /**
   * The moments over all columns so far; undefined before the first. Gives the buffers away: call once. With fewer than 20
   * samples those held out are added to the others.
   *
   * Throws `moments/not-finite` when the input holds NaN or infinity.
   */
  finish(): LayerMoments | undefined {
    const { fit, heldOut } = this;
    if (fit === undefined) {
      return undefined;
    }
    const isHeldOut = heldOut !== undefined && this.samples >= FEWEST_FOR_HOLDING_OUT;
    if (heldOut !== undefined && !isHeldOut) {
      fit.merge(heldOut);
    }
    const moments = { fit: fit.finish(), heldOut: isHeldOut ? heldOut.finish() : undefined };
    if (moments.fit.length === 0) {
      return undefined;
    }
    for (const entry of [...moments.fit, ...(moments.heldOut ?? [])]) {
      this.check(entry);
    }
    return moments;
  }

  /** Rows of a matrix: whole samples, or as many tokens of each as were asked for. */
  private addRows(
    columns: InputColumns,
    target: Float32Array,
    compressed: Float32Array | undefined,
    samples: number | undefined,
  ): void {
    const rows = columns.positions;
    const parts = samples !== undefined && samples > 0 && rows % samples === 0 ? samples : rows;
    const perSample = rows / parts;
    for (let sample = 0; sample < parts; sample++) {
      const chosen = this.positions.of(this.samples, perSample);
      const positions = chosen.map((position) => sample * perSample + position);
      this.next().add(columns, target, compressed, 0, positions);
    }
  }

  /** Where the next sample goes. */
  private next(): MomentSums {
    this.samples++;
    if (this.heldOutEvery > 0 && this.samples % this.heldOutEvery === 0) {
      this.heldOut ??= new MomentSums(this.layout, this.isTwofold, this.products);
      return this.heldOut;
    }
    return this.fit!;
  }

  /** Whatever is not finite in a row makes its diagonal entry so. */
  private check(moments: InputMoments): void {
    for (let i = 0; i < moments.size; i++) {
      const at = i * (moments.size + 1);
      if (!Number.isFinite(moments.power[at])) {
        throw inputNotFinite(this.name, false);
      }
      if (!Number.isFinite(moments.gram[at])) {
        throw inputNotFinite(this.name, true);
      }
    }
  }
}

/**
 * An accumulator for a layer; undefined when the layer has no such form (embeddings, recurrent layers, batched constants,
 * more than 8192 weights per output channel).
 */
export function momentsAccumulator(layer: Layer, options: MomentsOptions = {}): MomentsAccumulator | undefined {
  const layout = inputLayout(layer);
  return layout === undefined || layout.size === 0 || layout.size > LARGEST
    ? undefined
    : new MomentsAccumulator(layer.name, layout, options);
}
