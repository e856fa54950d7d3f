import { LatheError } from '../../base/errors';
import type { PolicyCost } from './allocation';

export type AllocateErrorCode =
  | 'allocate/bad-loss'
  | 'allocate/bad-size'
  | 'allocate/bad-budget'
  | 'allocate/no-candidate'
  | 'allocate/pin-conflict'
  | 'allocate/infeasible'
  | 'allocate/engine-failed';

export function badLoss(layer: string, weightBits: number, activationBits: number, loss: number): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/bad-loss',
    `Layer "${layer}": the measured loss at ${weightBits}-bit weights and ${activationBits}-bit activations is ${String(loss)}, ` +
      'not a finite number. Check the calibration data, or exclude the layer in the recipe.',
    { layer, weightBits, activationBits, loss: String(loss) },
  );
}

export function badSize(layer: string, what: string, value: number): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/bad-size',
    `Layer "${layer}": ${what} is ${String(value)}, not a whole number of at least 0. Check the shapes of the model.`,
    { layer, what, value: String(value) },
  );
}

export function badBudget(what: string, value: number): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/bad-budget',
    `The ${what} budget is ${String(value)}. Give a number of at least 0.`,
    { what, value: String(value) },
    { category: 'usage' },
  );
}

export function noCandidate(layer: string, wanted: string, measured: readonly string[]): LatheError {
  const known = measured.length === 0 ? 'nothing was measured for it' : `measured are ${measured.join(', ')}`;
  return new LatheError<AllocateErrorCode>(
    'allocate/no-candidate',
    `Layer "${layer}" has no candidate with ${wanted}: ${known} (weight bits/activation bits). ` +
      'Add the width to the recipe, or change what the recipe says of the layer.',
    { layer, wanted, measured },
    { category: 'usage' },
  );
}

export function pinConflict(layers: readonly string[], what: string): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/pin-conflict',
    `Layers ${layers.map((l) => `"${l}"`).join(' and ')} share one weight but the recipe asks for different widths (${what}). ` +
      'Give them the same width.',
    { layers, what },
    { category: 'usage' },
  );
}

export function engineFailed(engine: string, reason: string): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/engine-failed',
    `The engine ${engine} gave no usable allocation: ${reason}. Use "engine": "auto", or raise the time limit.`,
    { engine, reason },
  );
}

/** A pin and what would become reachable without it. */
export interface PinRelief {
  readonly unit: string;
  readonly pin: string;
  /** How much smaller the smallest reachable amount is without this pin, in the unit of the budget. */
  readonly saves: number;
}

/** One budget that cannot be met. */
export interface UnreachableBudget {
  readonly what: 'size' | 'bitOperations' | 'loss';
  readonly requested: number;
  /** Smallest amount that can be reached, the other budget kept (if there is one and it can be met at all). */
  readonly smallest: number;
  /** The same with no pins and no exclusions; absent when there are none. */
  readonly smallestWithoutPins?: number | undefined;
  /** Largest saving first; pins that save nothing are left out. */
  readonly pins: readonly PinRelief[];
}

export function infeasible(budgets: readonly UnreachableBudget[], smallest: PolicyCost): LatheError {
  return new LatheError<AllocateErrorCode>(
    'allocate/infeasible',
    budgets.map(sentence).join(' '),
    { budgets, smallest },
    { category: 'usage' },
  );
}

function sentence(budget: UnreachableBudget): string {
  const amount = (value: number): string =>
    budget.what === 'size'
      ? `${Math.ceil(value)} bits (${Math.ceil(value / 8)} bytes)`
      : budget.what === 'bitOperations'
        ? `${Math.ceil(value)} bit-operations`
        : String(Number(value.toPrecision(6)));
  const name = { size: 'size', bitOperations: 'bit-operations', loss: 'loss' }[budget.what];
  let text =
    `The ${name} budget of ${amount(budget.requested)} cannot be reached: ` +
    `the smallest feasible ${name === 'bit-operations' ? 'number' : name} is ${amount(budget.smallest)}.`;
  const named = budget.pins.slice(0, 3).map((p) => `"${p.unit}" (${p.pin})`);
  if (named.length > 0) {
    text += ` Held up most by ${named.join(', ')}${budget.pins.length > 3 ? ` and ${budget.pins.length - 3} more` : ''}`;
    text +=
      budget.smallestWithoutPins === undefined
        ? '.'
        : `; without pins and exclusions ${amount(budget.smallestWithoutPins)} would be reachable.`;
  }
  return `${text} Raise the budget, allow fewer bits${named.length > 0 ? ', or loosen these layers' : ''}.`;
}
