import { element, setAttributes } from '../controls/element';

const LEAST = 240;
const MOST = 640;
const STEP = 16;

/** The line between the views and the inspector: drag it, or move it with the arrow keys; double click resets. */
export class Splitter {
  readonly element: HTMLElement;
  private width: number;

  constructor(
    private readonly usual: number,
    remembered: number | undefined,
    /** Where `--inspector-width` is set. */
    private readonly target: HTMLElement,
    private readonly onChange: (width: number | undefined) => void,
  ) {
    this.width = remembered ?? usual;
    this.element = element('div', {
      class: 'splitter',
      attributes: {
        role: 'separator',
        tabindex: 0,
        'aria-orientation': 'vertical',
        'aria-label': 'Width of the layer panel',
        'aria-valuemin': LEAST,
        'aria-valuemax': MOST,
      },
    });
    this.apply();
    this.element.addEventListener('pointerdown', (event) => {
      this.element.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    this.element.addEventListener('pointermove', (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) {
        this.set(this.target.getBoundingClientRect().right - event.clientX);
      }
    });
    this.element.addEventListener('dblclick', () => {
      this.set(this.usual);
      this.onChange(undefined);
    });
    this.element.addEventListener('keydown', (event) => {
      // To the left is wider: the panel is on the right.
      const by = event.key === 'ArrowLeft' ? STEP : event.key === 'ArrowRight' ? -STEP : 0;
      if (by !== 0) {
        event.preventDefault();
        this.set(this.width + by);
      }
    });
  }

  private set(width: number): void {
    this.width = Math.round(Math.max(LEAST, Math.min(MOST, width)));
    this.apply();
    this.onChange(this.width);
  }

  private apply(): void {
    this.target.style.setProperty('--inspector-width', `${this.width}px`);
    setAttributes(this.element, { 'aria-valuenow': this.width, 'aria-valuetext': `${this.width} pixels` });
  }
}
