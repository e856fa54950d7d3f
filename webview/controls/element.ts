/** Building DOM without markup: every text goes through `textContent`, since names come from model files. */

export type Child = Node | string | undefined;

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ElementOptions {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string | undefined;
  /** `true` sets an empty attribute; `false` and undefined leave it out. */
  readonly attributes?: Attributes;
  readonly onClick?: (event: MouseEvent) => void;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: ElementOptions = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (options.class !== undefined) {
    node.className = options.class;
  }
  if (options.text !== undefined) {
    node.textContent = options.text;
  }
  if (options.title !== undefined) {
    node.title = options.title;
  }
  setAttributes(node, options.attributes ?? {});
  if (options.onClick !== undefined) {
    node.addEventListener('click', options.onClick as (event: Event) => void);
  }
  append(node, children);
  return node;
}

export function svgElement<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(node, attributes);
  append(node, children);
  return node;
}

export function setAttributes(node: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) {
      node.removeAttribute(name);
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

/** Replaces the content; undefined children are left out. */
export function fill(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** Text for screen readers only. */
export function hiddenText(text: string): HTMLElement {
  return element('span', { class: 'visually-hidden', text });
}

let lastId = 0;

/** An id no other element of the page has. */
export function uniqueId(prefix: string): string {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child !== undefined) {
      parent.append(child);
    }
  }
}
