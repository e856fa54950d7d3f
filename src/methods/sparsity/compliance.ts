import type { Layer, NmPattern } from '../../analysis';
import { countCompliantGroups, countExcessNonZeros } from '../../kernels';
import { weightPlanes } from './weightPlanes';

/** How far the groups along one axis keep to a pattern. */
export interface Compliance {
  readonly groups: number;
  readonly compliant: number;
  /** compliant / groups, 0…1; 1 when there is no group. */
  readonly compliance: number;
  /** Σ max(0, non-zeros − keep): what would have to go along this axis alone. */
  readonly excess: number;
}

export interface BothCompliances {
  /** Groups along the reduction axis: W·x. */
  readonly forward: Compliance;
  /** Groups along the output channels, inside each convolution group: Wᵀ·dy. */
  readonly backward: Compliance;
}

/** Counts the groups of a weight, in matrix order, that hold at most `keep` non-zeros (NaN is one). */
export function weightCompliance(layer: Layer, weights: Float32Array, { keep, group }: NmPattern): BothCompliances {
  const { layout, positions } = weightPlanes(layer);
  const { rows, columns, rowGroups } = layout;
  const inputs = columns / positions;
  const count = (outer: number, axis: number, inner: number): Compliance => {
    const groups = outer * inner * Math.ceil(axis / group);
    const compliant = countCompliantGroups(weights, 0, outer, axis, inner, keep, group);
    const excess = countExcessNonZeros(weights, 0, outer, axis, inner, keep, group);
    return { groups, compliant, compliance: groups === 0 ? 1 : compliant / groups, excess };
  };
  return { forward: count(rows, inputs, positions), backward: count(rowGroups, rows / rowGroups, columns) };
}

/** {@link weightCompliance} of a mask in matrix order. */
export function maskCompliance(layer: Layer, mask: Uint8Array, pattern: NmPattern): BothCompliances {
  return weightCompliance(layer, Float32Array.from(mask), pattern);
}
