import type { AllocatedLayerView } from '../../src/protocol/job';

/** One bar: a layer, or a block of neighbouring layers where there are too many to draw. */
export interface SkylineBar {
  readonly key: string;
  readonly label: string;
  readonly layers: readonly AllocatedLayerView[];
  readonly parameters: number;
  /** Mean over the bar's parameters; whole for a single layer. */
  readonly weightBits: number;
  readonly activationBits: number;
  readonly pinned: boolean;
}

/** More bars than this are narrower than a finger's width of a mouse can tell apart. */
export const MOST_BARS = 150;

/** Bars in network order: one a layer up to {@link MOST_BARS} layers, else one a block. */
export function skylineBars(
  layers: readonly AllocatedLayerView[],
  shortName: (name: string) => string,
  most = MOST_BARS,
): SkylineBar[] {
  if (layers.length <= most) {
    return layers.map((layer) => bar(layer.name, shortName(layer.name), [layer]));
  }
  return groups(
    layers.map((layer) => shortName(layer.name)),
    most,
  ).map(({ label, from, to }) => bar(`${label}#${from}`, label, layers.slice(from, to)));
}

interface Group {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

let last: { readonly names: readonly string[]; readonly most: number; readonly groups: readonly Group[] } | undefined;

/** Names stay while the slider moves: the grouping of thousands is done once. */
function groups(names: readonly string[], most: number): readonly Group[] {
  const known = last;
  if (
    known?.most === most &&
    known.names.length === names.length &&
    known.names.every((name, index) => name === names[index])
  ) {
    return known.groups;
  }
  last = { names, most, groups: blocks(names, most) };
  return last.groups;
}

/**
 * Neighbours whose names share their leading parts form a block ("layer3.1" of "layer3.1.conv2"): the longest prefix
 * that leaves few enough blocks. Names without parts are cut into runs of equal length.
 */
function blocks(names: readonly string[], most: number): Group[] {
  const parts = names.map((name) => name.split(/[./]/).filter((part) => part !== ''));
  const deepest = Math.max(...parts.map((part) => part.length)) - 1;
  for (let depth = deepest; depth >= 1; depth--) {
    const prefixes = parts.map((part) => part.slice(0, Math.min(depth, Math.max(1, part.length - 1))).join('.'));
    const runs = runsOf(prefixes);
    if (runs.length <= most && runs.length > 1) {
      return runs.map(([from, to]) => ({ label: prefixes[from] ?? '', from, to }));
    }
  }
  return mergedBlocks(names, parts, most);
}

/** Too many blocks at every depth: neighbours of the finest one are put together, as many as it takes. */
function mergedBlocks(names: readonly string[], parts: readonly string[][], most: number): Group[] {
  const deepest = Math.max(1, ...parts.map((part) => part.length));
  const candidates = Array.from({ length: deepest }, (_, depth) =>
    runsOf(parts.map((part) => part.slice(0, depth + 1).join('.'))),
  );
  // The coarsest blocks that are still too many keep what belongs together in one bar.
  const depth = candidates.findIndex((runs) => runs.length > most);
  const runs = candidates[depth] ?? names.map((_, index): [number, number] => [index, index + 1]);
  const together = Math.ceil(runs.length / most);
  const result: Group[] = [];
  for (let index = 0; index < runs.length; index += together) {
    const [from] = runs[index]!;
    const [first, to] = runs[Math.min(index + together, runs.length) - 1]!;
    const size = depth < 0 ? deepest : depth + 1;
    result.push({
      label: rangeLabel((parts[from] ?? []).slice(0, size), (parts[first] ?? []).slice(0, size)),
      from,
      to,
    });
  }
  return result;
}

/** ["encoder", "0"] to ["encoder", "3"] is "encoder.0–3". */
function rangeLabel(first: readonly string[], last: readonly string[]): string {
  const shared = first.findIndex((part, index) => part !== last[index]);
  return shared < 0 ? first.join('.') : `${first.join('.')}–${last.slice(shared).join('.')}`;
}

function runsOf(keys: readonly string[]): [number, number][] {
  const runs: [number, number][] = [];
  let from = 0;
  for (let index = 1; index <= keys.length; index++) {
    if (index === keys.length || keys[index] !== keys[from]) {
      runs.push([from, index]);
      from = index;
    }
  }
  return runs;
}

function bar(key: string, label: string, layers: readonly AllocatedLayerView[]): SkylineBar {
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const mean = (bits: (layer: AllocatedLayerView) => number) =>
    layers.reduce((sum, layer) => sum + layer.parameters * bits(layer), 0) / Math.max(1, parameters);
  const single = layers.length === 1 ? layers[0] : undefined;
  return {
    key,
    label,
    layers,
    parameters,
    weightBits: single?.weightBits ?? mean((layer) => layer.weightBits),
    activationBits: single?.activationBits ?? mean((layer) => layer.activationBits),
    pinned: layers.some((layer) => layer.pinned),
  };
}

/** Left edges and widths in pixels, in proportion to parameters but never below `least`, so that every bar can be hit. */
export function barWidths(bars: readonly SkylineBar[], room: number, least: number): number[] {
  const floor = Math.min(least, room / Math.max(1, bars.length));
  const total = bars.reduce((sum, item) => sum + item.parameters, 0);
  let narrow = new Set<number>();
  // Widening some takes from the others, which may push more below the floor: repeat until none is.
  for (;;) {
    const left = room - narrow.size * floor;
    const weight = bars.reduce((sum, item, index) => sum + (narrow.has(index) ? 0 : item.parameters), 0);
    const next = new Set(narrow);
    bars.forEach((item, index) => {
      if (!narrow.has(index) && (weight === 0 || (item.parameters / weight) * left < floor)) {
        next.add(index);
      }
    });
    if (next.size === narrow.size || total === 0) {
      return bars.map((item, index) =>
        narrow.has(index) || weight === 0
          ? weight === 0
            ? room / bars.length
            : floor
          : (item.parameters / weight) * left,
      );
    }
    narrow = next;
  }
}
