import type { Choice } from './allocation';
import { samePattern } from './patternBits';

/**
 * Share of the layer's loss range (or of its largest loss, if all are equal) that separates two widths after a repair.
 * Small enough never to outweigh a measured difference, large enough to survive float64.
 */
const REPAIR_EPSILON = 1e-9;

/**
 * Raises losses until more bits never cost more: loss'(w, a) = max(loss(w, a), max over (w', a') ≥ (w, a) of loss' + ε).
 *
 * A measurement that says fewer bits are better is noise. The loss at fewer bits is raised just above that at more bits,
 * not the other way round, so that no prediction becomes rosier than what was measured; where the budget allows, the
 * wider width then wins. Choices of different patterns are not compared. Losses that already do not increase with bits are left as they are, equal ones included.
 *
 * @returns the choices in the same order, and the largest raise (0: nothing was changed).
 */
export function makeMonotone(choices: readonly Choice[]): { choices: Choice[]; raisedBy: number } {
  let low = Infinity;
  let high = -Infinity;
  for (const choice of choices) {
    low = Math.min(low, choice.loss);
    high = Math.max(high, choice.loss);
  }
  const epsilon = REPAIR_EPSILON * (high - low);
  // Wider choices first: all that may force a raise are final when a choice is reached.
  const order = choices
    .map((_, index) => index)
    .sort((a, b) => width(choices[b]!) - width(choices[a]!) || choices[b]!.weightBits - choices[a]!.weightBits);
  const losses = choices.map((choice) => choice.loss);
  let raisedBy = 0;
  for (let i = 0; i < order.length; i++) {
    const index = order[i]!;
    const choice = choices[index]!;
    let floor = -Infinity;
    for (let j = 0; j < i; j++) {
      const wider = choices[order[j]!]!;
      if (
        samePattern(wider.pattern, choice.pattern) &&
        wider.weightBits >= choice.weightBits &&
        wider.activationBits >= choice.activationBits &&
        (wider.weightBits > choice.weightBits || wider.activationBits > choice.activationBits)
      ) {
        floor = Math.max(floor, losses[order[j]!]!);
      }
    }
    if (choice.loss < floor) {
      losses[index] = floor + epsilon;
      raisedBy = Math.max(raisedBy, floor + epsilon - choice.loss);
    }
  }
  return {
    choices: raisedBy === 0 ? [...choices] : choices.map((choice, index) => ({ ...choice, loss: losses[index]! })),
    raisedBy,
  };
}

function width(choice: Choice): number {
  return choice.weightBits + choice.activationBits;
}
