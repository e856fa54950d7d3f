/**
 * How many bits weights take, counted three ways. Which one is meant is always said:
 * - nominal: elements × width, nothing else (what papers report);
 * - packed: nominal plus 32 bits per scale, `width` bits per zero point and 32 bits per bias element;
 * - stored: what the file holds, with widths rounded up to the containers ONNX has.
 */
export interface StorageBits {
  readonly nominal: number;
  readonly packed: number;
  readonly stored: number;
}

export interface WeightStorageSpec {
  readonly elements: number;
  /** 2 to 8, or the width of the float type for a layer that is left alone. */
  readonly bits: number;
  /** Width of the container in the file: 8, 4 or 2, or that of the float type. */
  readonly containerBits: number;
  /** Scales in the file; 0 for a float layer. */
  readonly scales: number;
  /** Zero points that carry information, i.e. of asymmetric weights. */
  readonly zeroPoints: number;
  /** Zero points in the file (symmetric ones are written too). */
  readonly storedZeroPoints: number;
  readonly biasElements: number;
}

export function weightStorage(spec: WeightStorageSpec): StorageBits {
  const { elements, bits, containerBits } = spec;
  const side = 32 * spec.scales + 32 * spec.biasElements;
  return {
    nominal: elements * bits,
    packed: elements * bits + side + bits * spec.zeroPoints,
    stored: wholeBytes(elements * containerBits) + side + wholeBytes(spec.storedZeroPoints * containerBits),
  };
}

export function addStorage(a: StorageBits, b: StorageBits): StorageBits {
  return { nominal: a.nominal + b.nominal, packed: a.packed + b.packed, stored: a.stored + b.stored };
}

export const NO_STORAGE: StorageBits = { nominal: 0, packed: 0, stored: 0 };

/** Σ n·b / (32 · Σ n): the size ratio papers report, weights only. 1 for no layers. */
export function nominalRatio(layers: Iterable<{ readonly elements: number; readonly bits: number }>): number {
  let bits = 0;
  let elements = 0;
  for (const layer of layers) {
    bits += layer.elements * layer.bits;
    elements += layer.elements;
  }
  return elements === 0 ? 1 : bits / (32 * elements);
}

function wholeBytes(bits: number): number {
  return Math.ceil(bits / 8) * 8;
}
