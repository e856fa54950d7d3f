import './graph.css';
import { MAIN_GRAPH, type GraphStructure } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';
import { element, fill } from '../controls/element';
import { dropdown, linkButton, searchField, type ChoiceField, type SearchField } from '../controls/toolkit';
import { wireError, type EditorModel, type View } from '../editor/editorModel';
import { errorLine, loadingLine } from '../editor/messages';
import { showMenu } from '../controls/menu';
import type { Sort } from '../table/column';
import { VirtualTable } from '../table/virtualTable';
import { textWidth } from '../text/measureText';
import { count } from '../text/numbers';
import { blockTree, type Block } from './blocks/blockTree';
import { firstOpen } from './blocks/firstOpen';
import { boxFigures } from './boxFigures';
import { findNodes } from './findNodes';
import { GraphCanvas } from './graphCanvas';
import { readColors, type GraphColors } from './graphColors';
import { GraphLegend } from './graphLegend';
import { blocksAround, graphScene } from './graphScene';
import { LayoutClient } from './layoutClient';
import { graphMeasures, type Measure } from './measures';
import { nodeColumns, type NodeRow } from './nodeColumns';
import { boxText, describeBlock, describeNode, TITLE_FONT } from './nodeText';
import { operatorKind } from './operatorKinds';
import type { Painting } from './paintGraph';
import { boxBounds, makePicture, type Picture } from './picture';

/** A graph on show, and how it was left when one inside it was opened. */
interface OpenGraph {
  readonly structure: GraphStructure;
  readonly root: Block;
  /** "If decide, then_branch"; empty for the model's own. */
  readonly label: string;
  open: ReadonlySet<string>;
  /** Node under the cursor; of a block the first one inside. */
  focused: number | undefined;
}

/** Which network is this: operators in layers from top to bottom, blocks that open, coloured by any measure. */
export class GraphView implements View {
  readonly element: HTMLElement;
  private readonly layout = new LayoutClient();
  private readonly canvas: GraphCanvas;
  private readonly legend = new GraphLegend();
  private readonly choice: ChoiceField;
  private readonly search: SearchField;
  private readonly found = element('span', { class: 'toolbar-count', attributes: { role: 'status' } });
  private readonly path = element('nav', { class: 'graph-path', attributes: { 'aria-label': 'Graphs' } });
  private readonly status = element('div', { class: 'graph-status', attributes: { 'aria-live': 'polite' } });
  private readonly message = element('div', { class: 'graph-message' });
  private readonly toolbar: HTMLElement;
  private readonly tableToggle: HTMLButtonElement;
  private readonly table: VirtualTable<NodeRow>;
  private colors: GraphColors | undefined;
  private graphs: OpenGraph[] = [];
  private picture: Picture | undefined;
  private painting: Painting | undefined;
  private reading: AbortController | undefined;
  private readFor: unknown;
  private drawnWith: readonly unknown[] = [];
  private drawnScene: readonly unknown[] = [];
  private layoutNumber = 0;
  private matches: readonly number[] = [];
  private isTable = false;
  private sort: Sort | undefined;
  private seenSelection: string | undefined;

