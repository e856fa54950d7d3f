/** What a scatter plot draws. */

export type PointShape = 'disc' | 'cross';

export interface ScatterPoint {
  readonly key: string;
  readonly x: number;
  readonly y: number;
  readonly shape: PointShape;
  /** A few characters that may stand beside the point; dropped where there is no room. */
  readonly label: string;
  /** What the point is, in one sentence. */
  readonly text: string;
}

export interface ScatterInput {
  readonly points: readonly ScatterPoint[];
  readonly selected: ReadonlySet<string>;
  /** The point under the cursor. */
  readonly current: string | undefined;
  /** Points that are always labelled where there is room, first things first. */
  readonly labelled: readonly string[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly xText: (value: number) => string;
  readonly yText: (value: number) => string;
  /** A value to compare with, as a dashed line across. */
  readonly reference?: { readonly y: number; readonly label: string };
  /** Joined by a line, by ascending x. */
  readonly front: readonly string[];
  readonly shapes: Readonly<Record<PointShape, string>>;
  readonly frontLabel: string;
  readonly label: string;
}
