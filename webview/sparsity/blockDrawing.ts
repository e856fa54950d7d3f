import type { MaskBlock } from '../../src/protocol/sparsity';
import type { SparsityChoice } from '../../src/protocol/webviewProtocol';
import { svgText } from '../charts/chart';
import { svgElement, type Child } from '../controls/element';

/** Steps of the colour ramp; more cannot be told apart. */
export const LEVELS = 6;
/** Room for the channel numbers. */
export const MARGIN = { left: 30, top: 18 };

/** Which cells of a block are kept; all of them without a mask. */
export function keptCells(block: MaskBlock, method: SparsityChoice['method']): readonly boolean[] {
  const mask = method === 'dense' ? undefined : block.masks[method];
  return mask === undefined ? block.values.map(() => true) : Array.from(mask, (character) => character === '1');
}

/** 0 for an exact zero, else 1…LEVELS. */
export function levelOf(value: number, scale: number): number {
  const magnitude = Math.abs(value);
  return magnitude === 0 ? 0 : Math.max(1, Math.min(LEVELS, Math.ceil((magnitude / scale) * LEVELS)));
}

/** Whether groups of a mask run along both axes. */
export function isTiled(method: SparsityChoice['method']): boolean {
  return method === 'exact' || method === 'greedy' || method === 'intersection';
}

/**
 * The block as a few paths: kept cells by strength of colour, pruned cells as dots by size, so that each is told by form
 * as well; then the lines around groups or tiles, and channel numbers.
 */
export function drawBlock(block: MaskBlock, method: SparsityChoice['method'], pitch: number): Child[] {
  const kept = keptCells(block, method);
  const filled = Array.from({ length: LEVELS + 1 }, () => '');
  let dots = '';
  block.values.forEach((value, index) => {
    const level = levelOf(value, block.scale);
    if (level === 0) {
      return;
    }
    const x = MARGIN.left + (index % block.columns) * pitch;
    const y = MARGIN.top + Math.floor(index / block.columns) * pitch;
    if (kept[index] === true) {
      filled[level] = `${filled[level] ?? ''}M${x},${y}h${pitch - 1}v${pitch - 1}h${1 - pitch}z`;
    } else {
      const radius = (0.6 + (level / LEVELS) * 1.5) * (pitch / 11);
      const middle = (pitch - 1) / 2;
      dots += `M${(x + middle - radius).toFixed(2)},${y + middle}a${radius.toFixed(2)},${radius.toFixed(2)} 0 1,0 ${(2 * radius).toFixed(2)},0a${radius.toFixed(2)},${radius.toFixed(2)} 0 1,0 ${(-2 * radius).toFixed(2)},0`;
    }
  });
  return [
    svgElement('rect', { ...frameOf(block, pitch), class: 'block-ground' }),
    ...filled.map((d, level) => (d === '' ? undefined : svgElement('path', { d, class: `kept kept-${level}` }))),
    dots === '' ? undefined : svgElement('path', { d: dots, class: 'pruned' }),
    ...groupLines(block, method, pitch),
    ...numbers(block, pitch),
  ];
}

function frameOf(block: MaskBlock, pitch: number): { x: number; y: number; width: number; height: number } {
  return {
    x: MARGIN.left - 0.5,
    y: MARGIN.top - 0.5,
    width: block.columns * pitch,
    height: block.rows * pitch,
  };
}

/** Forward groups are 1 × M; tiles M × M. Lines lie in the gaps between cells. */
function groupLines(block: MaskBlock, method: SparsityChoice['method'], pitch: number): Child[] {
  const { x, y, width, height } = frameOf(block, pitch);
  let between = '';
  let strong = '';
  for (let row = 1; row < block.rows; row++) {
    const line = `M${x},${y + row * pitch}h${width}`;
    if (isTiled(method)) {
      strong += (block.row + row) % block.group === 0 ? line : '';
    } else {
      between += line;
    }
  }
  for (let column = 1; column < block.columns; column++) {
    strong += (block.column + column) % block.group === 0 ? `M${x + column * pitch},${y}v${height}` : '';
  }
  return [
    method === 'dense' || between === '' ? undefined : svgElement('path', { d: between, class: 'row-line' }),
    strong === '' || method === 'dense' ? undefined : svgElement('path', { d: strong, class: 'group-line' }),
    svgElement('rect', { ...frameOf(block, pitch), class: 'block-frame' }),
  ];
}

/** Channel numbers at the starts of groups, as many as have room. */
function numbers(block: MaskBlock, pitch: number): Child[] {
  const step = (room: number) => {
    let every = block.group;
    while (every * pitch < room) {
      every += block.group;
    }
    return every;
  };
  const parts: Child[] = [];
  const across = step(30);
  for (let column = 0; column < block.columns; column++) {
    if ((block.column + column) % across === 0) {
      parts.push(svgText(String(block.column + column), MARGIN.left + column * pitch, MARGIN.top - 5));
    }
  }
  const down = step(22);
  for (let row = 0; row < block.rows; row++) {
    if ((block.row + row) % down === 0) {
      const at = MARGIN.top + row * pitch + 9;
      parts.push(svgText(String(block.row + row), MARGIN.left - 6, at, { anchor: 'end' }));
    }
  }
  return parts;
}

/** Outlines of the cell under the cursor, its forward group and its tile. */
export function drawCursor(
  block: MaskBlock,
  method: SparsityChoice['method'],
  cursor: { readonly row: number; readonly column: number },
  pitch: number,
): Child[] {
  const row = cursor.row - block.row;
  const column = cursor.column - block.column;
  if (row < 0 || column < 0 || row >= block.rows || column >= block.columns) {
    return [];
  }
  const box = (top: number, left: number, bottom: number, right: number, className: string) => {
    const first = { row: Math.max(0, top - block.row), column: Math.max(0, left - block.column) };
    const last = {
      row: Math.min(block.rows, bottom - block.row),
      column: Math.min(block.columns, right - block.column),
    };
    return svgElement('rect', {
      x: MARGIN.left + first.column * pitch - 0.5,
      y: MARGIN.top + first.row * pitch - 0.5,
      width: (last.column - first.column) * pitch,
      height: (last.row - first.row) * pitch,
      class: className,
    });
  };
  const left = cursor.column - (cursor.column % block.group);
  const top = cursor.row - (cursor.row % block.group);
  const cell = box(cursor.row, cursor.column, cursor.row + 1, cursor.column + 1, 'cursor-cell');
  if (method === 'dense') {
    return [cell];
  }
  return [
    isTiled(method) ? box(top, left, top + block.group, left + block.group, 'cursor-group') : undefined,
    box(cursor.row, left, cursor.row + 1, left + block.group, 'cursor-group'),
    isTiled(method) ? box(top, cursor.column, top + block.group, cursor.column + 1, 'cursor-group') : undefined,
    cell,
  ];
}
