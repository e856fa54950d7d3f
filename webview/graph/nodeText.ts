import type { GraphNode, GraphStructure } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';
import { fitText, textWidth } from '../text/measureText';
import { count } from '../text/numbers';
import type { Block } from './blocks/blockTree';
import type { BoxText } from './graphScene';

export const TITLE_FONT = '12px';
export const NOTE_FONT = '10.5px';
/** Left of the text, where the band or the sign of a block is. */
export const TEXT_LEFT = 12;
const TEXT_RIGHT = 10;
/** Room for the figure of a measure at the right edge. */
export const FIGURE_WIDTH = 48;
const LEAST_WIDTH = 64;
const MOST_TEXT = 190;

/** What a box says, and how wide it is; `withFigure` keeps room for the figure of a measure. */
export function boxText(
  node: GraphNode,
  block: Block | undefined,
  layer: LayerSummary | undefined,
  layersInside: number,
  withFigure: boolean,
): BoxText {
  const hasFigure = withFigure && (layer !== undefined || layersInside > 0);
  const { title, note } = block === undefined ? nodeLines(node, layer) : blockLines(block, layersInside);
  const shortTitle = fitText(title, MOST_TEXT, TITLE_FONT);
  const shortNote = fitText(note, MOST_TEXT, NOTE_FONT);
  const text = Math.max(textWidth(shortTitle, TITLE_FONT), textWidth(shortNote, NOTE_FONT));
  const sign = block === undefined && node.subgraphs === undefined ? 0 : 14;
  const width = TEXT_LEFT + sign + text + TEXT_RIGHT + (hasFigure ? FIGURE_WIDTH : 0);
  return { title: shortTitle, note: shortNote, width: Math.max(LEAST_WIDTH, Math.ceil(width)) };
}

export function nodeLines(
  node: GraphNode,
  layer: LayerSummary | undefined,
): { readonly title: string; readonly note: string } {
  if (node.kind !== 'operator') {
    return { title: node.name, note: node.kind === 'outer' ? 'from outside' : node.kind };
  }
  if (layer !== undefined) {
    return { title: layer.description, note: layer.shortName };
  }
  if (node.subgraphs !== undefined) {
    return { title: node.operator, note: count(node.subgraphs.length, 'sub-graph') };
  }
  const dot = node.operator.lastIndexOf('.');
  return { title: node.operator.slice(dot + 1), note: node.operator.slice(0, Math.max(0, dot)) };
}

function blockLines(block: Block, layers: number): { readonly title: string; readonly note: string } {
  const holds = layers === 0 ? count(block.all.length, 'operator') : `${count(layers, 'layer')} of ${block.all.length}`;
  const inner = block.children.length;
  const alike = inner > 1 && block.children[0]!.copies === inner ? `${inner} alike` : '';
  const same = block.alike === undefined ? alike : `as ${block.alike.label}`;
  return { title: block.label, note: same === '' ? holds : `${holds} · ${same}` };
}

/** In full, for the line under the graph and for screen readers. */
export function describeNode(graph: GraphStructure, index: number, layer: LayerSummary | undefined): string {
  const node = graph.nodes[index]!;
  const name = (at: number) => {
    const other = graph.nodes[at]!;
    return other.kind === 'operator' ? other.operator : other.name;
  };
  const reads = graph.edges.filter((edge) => edge[1] === index);
  const feeds = graph.edges.filter((edge) => edge[0] === index);
  const what =
    node.kind === 'operator'
      ? `${layer?.description ?? node.operator} ${layer?.shortName ?? node.name}`
      : `${node.kind === 'outer' ? 'value from outside' : node.kind} ${node.name}`;
  const shape = feeds[0] ?? (node.kind === 'output' ? reads[0] : undefined);
  const parts = [
    what,
    shape === undefined || graph.shapes[shape[2]] === '?' ? '' : graph.shapes[shape[2]]!,
    reads.length === 0 ? '' : `from ${listed(reads.map((edge) => name(edge[0])))}`,
    feeds.length === 0 ? '' : `to ${listed(feeds.map((edge) => name(edge[1])))}`,
    node.constants === undefined ? '' : count(node.constants, 'constant'),
    ...(node.subgraphs ?? []).map((inner) => `${inner.attribute}: ${count(inner.nodes, 'operator')}`),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

export function describeBlock(block: Block, layers: number): string {
  const inside = block.children.length === 0 ? '' : ` · ${count(block.children.length, 'block')}`;
  const alike =
    block.copies > 1
      ? ` · ${block.alike === undefined ? `same structure as ${count(block.copies - 1, 'other')}` : `same structure as ${block.alike.label}`}`
      : '';
  return `${block.label} · block of ${count(block.all.length, 'operator')}${inside} · ${count(layers, 'layer')}${alike}`;
}

function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
