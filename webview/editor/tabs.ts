import type { EditorTab } from '../../src/protocol/webviewProtocol';
import { element } from '../controls/element';

/** Tab strip with the keyboard of tabs: arrows, Home and End move and show at once. */
export class Tabs {
  readonly element: HTMLElement;
  private readonly buttons: readonly HTMLButtonElement[];

  constructor(
    private readonly tabs: readonly { readonly id: EditorTab; readonly label: string; readonly panel: HTMLElement }[],
    private readonly onShow: (tab: EditorTab) => void,
  ) {
    this.buttons = tabs.map(({ id, label, panel }) => {
      panel.id = `panel-${id}`;
      panel.setAttribute('role', 'tabpanel');
      panel.setAttribute('aria-labelledby', `tab-${id}`);
      return element('button', {
        class: 'tab',
        text: label,
        attributes: { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': panel.id },
        onClick: () => onShow(id),
      });
    });
    this.element = element(
      'div',
      { class: 'tabs', attributes: { role: 'tablist', 'aria-label': 'Views' } },
      ...this.buttons,
    );
    this.element.addEventListener('keydown', (event) => this.onKeyDown(event));
  }

  update(shown: EditorTab): void {
    this.tabs.forEach(({ id, panel }, index) => {
      const button = this.buttons[index];
      button?.setAttribute('aria-selected', String(id === shown));
      button?.setAttribute('tabindex', id === shown ? '0' : '-1');
      panel.classList.toggle('is-shown', id === shown);
    });
  }

  private onKeyDown(event: KeyboardEvent): void {
    const at = this.buttons.findIndex((button) => button === document.activeElement);
    const last = this.buttons.length - 1;
    const target: Partial<Record<string, number>> = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at <= 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    const to = target[event.key];
    const tab = to === undefined ? undefined : this.tabs[to];
    if (at >= 0 && to !== undefined && tab !== undefined) {
      event.preventDefault();
      this.buttons[to]?.focus();
      this.onShow(tab.id);
    }
  }
}
