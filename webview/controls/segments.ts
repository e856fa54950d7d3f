import './segments.css';
import { element, fill } from './element';

export interface Segment<T extends string> {
  readonly value: T;
  readonly label: string;
  /** What it means, in a tooltip. */
  readonly title: string;
}

/** One of a few choices, all in sight. A radio group: one tab stop, arrow keys choose at once. */
export class Segments<T extends string> {
  readonly element: HTMLElement;
  private choices: readonly Segment<T>[] = [];
  private buttons: readonly HTMLButtonElement[] = [];
  private value: T | undefined;

  constructor(
    label: string,
    private readonly onChange: (value: T) => void,
  ) {
    this.element = element('div', { class: 'segments', attributes: { role: 'radiogroup', 'aria-label': label } });
    this.element.addEventListener('keydown', (event) => this.onKeyDown(event));
  }

  update(choices: readonly Segment<T>[], value: T): void {
    if (
      choices.length !== this.choices.length ||
      choices.some((choice, i) => choice.label !== this.choices[i]?.label)
    ) {
      this.buttons = choices.map((choice) =>
        element('button', {
          class: 'segment',
          text: choice.label,
          title: choice.title,
          attributes: { type: 'button', role: 'radio', 'data-value': choice.value },
          onClick: () => this.onChange(choice.value),
        }),
      );
      fill(this.element, ...this.buttons);
    }
    this.choices = choices;
    this.value = value;
    const none = !choices.some((choice) => choice.value === value);
    this.buttons.forEach((button, index) => {
      const checked = choices[index]?.value === value;
      button.setAttribute('aria-checked', String(checked));
      button.tabIndex = checked || (none && index === 0) ? 0 : -1;
    });
  }

  private onKeyDown(event: KeyboardEvent): void {
    const at = this.choices.findIndex((choice) => choice.value === this.value);
    const last = this.choices.length - 1;
    const target: Partial<Record<string, number>> = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowDown: at === last ? 0 : at + 1,
      ArrowLeft: at <= 0 ? last : at - 1,
      ArrowUp: at <= 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    const to = target[event.key];
    const choice = to === undefined ? undefined : this.choices[to];
    if (to !== undefined && choice !== undefined) {
      event.preventDefault();
      this.buttons[to]?.focus();
      this.onChange(choice.value);
    }
  }
}
