import { element } from '../controls/element';
import { BLOCK_HEADING } from './layout/layoutGraph';
import { Minimap } from './minimap';
import { paintGraph, type Painting } from './paintGraph';
import { boxAt, boxBounds, headingAt, neighbour } from './picture';
import {
  between,
  bringIntoSight,
  centreOn,
  firstView,
  fitAll,
  zoomAt,
  type Box,
  type Size,
  type Viewport,
} from './viewport';

/** What the user did to the picture; boxes and blocks are indexes into its scene. */
export interface CanvasActions {
  focus(box: number): void;
  /** Enter, or a second click: opens a closed block or a sub-graph. */
  open(box: number): void;
  /** Closes an open block. */
  close(block: number): void;
  /** Escape: out of the innermost open block or the sub-graph. */
  leave(): void;
  search(): void;
}

const ZOOM_STEP = 1.25;
const MOVE_MS = 160;
/** Pixels the mouse may move in a click. */
const CLICK_SLACK = 4;

/** The canvas with its mouse and keyboard. Draws once a frame, and only when something changed. */
export class GraphCanvas {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  private readonly minimap: Minimap;
  private painting: Painting | undefined;
  private view: Viewport = { zoom: 1, x: 0, y: 0 };
  private size: Size = { width: 0, height: 0 };
  private frame = 0;
  private motion: { readonly from: Viewport; readonly to: Viewport; readonly since: number } | undefined;
  private hovered: number | undefined;
  private isFirst = true;
  private readonly stillness = window.matchMedia('(prefers-reduced-motion: reduce)');

  constructor(private readonly actions: CanvasActions) {
    this.canvas = element('canvas', {
      class: 'graph-canvas',
      attributes: {
        tabindex: 0,
        role: 'application',
        'aria-label': 'Graph',
        'aria-roledescription': 'graph',
        'aria-keyshortcuts': 'ArrowUp ArrowDown ArrowLeft ArrowRight Enter Escape Home End Plus Minus 0 F',
      },
    });
    this.minimap = new Minimap((x, y) => this.jump(x, y));
    this.element = element(
      'div',
      { class: 'graph-stage' },
      this.canvas,
      this.minimap.element,
      element(
        'div',
        { class: 'graph-zoom', attributes: { role: 'group', 'aria-label': 'Zoom' } },
        this.zoomButton('+', 'Zoom in (+)', () => this.zoomBy(ZOOM_STEP)),
        this.zoomButton('−', 'Zoom out (−)', () => this.zoomBy(1 / ZOOM_STEP)),
        this.zoomButton('⤢', 'Show all (0)', () => this.fit()),
      ),
    );
    this.listen();
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  /**
   * Shows another picture or other colours. `hold` keeps a box of the new picture where its counterpart was on the screen,
   * so that opening a block does not move what the eye is on.
   */
  show(painting: Painting, hold?: { readonly box: Box; readonly was: Box }): void {
    const isOther = painting.picture !== this.painting?.picture;
    this.painting = painting;
    if (isOther && hold !== undefined) {
      const { zoom } = this.view;
      const x = this.view.x + (hold.was.x + hold.was.width / 2 - hold.box.x - hold.box.width / 2) * zoom;
      this.view = { zoom, x, y: this.view.y + (hold.was.y - hold.box.y) * zoom };
      this.motion = undefined;
    }
    if (isOther && this.isFirst && this.size.width > 0) {
      this.goFirst();
    }
    if (this.size.width > 0) {
      this.minimap.redraw(painting, window.devicePixelRatio);
    }
    this.schedule();
  }

  /** The next picture is shown from its beginning. */
  startOver(): void {
    this.isFirst = true;
  }

  /** Brings a box into sight; in the middle when it is far away. */
  reveal(box: number): void {
    if (this.painting === undefined || this.size.width === 0) {
      return;
    }
    const bounds = boxBounds(this.painting.picture, box);
    const from = this.motion?.to ?? this.view;
    const near = bringIntoSight(from, bounds, this.size);
    const distance = Math.hypot(near.x - from.x, near.y - from.y);
    this.moveTo(distance > this.size.height ? centreOn(from, bounds, this.size) : near);
  }

  fit(): void {
    if (this.painting !== undefined) {
      this.moveTo(fitAll(this.painting.picture.layout, this.size));
    }
  }

  focus(): void {
    this.canvas.focus({ preventScroll: true });
  }

  /** Where a box is in the window, in CSS pixels; for menus. */
  boundsInWindow(box: number): DOMRect {
    const stage = this.canvas.getBoundingClientRect();
    if (this.painting === undefined) {
      return stage;
    }
    const { x, y, width, height } = boxBounds(this.painting.picture, box);
    const { zoom } = this.view;
    return new DOMRect(
      stage.left + x * zoom + this.view.x,
      stage.top + y * zoom + this.view.y,
      width * zoom,
      height * zoom,
    );
  }

  private goFirst(): void {
    if (this.painting !== undefined) {
      const { scene, layout } = this.painting.picture;
      const beginning = (layout.x[0] ?? 0) + (scene.boxes[0]?.width ?? 0) / 2;
      this.view = firstView(layout, this.size, beginning);
      this.motion = undefined;
      this.isFirst = false;
    }
  }

  private zoomButton(text: string, label: string, onClick: () => void): HTMLButtonElement {
    return element('button', {
      class: 'graph-zoom-button',
      text,
      title: label,
      attributes: { type: 'button', 'aria-label': label.replace(/ \(.*/, '') },
      onClick,
    });
  }

  private resized(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) {
      return;
    }
    this.size = { width, height };
    const scale = window.devicePixelRatio;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    if (this.painting !== undefined) {
      if (this.isFirst) {
        this.goFirst();
      }
      this.minimap.redraw(this.painting, scale);
    }
    // At once: a canvas that was resized is blank until it is drawn.
    this.draw(performance.now());
  }

  private schedule(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame((now) => {
        this.frame = 0;
        this.draw(now);
      });
    }
  }

