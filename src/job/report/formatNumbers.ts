/** Numbers as people read them: decimal units, fixed digits, a real minus sign. */

/** "162 KB", "1.03 MB": three significant digits, decimal units. */
export function formatBytes(bytes: number): string {
  return formatUnits(bytes, ['B', 'KB', 'MB', 'GB', 'TB']);
}

/** "31.3 M". */
export function formatCount(count: number): string {
  return formatUnits(count, ['', 'k', 'M', 'G', 'T']);
}

function formatUnits(value: number, units: readonly string[]): string {
  let unit = 0;
  let scaled = value;
  // 999.5 would print as "1000": the next unit reads better.
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const text = unit === 0 ? String(Math.round(scaled)) : threeDigits(scaled);
  return signed(`${text} ${units[unit]!}`.trimEnd());
}

function threeDigits(value: number): string {
  const whole = Math.max(1, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return value.toFixed(Math.max(0, 3 - whole));
}

/** 0.1299 → "13.0 %". */
export function formatPercent(fraction: number, decimals = 1): string {
  return signed(`${(fraction * 100).toFixed(decimals)} %`);
}

/** Accuracies as fractions: 0.9217 → "92.17 %"; errors (mse) as numbers. */
export function formatMetric(metric: string, value: number): string {
  return metric === 'mse' ? formatLoss(value) : formatPercent(value, 2);
}

export function metricName(metric: string): string {
  return metric === 'top1' ? 'Top-1' : metric === 'top5' ? 'Top-5' : 'MSE';
}

/** Three decimals, more for small values so that they do not read as zero. */
export function formatLoss(loss: number): string {
  const magnitude = Math.abs(loss);
  if (magnitude === 0) {
    return '0';
  }
  return signed(magnitude >= 0.001 ? loss.toFixed(magnitude < 0.01 ? 4 : 3) : loss.toExponential(1));
}

/** "+0.004", "−0.002". */
export function formatChange(text: string): string {
  return text.startsWith('−') || /^[0.\s]*(?:[A-Z%]|$)/.test(text) ? text : `+${text}`;
}

/** "38.4 dB". */
export function formatDecibel(value: number): string {
  return Number.isFinite(value) ? signed(`${value.toFixed(1)} dB`) : value > 0 ? 'exact' : '–';
}

/** "about 40 s", "3 min 20 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 120) {
    return `${whole} s`;
  }
  return whole < 7200 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${(whole / 3600).toFixed(1)} h`;
}

/** "3.83 ms". */
export function formatMilliseconds(milliseconds: number): string {
  return signed(`${threeDigits(milliseconds)} ms`);
}

/** "1.6 × faster", "3.8 × slower". */
export function formatSpeed(times: { readonly floatMs: number; readonly compressedMs: number }): string {
  const ratio = times.floatMs / times.compressedMs;
  return ratio >= 1 ? `${ratio.toFixed(1)} × faster` : `${(1 / ratio).toFixed(1)} × slower`;
}

/** "float" for 32 bits. */
export function formatBits(bits: number): string {
  return bits >= 32 ? 'float' : String(bits);
}

/** "270,896". */
export function groupDigits(value: number): string {
  return signed(String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ','));
}

function signed(text: string): string {
  return text.replace(/^-(?=0*(?:\.0*)?(?: .*)?$)/, '').replace(/^-/, '−');
}

/** "1 step", "12 steps". */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
