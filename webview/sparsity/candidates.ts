import type { MaskMethod, PatternDiversity, PatternName, PatternSparsity } from '../../src/protocol/sparsity';
import type { EditorModel } from '../editor/editorModel';
import { methods, patternText } from './names';

/** What a way of masking keeps of |w|: of one layer, or of all that are eligible, with the least and the greatest. */
export interface Candidate {
  readonly method: MaskMethod;
  readonly retained: number;
  readonly density: number;
  readonly spread?: readonly [number, number];
}

export interface PatternCandidates extends PatternName {
  readonly key: string;
  readonly candidates: readonly Candidate[];
  /** Compliance of the weight as it is; weighted by parameters over several layers. */
  readonly forward: number | undefined;
  readonly backward: number | undefined;
  /** Why there is no candidate. */
  readonly reason: string | undefined;
}

/** Candidates of the patterns for some layers. Over several layers shares are weighted by parameters. */
export function patternCandidates(
  model: EditorModel,
  patterns: readonly PatternName[],
  layers: readonly string[],
): readonly PatternCandidates[] {
  return patterns.map((pattern) => {
    const found = layers.flatMap((name) => {
      const entry = model.patternOf(name, pattern);
      const parameters = model.layerByName(name)?.parameters ?? 0;
      return entry === undefined ? [] : [{ entry, parameters }];
    });
    const mean = (value: (entry: PatternSparsity) => number | undefined): number | undefined => {
      let sum = 0;
      let total = 0;
      for (const { entry, parameters } of found) {
        const one = value(entry);
        sum += one === undefined ? 0 : one * parameters;
        total += one === undefined ? 0 : parameters;
      }
      return total === 0 ? undefined : sum / total;
    };
    const candidates = methods.flatMap((method): Candidate[] => {
      const retained = mean((entry) => entry.masks?.methods[method]?.retained);
      const density = mean((entry) => entry.masks?.methods[method]?.density);
      if (retained === undefined || density === undefined) {
        return [];
      }
      const values = found.flatMap(({ entry }) => entry.masks?.methods[method]?.retained ?? []);
      return [
        {
          method,
          retained,
          density,
          ...(values.length > 1 && { spread: [Math.min(...values), Math.max(...values)] as const }),
        },
      ];
    });
    const refused = found.map(({ entry }) => entry.eligible).find((verdict) => !verdict.possible);
    return {
      ...pattern,
      key: patternText(pattern),
      candidates,
      forward: mean((entry) => entry.forward),
      backward: mean((entry) => entry.backward),
      reason: refused?.possible === false ? refused.reason : undefined,
    };
  });
}

/** What the counts say of 4:8 transposable against 2:4, the comparison made in the literature. */
export interface DiversityComparison {
  readonly rows24: number;
  readonly exact48: number;
  readonly product48: number;
}

export function compareDiversity(diversity: readonly PatternDiversity[]): DiversityComparison | undefined {
  const find = (keep: number, group: number) => diversity.find((entry) => entry.keep === keep && entry.group === group);
  const a = find(2, 4);
  const b = find(4, 8);
  return a === undefined || b === undefined ? undefined : { rows24: a.rows, exact48: b.exact, product48: b.product };
}
