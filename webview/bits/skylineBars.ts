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
  return blocks(layers, shortName, most);
}

/**
 * Neighbours whose names share their leading parts form a block ("layer3.1" of "layer3.1.conv2"): the longest prefix
 * that leaves few enough blocks. Names without parts are cut into runs of equal length.
 */
function blocks(
  layers: readonly AllocatedLayerView[],
  shortName: (name: string) => string,
  most: number,
): SkylineBar[] {
  const parts = layers.map((layer) =>
    shortName(layer.name)
      .split(/[./]/)
      .filter((part) => part !== ''),
  );
  const deepest = Math.max(...parts.map((part) => part.length)) - 1;
  for (let depth = deepest; depth >= 1; depth--) {
    const prefixes = parts.map((part) => part.slice(0, Math.min(depth, Math.max(1, part.length - 1))).join('.'));
    const runs = runsOf(prefixes);
    if (runs.length <= most && runs.length > 1) {
      return runs.map(([from, to]) =>
        bar(`${prefixes[from] ?? ''}#${from}`, prefixes[from] ?? '', layers.slice(from, to)),
      );
    }
  }
  return mergedBlocks(layers, parts, most);
}

/** Too many blocks at every depth: neighbours of the finest one are put together, as many as it takes. */
function mergedBlocks(layers: readonly AllocatedLayerView[], parts: readonly string[][], most: number): SkylineBar[] {
  const depths = [...new Set(parts.map((part) => part.length))].sort((a, b) => a - b);
  const candidates = Array.from({ length: depths.at(-1) ?? 1 }, (_, depth) =>
    runsOf(parts.map((part) => part.slice(0, depth + 1).join('.'))),
  );
  // The coarsest blocks that are still too many keep what belongs together in one bar.
  const depth = Math.max(
    0,
    candidates.findIndex((runs) => runs.length > most),
  );
  const runs = candidates[depth] ?? runsOf(layers.map((layer) => layer.name));
  const together = Math.ceil(runs.length / most);
  const result: SkylineBar[] = [];
  for (let index = 0; index < runs.length; index += together) {
    const [from] = runs[index]!;
    const [last, to] = runs[Math.min(index + together, runs.length) - 1]!;
    const label = rangeLabel((parts[from] ?? []).slice(0, depth + 1), (parts[last] ?? []).slice(0, depth + 1));
    result.push(bar(`${label}#${from}`, label, layers.slice(from, to)));
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
