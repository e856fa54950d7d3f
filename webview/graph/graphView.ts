import './graph.css';
import { MAIN_GRAPH, type GraphStructure } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';
import { element, fill } from '../controls/element';
import { showMenu } from '../controls/menu';
import { dropdown, linkButton, type ChoiceField } from '../controls/toolkit';
import { wireError, type EditorModel, type View } from '../editor/editorModel';
import { errorLine, loadingLine } from '../editor/messages';
import { textWidth } from '../text/measureText';
import { count, exact } from '../text/numbers';
import type { Block } from './blocks/blockTree';
import { GraphCanvas } from './graphCanvas';
import { readColors, type GraphColors } from './graphColors';
import { GraphLegend } from './graphLegend';
import { graphPainting } from './graphPainting';
import { graphScene } from './graphScene';
import { GraphSearch } from './graphSearch';
import { LayoutClient } from './layoutClient';
import { graphMeasures, type Measure } from './measures';
import { NodeTable } from './nodeTable';
import { boxText, describeBlock, describeNode, TITLE_FONT } from './nodeText';
import { openAround, openBlocksAround, openGraph, setAllOpen, setOpen, type OpenGraph } from './openGraph';
import type { Painting } from './paintGraph';
import { blockOrBoxBounds, makePicture, type Picture } from './picture';

/** Which network is this: operators in layers from top to bottom, blocks that open, coloured by any measure. */
export class GraphView implements View {
  readonly element: HTMLElement;
  private readonly layout = new LayoutClient();
  private readonly canvas: GraphCanvas;
  private readonly legend = new GraphLegend();
  private readonly choice: ChoiceField;
  private readonly search: GraphSearch;
  private readonly nodeTable: NodeTable;
  private readonly path = element('nav', { class: 'graph-path', attributes: { 'aria-label': 'Graphs' } });
  private readonly status = element('div', { class: 'graph-status', attributes: { 'aria-live': 'polite' } });
  private readonly message = element('div', { class: 'graph-message' });
  private readonly toolbar: HTMLElement;
  private readonly tableToggle: HTMLButtonElement;
  private colors: GraphColors | undefined;
  /** The model's own, and what was opened inside; the last is on show. */
  private graphs: OpenGraph[] = [];
  private picture: Picture | undefined;
  /** The graph of the picture: that of another may still be on its way. */
  private pictured: GraphStructure | undefined;
  private reading: AbortController | undefined;
  private readFor: unknown;
  private drawnWith: readonly unknown[] = [];
  private laidOutWith: readonly unknown[] = [];
  private layoutNumber = 0;
  private isTable = false;
  /** Layer of the shared selection as this view last knew it: another one was chosen elsewhere. */
  private seenSelection: string | undefined;
  /** Block that was opened or closed last: it stays where it is on the screen. */
  private toggled: Block | undefined;
  private revealWhenLaidOut = false;

