import { DataType, MICROSOFT_DOMAIN, ONNX_DOMAIN, type Model } from '../../onnx';
import type { Layer } from '../../analysis';
import { canMoveAttributes, moveAttributesToInputs } from './attributesToInputs';
import { irVersionOfOpset, irVersionOfType, raiseIrVersion } from './irVersions';
import { opsetRaise, type OpsetBlocker } from './opsetRaise';
import type { QuantizedWeight } from './quantizeWeight';

export interface QdqOptions {
  /**
   * Store 2-bit weights in 2-bit tensors wherever opset 25 can be had. Off by default: ONNX Runtime 1.30 refuses them in
   * Conv and computes wrong results from them in MatMul at its default optimisation level. Without it they are used only
   * for embeddings and Gemm with transB, and only in models that already are at opset 25.
   */
  readonly allowInt2?: boolean;
  /**
   * What to do where the opset cannot be raised as far as a type or a per-channel scale needs: use the QuantizeLinear and
   * DequantizeLinear of ONNX Runtime's own domain, or keep to the standard domain and 8-bit tensors.
   * @default 'com.microsoft'
   */
  readonly fallback?: 'com.microsoft' | 'int8';
  /**
   * `packed`: codes in the smallest type that holds them. `int8`: all codes with scales per tensor or channel in 8-bit types,
   * which ONNX Runtime computes on as they are, where it unpacks 4-bit ones at every run.
   * @default 'packed'
   */
  readonly containers?: 'packed' | 'int8';
}

/** First opset of the default domain with the feature in QuantizeLinear and DequantizeLinear. */
const OPSET_OF = { scalar: 10, axis: 13, int4: 21, blocks: 21, int2: 25 } as const;
type Feature = keyof typeof OPSET_OF;

/**
 * ONNX Runtime fuses layers with quantised inputs into operators of the standard domain that came with opset 10, whatever
 * domain quantises them; below, such a model does not load at its default optimisation level.
 */
const FUSED_OPSET = 10;
/**
 * It also quantises biases that stayed float: divides, rounds (an operator of opset 11) and dequantises (along an axis from
 * opset 13 on).
 */
const ROUNDED_BIAS_OPSET = 11;

/** What one layer asks of the format. */
export interface QdqNeed {
  readonly layer: Layer;
  readonly weight: QuantizedWeight | undefined;
  readonly hasActivation: boolean;
}

/** How a quantised tensor is written: its element type and the domain of its DequantizeLinear. */
export interface QdqForm {
  readonly type: DataType;
  readonly domain: string;
  /** Why it is not the smallest type of the standard domain. */
  readonly note: string | undefined;
}

/**
 * Decides once per model how far the opset is raised, and then how each tensor is written at that opset.
 */
export class QdqDialect {
  readonly opsetBefore: number;
  readonly irBefore: number;
  readonly blockers: readonly OpsetBlocker[];
  private readonly opset: number;
  private readonly fallback: 'com.microsoft' | 'int8';

  constructor(
    private readonly model: Model,
    needs: readonly QdqNeed[],
    private readonly options: QdqOptions,
  ) {
    this.opsetBefore = model.opset();
    this.irBefore = model.irVersion;
    this.fallback = options.fallback ?? 'com.microsoft';
    if (needs.some((need) => need.hasActivation)) {
      this.makeRoomFor(ROUNDED_BIAS_OPSET);
    }
    if (needs.some(({ weight }) => weight?.blockSize !== undefined)) {
      // ONNX Runtime's own domain knows no blocks, so that there is nothing to fall back to.
      this.makeRoomFor(OPSET_OF.blocks);
    }
    const wanted = new Set<Feature>();
    for (const need of needs) {
      this.wantedBy(need, wanted);
    }
    const levels = [...wanted].map((feature) => OPSET_OF[feature]).sort((a, b) => b - a);
    let blockers: readonly OpsetBlocker[] = [];
    let opset = model.opset();
    for (const level of levels) {
      const raise = opsetRaise(model, level);
      if (raise.possible) {
        opset = raise.to;
        break;
      }
      // The first, highest level that fails is the one worth explaining.
      blockers = blockers.length === 0 ? raise.blockers : blockers;
    }
    this.opset = opset;
    this.blockers = blockers;
    if (opset > this.opsetBefore) {
      model.setOpset(ONNX_DOMAIN, opset);
      this.requireIr(irVersionOfOpset(opset));
    }
  }

  get opsetAfter(): number {
    return this.opset;
  }

  /** How the codes of a weight are stored; a reason when they cannot be. */
  weightForm(layer: Layer, weight: QuantizedWeight): QdqForm | { readonly refusal: string } {
    const perAxis = weight.axis !== undefined;
    const signed = weight.qmin < 0;
    if (weight.blockSize !== undefined) {
      const four = weight.bits <= 4;
      const type = signed ? (four ? DataType.INT4 : DataType.INT8) : four ? DataType.UINT4 : DataType.UINT8;
      return this.has('blocks')
        ? { type, domain: ONNX_DOMAIN, note: undefined }
        : { refusal: `scales per block need opset ${OPSET_OF.blocks}${this.why()}` };
    }
    const { packs } = this;
    if (packs && weight.bits <= 2 && this.mayUseInt2(layer) && this.has('int2')) {
      return { type: signed ? DataType.INT2 : DataType.UINT2, domain: ONNX_DOMAIN, note: undefined };
    }
    const two = packs && weight.bits <= 2 ? this.int2Note(layer) : undefined;
    if (packs && weight.bits <= 4) {
      const type = signed ? DataType.INT4 : DataType.UINT4;
      if (this.has('int4')) {
        return { type, domain: ONNX_DOMAIN, note: two };
      }
      if (this.fallback === 'com.microsoft') {
        return {
          type,
          domain: MICROSOFT_DOMAIN,
          note: join(two, `4-bit tensors need opset ${OPSET_OF.int4}${this.why()}`),
        };
      }
    }
    const note =
      packs && weight.bits <= 4
        ? join(two, `stored in 8-bit tensors: 4-bit ones need opset ${OPSET_OF.int4}${this.why()}`)
        : two;
    const type = signed ? DataType.INT8 : DataType.UINT8;
    const feature = perAxis ? 'axis' : 'scalar';
    if (this.has(feature)) {
      return { type, domain: ONNX_DOMAIN, note };
    }
    const lacking = `${perAxis ? 'per-channel scales need' : 'quantised tensors need'} opset ${OPSET_OF[feature]}${this.why()}`;
    return this.fallback === 'com.microsoft'
      ? { type, domain: MICROSOFT_DOMAIN, note: join(note, lacking) }
      : { refusal: lacking };
  }

