import { element, type Child } from './element';
import { showPopup } from './popup';

export type MenuItem =
  | { readonly kind: 'heading'; readonly label: string }
  | {
      readonly kind: 'choice';
      readonly label: string;
      /** Right-aligned figures beside the label. */
      readonly note?: string;
      readonly checked?: boolean;
      readonly run: () => void;
    };

/** A menu with the keyboard of menus: arrows, Home, End, first letters, Enter, Escape. */
export function showMenu(anchor: DOMRect, label: string, items: readonly MenuItem[]): void {
  const buttons: HTMLElement[] = [];
  const children: Child[] = items.map((item) => {
    if (item.kind === 'heading') {
      return element('div', { class: 'menu-heading', text: item.label, attributes: { role: 'presentation' } });
    }
    const isChoice = item.checked !== undefined;
    const button = element(
      'div',
      {
        class: 'menu-item',
        attributes: {
          role: isChoice ? 'menuitemradio' : 'menuitem',
          'aria-checked': isChoice ? String(item.checked) : undefined,
          tabindex: -1,
        },
      },
      element('span', {
        class: 'menu-check',
        text: item.checked === true ? '✓' : '',
        attributes: { 'aria-hidden': 'true' },
      }),
      element('span', { class: 'menu-label', text: item.label }),
      item.note === undefined ? undefined : element('span', { class: 'menu-note', text: item.note }),
    );
    const run = () => {
      popup.close();
      item.run();
    };
    button.addEventListener('click', run);
    button.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        event.stopPropagation();
        run();
      }
    });
    buttons.push(button);
    return button;
  });
  const popup = showPopup(anchor, { role: 'menu', label, class: 'menu' }, ...children);
  popup.element.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const to = nextIndex(event.key, at, buttons);
    if (to !== undefined) {
      event.preventDefault();
      buttons[to]?.focus();
    } else if (event.key === 'Tab') {
      event.preventDefault();
      popup.close();
    }
  });
  const checked = items.filter((item) => item.kind === 'choice').findIndex((item) => item.checked === true);
  buttons[Math.max(0, checked)]?.focus();
}

function nextIndex(key: string, at: number, buttons: readonly HTMLElement[]): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return (at + 1) % buttons.length;
    case 'ArrowUp':
      return (at - 1 + buttons.length) % buttons.length;
    case 'Home':
      return 0;
    case 'End':
      return buttons.length - 1;
    default: {
      if (key.length !== 1 || key === ' ') {
        return undefined;
      }
      for (let step = 1; step <= buttons.length; step++) {
        const index = (at + step) % buttons.length;
        const label = buttons[index]?.querySelector('.menu-label')?.textContent ?? '';
        if (label.toLowerCase().startsWith(key.toLowerCase())) {
          return index;
        }
      }
      return undefined;
    }
  }
}
