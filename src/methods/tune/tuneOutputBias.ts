import { softmaxRowsInto } from '../../kernels';

/**
 * Shift of the class scores that brings the class probabilities of a compressed network closest to the float network's:
 * minimises the mean KL(softmax(z) ‖ softmax(ẑ + d)) over d, a convex problem in as many unknowns as classes. Newton's steps
 * with a diagonal bound on the curvature (p ≤ ½ · diagonal dominance), so that every step lowers the loss.
 *
 * The bias of a last layer that feeds the outputs takes the shift: bias tuning by distillation (Hubara et al., ICML 2021,
 * section 5) where its gradient needs no back-propagation.
 *
 * @param target float scores, row-major [rows, classes]
 * @param scores scores of the compressed network, same shape
 * @returns the shift, one per class, with mean 0: a common shift changes no probability
 */
export function tuneOutputBias(
  target: Float32Array,
  scores: Float32Array,
  classes: number,
  steps = 200,
): { readonly shift: Float64Array; readonly before: number; readonly after: number } {
  const rows = scores.length / classes;
  const wanted = new Float64Array(target.length);
  softmaxRowsInto(target, 0, rows, classes, wanted, 0);
  const shift = new Float64Array(classes);
  const shifted = new Float32Array(scores.length);
  const probability = new Float64Array(scores.length);
  const lossAt = (d: Float64Array): number => {
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < classes; c++) {
        shifted[row * classes + c] = scores[row * classes + c]! + d[c]!;
      }
    }
    softmaxRowsInto(shifted, 0, rows, classes, probability, 0);
    for (let at = 0; at < wanted.length; at++) {
      const p = wanted[at]!;
      sum += p === 0 ? 0 : p * Math.log(p / Math.max(probability[at]!, 1e-30));
    }
    return sum / rows;
  };
  const before = lossAt(shift);
  let loss = before;
  const trial = new Float64Array(classes);
  for (let step = 0; step < steps; step++) {
    const gradient = new Float64Array(classes);
    const curvature = new Float64Array(classes);
    for (let at = 0; at < wanted.length; at++) {
      const c = at % classes;
      gradient[c]! += probability[at]! - wanted[at]!;
      // The Hessian diag(p) − p pᵀ lies below 2 · diag(p (1 − p)), row by row.
      curvature[c]! += 2 * probability[at]! * (1 - probability[at]!);
    }
    for (let c = 0; c < classes; c++) {
      trial[c] = shift[c]! - gradient[c]! / Math.max(curvature[c]!, 1e-9 * rows);
    }
    const next = lossAt(trial);
    if (!(next < loss * (1 - 1e-9))) {
      break;
    }
    shift.set(trial);
    loss = next;
  }
  const mean = shift.reduce((a, b) => a + b, 0) / classes;
  return { shift: shift.map((value) => value - mean), before, after: loss };
}
