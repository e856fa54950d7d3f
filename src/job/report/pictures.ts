import { escapeHtml } from './escapeHtml';
import { formatBits, formatLoss, formatPercent, groupDigits } from './formatNumbers';
import { LabelPlacer, type LabelSpot } from './labelPlacer';
import type { Report } from './reportSchema';

/** SVG as text, coloured by classes that the page defines, so that it follows light and dark. */

const width = 840;
const left = 56;
const right = 12;

/** Layers as bars: width = parameters, height = bits, so that the area is the size. */
export function bitSkyline(report: Report): string {
  const { layers } = report;
  const total = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  if (total === 0) {
    return '';
  }
  const [top, bottom] = [18, 160];
  const tallest = Math.max(8, ...layers.map((layer) => Math.min(layer.weightBits, 32)));
  const scale = (bottom - top) / tallest;
  const plot = width - left - right;
  const parts: string[] = [];
  for (const bits of tallest > 8 ? [8, 16, 32] : [2, 4, 6, 8]) {
    const y = bottom - bits * scale;
    parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${round(y)}" y2="${round(y)}"/>`);
    parts.push(`<text class="axis" x="${left - 8}" y="${round(y + 4)}" text-anchor="end">${bits} bit</text>`);
  }
  const bars: { readonly name: string; readonly centre: number; readonly width: number }[] = [];
  let x = left;
  for (const layer of layers) {
    const w = (layer.parameters / total) * plot;
    const h = layer.weightBits * scale;
    const y = bottom - h;
    const title = `${layer.shortName}: ${formatBits(layer.weightBits)} bits, ${groupDigits(layer.parameters)} parameters`;
    parts.push(
      `<g><title>${escapeHtml(title)}</title><rect class="b${bitClass(layer.weightBits)}" x="${round(x)}" y="${round(y)}" width="${round(Math.max(w - 1, 0.5))}" height="${round(h)}"/>`,
    );
    if (w >= 16 && layer.weightBits < 32) {
      parts.push(
        `<text class="on${bitClass(layer.weightBits)}" x="${round(x + w / 2)}" y="${round(y + 15)}" text-anchor="middle">${layer.weightBits}</text>`,
      );
    }
    if (layer.pinned) {
      parts.push(`<circle class="pin" cx="${round(x + w / 2)}" cy="${round(y - 5)}" r="2.5"/>`);
    }
    parts.push('</g>');
    bars.push({ name: shorten(layer.shortName, 18), centre: x + w / 2, width: w });
    x += w;
  }
  // Names under their bars where there is room: the widest bars matter most.
  const labels = new LabelPlacer({ left, right: width, top: bottom, bottom: bottom + 24 });
  for (const { name, centre, width: w } of [...bars].sort((a, b) => b.width - a.width)) {
    const spot = w < 12 ? undefined : labels.place(`${name}  `, [{ x: centre, y: bottom + 15, anchor: 'middle' }]);
    if (spot !== undefined) {
      parts.push(label('axis', spot, name));
    }
  }
  parts.push(`<line class="base" x1="${left}" x2="${width - right}" y1="${bottom}" y2="${bottom}"/>`);
  return svg(bottom + 24, 'Bit width of each layer; width is parameters, height is bits', parts);
}