  private draw(now: number): void {
    const context = this.canvas.getContext('2d', { alpha: false });
    if (this.painting === undefined || context === null || this.size.width === 0) {
      return;
    }
    if (this.motion !== undefined) {
      const t = Math.min(1, (now - this.motion.since) / MOVE_MS);
      this.view = between(this.motion.from, this.motion.to, Math.max(0, t));
      if (t >= 1) {
        this.motion = undefined;
      } else {
        this.schedule();
      }
    }
    const painting: Painting = {
      ...this.painting,
      hovered: this.hovered,
      hasFocus: document.activeElement === this.canvas,
    };
    paintGraph(context, painting, this.view, this.size, window.devicePixelRatio);
    this.minimap.frame(painting, this.view, this.size, window.devicePixelRatio);
  }

  private moveTo(view: Viewport): void {
    if (this.stillness.matches) {
      this.view = view;
      this.motion = undefined;
    } else {
      this.motion = { from: this.view, to: view, since: performance.now() };
    }
    this.schedule();
  }

  private panBy(x: number, y: number): void {
    this.motion = undefined;
    this.view = this.kept({ ...this.view, x: this.view.x + x, y: this.view.y + y });
    this.schedule();
  }

  /** A corner of the picture stays in sight. */
  private kept(view: Viewport): Viewport {
    const layout = this.painting?.picture.layout;
    if (layout === undefined) {
      return view;
    }
    const room = 60;
    return {
      zoom: view.zoom,
      x: Math.min(this.size.width - room, Math.max(room - layout.width * view.zoom, view.x)),
      y: Math.min(this.size.height - room, Math.max(room - layout.height * view.zoom, view.y)),
    };
  }

  private zoomBy(factor: number, x = this.size.width / 2, y = this.size.height / 2): void {
    this.moveTo(this.kept(zoomAt(this.motion?.to ?? this.view, factor, x, y)));
  }

  private jump(x: number, y: number): void {
    this.motion = undefined;
    const { zoom } = this.view;
    this.view = this.kept({ zoom, x: this.size.width / 2 - x * zoom, y: this.size.height / 2 - y * zoom });
    this.schedule();
  }

