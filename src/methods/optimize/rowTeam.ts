import type { LayerMoments } from '../moments';
import type { RowsTask } from './layerInput';
import type { RowsOptions } from './rowsFit';

/** All that a fit of rows needs; plain data, so that threads can be sent it. */
export interface RowsWork {
  readonly task: RowsTask;
  readonly options: RowsOptions;
  readonly moments: LayerMoments;
  /** See `RowsFit`. */
  readonly damping: number | undefined;
}

/** Rows of one group, from `first` up to but not including `end`. */
export interface RowSlice {
  readonly first: number;
  readonly end: number;
}

/** What was found for the rows from `first` on: see `RowsFit`. */
export interface FoundRows {
  readonly first: number;
  readonly steps: Float64Array;
  readonly plain: Float64Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
}

/** Others who fit slices of rows, several at a time. What is found does not depend on how many they are. */
export interface RowTeam {
  /** Has every slice fitted by `RowsFit.solveSlice` and hands over what was found, in any order. False: nobody is there to do it. */
  fit(work: RowsWork, slices: readonly RowSlice[], take: (found: FoundRows) => void): Promise<boolean>;
}
