import type { LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { element, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';
import type { EditorModel } from '../editor/editorModel';
import { count, layerLoss, significant } from '../text/numbers';
import { LatestAnswer } from './latestAnswer';
import { hint, pairs, section } from './section';

/** What recipe and lock say of a layer, with the way to their lines. */
export class FileSections {
  private readonly answer: LatestAnswer<'lock/entry'>;
  private layer = '';

  constructor(private readonly model: EditorModel) {
    this.answer = new LatestAnswer(model, 'lock/entry');
  }

  /** What it must be drawn anew for. */
  get version(): readonly unknown[] {
    return [this.answer.answer, this.answer.failure];
  }

  /** Asks for what must be read for this layer. */
  prepare(layer: LayerSummary | undefined): void {
    const recipe = this.model.state?.recipe;
    if (layer !== undefined && recipe !== undefined) {
      // A recipe that was read again may have a lock that was written anew.
      this.answer.want({ layer: layer.name }, recipe, layer.name === this.layer);
      this.layer = layer.name;
    }
  }

  /** Nothing without a recipe. */
  build(layer: LayerSummary): readonly Child[] {
    return [this.recipe(layer), this.lock(layer)];
  }

  private recipe(layer: LayerSummary): HTMLElement | undefined {
    const recipe = this.model.state?.recipe;
    if (recipe === undefined) {
      return undefined;
    }
    const overrides = recipe.overrides.filter((override) => override.layer === layer.name);
    const open = (line: number) =>
      linkButton(`${recipe.name}:${line}`, () => this.model.ask('recipe/open', { line }, 'The recipe did not open'));
    return section(
      'Recipe',
      ...(overrides.length === 0
        ? [hint(`${recipe.name} says nothing of this layer`)]
        : overrides.flatMap((override) => [open(override.line), element('pre', { text: override.text })])),
    );
  }

  /** What was decided: widths and mask as the lock has them, which the slider does not move. */
  private lock(layer: LayerSummary): HTMLElement | undefined {
    const recipe = this.model.state?.recipe;
    if (recipe === undefined) {
      return undefined;
    }
    const { answer, failure } = this.answer;
    const { entry, name } = answer ?? {};
    if (entry === undefined) {
      const reading = answer === undefined ? 'Reading the lock…' : undefined;
      const missing = recipe.lock === 'missing' ? 'No lock yet: run Optimize' : undefined;
      const text = failure ?? reading ?? missing ?? `${name ?? 'The lock'} says nothing of this layer`;
      return section('Lock', hint(text));
    }
    const { scales } = entry;
    const rows: [string, Child][] = [
      ['bits W / A', element('span', { class: 'bit-pair' }, bitChip(entry.weightBits), bitChip(entry.activationBits))],
      ['mask', entry.mask ?? 'dense'],
    ];
    if (scales !== undefined) {
      const ends = scales.count === 1 ? [scales.min] : [scales.min, scales.max];
      rows.push([count(scales.count, 'scale'), ends.map((end) => significant(end)).join(' … ')]);
    }
    rows.push(['predicted loss', layerLoss(entry.loss)]);
    if (entry.reason !== undefined) {
      rows.push(['decided by', entry.reason]);
    }
    return section(
      'Lock',
      linkButton(`${name ?? ''}:${entry.line}`, () =>
        this.model.ask('lock/open', { layer: layer.name }, 'The lock did not open'),
      ),
      recipe.lock === 'stale' ? hint('Stale: recipe, model or data changed since') : undefined,
      pairs(rows),
    );
  }
}
