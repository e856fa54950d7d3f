import { svgElement, uniqueId, type Child } from '../controls/element';

/** Marks that Page Up and Page Down pass over. */
const PAGE = 10;

/** What a mark is to whoever does not see it. */
export interface ChartOption {
  readonly selected: boolean;
  /** In one sentence: label and tooltip. */
  readonly text: string;
  readonly class: string;
}

/** The marks of a chart as the options of a list box, which keys walk from left to right (WAI-ARIA, listbox). */
export class ChartOptions {
  private readonly id: string;

  constructor(
    private readonly svg: SVGSVGElement,
    name: string,
    { multiselectable = false } = {},
  ) {
    this.id = uniqueId(name);
    svg.setAttribute('role', 'listbox');
    svg.setAttribute('tabindex', '0');
    svg.setAttribute('aria-orientation', 'horizontal');
    if (multiselectable) {
      svg.setAttribute('aria-multiselectable', 'true');
    }
  }

  /** The mark at an index, of its parts. */
  option(index: number, option: ChartOption, ...parts: readonly Child[]): SVGElement {
    return svgElement(
      'g',
      {
        id: `${this.id}-${index}`,
        role: 'option',
        'aria-selected': String(option.selected),
        'aria-label': option.text,
        'data-index': index,
        class: option.class,
      },
      svgElement('title', {}, option.text),
      ...parts,
    );
  }

  /** Says where the keys are; below 0: nowhere. */
  markActive(index: number): void {
    if (index >= 0) {
      this.svg.setAttribute('aria-activedescendant', `${this.id}-${index}`);
    } else {
      this.svg.removeAttribute('aria-activedescendant');
    }
  }

  /** The mark that was hit, which takes the focus with its chart. */
  hit(event: MouseEvent): { readonly index: number; readonly group: Element } | undefined {
    const group = event.target instanceof Element ? event.target.closest('[data-index]') : null;
    if (group === null) {
      return undefined;
    }
    this.svg.focus({ preventScroll: true });
    return { index: Number(group.getAttribute('data-index')), group };
  }
}

/** Where a key leads from the index `at` (below 0: nowhere yet) among `count` marks; undefined: it is no key that walks. */
export function walkedTo(key: string, at: number, count: number): number | undefined {
  const last = count - 1;
  const target: Partial<Record<string, number>> = {
    ArrowRight: at + 1,
    ArrowDown: at + 1,
    ArrowLeft: at - 1,
    ArrowUp: at - 1,
    PageDown: at + PAGE,
    PageUp: at - PAGE,
    Home: 0,
    End: last,
  };
  const to = target[key];
  return to === undefined ? undefined : Math.max(0, Math.min(last, to));
}
