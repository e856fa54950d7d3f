import { seededRandom } from '../../../../src/base/random';
import type { AllocationProblem, AllocationUnit } from '../../../../src/methods/allocate';

/** Units of three layers, widths 8, 4, 2: small enough to check on paper. */
export function toyUnits(): AllocationUnit[] {
  const parameters = [1000, 4000, 2000];
  const macs = [9000, 4000, 1000];
  const losses = [
    [0, 0.3, 2],
    [0, 0.05, 0.6],
    [0, 0.2, 0.9],
  ];
  return ['A', 'B', 'C'].map((name, u) => ({
    name,
    members: [name],
    choices: [8, 4, 2].map((bits, c) => ({
      weightBits: bits,
      activationBits: bits,
      loss: losses[u]![c]!,
      sizeBits: parameters[u]! * bits,
      bitOperations: macs[u]! * bits * bits,
    })),
  }));
}

/** Ten layers from a linear congruential generator, widths 8 to 2, loss growing like the quantisation noise. */
export function generatedUnits(): { units: AllocationUnit[]; sizes: number[]; sensitivities: number[] } {
  let state = 2021;
  const draw = (): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const sizes: number[] = [];
  const sensitivities: number[] = [];
  for (let layer = 0; layer < 10; layer++) {
    sizes.push(16 * (1 + Math.floor(64 * draw())));
    sensitivities.push(0.2 + 0.8 * draw());
  }
  const units = sizes.map((size, u) => ({
    name: `layer${u}`,
    members: [`layer${u}`],
    choices: [8, 7, 6, 5, 4, 3, 2].map((bits) => ({
      weightBits: bits,
      activationBits: 8,
      loss: bits === 8 ? 0 : (sensitivities[u]! * (4 ** (8 - bits) - 1)) / 4096,
      sizeBits: size * bits,
      bitOperations: size * bits * 8,
    })),
  }));
  return { units, sizes, sensitivities };
}

/** Random units; with `coarse` losses and sizes are small whole numbers, so that ties abound. */
export function randomUnits(
  seed: number,
  options: { layers: number; widths: readonly number[]; activations: readonly number[]; coarse?: boolean },
): AllocationUnit[] {
  const random = seededRandom(seed);
  return Array.from({ length: options.layers }, (_, u) => {
    const parameters = options.coarse === true ? 1 + Math.floor(random() * 4) : Math.round(10 ** (2 + 3 * random()));
    const macs = options.coarse === true ? 1 + Math.floor(random() * 4) : Math.round(10 ** (3 + 3 * random()));
    const single = random() < 0.1;
    const choices = options.widths.flatMap((weightBits) =>
      options.activations.map((activationBits) => {
        const noise = random();
        const loss =
          options.coarse === true
            ? Math.floor(noise * 6)
            : (0.5 + noise) * (4 ** -weightBits + 0.3 * 4 ** -activationBits) * 10;
        return {
          weightBits,
          activationBits,
          loss,
          sizeBits: parameters * weightBits,
          bitOperations: macs * weightBits * activationBits,
        };
      }),
    );
    return { name: `layer${u}`, members: [`layer${u}`], choices: single ? choices.slice(-1) : choices };
  });
}

export interface Exhaustive {
  /** Least objective, undefined when nothing fits. */
  readonly objective: number | undefined;
  /** All picks within this of the least. */
  readonly optima: readonly (readonly number[])[];
}

/** Tries every policy. */
export function bruteForce({ units, objective }: AllocationProblem): Exhaustive {
  let least = Infinity;
  let optima: number[][] = [];
  const picks = units.map(() => 0);
  const visit = (u: number, loss: number, size: number, bops: number): void => {
    if (u === units.length) {
      const maxSize = objective.minimize === 'loss' ? (objective.maxSizeBits ?? Infinity) : Infinity;
      const maxLoss = objective.minimize === 'size' ? objective.maxLoss : Infinity;
      if (size > maxSize || bops > (objective.maxBitOperations ?? Infinity) || loss > maxLoss + 1e-12) {
        return;
      }
      const value = objective.minimize === 'loss' ? loss : size;
      if (value < least - 1e-12) {
        least = value;
        optima = [];
      }
      if (value <= least + 1e-12) {
        optima.push([...picks]);
      }
      return;
    }
    units[u]!.choices.forEach((choice, c) => {
      picks[u] = c;
      visit(u + 1, loss + choice.loss, size + choice.sizeBits, bops + choice.bitOperations);
    });
  };
  visit(0, 0, 0, 0);
  return { objective: least === Infinity ? undefined : least, optima };
}
