import type { AllocationUnit, Choice, ChoicePattern } from './allocation';
import { badLoss, badSize, noCandidate, pinConflict } from './errors';
import { makeMonotone } from './monotone';
import { patternBits, samePattern } from './patternBits';

/** A width pair and what it was measured to cost. */
export interface Candidate {
  readonly weightBits: number;
  /** 32: the input stays float. */
  readonly activationBits: number;
  /** Absent: dense. */
  readonly pattern?: ChoicePattern | undefined;
  readonly loss: number;
}

/** What the allocation has to know of one layer. */
export interface AllocationLayer {
  readonly name: string;
  /** Elements of the weight. */
  readonly parameters: number;
  /** Multiply-accumulates per sample; 0 where unknown. */
  readonly macs: number;
  /** Layers with the same id share one stored weight. */
  readonly tie?: string | undefined;
  readonly candidates: readonly Candidate[];
  /** Of an excluded layer whose weights are sparse already. */
  readonly pattern?: ChoicePattern | undefined;
  /** A width the recipe fixes (32: stays float). */
  readonly pinnedWeight?: number | undefined;
  readonly pinnedActivation?: number | undefined;
  /** Widths the recipe restricts the layer to. */
  readonly allowedWeights?: readonly number[] | undefined;
  readonly allowedActivations?: readonly number[] | undefined;
  /** Stays float; its size still counts. */
  readonly excluded?: boolean | undefined;
}

export interface UnitOptions {
  /** In the order of the model. */
  readonly layers: readonly AllocationLayer[];
  /** `tied`: weights and activations have the same width, except where one of the two cannot be quantised. */
  readonly pairing: 'free' | 'tied';
  /**
   * Width of the first and the last layer where the recipe says nothing of them: the smallest measured width that is at
   * least this, else the widest measured. Undefined: they are allocated like all others.
   */
  readonly firstAndLast?: number | undefined;
  /** Names of those layers; by default the first and the last of `layers`. */
  readonly edges?: readonly string[] | undefined;
}

const FLOAT_BITS = 32;

/**
 * Turns measured layers into units to choose for.
 *
 * Layers that share a weight form one unit at the place of the first: the weight's size counts once, losses and
 * bit-operations add up, and all members take the same weight bits. They also take the same activation bits, except members
 * whose input cannot be quantised at all: these stay at float activations. A pin on one member holds for all.
 *
 * Losses are made non-increasing in bits (see {@link makeMonotone}); `raisedBy` says by how much. All candidates stay
 * in the unit, so that any width can be shown and chosen by hand; the solver drops the dominated ones itself.
 *
 * @throws LatheError `allocate/bad-loss` (NaN or infinite, names the layer), `allocate/bad-size`, `allocate/no-candidate` (nothing
 * measured satisfies a pin), `allocate/pin-conflict` (layers that share a weight are pinned apart).
 */
export function buildUnits(options: UnitOptions): AllocationUnit[] {
  const { layers } = options;
  const edges = new Set(
    options.firstAndLast === undefined
      ? []
      : (options.edges ?? [layers[0]?.name, layers[layers.length - 1]?.name].filter((n) => n !== undefined)),
  );
  const groups = new Map<string, AllocationLayer[]>();
  for (const layer of layers) {
    checkLayer(layer);
    const key = layer.tie === undefined ? `layer ${layer.name}` : `tie ${layer.tie}`;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [layer]);
    } else {
      group.push(layer);
    }
  }
  return [...groups.values()].map((group) => buildUnit(group, options, edges));
}

function checkLayer(layer: AllocationLayer): void {
  for (const what of ['parameters', 'macs'] as const) {
    if (!Number.isInteger(layer[what]) || layer[what] < 0) {
      throw badSize(layer.name, what, layer[what]);
    }
  }
  for (const candidate of layer.candidates) {
    if (!Number.isFinite(candidate.loss)) {
      throw badLoss(layer.name, candidate.weightBits, candidate.activationBits, candidate.loss);
    }
    for (const what of ['weightBits', 'activationBits'] as const) {
      if (!Number.isInteger(candidate[what]) || candidate[what] < 1) {
        throw badSize(layer.name, what, candidate[what]);
      }
    }
  }
}

function buildUnit(
  group: readonly AllocationLayer[],
  options: UnitOptions,
  edges: ReadonlySet<string>,
): AllocationUnit {
  const first = group[0]!;
  const members = group.map((layer) => layer.name);
  const excluded = group.find((layer) => layer.excluded === true);
  const measured = makeMonotone(mergeCandidates(group).map((candidate) => choiceOf(group, candidate)));
  const unpinned = pairUp(measured.choices, options.pairing);
  const raised = measured.raisedBy > 0 ? { raisedBy: measured.raisedBy } : {};
  const loosened = unpinned.length > 0 ? { unpinned } : {};
  if (excluded !== undefined) {
    const float = choiceOf(group, {
      weightBits: FLOAT_BITS,
      activationBits: FLOAT_BITS,
      pattern: excluded.pattern,
      loss: 0,
    });
    const pin = excluded === first ? 'excluded' : `excluded with "${excluded.name}", which shares its weight`;
    return { name: first.name, members, choices: [float], pin, ...loosened };
  }
  const filter = filterOf(group, options, edges, measured.choices);
  // A pin on both widths overrides "tied": it may well set them apart.
  const candidates = filter.setsBoth ? measured.choices : unpinned;
  const choices = candidates.filter(
    (choice) => filter.weights.allows(choice.weightBits) && filter.activations.allows(choice.activationBits),
  );
  if (choices.length === 0) {
    const wanted = filter.reason === '' ? 'a width the recipe allows' : filter.reason;
    throw noCandidate(
      first.name,
      wanted,
      measured.choices.map((choice) => `${choice.weightBits}/${choice.activationBits}`),
    );
  }
  return choices.length === unpinned.length && choices.every((choice, i) => choice === unpinned[i])
    ? { name: first.name, members, choices, ...raised }
    : { name: first.name, members, choices, pin: filter.reason, ...loosened, ...raised };
}

