import { measureWeight, type Layer } from '../analysis';
import type { LayerStatistics } from '../protocol/model';

/** Reads a layer's weight once and says what the table shows of it. */
export function layerStatistics(layer: Layer): LayerStatistics {
  const measured = measureWeight(layer);
  return {
    name: layer.name,
    zeros: measured.zeros,
    min: measured.min,
    max: measured.max,
    mean: measured.mean,
    std: measured.std,
    nm: measured.nm.map(({ keep, group, compliance, eligible }) => ({
      keep,
      group,
      compliance,
      eligible: eligible.possible,
      ...(eligible.possible ? {} : { reason: eligible.reason }),
    })),
    histogram: measured.histogram,
  };
}
