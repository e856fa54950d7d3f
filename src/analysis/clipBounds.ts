import { ONNX_DOMAIN, type Node, type Value } from '../onnx';
import type { Layer } from './layer';

/** Bounds that a node promises of its output; `other` where they cannot be edited in place. */
export interface ClipBounds {
  readonly kind: 'relu' | 'clip' | 'other';
  readonly low: number;
  readonly high: number;
}

/** What a node promises about its output: Relu and Clip bound it, everything else leaves it open. */
export function clipBounds(node: Node | undefined): ClipBounds {
  const open: ClipBounds = { kind: 'other', low: -Infinity, high: Infinity };
  if (node?.domain !== ONNX_DOMAIN) {
    return open;
  }
  if (node.opType === 'Relu') {
    return { kind: 'relu', low: 0, high: Infinity };
  }
  if (node.opType !== 'Clip') {
    return open;
  }
  if (node.attributes.has('min') || node.attributes.has('max')) {
    return { kind: 'other', low: node.float('min', -Infinity), high: node.float('max', Infinity) };
  }
  const low = boundOf(node.inputs[1], -Infinity);
  const high = boundOf(node.inputs[2], Infinity);
  return low === undefined || high === undefined ? open : { kind: 'clip', low, high };
}

/**
 * The bounds that everything behind a layer sees its output through: those of the Relu or Clip that alone reads it, its
 * bias included. Undefined where the output goes anywhere else too, such as into the addition of a residual block.
 */
export function outputClip(layer: Layer): { readonly low: number; readonly high: number } | undefined {
  const output = (layer.bias?.node ?? layer.node).outputs[0];
  const [use, ...others] = output?.uses() ?? [];
  if (output === undefined || output.isGraphOutput || use === undefined || others.length > 0) {
    return undefined;
  }
  const { low, high } = use.index === 0 ? clipBounds(use.node) : clipBounds(undefined);
  return low > -Infinity || high < Infinity ? { low, high } : undefined;
}

/** A constant bound, `absent` for one not given, undefined for one that is computed or can be overridden. */
function boundOf(value: Value | undefined, absent: number): number | undefined {
  if (value === undefined) {
    return absent;
  }
  const tensor = value.isOverridable ? undefined : value.constant();
  return tensor?.elementCount === 1 ? tensor.toNumbers()[0] : undefined;
}