/** The size/loss frontier with uniform widths as squares and the measured network as a dot. */
export function frontierPicture(report: Report): string {
  const points = [...report.frontier].sort((a, b) => a.size - b.size);
  if (points.length < 2) {
    return '';
  }
  const { size, loss } = report;
  const sizes = [...points.map((p) => p.size), size.nominal];
  const [minSize, maxSize] = [Math.min(...sizes), Math.max(...sizes)];
  // The far left of a frontier may be huge; what matters is the part people choose from.
  const highest =
    Math.max(
      loss.measured ?? 0,
      loss.predicted,
      quantile(
        points.map((p) => p.loss),
        0.85,
      ),
    ) * 1.1 || 1;
  const [top, bottom] = [14, 190];
  const px = (s: number): number => left + ((s - minSize) / (maxSize - minSize || 1)) * (width - left - right);
  const py = (l: number): number => bottom - (Math.min(Math.max(l, 0), highest) / highest) * (bottom - top);
  const parts: string[] = [];
  for (const tick of ticks(highest, 4)) {
    const y = round(py(tick));
    parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>`);
    parts.push(
      `<text class="axis" x="${left - 8}" y="${round(py(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
    );
  }
  const labels = new LabelPlacer({ left, right: width, top: 0, bottom: bottom + 20 });
  for (const tick of ticks(maxSize, 8)) {
    const text = formatPercent(tick, 0);
    const spots: LabelSpot[] = [
      { x: px(tick), y: bottom + 16, anchor: 'middle' },
      { x: width - 2, y: bottom + 16, anchor: 'end' },
    ];
    const spot = tick < minSize ? undefined : labels.place(text, spots);
    if (spot !== undefined) {
      parts.push(label('axis', spot, text));
    }
  }
  const inView = points.filter((p) => p.loss <= highest);
  const path = inView.map((p, i) => `${i === 0 ? 'M' : 'L'}${round(px(p.size))} ${round(py(p.loss))}`).join('');
  parts.push(`<path class="line" d="${path}"/>`);
  const x = px(size.nominal);
  parts.push(`<line class="here" x1="${round(x)}" x2="${round(x)}" y1="${top}" y2="${bottom}"/>`);
  parts.push(`<circle class="predicted" cx="${round(x)}" cy="${round(py(loss.predicted))}" r="4"/>`);
  let note = `${formatPercent(size.nominal)} · predicted ${formatLoss(loss.predicted)}`;
  if (loss.measured !== undefined) {
    parts.push(`<circle class="measured" cx="${round(x)}" cy="${round(py(loss.measured))}" r="4"/>`);
    note += ` · measured ${formatLoss(loss.measured)}`;
  }
  labels.block(x - 2, top, x + 2, bottom);
  const noteSpot = labels.place(note, [
    { x: x + 8, y: top + 10, anchor: 'start' },
    { x: x - 8, y: top + 10, anchor: 'end' },
  ]);
  if (noteSpot !== undefined) {
    parts.push(label('note', noteSpot, note));
  }
  const marks = report.uniform
    .map(({ bits, size: s, loss: l }) => ({ bits, s, l, x: px(s), y: py(l) }))
    .filter(({ s, l }) => l <= highest && s >= minSize && s <= maxSize);
  for (const mark of marks) {
    labels.block(mark.x - 5, mark.y - 5, mark.x + 5, mark.y + 5);
    parts.push(
      `<rect class="mark" x="${round(mark.x - 4)}" y="${round(mark.y - 4)}" width="8" height="8"><title>${mark.bits} bits everywhere: ${formatPercent(mark.s)}, predicted loss ${formatLoss(mark.l)}</title></rect>`,
    );
  }
  for (const { bits, x: mx, y: my } of marks) {
    const text = `${bits} bit uniform`;
    const spot = labels.place(text, [
      { x: mx + 8, y: my - 7, anchor: 'start' },
      { x: mx - 8, y: my - 7, anchor: 'end' },
      { x: mx + 8, y: my - 20, anchor: 'start' },
      { x: mx - 8, y: my - 20, anchor: 'end' },
    ]);
    if (spot !== undefined) {
      parts.push(label('axis', spot, text));
    }
  }
  return svg(bottom + 26, 'Loss against size: the frontier, uniform widths and the measured network', parts);
}

function label(style: string, { x, y, anchor }: LabelSpot, text: string): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

function svg(height: number, name: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(name)}">${parts.join('')}</svg>`;
}

/** Class of the ramp: 2…8, or 32 for float. */
export function bitClass(bits: number): number {
  return bits >= 16 ? 32 : Math.min(8, Math.max(2, bits));
}

function ticks(end: number, wanted: number): number[] {
  const raw = end / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => i * step);
}

function tickText(value: number): string {
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function shorten(name: string, limit: number): string {
  return name.length <= limit ? name : `…${name.slice(1 - limit)}`;
}
