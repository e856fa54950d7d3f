import { element } from '../controls/element';
import { figureFill } from './boxFigures';
import type { Painting } from './paintGraph';
import type { Size, Viewport } from './viewport';

const MOST_WIDTH = 96;
const MOST_HEIGHT = 150;
/** Tall pictures are stretched sideways to this, so that there is something to see. */
const LEAST_WIDTH = 32;

/** The whole picture small, with a frame around what is on show. Clicks and drags move there. For the mouse only. */
export class Minimap {
  readonly element: HTMLCanvasElement;
  /** The picture without the frame: drawn once, not with every move. */
  private readonly still = document.createElement('canvas');
  private size: Size = { width: 0, height: 0 };
  private scaleX = 1;
  private scaleY = 1;

  /** `onMove` gets a point of the picture that is to come to the middle. */
  constructor(onMove: (x: number, y: number) => void) {
    this.element = element('canvas', { class: 'graph-minimap', attributes: { 'aria-hidden': 'true' } });
    const move = (event: PointerEvent) => {
      const box = this.element.getBoundingClientRect();
      onMove((event.clientX - box.left) / this.scaleX, (event.clientY - box.top) / this.scaleY);
    };
    this.element.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      move(event);
    });
    this.element.addEventListener('pointermove', (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) {
        move(event);
      }
    });
  }

  redraw({ picture, colors, measure, figures, kinds }: Painting, device: number): void {
    const { layout, scene } = picture;
    const base = Math.min(MOST_WIDTH / layout.width, MOST_HEIGHT / layout.height);
    this.scaleY = base;
    this.scaleX = Math.max(base, LEAST_WIDTH / layout.width);
    this.size = { width: layout.width * this.scaleX, height: layout.height * this.scaleY };
    for (const canvas of [this.still, this.element]) {
      canvas.width = Math.max(1, Math.round(this.size.width * device));
      canvas.height = Math.max(1, Math.round(this.size.height * device));
    }
    this.element.style.setProperty('width', `${this.size.width}px`);
    this.element.style.setProperty('height', `${this.size.height}px`);
    const context = this.still.getContext('2d');
    if (context === null) {
      return;
    }
    context.fillStyle = colors.surface;
    context.fillRect(0, 0, this.still.width, this.still.height);
    context.scale(device * this.scaleX, device * this.scaleY);
    const leastHeight = 1 / this.scaleY;
    scene.boxes.forEach((box, i) => {
      const kind = measure.ramp === 'kind' ? kinds[i] : undefined;
      const fill = figureFill(measure, figures.values[i], figures, colors)?.fill;
      context.fillStyle = fill ?? (kind === undefined ? colors.edge : (colors.kinds.get(kind) ?? colors.edge));
      context.fillRect(layout.x[i]!, layout.y[i]!, box.width, Math.max(leastHeight, box.height));
    });
  }

  /** Hidden while all of the picture is in sight anyway. */
  frame({ picture, colors }: Painting, view: Viewport, screen: Size, device: number): void {
    const { width, height } = picture.layout;
    const isWhole =
      view.x >= 0 &&
      view.y >= 0 &&
      view.x + width * view.zoom <= screen.width &&
      view.y + height * view.zoom <= screen.height;
    this.element.hidden = isWhole || screen.width < 360;
    const context = this.element.getContext('2d');
    if (context === null || this.element.hidden) {
      return;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.still, 0, 0);
    context.setTransform(device, 0, 0, device, 0, 0);
    context.strokeStyle = colors.accent;
    context.lineWidth = 1.5;
    const left = Math.max(0.75, (-view.x / view.zoom) * this.scaleX);
    const top = Math.max(0.75, (-view.y / view.zoom) * this.scaleY);
    const right = Math.min(this.size.width - 0.75, ((screen.width - view.x) / view.zoom) * this.scaleX);
    const bottom = Math.min(this.size.height - 0.75, ((screen.height - view.y) / view.zoom) * this.scaleY);
    context.strokeRect(left, top, right - left, Math.max(3, bottom - top));
  }
}
