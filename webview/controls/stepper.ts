import './stepper.css';
import { element, setAttributes } from './element';

/** Steps through a row of places: two buttons for the mouse, a spin button for the keyboard. Hidden when there is one. */
export class Stepper {
  readonly element: HTMLElement;
  private readonly text = element('span', { class: 'stepper-text', attributes: { role: 'spinbutton', tabindex: 0 } });
  private value = 0;
  private count = 1;

  constructor(
    label: string,
    private readonly onChange: (value: number) => void,
  ) {
    this.text.setAttribute('aria-label', label);
    const button = (mark: string, title: string, by: number) =>
      element('button', {
        class: 'stepper-button',
        text: mark,
        title,
        attributes: { type: 'button', tabindex: -1, 'aria-hidden': 'true' },
        onClick: () => this.step(this.value + by),
      });
    this.element = element(
      'span',
      { class: 'stepper', title: label },
      button('‹', `Previous ${label.toLowerCase()}`, -1),
      this.text,
      button('›', `Next ${label.toLowerCase()}`, 1),
    );
    this.text.addEventListener('keydown', (event) => this.onKeyDown(event));
  }

  /** `text` is what stands for the value, e.g. "1, 2". */
  update(value: number, count: number, text: string): void {
    this.value = value;
    this.count = count;
    this.element.hidden = count <= 1;
    this.text.textContent = text;
    setAttributes(this.text, {
      'aria-valuenow': value,
      'aria-valuemin': 0,
      'aria-valuemax': Math.max(0, count - 1),
      'aria-valuetext': text,
    });
  }

  private step(to: number): void {
    // Round and round: after the last comes the first.
    const value = ((to % this.count) + this.count) % this.count;
    if (value !== this.value) {
      // The text follows when there is something to show; the next key press counts from here.
      this.value = value;
      this.onChange(value);
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const target: Partial<Record<string, number>> = {
      ArrowRight: this.value + 1,
      ArrowUp: this.value + 1,
      ArrowLeft: this.value - 1,
      ArrowDown: this.value - 1,
      Home: 0,
      End: this.count - 1,
    };
    const to = target[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.step(to);
    }
  }
}
