import { readWeight } from '../../analysis';
import type { Layer } from '../../analysis';
import { countCompliantGroups } from '../../kernels';
import type { SparsityChoice } from '../recipe/recipe';

export interface PatternCompliance {
  /** Groups along the reduction axis, and those with at most `keep` non-zeros. */
  readonly forward: GroupCount;
  /** The same along the output channels; undefined where the pattern does not ask for it. */
  readonly backward: GroupCount | undefined;
  /** Share of exact zeros, 0…1. */
  readonly zeros: number;
}

export interface GroupCount {
  readonly groups: number;
  readonly compliant: number;
}

/** Counts the groups of a stored weight that hold a pattern: what an exported file is held to. Loads the weight. */
export function patternCompliance(layer: Layer, pattern: SparsityChoice): PatternCompliance {
  const values = readWeight(layer);
  let zeros = 0;
  for (const value of values) {
    zeros += value === 0 ? 1 : 0;
  }
  return {
    forward: countAlong(layer, values, layer.weight.inAxis, layer.kind === 'ConvTranspose' ? layer.groups : 1, pattern),
    backward: pattern.transposable
      ? countAlong(layer, values, layer.weight.outAxis, layer.kind === 'Conv' ? layer.groups : 1, pattern)
      : undefined,
    zeros: values.length === 0 ? 0 : zeros / values.length,
  };
}

/** @param groups convolution groups that lie one after the other on the axis: patterns do not reach across them */
function countAlong(
  layer: Layer,
  values: Float32Array,
  axis: number,
  groups: number,
  { keep, group }: SparsityChoice,
): GroupCount {
  const { shape } = layer.weight;
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1) * groups;
  const length = shape[axis]! / groups;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return {
    groups: outer * inner * Math.ceil(length / group),
    compliant: countCompliantGroups(values, 0, outer, length, inner, keep, group),
  };
}

/** One sentence where a layer does not hold its pattern; undefined where it does. */
export function patternBroken(layer: Layer, pattern: SparsityChoice): string | undefined {
  const { forward, backward } = patternCompliance(layer, pattern);
  const wrong = (count: GroupCount | undefined, along: string): string[] =>
    count === undefined || count.compliant === count.groups
      ? []
      : [`${count.groups - count.compliant} of ${count.groups} groups along the ${along} channels`];
  const broken = [...wrong(forward, 'input'), ...wrong(backward, 'output')];
  return broken.length === 0
    ? undefined
    : `Layer "${layer.name}" does not hold ${pattern.keep}:${pattern.group}${pattern.transposable ? ' (transposable)' : ''}: ${broken.join(' and ')} have more than ${pattern.keep} non-zeros.`;
}
