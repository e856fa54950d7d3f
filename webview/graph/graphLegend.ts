import { bitChip } from '../charts/bitRamp';
import { element, fill, type Child } from '../controls/element';
import type { BoxFigures } from './boxFigures';
import type { Measure } from './measures';
import { operatorKinds, type OperatorKind } from './operatorKinds';

/** What the colours mean, for what is on show. */
export class GraphLegend {
  readonly element = element('div', { class: 'graph-legend legend' });
  private drawn = '';

  update(measure: Measure, figures: BoxFigures, kinds: ReadonlySet<OperatorKind>): void {
    const key = JSON.stringify([measure.id, measure.meaning, figures.least, figures.most, figures.known, [...kinds]]);
    if (key !== this.drawn) {
      this.drawn = key;
      fill(this.element, ...legendParts(measure, figures, kinds));
    }
  }
}

function legendParts(measure: Measure, figures: BoxFigures, kinds: ReadonlySet<OperatorKind>): Child[] {
  if (measure.ramp === 'kind') {
    return operatorKinds
      .filter(({ kind }) => kinds.has(kind))
      .map(({ kind, label }) =>
        element('span', { class: 'legend-item' }, element('span', { class: `graph-swatch is-${kind}` }), label),
      );
  }
  if (figures.known === 0) {
    return [element('span', { class: 'legend-item', text: measure.missing })];
  }
  const meaning = element('span', { class: 'legend-item is-optional', text: measure.meaning });
  if (measure.ramp === 'bits') {
    const whole = [2, 3, 4, 5, 6, 7, 8].filter(
      (bits) => bits >= Math.floor(figures.least) && bits <= Math.ceil(figures.most),
    );
    return [element('span', { class: 'legend-item' }, ...whole.map(bitChip)), meaning];
  }
  if (figures.least === figures.most) {
    return [element('span', { class: 'legend-item', text: `all ${measure.text(figures.most)}` }), meaning];
  }
  return [
    element(
      'span',
      { class: 'legend-item' },
      measure.text(figures.least),
      element(
        'span',
        { class: 'graph-ramp', attributes: { 'aria-hidden': 'true' } },
        ...[1, 2, 3, 4, 5, 6, 7].map((step) => element('span', { class: `graph-step-${step}` })),
      ),
      measure.text(figures.most),
      measure.isLogarithmic ? ' (log)' : '',
    ),
    meaning,
  ];
}