  constructor(private readonly model: EditorModel) {
    this.canvas = new GraphCanvas({
      focus: (box) => this.focusBox(box),
      open: (box) => this.openBox(box),
      close: (block) => this.closeBlock(this.picture?.scene.open[block]),
      leave: () => this.leave(),
      search: () => this.search.focus(),
    });
    this.choice = dropdown('Colour by', (graphMeasure) => model.remember({ graphMeasure }));
    this.search = searchField('Find nodes', (text) => this.find(text));
    this.search.element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') {
        event.preventDefault();
        this.nextMatch(event.shiftKey ? -1 : 1);
      } else if (event.key === 'Escape') {
        this.search.value = '';
        this.find('');
        this.canvas.focus();
      }
    });
    this.tableToggle = linkButton('Show as table', () => {
      this.isTable = !this.isTable;
      model.changed();
    });
    this.toolbar = element(
      'div',
      { class: 'toolbar' },
      element('span', { class: 'graph-label', text: 'Colour by' }),
      this.choice.element,
      this.search.element,
      this.found,
      element('span', { class: 'spacer' }),
      linkButton('Open all', () => this.openAll(true)),
      linkButton('Close all', () => this.openAll(false)),
      this.tableToggle,
    );
    this.table = new VirtualTable<NodeRow>({
      label: 'Nodes of the graph',
      key: (row) => String(row.index),
      onSelect: (row) => this.focusNode(row.index),
      onActivate: (row) => {
        this.isTable = false;
        this.focusNode(row.index);
        requestAnimationFrame(() => this.canvas.focus());
      },
      onSort: (sort) => {
        this.sort = sort;
        model.changed();
      },
    });
    this.element = element(
      'div',
      { class: 'graph' },
      this.toolbar,
      this.path,
      this.legend.element,
      this.message,
      this.canvas.element,
      this.table.element,
      this.status,
    );
    // VS Code exchanges the variables and the class of the body when the theme changes.
    new MutationObserver(() => {
      this.colors = undefined;
      model.changed();
    }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  }

  update(): void {
    const { state } = this.model;
    this.readWhenNew();
    const isShown = this.current !== undefined;
    this.canvas.element.hidden = !isShown || this.isTable;
    this.table.element.hidden = !isShown || !this.isTable;
    this.toolbar.hidden = !isShown;
    this.legend.element.hidden = !isShown;
    this.status.hidden = !isShown;
    this.path.hidden = this.graphs.length < 2;
    this.tableToggle.textContent = this.isTable ? 'Show as graph' : 'Show as table';
    if (!isShown) {
      if (state?.model.status === 'failed') {
        fill(this.message, errorLine(state.model.error));
      }
      return;
    }
    const measures = graphMeasures(this.model);
    const measure = measures.find(({ id }) => id === this.model.view.graphMeasure) ?? measures[0]!;
    this.updateChoices(measures, measure);
    this.followSelection();
    this.updatePicture(measure);
    this.paint(measure);
    if (this.isTable) {
      this.updateTable(measure);
    }
  }

  private get current(): OpenGraph | undefined {
    return this.graphs[this.graphs.length - 1];
  }

  private layerOf(node: number): LayerSummary | undefined {
    const name = this.current?.structure.nodes[node]?.layer;
    return name === undefined ? undefined : this.model.layerByName(name);
  }

  // Reading

  private readWhenNew(): void {
    const slot = this.model.state?.model;
    const value = slot?.status === 'ready' ? slot.value : undefined;
    if (value === undefined || value === this.readFor) {
      return;
    }
    this.readFor = value;
    this.read(MAIN_GRAPH, '');
  }

  /** Reads a graph and shows it: the model's own in place of everything, another inside the present one. */
  private read(graph: number, label: string): void {
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    if (this.graphs.length === 0) {
      fill(this.message, loadingLine('Reading the graph'));
    }
    this.model.readGraph(graph, reading.signal).then(
      (structure) => {
        if (this.reading === reading) {
          fill(this.message);
          this.enter(structure, label);
        }
      },
      (error: unknown) => {
        if (!reading.signal.aborted) {
          fill(this.message, errorLine(wireError(error)));
          this.model.changed();
        }
      },
    );
  }

  private enter(structure: GraphStructure, label: string): void {
    const root = blockTree(structure);
    const before = this.graphs.find((one) => one.structure.graph === structure.graph);
    const graph: OpenGraph = { structure, root, label, open: before?.open ?? firstOpen(root), focused: undefined };
    const isSame = before?.structure.nodes.length === structure.nodes.length && this.graphs.length === 1;
    if (isSame) {
      graph.focused = before.focused;
    } else {
      this.canvas.startOver();
    }
    this.graphs = structure.graph === MAIN_GRAPH ? [graph] : [...this.graphs, graph];
    this.seenSelection = undefined;
    this.graphChanged();
  }

  private graphChanged(): void {
    this.find(this.search.value);
    fill(
      this.path,
      ...this.graphs.flatMap((graph, index) => {
        const text = graph.label === '' ? graph.structure.name || 'model' : graph.label;
        return index === this.graphs.length - 1
          ? [element('span', { text, attributes: { 'aria-current': 'page' } })]
          : [
              linkButton(text, () => this.backTo(index)),
              element('span', { text: '›', attributes: { 'aria-hidden': 'true' } }),
            ];
      }),
    );
    this.model.changed();
  }

  private backTo(index: number): void {
    this.reading?.abort();
    this.graphs = this.graphs.slice(0, index + 1);
    this.canvas.startOver();
    this.graphChanged();
    requestAnimationFrame(() => this.canvas.focus());
  }

  // Drawing

  private updateChoices(measures: readonly Measure[], measure: Measure): void {
    const choices = measures.map(({ id, label }) => ({ value: id, label }));
    const key = JSON.stringify([choices, measure.id]);
    if (this.choice.element.dataset.key !== key) {
      this.choice.element.dataset.key = key;
      this.choice.setChoices(choices, measure.id);
    }
  }

  /** Lays out anew when blocks were opened, or boxes need room for figures. */
  private updatePicture(measure: Measure): void {
    const graph = this.current;
    const wanted = [graph?.structure, graph?.open, measure.ramp === 'kind', this.model.layers];
    if (graph === undefined || wanted.every((input, index) => input === this.drawnScene[index])) {
      return;
    }
    const isOther = this.drawnScene[0] !== graph.structure;
    this.drawnScene = wanted;
    const layersIn = this.layerCounter();
    const scene = graphScene(
      graph.structure,
      graph.root,
      (block) => graph.open.has(block.id),
      (node, block) =>
        boxText(
          graph.structure.nodes[node]!,
          block,
          this.layerOf(node),
          block === undefined ? 0 : layersIn(block),
          measure.ramp !== 'kind',
        ),
      (block) => textWidth(block.label, TITLE_FONT) + 40,
    );
    this.layoutNumber += 1;
    const number = this.layoutNumber;
    this.canvas.element.setAttribute('aria-busy', 'true');
    this.layout.layOut(scene.request).then(
      (layout) => {
        if (number !== this.layoutNumber) {
          return;
        }
        const before = isOther ? undefined : this.picture;
        this.picture = makePicture(scene, layout);
        this.canvas.element.setAttribute('aria-busy', 'false');
        this.drawnWith = [];
        this.paint(this.measure(), before);
        if (isOther || this.revealWhenLaidOut) {
          this.revealFocus();
        }
        this.revealWhenLaidOut = false;
      },
      (error: unknown) => {
        fill(this.message, errorLine(wireError(error)));
      },
    );
  }

  private revealWhenLaidOut = false;

  private measure(): Measure {
    const measures = graphMeasures(this.model);
    return measures.find(({ id }) => id === this.model.view.graphMeasure) ?? measures[0]!;
  }

  private layersInside(block: Block): LayerSummary[] {
    return block.all.flatMap((node) => this.layerOf(node) ?? []);
  }

  private layerCounter(): (block: Block) => number {
    return (block) => this.layersInside(block).length;
  }

  private paint(measure: Measure, before?: Picture): void {
    const { picture, model } = this;
    const graph = this.current;
    if (picture === undefined || graph === undefined || this.drawnScene[0] !== graph.structure) {
      return;
    }
    const focused = graph.focused === undefined ? undefined : picture.scene.boxOfNode[graph.focused];
    const inputs = [
      picture,
      measure.id,
      focused,
      this.matches,
      this.colors,
      model.state?.selectedLayer,
      model.allocation,
      model.state?.measurements,
      model.state?.report,
      model.statisticsVersion,
      model.layers,
    ];
    if (this.colors !== undefined && inputs.every((input, index) => input === this.drawnWith[index])) {
      return;
    }
    this.colors ??= readColors(this.element);
    this.drawnWith = inputs.map((input, index) => (index === 4 ? this.colors : input));
    const { nodes } = graph.structure;
    const { boxes, boxOfNode } = picture.scene;
    const layers = boxes.map((box) =>
      box.block === undefined
        ? [this.layerOf(box.node)].filter((layer) => layer !== undefined)
        : this.layersInside(box.block),
    );
    const figures = boxFigures(layers.map((inside) => (inside.length === 0 ? undefined : measure.value(inside))));
    const kinds = boxes.map((box) => (box.block === undefined ? operatorKind(nodes[box.node]!) : undefined));
    const selectedNode = nodes.findIndex(
      (node) => node.layer !== undefined && node.layer === model.state?.selectedLayer,
    );
    const painting: Painting = {
      picture,
      colors: this.colors,
      measure,
      figures,
      kinds,
      hasSubgraph: (box) => boxes[box]!.block === undefined && nodes[boxes[box]!.node]!.subgraphs !== undefined,
      focused,
      hasFocus: false,
      selected: selectedNode < 0 ? undefined : boxOfNode[selectedNode],
      hovered: undefined,
      matches: new Set(this.matches.map((node) => boxOfNode[node]!)),
    };
    this.painting = painting;
    this.legend.update(measure, figures, new Set(kinds.filter((kind) => kind !== undefined)));
    const hold = before === undefined ? undefined : this.heldBox(before, picture);
    this.canvas.show(painting, hold);
    this.updateStatus(measure);
  }

  /** The box under the cursor, or what it was part of, in both pictures. */
  private heldBox(before: Picture, after: Picture) {
    const node = this.held ?? this.current?.focused ?? 0;
    this.held = undefined;
    const was = this.boundsOfNode(before, node);
    const box = this.boundsOfNode(after, node);
    return was === undefined || box === undefined ? undefined : { was, box };
  }

  private held: number | undefined;

  /** Of the innermost open block that was toggled where that is known, else of the box. */
  private boundsOfNode(picture: Picture, node: number) {
    const toggled =
      this.toggled === undefined ? -1 : picture.scene.open.findIndex((block) => block.id === this.toggled);
    if (toggled > 0) {
      const { blocks } = picture.layout;
      return {
        x: blocks[toggled * 4]!,
        y: blocks[toggled * 4 + 1]!,
        width: blocks[toggled * 4 + 2]!,
        height: blocks[toggled * 4 + 3]!,
      };
    }
    const box = picture.scene.boxOfNode[node];
    return box === undefined || box < 0 ? undefined : boxBounds(picture, box);
  }

  private toggled: string | undefined;

  private updateStatus(measure: Measure): void {
    const graph = this.current;
    const focused = this.painting?.focused;
    const { picture } = this;
    if (graph === undefined || picture === undefined) {
      return;
    }
    const box = focused === undefined ? undefined : picture.scene.boxes[focused];
    let text = `${count(graph.structure.nodes.filter((node) => node.kind === 'operator').length, 'operator')} in ${count(picture.scene.boxes.length, 'box').replace('boxs', 'boxes')}. Arrow keys follow the edges, Enter opens a block, Escape closes it.`;
    if (box !== undefined && focused !== undefined) {
      const value = this.painting?.figures.values[focused];
      const figure = value === undefined ? '' : ` · ${measure.label.toLowerCase()} ${measure.text(value)}`;
      text =
        (box.block === undefined
          ? describeNode(graph.structure, box.node, this.layerOf(box.node))
          : describeBlock(box.block, this.layersInside(box.block).length)) + figure;
    }
    if (this.status.textContent !== text) {
      this.status.textContent = text;
      this.status.title = text;
    }
  }

  // What the user does

  private focusBox(box: number): void {
    const graph = this.current;
    const { picture } = this;
    const target = picture?.scene.boxes[box];
    if (graph === undefined || picture === undefined || target === undefined) {
      return;
    }
    graph.focused = target.node;
    const layer = target.block === undefined ? graph.structure.nodes[target.node]!.layer : undefined;
    if (layer !== undefined) {
      this.seenSelection = layer;
      this.model.select(layer);
    }
    this.paint(this.measure());
    this.canvas.reveal(box);
  }

  /** Shows a node wherever it is: opens the blocks around it. */
  private focusNode(node: number): void {
    const graph = this.current;
    if (graph === undefined) {
      return;
    }
    graph.focused = node;
    const layer = graph.structure.nodes[node]?.layer;
    if (layer !== undefined) {
      this.seenSelection = layer;
      this.model.select(layer);
    }
    this.openAround(graph, node);
    this.model.changed();
  }

  private openAround(graph: OpenGraph, node: number): void {
    const closed = blocksAround(graph.root, node).filter((block) => !graph.open.has(block.id));
    if (closed.length > 0) {
      this.toggled = undefined;
      this.revealWhenLaidOut = true;
      graph.open = new Set([...graph.open, ...closed.map((block) => block.id)]);
    } else {
      requestAnimationFrame(() => this.revealFocus());
    }
  }

  private revealFocus(): void {
    const node = this.current?.focused;
    const box = node === undefined ? undefined : this.picture?.scene.boxOfNode[node];
    if (box !== undefined && box >= 0) {
      this.canvas.reveal(box);
    }
  }

  /** A layer that was selected elsewhere comes into sight. */
  private followSelection(): void {
    const selected = this.model.state?.selectedLayer;
    const graph = this.current;
    if (graph === undefined || selected === this.seenSelection) {
      return;
    }
    this.seenSelection = selected;
    const node = graph.structure.nodes.findIndex((one) => one.layer !== undefined && one.layer === selected);
    if (node >= 0) {
      graph.focused = node;
      this.openAround(graph, node);
    }
  }

  private openBox(index: number): void {
    const graph = this.current;
    const box = this.picture?.scene.boxes[index];
    if (graph === undefined || box === undefined) {
      return;
    }
    graph.focused = box.node;
    if (box.block !== undefined) {
      this.toggle(graph, box.block, true);
      return;
    }
    const node = graph.structure.nodes[box.node]!;
    const inner = node.subgraphs ?? [];
    const label = (attribute: string) => `${node.operator} ${node.name}, ${attribute}`;
    if (inner.length === 1) {
      this.read(inner[0]!.graph, label(inner[0]!.attribute));
    } else if (inner.length > 1) {
      const bounds = this.canvas.boundsOnScreen(index);
      const stage = this.canvas.canvas.getBoundingClientRect();
      const anchor = new DOMRect(stage.left + (bounds?.x ?? 0), stage.top + (bounds?.y ?? 0), 0, bounds?.height ?? 0);
      showMenu(
        anchor,
        `Sub-graphs of ${node.name}`,
        inner.map(({ attribute, graph: target, nodes }) => ({
          kind: 'choice',
          label: attribute,
          note: count(nodes, 'operator'),
          run: () => this.read(target, label(attribute)),
        })),
      );
    } else {
      this.focusBox(index);
    }
  }

  private closeBlock(block: Block | undefined): void {
    if (this.current !== undefined && block?.parent !== undefined) {
      this.current.focused = block.all[0]!;
      this.toggle(this.current, block, false);
    }
  }

  private toggle(graph: OpenGraph, block: Block, isOpen: boolean): void {
    const open = new Set(graph.open);
    if (isOpen) {
      open.add(block.id);
    } else {
      open.delete(block.id);
    }
    this.toggled = block.id;
    this.held = block.all[0]!;
    this.revealWhenLaidOut = false;
    graph.open = open;
    this.model.changed();
  }

  private leave(): void {
    const graph = this.current;
    if (graph === undefined) {
      return;
    }
    const node = graph.focused;
    const around = node === undefined ? [] : blocksAround(graph.root, node).filter((block) => graph.open.has(block.id));
    const innermost = around[around.length - 1];
    const box = node === undefined ? undefined : this.picture?.scene.boxes[this.picture.scene.boxOfNode[node]!];
    const target = box?.block === undefined ? innermost : around.filter((block) => block !== box.block).at(-1);
    if (target !== undefined) {
      this.closeBlock(target);
    } else if (this.graphs.length > 1) {
      this.backTo(this.graphs.length - 2);
    }
  }

  private openAll(isOpen: boolean): void {
    const graph = this.current;
    if (graph === undefined) {
      return;
    }
    const open = new Set<string>();
    const visit = (block: Block) => {
      block.children.forEach((child) => {
        open.add(child.id);
        visit(child);
      });
    };
    if (isOpen) {
      visit(graph.root);
    }
    graph.open = open;
    this.toggled = undefined;
    this.canvas.startOver();
    this.model.changed();
  }

  private find(text: string): void {
    const graph = this.current;
    this.matches = graph === undefined ? [] : findNodes(graph.structure, text, (name) => this.model.layerByName(name));
    this.matchAt = -1;
    this.describeMatches();
    this.model.changed();
  }

  private matchAt = -1;

  private nextMatch(step: number): void {
    const { length } = this.matches;
    if (length === 0) {
      return;
    }
    this.matchAt = this.matchAt < 0 ? (step > 0 ? 0 : length - 1) : (this.matchAt + step + length) % length;
    this.describeMatches();
    this.focusNode(this.matches[this.matchAt]!);
  }

  private describeMatches(): void {
    const { length } = this.matches;
    if (this.search.value.trim() === '') {
      fill(this.found);
      return;
    }
    const text = length === 0 ? 'no match' : this.matchAt < 0 ? `${length} found` : `${this.matchAt + 1} of ${length}`;
    fill(
      this.found,
      text,
      ...(length === 0 ? [] : [this.matchButton('‹', 'Previous match', -1), this.matchButton('›', 'Next match', 1)]),
    );
  }

  private matchButton(text: string, label: string, step: number): HTMLButtonElement {
    const button = linkButton(text, () => this.nextMatch(step), label);
    button.setAttribute('aria-label', label);
    button.classList.add('graph-step');
    return button;
  }

  private updateTable(measure: Measure): void {
    const graph = this.current;
    if (graph === undefined) {
      return;
    }
    const { nodes, edges, shapes } = graph.structure;
    const from = nodes.map(() => [] as string[]);
    const to = nodes.map(() => [] as string[]);
    const shape = nodes.map(() => '');
    const name = (index: number) => this.layerOf(index)?.shortName ?? nodes[index]!.name;
    for (const [a, b, at] of edges) {
      from[b]!.push(name(a));
      to[a]!.push(name(b));
      shape[a] ||= shapes[at] === '?' ? '' : (shapes[at] ?? '');
    }
    const shown = this.matches.length > 0 ? new Set(this.matches) : undefined;
    const rows = nodes.flatMap((node, index): NodeRow[] =>
      shown !== undefined && !shown.has(index)
        ? []
        : [
            {
              index,
              node,
              layer: this.layerOf(index),
              blocks: blocksAround(graph.root, index).at(-1)?.label ?? '',
              shape: shape[index]!,
              from: from[index]!,
              to: to[index]!,
            },
          ],
    );
    this.table.show(rows, nodeColumns(measure), this.sort);
    this.table.select(graph.focused === undefined ? undefined : String(graph.focused));
  }
}