function choiceOf(group: readonly AllocationLayer[], candidate: Candidate): Choice {
  const { weightBits, activationBits, pattern, loss } = candidate;
  const kept = pattern === undefined ? 1 : pattern.keep / pattern.group;
  let bitOperations = 0;
  for (const layer of group) {
    const bits = hasFloatInput(layer) ? FLOAT_BITS : activationBits;
    bitOperations += layer.macs * kept * weightBits * bits;
  }
  return {
    weightBits,
    activationBits,
    loss,
    ...(pattern === undefined ? {} : { pattern }),
    sizeBits: patternBits(group[0]!.parameters, weightBits, pattern),
    bitOperations,
  };
}

/** No candidate quantises the input, though something was measured. */
function hasFloatInput(layer: AllocationLayer): boolean {
  return layer.candidates.length > 0 && layer.candidates.every((c) => c.activationBits === FLOAT_BITS);
}

/** Candidates that all members have, losses added. */
function mergeCandidates(group: readonly AllocationLayer[]): Candidate[] {
  if (group.length === 1) {
    return [...group[0]!.candidates];
  }
  const leader = group.find((layer) => !hasFloatInput(layer)) ?? group[0]!;
  const merged: Candidate[] = [];
  for (const { weightBits, activationBits, pattern } of leader.candidates) {
    let loss = 0;
    const inAll = group.every((layer) => {
      const bits = hasFloatInput(layer) ? FLOAT_BITS : activationBits;
      const own = layer.candidates.find(
        (c) => c.weightBits === weightBits && c.activationBits === bits && samePattern(c.pattern, pattern),
      );
      loss += own?.loss ?? 0;
      return own !== undefined;
    });
    if (inAll) {
      merged.push({ weightBits, activationBits, pattern, loss });
    }
  }
  return merged;
}

function pairUp(choices: readonly Choice[], pairing: 'free' | 'tied'): Choice[] {
  const oneSided =
    choices.every((c) => c.activationBits === FLOAT_BITS) || choices.every((c) => c.weightBits === FLOAT_BITS);
  return choices.filter((c) => pairing === 'free' || oneSided || c.weightBits === c.activationBits);
}

interface WidthFilter {
  readonly allows: (bits: number) => boolean;
  readonly reason: string;
  /** The width is fixed by the recipe. */
  readonly fixed: boolean;
}

function filterOf(
  group: readonly AllocationLayer[],
  options: UnitOptions,
  edges: ReadonlySet<string>,
  choices: readonly Choice[],
): { weights: WidthFilter; activations: WidthFilter; reason: string; setsBoth: boolean } {
  const edge = group.find((layer) => edges.has(layer.name));
  const paired = pairUp(choices, options.pairing);
  const side = (
    what: 'weights' | 'activations',
    pinned: (layer: AllocationLayer) => number | undefined,
    allowed: (layer: AllocationLayer) => readonly number[] | undefined,
    width: (choice: Choice) => number,
  ): WidthFilter => {
    const pins = group.filter((layer) => pinned(layer) !== undefined);
    const pin = pins[0] === undefined ? undefined : pinned(pins[0]);
    if (pin !== undefined) {
      const other = pins.find((layer) => pinned(layer) !== pin);
      if (other !== undefined) {
        throw pinConflict([pins[0]!.name, other.name], `${what} ${pin} and ${String(pinned(other))} bits`);
      }
      return { allows: (bits) => bits === pin, reason: `${what} pinned to ${pin} bits`, fixed: true };
    }
    const lists = group.map(allowed).filter((list) => list !== undefined);
    if (lists.length > 0) {
      const reason = `${what} restricted to ${lists.map((list) => list.join(', ')).join(' and ')} bits`;
      return { allows: (bits) => lists.every((list) => list.includes(bits)), reason, fixed: false };
    }
    if (edge !== undefined) {
      const bits = edgeWidth((paired.length > 0 ? paired : choices).map(width), options.firstAndLast!);
      return {
        allows: (b) => b === bits,
        reason: `${what} at ${bits} bits as first or last layer`,
        fixed: false,
      };
    }
    return { allows: () => true, reason: '', fixed: false };
  };
  const weights = side(
    'weights',
    (layer) => layer.pinnedWeight,
    (layer) => layer.allowedWeights,
    (choice) => choice.weightBits,
  );
  const activations = side(
    'activations',
    (layer) => layer.pinnedActivation,
    (layer) => layer.allowedActivations,
    (choice) => choice.activationBits,
  );
  const reasons = [weights.reason, activations.reason].filter((reason) => reason !== '');
  return { weights, activations, reason: reasons.join(', '), setsBoth: weights.fixed && activations.fixed };
}

function edgeWidth(widths: readonly number[], wanted: number): number {
  const enough = widths.filter((bits) => bits >= wanted);
  return enough.length > 0 ? Math.min(...enough) : Math.max(...widths);
}
