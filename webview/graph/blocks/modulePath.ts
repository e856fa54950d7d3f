/**
 * The modules a node belongs to, outermost first, read from the name an exporter gave it: "/layers/layers.0/conv1/Conv"
 * → ["layers", "0", "conv1"], "model/block_1_expand/Conv2D" → ["model", "block_1", "expand"], "Conv_12" → []. A part that
 * repeats the one before it ("layers/layers.0") replaces it.
 */
export function modulePath(name: string): readonly string[] {
  const parts = name.split(/[/:]+/).filter((part) => part !== '');
  const modules: string[] = [];
  let before = '';
  for (const part of parts.slice(0, -1)) {
    if (part.startsWith(`${before}.`) && before !== '') {
      modules.push(...split(part.slice(before.length + 1)));
    } else if (part !== before) {
      modules.push(...split(part));
    }
    before = part;
  }
  const last = parts.at(-1) ?? '';
  // A name without slashes may be a path all the same: "layers.0.conv1", "stage1_unit2_conv1".
  return parts.length > 1 ? modules : split(last).slice(0, -1);
}

/** Parts by dots; a part without any by underscores that follow a number. */
function split(part: string): string[] {
  const byDots = part.split('.').filter((piece) => piece !== '');
  if (byDots.length > 1) {
    return byDots;
  }
  return part.split(/(?<=\d)_(?=[a-z])/i).filter((piece) => piece !== '');
}
