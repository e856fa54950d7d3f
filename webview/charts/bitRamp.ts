import { element } from '../controls/element';
import { bitsText } from '../text/numbers';

/** Class of the ramp for a width: fewer bits are lighter. The style sheet has one ramp for each kind of theme. */
export function bitClass(bits: number): string {
  if (bits >= 16) {
    return 'bit-float';
  }
  return `bit-${Math.min(8, Math.max(2, Math.round(bits)))}`;
}

/** A width as a small coloured field with its number on it. */
export function bitChip(bits: number): HTMLElement {
  return element('span', { class: `bit-chip ${bitClass(bits)}`, text: bitsText(bits) });
}
