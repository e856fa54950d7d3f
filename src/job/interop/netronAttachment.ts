import type { InteropSource, InteropText } from './interop';

/** An attachment for Netron: figures it shows beside the nodes of the float model. */
export function netronAttachment({ lock, layers }: InteropSource): InteropText {
  const metrics: object[] = [];
  const metadata: object[] = [];
  for (const { name, weights, input, sparsity, loss, reason } of lock.layers) {
    const layer = layers.get(name);
    if (layer === undefined) {
      continue;
    }
    const target = layer.node.name === '' ? (layer.node.outputs[0]?.name ?? name) : layer.node.name;
    const at = { kind: 'node', target };
    metrics.push(
      { ...at, name: 'weight bits', value: weights.bits, type: 'int64' },
      { ...at, name: 'input bits', value: input.bits, type: 'int64' },
      { ...at, name: `predicted loss (${lock.totals.lossUnit})`, value: loss, type: 'float64' },
    );
    if (sparsity !== undefined) {
      const pattern = sparsity.transposable ? `${sparsity.pattern} transposable` : sparsity.pattern;
      metadata.push({ ...at, name: 'sparsity', value: pattern, type: 'string' });
    }
    if (reason !== undefined) {
      metadata.push({ ...at, name: 'decided by', value: reason, type: 'string' });
    }
  }
  return { value: { signature: 'netron:attachment', metadata, metrics }, notes: [] };
}
