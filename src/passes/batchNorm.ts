import { isPlain, traceConstant } from '../analysis';
import type { Refusal } from '../base/errors';
import type { Model, Node, Value } from '../onnx';
import { refuse } from './passResult';

/** A BatchNormalization in inference form: y = factor · x + shift per channel, in float64. */
export interface BatchNorm {
  readonly node: Node;
  readonly input: Value;
  readonly output: Value;
  readonly channels: number;
  /** gamma / sqrt(var + eps). */
  readonly factor: Float64Array;
  /** beta − factor · mean. */
  readonly shift: Float64Array;
  readonly mean: Float64Array;
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  /** Equal for nodes that compute the same function from the same constants. */
  readonly identity: string;
}

/** Reads a BatchNormalization, or says why it cannot be one of inference with constant parameters. */
export function readBatchNorm(model: Model, node: Node): BatchNorm | Refusal {
  const input = node.inputs[0];
  const output = node.outputs[0];
  if (input === undefined || output === undefined) {
    return refuse('it has no input or no output', node);
  }
  const opset = model.opset();
  const extra = node.outputs.slice(1).filter((value) => value !== undefined);
  if (opset >= 14 ? node.int('training_mode', 0) !== 0 : extra.length > 0) {
    return refuse('it is in training mode: it normalises with the statistics of the batch', node);
  }
  if (extra.some((value) => value.uses().length > 0 || value.isGraphOutput)) {
    return refuse('its running statistics are read elsewhere', node);
  }
  if (opset < 7) {
    return refuse(`operator set ${opset} tells training from inference by an attribute that later ones dropped`, node);
  }
  if (node.int('spatial', 1) === 0) {
    return refuse('it normalises every position on its own (spatial = 0)', node);
  }
  const names: string[] = [];
  const values: Float64Array[] = [];
  for (const [i, what] of ['scale', 'bias', 'mean', 'variance'].entries()) {
    const chain = traceConstant(node.inputs[i + 1]);
    if (chain === undefined || !isPlain(chain.steps)) {
      return refuse(`its ${what} is not a constant`, node);
    }
    if (chain.source.isOverridable) {
      return refuse(`its ${what} "${chain.source.name}" is also an input of the model and may be replaced`, node);
    }
    names.push(chain.source.name);
    values.push(chain.tensor.toFloat64());
  }
  const [gamma, beta, mean, variance] = values as [Float64Array, Float64Array, Float64Array, Float64Array];
  const channels = gamma.length;
  if (values.some((v) => v.length !== channels)) {
    return refuse('its parameters differ in length', node);
  }
  const epsilon = node.float('epsilon', 1e-5);
  const factor = gamma.map((g, c) => g / Math.sqrt(variance[c]! + epsilon));
  const shift = beta.map((b, c) => b - factor[c]! * mean[c]!);
  const broken = factor.findIndex((f, c) => !Number.isFinite(f) || !Number.isFinite(shift[c]!));
  if (broken >= 0) {
    return refuse(
      `channel ${broken} has variance ${variance[broken]!}, scale ${gamma[broken]!}: no finite factor`,
      node,
    );
  }
  const identity = JSON.stringify([names, epsilon]);
  return { node, input, output, channels, factor, shift, mean, gamma, beta, identity };
}
