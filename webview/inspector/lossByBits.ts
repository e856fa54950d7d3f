import type { CandidateView } from '../../src/protocol/job';
import { Chart, figureTable, pathThrough, svgLine, svgText } from '../charts/chart';
import { placeLabels, lineObstacles, type Box, type LabelRequest } from '../charts/placeLabels';
import { linearScale, logScale, powerTicks } from '../charts/scale';
import { element, fill, svgElement, type Child } from '../controls/element';
import { textWidth } from '../text/measureText';
import { bitsText, decibel, layerLoss, significant } from '../text/numbers';

const HEIGHT = 132;
const FRAME = { left: 40, right: 10, top: 8, bottom: 20 };
const CLASSES = ['series', 'series second', 'series third'];

export interface LossByBitsInput {
  readonly candidates: readonly CandidateView[];
  readonly weightBits: number | undefined;
  readonly activationBits: number | undefined;
  readonly lossUnit: string;
}

/** Loss at each candidate width, logarithmic: one line for each activation width, the present choice marked. */
export class LossByBits {
  readonly element = element('div');
  private readonly chart = new Chart(HEIGHT, 'Loss by bits');
  private readonly table = element('div');

  constructor() {
    this.element.append(this.chart.element, this.table);
  }

  update(input: LossByBitsInput): void {
    fill(this.table, candidateTable(input));
    this.chart.describe(`Loss in ${input.lossUnit} by bits of the weights; the table below has the figures`);
    this.chart.draw((width) => fill(this.chart.svg, ...paint(width, input)));
  }
}

function paint(width: number, input: LossByBitsInput): Child[] {
  const finite = input.candidates.filter((candidate) => candidate.weightBits < 16);
  const weightBits = distinct(finite.map((candidate) => candidate.weightBits));
  const activationBits = distinct(finite.map((candidate) => candidate.activationBits)).reverse();
  const positive = finite.map((candidate) => candidate.loss).filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(positive.length > 0 ? Math.min(...positive) : 1e-4));
  const high = 10 ** Math.ceil(Math.log10(positive.length > 0 ? Math.max(...positive) * 1.01 : 1));
  const frame: Box = { left: FRAME.left, right: width - FRAME.right, top: FRAME.top, bottom: HEIGHT - FRAME.bottom };
  const first = weightBits[0] ?? 2;
  const last = weightBits.at(-1) ?? 8;
  const x = linearScale([first, Math.max(last, first + 1)], [frame.left + 10, frame.right - 8]);
  const y = logScale([low, high === low ? low * 10 : high], [frame.bottom, frame.top]);
  const parts: Child[] = [];
  for (const value of powerTicks(y.domain[0], y.domain[1], 4)) {
    const at = Math.round(y.at(value)) + 0.5;
    parts.push(svgLine(frame.left, at, frame.right, at, 'grid'));
    parts.push(svgText(significant(value, 1), frame.left - 6, at + 4, { anchor: 'end' }));
  }
  for (const bits of weightBits) {
    parts.push(svgText(String(bits), x.at(bits), HEIGHT - 4, { anchor: 'middle' }));
  }
  const obstacles: Box[] = [];
  /** Over every line and dot. */
  const onTop: Child[] = [];
  const labels: LabelRequest[] = [];
  activationBits.forEach((activation, index) => {
    const points = finite
      .filter((candidate) => candidate.activationBits === activation)
      .sort((a, b) => a.weightBits - b.weightBits)
      .map((candidate) => ({ candidate, x: x.at(candidate.weightBits), y: y.at(candidate.loss) }));
    parts.push(svgElement('path', { d: pathThrough(points), class: CLASSES[Math.min(index, 2)] }));
    obstacles.push(...lineObstacles(points));
    for (const point of points) {
      const chosen =
        point.candidate.weightBits === input.weightBits && point.candidate.activationBits === input.activationBits;
      // At or below zero there is no place on a logarithmic axis: a hollow dot on the foot.
      const off = point.candidate.loss <= 0;
      (chosen ? onTop : parts).push(
        svgElement('circle', {
          cx: point.x,
          cy: point.y,
          r: chosen ? 5 : 2.5,
          class: chosen ? 'chosen' : off ? 'uniform' : 'dot',
        }),
      );
      const size = chosen ? 7 : 4;
      obstacles.push({ left: point.x - size, right: point.x + size, top: point.y - size, bottom: point.y + size });
    }
    if (activationBits.length > 1) {
      const text = activation >= 16 ? 'A float' : `A ${activation}`;
      // Where the line is, from its right end leftwards, until the label has room.
      for (const point of [...points].reverse()) {
        labels.push({
          text,
          x: point.x,
          y: point.y,
          width: textWidth(text, '11px'),
          height: 13,
          gap: 5,
          sides:
            index === 0
              ? ['below-left', 'below', 'above-right', 'above']
              : ['above-right', 'above', 'above-left', 'below-left'],
        });
      }
    }
  });
  parts.push(...onTop);
  const done = new Set<string>();
  const frameForLabels = { ...frame, right: width, top: 0 };
  const boxes: Box[] = [];
  for (const label of labels) {
    if (!done.has(label.text)) {
      const [placed] = placeLabels([label], frameForLabels, [...obstacles, ...boxes]);
      if (placed !== undefined) {
        done.add(label.text);
        boxes.push(placed.box);
        parts.push(svgText(label.text, placed.box.left, placed.box.bottom - 3));
      }
    }
  }
  return parts;
}

function candidateTable(input: LossByBitsInput): HTMLElement {
  const weightBits = distinct(input.candidates.map((candidate) => candidate.weightBits));
  const activationBits = distinct(input.candidates.map((candidate) => candidate.activationBits));
  const rows = weightBits.map((bits) => {
    const matching = input.candidates.filter((candidate) => candidate.weightBits === bits);
    return [
      bitsText(bits),
      ...activationBits.map((activation) => {
        const found = matching.find((candidate) => candidate.activationBits === activation);
        return found === undefined ? '' : layerLoss(found.loss);
      }),
      matching[0]?.weightSqnr === undefined ? '' : decibel(matching[0].weightSqnr),
    ];
  });
  const table = figureTable(
    `Loss in ${input.lossUnit} and weight SQNR by bits`,
    ['W', ...activationBits.map((bits) => (bits >= 16 ? 'A float' : `A ${bits}`)), 'SQNR'],
    rows,
  );
  const present = weightBits.indexOf(input.weightBits ?? -1);
  table.tBodies[0]?.rows[present]?.classList.add('is-present');
  return table;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
