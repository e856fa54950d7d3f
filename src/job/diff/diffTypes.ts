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
  readonly label: string;
  /** As people read them; '–' where there is none. */
  readonly before: string;
  readonly after: string;
  /** "−5.3 KB", "+0.014"; '' where there is no difference. */
  readonly change: string;
}

export interface FieldDiff {
  readonly field: string;
  /** Undefined: not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface LayerDiff {
  readonly name: string;
  readonly status: 'changed' | 'added' | 'removed';
  readonly fields: readonly FieldDiff[];
}
