/**
 * The only importer of the webview UI toolkit. The toolkit is no longer developed; should it have to go, it goes here.
 * Everything else asks for controls by what they do.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
  type Button,
  type Checkbox,
  type Dropdown,
  type TextField,
} from '@vscode/webview-ui-toolkit';
import { element, fill, type Child } from './element';
import { icon, type IconName } from './icon';

/** Defines the custom elements; call once before any control is made. */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeProgressRing(),
    vsCodeTextField(),
  );
}

interface Controls {
  'vscode-button': Button;
  'vscode-checkbox': Checkbox;
  'vscode-dropdown': Dropdown;
  'vscode-text-field': TextField;
}

/** The elements are upgraded by then: {@link registerControls} has run. */
function create<K extends keyof Controls>(tag: K): Controls[K] {
  return document.createElement(tag) as unknown as Controls[K];
}

export interface ButtonOptions {
  readonly label: string;
  readonly appearance: 'primary' | 'secondary';
  readonly onClick: () => void;
}

/** A button that can say why it is disabled. */
export interface ActionButton {
  readonly element: HTMLElement;
  setState(state: { readonly enabled: true } | { readonly enabled: false; readonly reason: string }): void;
  setAppearance(appearance: 'primary' | 'secondary'): void;
}

export function actionButton(options: ButtonOptions): ActionButton {
  const button = create('vscode-button');
  button.appearance = options.appearance;
  button.textContent = options.label;
  button.addEventListener('click', () => {
    if (!button.disabled) {
      options.onClick();
    }
  });
  return {
    element: button,
    setState: (state) => {
      button.disabled = !state.enabled;
      button.title = state.enabled ? '' : state.reason;
      button.ariaLabel = state.enabled ? null : `${options.label}, not available: ${state.reason}`;
    },
    setAppearance: (appearance) => {
      button.appearance = appearance;
    },
  };
}

/** A button that shows a drawing; its label is the tooltip and what a screen reader says. */
export function iconButton(name: IconName, label: string, onClick: () => void): HTMLElement {
  const button = create('vscode-button');
  button.appearance = 'icon';
  button.ariaLabel = label;
  button.title = label;
  button.append(icon(name));
  button.addEventListener('click', onClick);
  return button;
}

/** Text that acts: for the small actions inside a line, where a button would shout. */
export function linkButton(label: string, onClick: () => void, title?: string): HTMLButtonElement {
  return element('button', { class: 'link', text: label, title, attributes: { type: 'button' }, onClick });
}

export interface SearchField {
  readonly element: HTMLElement;
  value: string;
  focus(): void;
}

export function searchField(label: string, onInput: (text: string) => void): SearchField {
  const field = create('vscode-text-field');
  field.placeholder = label;
  field.ariaLabel = label;
  const lens = icon('search');
  lens.setAttribute('slot', 'start');
  field.append(lens);
  field.classList.add('search');
  field.addEventListener('input', () => onInput(field.value));
  return {
    element: field,
    get value() {
      return field.value;
    },
    set value(text: string) {
      field.value = text;
    },
    focus: () => field.focus(),
  };
}

/** A field for a few characters; Enter is `onEnter`. */
export function textField(label: string, placeholder: string, onEnter: () => void): SearchField {
  const field = create('vscode-text-field');
  field.placeholder = placeholder;
  field.ariaLabel = label;
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      onEnter();
    }
  });
  return {
    element: field,
    get value() {
      return field.value;
    },
    set value(text: string) {
      field.value = text;
    },
    focus: () => field.focus(),
  };
}

export function checkbox(label: string, checked: boolean, onChange: (checked: boolean) => void): HTMLElement {
  const box = create('vscode-checkbox');
  box.textContent = label;
  box.checked = checked;
  box.addEventListener('change', () => onChange(box.checked));
  return box;
}

export interface ChoiceField {
  readonly element: HTMLElement;
  setChoices(choices: readonly { readonly value: string; readonly label: string }[], value: string): void;
}

export function dropdown(label: string, onChange: (value: string) => void): ChoiceField {
  const field = create('vscode-dropdown');
  field.ariaLabel = label;
  field.title = label;
  field.addEventListener('change', () => onChange(field.value));
  return {
    element: field,
    setChoices: (choices, value) => {
      const options: Child[] = choices.map((choice) => {
        const option = document.createElement('vscode-option');
        option.setAttribute('value', choice.value);
        option.textContent = choice.label;
        return option;
      });
      fill(field, ...options);
      field.value = value;
    },
  };
}

/** Turns while something goes on; the text beside it says what. */
export function progressRing(label: string): HTMLElement {
  const ring = document.createElement('vscode-progress-ring');
  ring.classList.add('ring');
  ring.ariaLabel = label;
  return ring;
}
