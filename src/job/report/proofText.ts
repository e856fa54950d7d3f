import { formatLoss } from './formatNumbers';

/**
 * What is known of an allocation: "proved optimal", "not proved optimal (bound 0.01)", or that a neighbour of the optimum was
 * kept because it measured better as a whole network. The first of `policies` is the programme's optimum.
 */
export function proofText(
  solver: { readonly proven: boolean; readonly bound: number | undefined },
  policies: readonly { readonly kept: boolean }[] = [],
): string {
  if (policies.length > 0 && policies[0]?.kept === false) {
    return 'measured better than the optimum';
  }
  if (solver.proven) {
    return 'proved optimal';
  }
  return solver.bound === undefined ? 'not proved optimal' : `not proved optimal (bound ${formatLoss(solver.bound)})`;
}
