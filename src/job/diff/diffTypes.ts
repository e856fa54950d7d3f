import type { ModelComparison } from './models/comparisonSchema';

/** What differs between two files of one kind, by meaning and not by line. */
export interface FileDiff {
  readonly kind: 'recipe' | 'lock' | 'report' | 'model';
  /** File names as given. */
  readonly before: string;
  readonly after: string;
  /** Figures of the whole, changed or not: size, loss, accuracy. */
  readonly figures: readonly FigureDiff[];
  /** Other fields that changed. */
  readonly fields: readonly FieldDiff[];
  /** Layers that changed, in the order of the second file, removed ones last. */
  readonly layers: readonly LayerDiff[];
  readonly unchangedLayers: number;
  /** Models only: every layer, the same ones too, with their figures. */
  readonly comparison?: ModelComparison;
}

export interface FigureDiff {
  /** Stable name: "size", "loss.predicted", "accuracy.deployed"… */
  readonly key: string;
  readonly label: string;
  /** As people read them; '–' where there is none. */
  readonly before: string;
  readonly after: string;
  /** "−5.3 KB", "+0.014"; '' where there is no difference. */
  readonly change: string;
  /** What the second file holds this figure to: "91.17 %"; left out where there is no limit. */
  readonly limit?: string;
  /** Whether `after` keeps the limit. */
  readonly kept?: boolean;
}

export interface FieldDiff {
  readonly field: string;
  /** Undefined: not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** "−18.0 KB", "+0.004"; left out for what is no amount. */
  readonly change?: string;
}

export interface LayerDiff {
  readonly name: string;
  readonly status: 'changed' | 'added' | 'removed';
  /** What can have moved it, in a word: "budget", "first or last layer: 8 bits"; left out where the files do not tell. */
  readonly why?: string;
  readonly fields: readonly FieldDiff[];
}
