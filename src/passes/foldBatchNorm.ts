import type { Refusal } from '../base/errors';
import type { Model } from '../onnx';
import { readBatchNorm, type BatchNorm } from './batchNorm';
import { constantUses } from './constantUses';
import { applyFold, biasRefusal, foldedWeight } from './applyFold';
import { findTarget, LazyShapes, type FoldTarget } from './foldTarget';
import { isRefusal, refuse, type AppliedRewrite, type PassResult } from './passResult';

/** What a folded norm knew about its layer, kept for tuning statistics later: folding destroys it. */
export interface FoldedBatchNorm {
  /** Key of the layer's node. */
  readonly layer: string;
  /**
   * `after`: the layer's output channels had mean beta and standard deviation |gamma| on the training data. `before`: its
   * input channels had.
   */
  readonly side: 'after' | 'before';
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
}

export interface FoldBatchNormResult extends PassResult {
  readonly folded: readonly FoldedBatchNorm[];
}

interface Plan {
  readonly norm: BatchNorm;
  readonly target: FoldTarget;
}

/**
 * Folds BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul (+ Add) in front of it, or into the one behind it
 * where that is exact. With a = gamma / sqrt(var + eps): W′ = a · W along the output channels, b′ = a · (b − mean) + beta;
 * for a layer behind: W′ = W · a along the input channels, b′ = b + W · (beta − a · mean). Computed in float64 and rounded
 * once to the type of the weight.
 *
 * Changes the model in place. The layer keeps its node, key and (unless the norm's output is an output of the model) the
 * name of its output. A weight that several layers share is folded only when all of them end in the same norm; otherwise
 * sharing would be lost.
 */
export function foldBatchNorm(model: Model): FoldBatchNormResult {
  const applied: AppliedRewrite[] = [];
  const folded: FoldedBatchNorm[] = [];
  let refused: Refusal[] = [];
  // A norm behind a norm finds its layer only once the first is gone.
  for (let again = true; again;) {
    again = false;
    refused = [];
    const plans: Plan[] = [];
    const shapes = new LazyShapes(model);
    for (const node of model.graph.nodes) {
      if (node.is('BatchNormalization')) {
        const norm = readBatchNorm(model, node);
        const target = isRefusal(norm) ? norm : findTarget(norm, shapes);
        if (isRefusal(norm) || isRefusal(target)) {
          refused.push(target as Refusal);
        } else {
          plans.push({ norm, target });
        }
      }
    }
    for (const group of groupsByWeight(plans)) {
      const refusals = foldGroup(group, applied, folded);
      refused.push(...refusals);
      again ||= refusals.length === 0;
    }
  }
  return { modified: applied.length > 0, applied, refused: [...refused, ...inSubgraphs(model)], folded };
}

/** Plans that change the same stored weight, in node order. */
function groupsByWeight(plans: readonly Plan[]): Plan[][] {
  const groups = new Map<unknown, Plan[]>();
  for (const plan of plans) {
    const source = plan.target.weight.source;
    const group = groups.get(source);
    if (group === undefined) {
      groups.set(source, [plan]);
    } else {
      group.push(plan);
    }
  }
  return [...groups.values()];
}

/** Folds one stored weight and the biases of its layers; all or nothing. */
function foldGroup(group: Plan[], applied: AppliedRewrite[], folded: FoldedBatchNorm[]): Refusal[] {
  const first = group[0]!;
  const { weight } = first.target;
  const { uses, isOutput } = constantUses(weight.source);
  const refuseAll = (reason: string): Refusal[] =>
    group.map(({ norm, target }) => refuse(reason, norm.node, target.layer));
  if (isOutput) {
    return refuseAll(`the weight "${weight.source.name}" is an output of the model`);
  }
  let members = group;
  if (group.length > 1 && uses.length === 1) {
    // One layer between two norms: the first now, the other in the next round.
    members = [first];
  } else if (uses.length > 1) {
    const same = group.every((plan) => isSameFold(plan, first));
    const covered = uses.every((use) =>
      group.some(({ target }) => target.layer === use.node && target.weightInput === use.index),
    );
    if (!same || !covered || uses.length !== group.length) {
      return group.map(({ norm, target }) => {
        const other = uses.find((use) => use.node !== target.layer)?.node ?? target.layer;
        return refuse(
          `the weight "${weight.source.name}" is shared with ${other.opType} "${other.key}", which does not end in the same norm`,
          norm.node,
          target.layer,
        );
      });
    }
  }
  const folding = foldedWeight(first.norm, first.target);
  if (isRefusal(folding)) {
    return refuseAll(folding.reason);
  }
  const blocked = members.flatMap(({ norm, target }) => biasRefusal(norm, target, folding) ?? []);
  if (blocked.length > 0) {
    return refuseAll(blocked[0]!.reason);
  }
  for (const plan of members) {
    applyFold(plan.norm, plan.target, folding, plan === first);
  }
  for (const { norm, target } of members) {
    const position = target.side === 'after' ? 'in front of' : 'behind';
    applied.push({
      nodes: [norm.node.key, target.layer.key],
      note: `BatchNormalization folded into the ${target.kind} ${position} it`,
    });
    folded.push({
      layer: target.layer.key,
      side: target.side,
      gamma: Float32Array.from(norm.gamma),
      beta: Float32Array.from(norm.beta),
    });
  }
  return [];
}

function isSameFold(a: Plan, b: Plan): boolean {
  const { target: x } = a;
  const { target: y } = b;
  return (
    a.norm.identity === b.norm.identity &&
    x.side === y.side &&
    x.kind === y.kind &&
    x.outAxis === y.outAxis &&
    x.inAxis === y.inAxis &&
    x.groups === y.groups
  );
}

function inSubgraphs(model: Model): Refusal[] {
  const refusals: Refusal[] = [];
  for (const graph of model.allGraphs()) {
    if (graph !== model.graph) {
      for (const node of graph.nodes) {
        if (node.is('BatchNormalization')) {
          refusals.push(refuse('it is inside a sub-graph, which is not rewritten', node));
        }
      }
    }
  }
  return refusals;
}
