import type { GraphStructure } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';
import { element, fill } from '../controls/element';
import { linkButton, searchField, type SearchField } from '../controls/toolkit';
import { findNodes } from './findNodes';

/** What the search tells the view around it. */
export interface SearchActions {
  /** The matches are others. */
  found(): void;
  /** Shows a match. */
  goTo(node: number): void;
  /** Escape: back to the graph. */
  leave(): void;
}

/** A field, how many nodes match, and steps from match to match: Enter and Shift+Enter, or two buttons. */
export class GraphSearch {
  readonly field: SearchField;
  readonly count = element('span', { class: 'toolbar-count', attributes: { role: 'status' } });
  /** Indexes of nodes, in the order of the graph. */
  matches: readonly number[] = [];
  /** Place among the matches of the one gone to last. */
  private at = -1;
  private structure: GraphStructure | undefined;

  constructor(
    private readonly actions: SearchActions,
    private readonly layer: (name: string) => LayerSummary | undefined,
  ) {
    this.field = searchField('Find nodes', () => this.find());
    this.field.element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      } else if (event.key === 'Escape') {
        this.field.value = '';
        this.find();
        actions.leave();
      }
    });
  }

  /** Looks for the same in another graph. */
  searchIn(structure: GraphStructure): void {
    this.structure = structure;
    this.find();
  }

  private find(): void {
    this.matches = this.structure === undefined ? [] : findNodes(this.structure, this.field.value, this.layer);
    this.at = -1;
    this.describe();
    this.actions.found();
  }

  private step(by: number): void {
    const { length } = this.matches;
    if (length === 0) {
      return;
    }
    this.at = this.at < 0 ? (by > 0 ? 0 : length - 1) : (this.at + by + length) % length;
    this.describe();
    this.actions.goTo(this.matches[this.at]!);
  }

  private describe(): void {
    const { length } = this.matches;
    if (this.field.value.trim() === '') {
      fill(this.count);
      return;
    }
    const text = length === 0 ? 'no match' : this.at < 0 ? `${length} found` : `${this.at + 1} of ${length}`;
    const buttons = [this.stepButton('‹', 'Previous match', -1), this.stepButton('›', 'Next match', 1)];
    fill(this.count, text, ...(length === 0 ? [] : buttons));
  }

  private stepButton(text: string, label: string, by: number): HTMLButtonElement {
    const button = linkButton(text, () => this.step(by), label);
    button.setAttribute('aria-label', label);
    button.classList.add('graph-step');
    // The count is written anew with each step: the focus stays on the button's successor.
    button.addEventListener('click', () => this.count.querySelector<HTMLElement>(`[aria-label="${label}"]`)?.focus());
    return button;
  }
}
