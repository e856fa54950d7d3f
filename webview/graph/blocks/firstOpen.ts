import type { Block } from './blockTree';

/** Boxes a first look shows at most, as far as closed blocks allow. */
export const FIRST_BOXES = 40;

/** Blocks to open at first: level by level, all siblings alike or none, while the picture stays small enough to take in. */
export function firstOpen(root: Block, most = FIRST_BOXES): Set<string> {
  const open = new Set<string>();
  let boxes = root.children.length + root.nodes.length;
  const pending: Block[] = [root];
  for (let parent = pending.shift(); parent !== undefined; parent = pending.shift()) {
    const { children } = parent;
    const added = children.reduce((sum, child) => sum + child.children.length + child.nodes.length - 1, 0);
    if (children.length > 0 && boxes + added <= most) {
      boxes += added;
      children.forEach((child) => open.add(child.id));
      pending.push(...children);
    }
  }
  return open;
}
