import type { Layer } from '../../../analysis';
import type { ComparedLayer } from './comparisonSchema';

export interface LayerPair {
  readonly before: Layer | undefined;
  readonly after: Layer | undefined;
  readonly matchedBy: ComparedLayer['matchedBy'];
}

/**
 * Pairs the layers of two models: by the name of their nodes, then by what their weights are called, then by shape in the
 * order they come. In the order of the second model; a removed layer stands behind the one it followed.
 */
export function pairLayers(before: readonly Layer[], after: readonly Layer[]): LayerPair[] {
  const partner = new Map<Layer, { readonly layer: Layer; readonly by: NonNullable<LayerPair['matchedBy']> }>();
  const taken = new Set<Layer>();
  const pairBy = (by: NonNullable<LayerPair['matchedBy']>, key: (layer: Layer) => string): void => {
    const open = new Map<string, Layer[]>();
    for (const layer of before.filter((one) => !taken.has(one))) {
      const list = open.get(key(layer)) ?? [];
      list.push(layer);
      open.set(key(layer), list);
    }
    for (const layer of after.filter((one) => !partner.has(one))) {
      const match = open.get(key(layer))?.shift();
      if (match !== undefined) {
        taken.add(match);
        partner.set(layer, { layer: match, by });
      }
    }
  };
  pairBy('name', (layer) => `${familyOf(layer)} ${layer.name}`);
  pairBy('weight', (layer) => `${signatureOf(layer)} ${layer.shortName}`);
  pairBy('order', signatureOf);

  const behind = new Map<Layer | undefined, Layer[]>();
  let last: Layer | undefined;
  for (const layer of before) {
    if (taken.has(layer)) {
      last = layer;
    } else {
      behind.set(last, [...(behind.get(last) ?? []), layer]);
    }
  }
  const removed = (layer: Layer | undefined): LayerPair[] =>
    (behind.get(layer) ?? []).map((one) => ({ before: one, after: undefined, matchedBy: undefined }));
  return [
    ...removed(undefined),
    ...after.flatMap((layer): LayerPair[] => {
      const match = partner.get(layer);
      return [
        { before: match?.layer, after: layer, matchedBy: match?.by },
        ...(match === undefined ? [] : removed(match.layer)),
      ];
    }),
  ];
}

/** Operators that compute the same with weights in different forms. */
function familyOf({ kind }: Layer): string {
  switch (kind) {
    case 'Conv':
    case 'QLinearConv':
    case 'ConvInteger':
      return 'convolution';
    case 'Gemm':
    case 'MatMul':
    case 'QLinearMatMul':
    case 'MatMulInteger':
    case 'MatMulNBits':
      return 'product';
    default:
      return kind;
  }
}

/** Family and shape of the weight; a matrix reads outputs × inputs, whichever way it is stored. */
function signatureOf(layer: Layer): string {
  const { shape, outAxis, inAxis } = layer.weight;
  const family = familyOf(layer);
  const dims =
    layer.kind === 'MatMulNBits'
      ? [layer.node.int('N', 0), layer.node.int('K', 0)]
      : family === 'product' && shape.length === 2
        ? [shape[outAxis], shape[inAxis]]
        : [...shape, layer.groups];
  return `${family} ${dims.join('x')}`;
}