  private listen(): void {
    const { canvas } = this;
    canvas.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.onKeyDown(event));
    canvas.addEventListener('focus', () => this.schedule());
    canvas.addEventListener('blur', () => this.schedule());
    let down: { readonly x: number; readonly y: number; isDrag: boolean } | undefined;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button === 0 || event.button === 1) {
        event.preventDefault();
        this.focus();
        canvas.setPointerCapture(event.pointerId);
        down = { x: event.clientX, y: event.clientY, isDrag: event.button === 1 };
      }
    });
    canvas.addEventListener('pointermove', (event) => {
      if (down === undefined) {
        this.hover(event.offsetX, event.offsetY);
        return;
      }
      down.isDrag ||= Math.hypot(event.clientX - down.x, event.clientY - down.y) > CLICK_SLACK;
      if (down.isDrag) {
        canvas.classList.add('is-dragged');
        this.panBy(event.movementX, event.movementY);
      }
    });
    const release = (event: PointerEvent) => {
      const wasClick = down !== undefined && !down.isDrag && event.type === 'pointerup';
      down = undefined;
      canvas.classList.remove('is-dragged');
      if (wasClick) {
        this.click(event.offsetX, event.offsetY);
      }
    };
    canvas.addEventListener('pointerup', release);
    canvas.addEventListener('pointercancel', release);
    canvas.addEventListener('pointerleave', () => this.hover(-1, -1));
  }

  private toPicture(x: number, y: number): readonly [number, number] {
    return [(x - this.view.x) / this.view.zoom, (y - this.view.y) / this.view.zoom];
  }

  private hover(x: number, y: number): void {
    const picture = this.painting?.picture;
    const at = this.toPicture(x, y);
    const box = picture === undefined || x < 0 ? undefined : boxAt(picture, ...at);
    const heading = picture === undefined || x < 0 ? undefined : headingAt(picture, ...at, BLOCK_HEADING);
    this.canvas.classList.toggle('is-target', box !== undefined || heading !== undefined);
    this.canvas.title = box === undefined ? '' : (picture?.scene.boxes[box]?.lines.filter(Boolean).join('\n') ?? '');
    if (box !== this.hovered) {
      this.hovered = box;
      this.schedule();
    }
  }

  private click(x: number, y: number): void {
    const painting = this.painting;
    if (painting === undefined) {
      return;
    }
    const [px, py] = this.toPicture(x, y);
    const box = boxAt(painting.picture, px, py);
    if (box === undefined) {
      const heading = headingAt(painting.picture, px, py, BLOCK_HEADING);
      if (heading !== undefined) {
        this.actions.close(heading);
      }
      return;
    }
    // The sign at the left opens at once; the rest first takes the focus.
    const isSign = px - painting.picture.layout.x[box]! < 24;
    const opens = painting.picture.scene.boxes[box]!.block !== undefined || painting.hasSubgraph(box);
    if (opens && (isSign || painting.focused === box)) {
      this.actions.open(box);
    } else {
      this.actions.focus(box);
    }
  }

  private onWheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.ctrlKey || event.metaKey) {
      this.motion = undefined;
      this.view = this.kept(zoomAt(this.view, Math.exp((-event.deltaY * unit) / 200), event.offsetX, event.offsetY));
      this.schedule();
    } else if (event.shiftKey && event.deltaX === 0) {
      this.panBy(-event.deltaY * unit, 0);
    } else {
      this.panBy(-event.deltaX * unit, -event.deltaY * unit);
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const painting = this.painting;
    if (painting === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const { picture, focused } = painting;
    const boxes = picture.scene.boxes.length;
    const walk = (direction: 'up' | 'down' | 'left' | 'right') => {
      const to = focused === undefined ? 0 : neighbour(picture, focused, direction);
      if (to !== undefined && boxes > 0) {
        this.actions.focus(to);
      }
    };
    switch (event.key) {
      case 'ArrowDown':
        walk('down');
        break;
      case 'ArrowUp':
        walk('up');
        break;
      case 'ArrowLeft':
        walk('left');
        break;
      case 'ArrowRight':
        walk('right');
        break;
      case 'Home':
        this.actions.focus(0);
        break;
      case 'End':
        this.actions.focus(boxes - 1);
        break;
      case 'PageDown':
        this.panBy(0, -this.size.height * 0.8);
        break;
      case 'PageUp':
        this.panBy(0, this.size.height * 0.8);
        break;
      case 'Enter':
      case ' ':
        if (focused !== undefined) {
          this.actions.open(focused);
        }
        break;
      case 'Escape':
      case 'Backspace':
        this.actions.leave();
        break;
      case '+':
      case '=':
        this.zoomBy(ZOOM_STEP);
        break;
      case '-':
        this.zoomBy(1 / ZOOM_STEP);
        break;
      case '0':
        this.fit();
        break;
      case 'f':
      case 'F':
      case '/':
        this.actions.search();
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}
