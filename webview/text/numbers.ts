/**
 * How figures are written, everywhere the same: three significant digits unless exact, decimal KB and MB, a no-break
 * space before the unit, a true minus sign.
 */

/** Stands for what is not known; never 0. */
export const UNKNOWN = '–';

const NBSP = '\u00a0';

/** Made once: a number's own `toLocaleString` makes one for each call. */
const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 270896 → "270,896". */
export function exact(value: number): string {
  return minus(grouped.format(Math.round(value)));
}

/** Three significant digits: 31.3, 1.81, 0.0450, 12,300. */
export function significant(value: number, digits = 3): string {
  if (value === 0) {
    return '0';
  }
  let magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4) {
    const text = value.toExponential(digits - 1);
    // 0.000096 rounds to 0.0001, which is written as other values of that size are.
    if (Math.abs(Number(text)) < 1e-4) {
      return minus(text);
    }
    magnitude = -4;
  }
  const decimals = Math.max(0, digits - 1 - magnitude);
  const text = value.toFixed(decimals);
  // 9.996 rounds to 10.00: one digit too many.
  if (decimals > 0 && Math.abs(Number(text)) >= 10 ** (magnitude + 1)) {
    return minus(value.toFixed(decimals - 1));
  }
  return minus(decimals > 0 ? text : grouped.format(Number(value.toPrecision(digits))));
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  // 999.5 would print as "1,000": it belongs to the next unit.
  while (Math.abs(rest) >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${significant(rest)}${units[unit] === '' ? '' : NBSP + (units[unit] ?? '')}`;
}

/** 31300000 → "31.3 M"; whole numbers below 1,000 stay exact. */
export function compact(value: number): string {
  return Math.abs(value) < 1000 && Number.isInteger(value) ? exact(value) : scaled(value, ['', 'k', 'M', 'G', 'T']);
}

/** 162304 → "162 KB". */
export function bytes(value: number): string {
  return value < 1000 ? `${exact(value)}${NBSP}B` : scaled(value, ['B', 'KB', 'MB', 'GB', 'TB']);
}

/** 0.13 → "13.0 %"; exact 0 and 1 stay "0 %" and "100 %", and a share that is almost all is not called all. */
export function share(value: number): string {
  if (value === 0 || value === 1) {
    return `${value * 100}${NBSP}%`;
  }
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) {
    return `<0.1${NBSP}%`;
  }
  const text = percent < 99.95 ? significant(percent) : percent < 100 ? '>99.9' : significant(percent);
  return `${text}${NBSP}%`;
}

/** A metric in percent with two decimals: 0.9198 → "91.98 %". */
export function accuracy(value: number): string {
  return `${minus((value * 100).toFixed(2))}${NBSP}%`;
}

/** Metrics between 0 and 1 are read as percent; errors such as mse are not. */
export function metricValue(metric: string, value: number): string {
  return isShareMetric(metric) ? accuracy(value) : significant(value);
}

export function isShareMetric(metric: string): boolean {
  return /^top-?\d+$|accuracy/i.test(metric);
}

/** "top1" → "Top-1". */
export function metricName(metric: string): string {
  const top = /^top-?(\d+)$/i.exec(metric);
  if (top !== null) {
    return `Top-${top[1] ?? ''}`;
  }
  return metric === 'mse' ? 'Output MSE' : metric.charAt(0).toUpperCase() + metric.slice(1);
}

/** Loss of the whole network: three decimals; two digits of what they would not show ("1.3e−4"), so that losses can be told apart. */
export function loss(value: number): string {
  const size = Math.abs(value);
  return minus(size > 0 && size < 0.001 ? value.toExponential(1) : value.toFixed(3));
}

/** Loss of one layer, for a column: four decimals, so that points align; smaller ones say so. */
export function layerLoss(value: number): string {
  if (value === 0) {
    return '0';
  }
  if (Math.abs(value) < 0.00005) {
    return value > 0 ? '<0.0001' : '≈\u00a00';
  }
  return minus(value.toFixed(4));
}

/** 38.42 → "38.4 dB". */
export function decibel(value: number): string {
  return `${minus(value.toFixed(1))}${NBSP}dB`;
}

/** Width of a number format; 32 is float. */
export function bitsText(bits: number): string {
  return bits >= 32 ? 'float' : String(bits);
}

/** "about 40 s left". */
export function timeLeft(seconds: number): string {
  return `about ${duration(seconds, true)} left`;
}

/** Seconds in words; rounded coarsely when it is an estimate. */
export function duration(seconds: number, estimate = false): string {
  const step = estimate && seconds > 20 ? 5 : 1;
  const whole = Math.max(1, Math.round(seconds / step) * step);
  if (whole < 60) {
    return `${whole}${NBSP}s`;
  }
  const minutes = estimate ? Math.round(seconds / 60) : Math.floor(whole / 60);
  if (minutes < 60) {
    const rest = whole - minutes * 60;
    return estimate || rest === 0 ? `${minutes}${NBSP}min` : `${minutes}${NBSP}min ${rest}${NBSP}s`;
  }
  const rest = Math.round(whole / 60) % 60;
  const hours = Math.floor(Math.round(whole / 60) / 60);
  return rest === 0 ? `${hours}${NBSP}h` : `${hours}${NBSP}h ${rest}${NBSP}min`;
}

/** 1 → "1 layer", 22 → "22 layers". */
export function count(value: number, noun: string): string {
  return `${exact(value)} ${noun}${value === 1 ? '' : 's'}`;
}

function minus(text: string): string {
  return text.replaceAll('-', '−');
}
