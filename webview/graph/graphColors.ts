import { operatorKinds, type OperatorKind } from './operatorKinds';

/** Colours of the theme as a canvas takes them. */
export interface GraphColors {
  readonly font: string;
  readonly surface: string;
  readonly box: string;
  readonly block: string;
  readonly edge: string;
  readonly outline: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly selection: string;
  readonly match: string;
  readonly isHighContrast: boolean;
  readonly kinds: ReadonlyMap<OperatorKind, string>;
  /** Weak tints of the same, under text. */
  readonly tints: ReadonlyMap<OperatorKind, string>;
  /** From little to much. */
  readonly steps: readonly Fill[];
  /** For 2 to 8 bits. */
  readonly bits: readonly Fill[];
}

export interface Fill {
  readonly fill: string;
  readonly text: string;
}

/** Reads the theme from an element that the style sheet gives `--graph-…` variables. */
export function readColors(element: HTMLElement): GraphColors {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--graph-${name}`).trim();
  const fills = (names: readonly string[]): Fill[] =>
    names.map((name) => {
      const fill = style.getPropertyValue(name).trim();
      return { fill, text: luminance(fill) > 0.22 ? '#06192b' : '#ffffff' };
    });
  const kinds = new Map(operatorKinds.map(({ kind }) => [kind, read(`kind-${kind}`)]));
  return {
    font: style.fontFamily,
    surface: read('surface'),
    box: read('box'),
    block: read('block'),
    edge: read('edge'),
    outline: read('outline'),
    text: read('text'),
    muted: read('muted'),
    accent: read('accent'),
    selection: read('selection'),
    match: read('match'),
    isHighContrast: /high-contrast/.test(document.body.className),
    kinds,
    tints: new Map([...kinds].map(([kind, color]) => [kind, `color-mix(in srgb, ${color} 20%, ${read('surface')})`])),
    steps: fills([1, 2, 3, 4, 5, 6, 7].map((step) => `--graph-step-${step}`)),
    bits: fills([2, 3, 4, 5, 6, 7, 8].map((bits) => `--bit-${bits}`)),
  };
}

/** Relative luminance (WCAG 2.2) of "#rrggbb". */
function luminance(color: string): number {
  const value = parseInt(color.slice(1), 16);
  const channel = (shift: number) => {
    const c = ((value >> shift) & 255) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0);
}