  constructor(private readonly model: EditorModel) {
    this.canvas = new GraphCanvas({
      focus: (box) => this.focusBox(box),
      open: (box) => this.openBox(box),
      close: (block) => this.closeBlock(this.picture?.scene.open[block]),
      leave: () => this.leave(),
      search: () => this.search.field.focus(),
    });
    this.choice = dropdown('Colour by', (graphMeasure) => model.remember({ graphMeasure }));
    this.search = new GraphSearch(
      {
        found: () => model.changed(),
        goTo: (node) => this.focusNode(node),
        leave: () => this.canvas.focus(),
      },
      (name) => model.layerByName(name),
    );
    this.nodeTable = new NodeTable({
      select: (node) => this.focusNode(node),
      show: (node) => {
        this.isTable = false;
        this.focusNode(node);
        requestAnimationFrame(() => this.canvas.focus());
      },
      changed: () => model.changed(),
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
      this.search.field.element,
      this.search.count,
      element('span', { class: 'spacer' }),
      element(
        'span',
        { class: 'graph-actions' },
        linkButton('Open all', () => this.openAll(true)),
        linkButton('Close all', () => this.openAll(false)),
        this.tableToggle,
      ),
    );
    this.element = element(
      'div',
      { class: 'graph' },
      this.toolbar,
      this.path,
      this.legend.element,
      this.message,
      this.canvas.element,
      this.nodeTable.table.element,
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
    const graph = this.current;
    this.canvas.element.hidden = graph === undefined || this.isTable;
    this.nodeTable.table.element.hidden = graph === undefined || !this.isTable;
    this.path.hidden = this.graphs.length < 2;
    for (const part of [this.toolbar, this.legend.element, this.status]) {
      part.hidden = graph === undefined;
    }
    this.tableToggle.textContent = this.isTable ? 'Show as graph' : 'Show as table';
    if (graph === undefined) {
      if (state?.model.status === 'failed') {
        fill(this.message, errorLine(state.model.error));
      }
      return;
    }
    const measures = graphMeasures(this.model);
    const measure = this.measure(measures);
    this.updateChoices(measures, measure);
    this.followSelection(graph);
    this.updatePicture(graph, measure);
    this.paint(measure);
    if (this.isTable) {
      const { matches } = this.search;
      this.nodeTable.update(graph, measure, matches, (node) => this.layersOf([node])[0], this.figureInputs());
    }
  }

  private get current(): OpenGraph | undefined {
    return this.graphs[this.graphs.length - 1];
  }

  private layersOf(nodes: readonly number[]): LayerSummary[] {
    return nodes.flatMap((node) => {
      const name = this.current?.structure.nodes[node]?.layer;
      return name === undefined ? [] : (this.model.layerByName(name) ?? []);
    });
  }

  // Reading

  private readWhenNew(): void {
    const slot = this.model.state?.model;
    const value = slot?.status === 'ready' ? slot.value : undefined;
    if (value !== undefined && value !== this.readFor) {
      this.readFor = value;
      this.read(MAIN_GRAPH, '');
    }
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
    const isMain = structure.graph === MAIN_GRAPH;
    const before = isMain && this.graphs.length === 1 ? this.graphs[0] : undefined;
    const graph = openGraph(structure, label, before);
    this.graphs = isMain ? [graph] : [...this.graphs, graph];
    if (before?.structure.nodes.length !== structure.nodes.length) {
      this.canvas.startOver();
    }
    this.seenSelection = undefined;
    this.graphChanged();
  }

  private graphChanged(): void {
    if (this.current !== undefined) {
      this.search.searchIn(this.current.structure);
    }
    const last = this.graphs.length - 1;
    const parts = this.graphs.flatMap(({ label, structure }, index) => {
      const text = label === '' ? structure.name || 'model' : label;
      return index === last
        ? [element('span', { text, attributes: { 'aria-current': 'page' } })]
        : [
            linkButton(text, () => this.backTo(index)),
            element('span', { text: '›', attributes: { 'aria-hidden': 'true' } }),
          ];
    });
    fill(this.path, ...parts);
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

  private measure(measures = graphMeasures(this.model)): Measure {
    return measures.find(({ id }) => id === this.model.view.graphMeasure) ?? measures[0]!;
  }

  private updateChoices(measures: readonly Measure[], measure: Measure): void {
    const choices = measures.map(({ id, label }) => ({ value: id, label }));
    const key = JSON.stringify([choices, measure.id]);
    if (this.choice.element.dataset.key !== key) {
      this.choice.element.dataset.key = key;
      this.choice.setChoices(choices, measure.id);
    }
  }

  /** Lays out anew when blocks were opened, or boxes need room for figures. */
  private updatePicture(graph: OpenGraph, measure: Measure): void {
    const { structure, root, open } = graph;
    const hasFigures = measure.ramp !== 'kind';
    const wanted = [structure, open, hasFigures, this.model.layers];
    if (wanted.every((input, index) => input === this.laidOutWith[index])) {
      return;
    }
    this.laidOutWith = wanted;
    const scene = graphScene(
      structure,
      root,
      (block) => open.has(block.id),
      (node, block) => {
        const layers = this.layersOf(block?.all ?? [node]);
        return boxText(
          structure.nodes[node]!,
          block,
          block === undefined ? layers[0] : undefined,
          layers.length,
          hasFigures,
        );
      },
      (block) => textWidth(block.label, TITLE_FONT) + 40,
    );
    this.layoutNumber += 1;
    const number = this.layoutNumber;
    this.canvas.element.setAttribute('aria-busy', 'true');
    this.layout.layOut(scene.request).then(
      (layout) => {
        if (number === this.layoutNumber) {
          this.canvas.element.setAttribute('aria-busy', 'false');
          this.showPicture(makePicture(scene, layout), structure);
        }
      },
      (error: unknown) => {
        fill(this.message, errorLine(wireError(error)));
      },
    );
  }

  private showPicture(picture: Picture, structure: GraphStructure): void {
    const isOther = this.pictured !== structure;
    this.pictured = structure;
    const node = this.toggled?.all[0] ?? this.current?.focused ?? 0;
    const before = isOther || this.picture === undefined ? undefined : this.picture;
    const was = before && blockOrBoxBounds(before, node, this.toggled?.id);
    const box = before && blockOrBoxBounds(picture, node, this.toggled?.id);
    this.picture = picture;
    this.drawnWith = [];
    this.paint(this.measure(), was === undefined || box === undefined ? undefined : { was, box });
    if (isOther || this.revealWhenLaidOut) {
      this.revealFocus();
    }
    this.revealWhenLaidOut = false;
  }

  /** What figures are computed from: another object after each change. */
  private figureInputs(): readonly unknown[] {
    const { state, allocation, statisticsVersion, layers } = this.model;
    return [allocation, state?.measurements, state?.report, statisticsVersion, layers];
  }

  private paint(measure: Measure, hold?: Parameters<GraphCanvas['show']>[1]): void {
    const { picture } = this;
    const graph = this.current;
    if (picture === undefined || graph === undefined || this.pictured !== graph.structure) {
      return;
    }
    const selectedLayer = this.model.state?.selectedLayer;
    const { matches } = this.search;
    const inputs = [picture, measure.id, graph.focused, matches, selectedLayer, ...this.figureInputs()];
    if (this.colors !== undefined && inputs.every((input, index) => input === this.drawnWith[index])) {
      return;
    }
    this.drawnWith = inputs;
    this.colors ??= readColors(this.element);
    const layersOf = (nodes: readonly number[]) => this.layersOf(nodes);
    const painting = graphPainting(graph, picture, this.colors, measure, layersOf, { selectedLayer, matches });
    this.legend.update(measure, painting.figures, new Set(painting.kinds.filter((kind) => kind !== undefined)));
    this.canvas.show(painting, hold);
    this.updateStatus(graph, painting);
  }

  private updateStatus({ structure }: OpenGraph, { picture, focused, figures, measure }: Painting): void {
    const { boxes } = picture.scene;
    const box = focused === undefined ? undefined : boxes[focused];
    let text: string;
    if (box === undefined || focused === undefined) {
      const operators = structure.nodes.filter((node) => node.kind === 'operator').length;
      const noun = boxes.length === 1 ? 'box' : 'boxes';
      text = `${count(operators, 'operator')} in ${exact(boxes.length)} ${noun}. Arrow keys follow the edges, Enter opens a block, Escape closes it.`;
    } else {
      const value = figures.values[focused];
      const figure = value === undefined ? '' : ` · ${measure.label.toLowerCase()} ${measure.text(value)}`;
      const layers = this.layersOf(box.block?.all ?? [box.node]);
      text =
        (box.block === undefined
          ? describeNode(structure, box.node, layers[0])
          : describeBlock(box.block, layers.length)) + figure;
    }
    if (this.status.textContent !== text) {
      this.status.textContent = text;
      this.status.title = text;
    }
  }

  // What the user does

  private setFocus(graph: OpenGraph, node: number, isBlock: boolean): void {
    graph.focused = node;
    const layer = isBlock ? undefined : graph.structure.nodes[node]?.layer;
    if (layer !== undefined) {
      this.seenSelection = layer;
      this.model.select(layer);
    }
  }

  private focusBox(index: number): void {
    const box = this.picture?.scene.boxes[index];
    if (this.current !== undefined && box !== undefined) {
      this.setFocus(this.current, box.node, box.block !== undefined);
      this.paint(this.measure());
      this.canvas.reveal(index);
    }
  }

  /** Shows a node wherever it is: opens the blocks around it. */
  private focusNode(node: number): void {
    if (this.current !== undefined) {
      this.setFocus(this.current, node, false);
      this.bringUp(this.current, node);
      this.model.changed();
    }
  }

  private bringUp(graph: OpenGraph, node: number): void {
    if (openAround(graph, node)) {
      this.toggled = undefined;
      this.revealWhenLaidOut = true;
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
  private followSelection(graph: OpenGraph): void {
    const selected = this.model.state?.selectedLayer;
    if (selected === this.seenSelection) {
      return;
    }
    this.seenSelection = selected;
    const node = selected === undefined ? -1 : graph.structure.nodes.findIndex((one) => one.layer === selected);
    if (node >= 0) {
      graph.focused = node;
      this.bringUp(graph, node);
    }
  }

  private openBox(index: number): void {
    const graph = this.current;
    const box = this.picture?.scene.boxes[index];
    if (graph === undefined || box === undefined) {
      return;
    }
    if (box.block !== undefined) {
      this.toggle(graph, box.block, true);
      return;
    }
    this.focusBox(index);
    const node = graph.structure.nodes[box.node]!;
    const inner = node.subgraphs ?? [];
    const open = (one: (typeof inner)[number]) =>
      this.read(one.graph, `${node.operator} ${node.name}, ${one.attribute}`);
    if (inner.length === 1) {
      open(inner[0]!);
    } else if (inner.length > 1) {
      showMenu(
        this.canvas.boundsInWindow(index),
        `Sub-graphs of ${node.name}`,
        inner.map((one) => ({
          kind: 'choice',
          label: one.attribute,
          note: count(one.nodes, 'operator'),
          run: () => open(one),
        })),
      );
    }
  }

  private closeBlock(block: Block | undefined): void {
    if (this.current !== undefined && block?.parent !== undefined) {
      this.toggle(this.current, block, false);
    }
  }

  private toggle(graph: OpenGraph, block: Block, isOpen: boolean): void {
    graph.focused = block.all[0]!;
    setOpen(graph, block, isOpen);
    this.toggled = block;
    this.model.changed();
  }

  /** Out of the innermost open block, then of the sub-graph. */
  private leave(): void {
    const innermost = this.current === undefined ? undefined : openBlocksAround(this.current).at(-1);
    if (innermost !== undefined) {
      this.closeBlock(innermost);
    } else if (this.graphs.length > 1) {
      this.backTo(this.graphs.length - 2);
    }
  }

  private openAll(isOpen: boolean): void {
    if (this.current !== undefined) {
      setAllOpen(this.current, isOpen);
      this.toggled = undefined;
      this.canvas.startOver();
      this.model.changed();
    }
  }
}
