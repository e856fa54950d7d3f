import { escapeHtml } from './escapeHtml';
import { formatBits, formatLoss, formatPercent, groupDigits } from './formatNumbers';
import type { Report } from './reportSchema';

/** SVG as text, coloured by classes that the page defines, so that it follows light and dark. */

const width = 840;
const left = 56;
const right = 12;

/** Rough advance of a label's characters at 11 px: enough to keep labels apart. */
const charWidth = 6.2;

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
  let x = left;
  let labelEnd = left;
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
    // Names where they fit under their bar; wide layers matter most, so narrow ones go without.
    const name = shorten(layer.shortName, 18);
    const half = (name.length * charWidth) / 2;
    const centre = Math.min(Math.max(x + w / 2, left + half), width - right - half);
    if (w >= 40 && centre - half >= labelEnd) {
      parts.push(
        `<text class="axis" x="${round(centre)}" y="${bottom + 15}" text-anchor="middle">${escapeHtml(name)}</text>`,
      );
      labelEnd = centre + half + 8;
    }
    x += w;
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
  const shownUniform = report.uniform.filter((u) => u.size <= 1);
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
  for (const tick of ticks(maxSize, 8)) {
    if (tick >= minSize) {
      parts.push(
        `<text class="axis" x="${round(px(tick))}" y="${bottom + 16}" text-anchor="middle">${formatPercent(tick, 0)}</text>`,
      );
    }
  }
  const inView = points.filter((p) => p.loss <= highest);
  const path = inView.map((p, i) => `${i === 0 ? 'M' : 'L'}${round(px(p.size))} ${round(py(p.loss))}`).join('');
  parts.push(`<path class="line" d="${path}"/>`);
  for (const { bits, size: s, loss: l } of shownUniform) {
    if (l <= highest && s >= minSize && s <= maxSize) {
      const [x, y] = [px(s), py(l)];
      const end = x > width - 110;
      parts.push(
        `<rect class="mark" x="${round(x - 4)}" y="${round(y - 4)}" width="8" height="8"><title>${bits} bits everywhere: ${formatPercent(s)}, predicted loss ${formatLoss(l)}</title></rect>`,
        `<text class="axis" x="${round(end ? x - 9 : x + 9)}" y="${round(y - 7)}" text-anchor="${end ? 'end' : 'start'}">${bits} bit uniform</text>`,
      );
    }
  }
  const x = px(size.nominal);
  parts.push(`<line class="here" x1="${round(x)}" x2="${round(x)}" y1="${top}" y2="${bottom}"/>`);
  parts.push(`<circle class="predicted" cx="${round(x)}" cy="${round(py(loss.predicted))}" r="4"/>`);
  let note = `${formatPercent(size.nominal)} · predicted ${formatLoss(loss.predicted)}`;
  if (loss.measured !== undefined) {
    parts.push(`<circle class="measured" cx="${round(x)}" cy="${round(py(loss.measured))}" r="4"/>`);
    note += ` · measured ${formatLoss(loss.measured)}`;
  }
  const flip = x + note.length * charWidth + 10 > width - right;
  parts.push(
    `<text class="note" x="${round(flip ? x - 8 : x + 8)}" y="${top + 10}" text-anchor="${flip ? 'end' : 'start'}">${escapeHtml(note)}</text>`,
  );
  return svg(bottom + 26, 'Loss against size: the frontier, uniform widths and the measured network', parts);
}

function svg(height: number, label: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}">${parts.join('')}</svg>`;
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