  /** How an input is quantised; a reason when it cannot be. */
  inputForm(type: DataType): QdqForm | { readonly refusal: string } {
    return this.opset < FUSED_OPSET
      ? { refusal: `ONNX Runtime runs quantised inputs from opset ${FUSED_OPSET} on${this.why()}` }
      : this.plainForm(type, false);
  }

  /** Whether ONNX Runtime loads a layer with quantised input, this weight and a constant float bias. */
  takesFloatBias(weight: QuantizedWeight): boolean {
    return this.opset >= (weight.scales.length > 1 ? OPSET_OF.axis : ROUNDED_BIAS_OPSET);
  }

  /** How an 8-bit tensor with one scale is written, or (per axis) a bias; a reason when it cannot be. */
  plainForm(type: DataType, perAxis: boolean): QdqForm | { readonly refusal: string } {
    const feature = perAxis ? 'axis' : 'scalar';
    if (this.has(feature)) {
      return { type, domain: ONNX_DOMAIN, note: undefined };
    }
    const lacking = `${perAxis ? 'per-channel scales need' : 'quantised activations need'} opset ${OPSET_OF[feature]}${this.why()}`;
    return this.fallback === 'com.microsoft' ? { type, domain: MICROSOFT_DOMAIN, note: lacking } : { refusal: lacking };
  }

  /** Declares what the form needs of the model. Call for every form that is written. */
  use(form: QdqForm): void {
    this.requireIr(irVersionOfType(form.type));
    if (form.domain === MICROSOFT_DOMAIN && !this.model.opsets.has(MICROSOFT_DOMAIN)) {
      this.model.setOpset(MICROSOFT_DOMAIN, 1);
    }
  }

  /** Brings an old model to an opset where that takes no less, and no more, than writing attributes as inputs. */
  private makeRoomFor(opset: number): void {
    const from = this.model.opset();
    const raise = opsetRaise(this.model, opset);
    if (raise.possible) {
      return;
    }
    const nodes = [...this.model.allGraphs()].flatMap((graph) => [...graph.nodes]);
    const movable = new Set(nodes.filter((node) => canMoveAttributes(node, from, opset)).map((node) => node.key));
    if (raise.blockers.every((blocker) => movable.has(blocker.node))) {
      moveAttributesToInputs(this.model, opset);
    }
  }

  private wantedBy(need: QdqNeed, wanted: Set<Feature>): void {
    if (need.hasActivation) {
      wanted.add('scalar');
    }
    const { weight } = need;
    if (weight === undefined) {
      return;
    }
    if (weight.blockSize !== undefined) {
      wanted.add('blocks');
      return;
    }
    wanted.add(weight.axis === undefined ? 'scalar' : 'axis');
    if (weight.bits <= 4 && this.packs) {
      wanted.add(weight.bits <= 2 && this.mayUseInt2(need.layer) ? 'int2' : 'int4');
    }
  }

  private get packs(): boolean {
    return this.options.containers !== 'int8';
  }

  private has(feature: Feature): boolean {
    return this.opset >= OPSET_OF[feature];
  }

  private mayUseInt2(layer: Layer): boolean {
    if (this.options.allowInt2 === true) {
      return true;
    }
    return this.opsetBefore >= OPSET_OF.int2 && runsInt2(layer);
  }

  private int2Note(layer: Layer): string {
    return this.mayUseInt2(layer)
      ? `stored in 4-bit tensors: 2-bit ones need opset ${OPSET_OF.int2}${this.why()}`
      : runsInt2(layer)
        ? `stored in 4-bit tensors: 2-bit ones need opset ${OPSET_OF.int2}, which the model does not declare`
        : 'stored in 4-bit tensors: ONNX Runtime does not compute this layer correctly from 2-bit ones';
  }

  /** ", which … stands in the way of": names at most two blockers. */
  private why(): string {
    if (this.blockers.length === 0) {
      return '';
    }
    const named = this.blockers.slice(0, 2).map((b) => `${b.reason} (node "${b.node}")`);
    const more = this.blockers.length - named.length;
    return `, to which the model cannot be raised: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  }

  private requireIr(version: number): void {
    raiseIrVersion(this.model, version);
  }
}

/** Layers ONNX Runtime 1.30 computes correctly from 2-bit weights at every optimisation level (tried out one by one). */
function runsInt2(layer: Layer): boolean {
  return (
    layer.kind === 'Gather' ||
    (layer.kind === 'Gemm' && layer.weight.inputIndex === 1 && layer.node.int('transB', 0) !== 0)
  );
}

function join(a: string | undefined, b: string): string {
  return a === undefined ? b : `${a}; ${b}`;
}
