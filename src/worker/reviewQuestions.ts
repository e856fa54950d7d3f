import { compareFiles } from '../job/diff/diffFiles';
import { layerRows } from '../job/diff/layerRows';
import { isSame, renderDiffMarkdown } from '../job/diff/renderDiff';
import type { FieldDiff } from '../job/diff/diffTypes';
import type { FieldDiffView } from '../protocol/review';
import type { WorkerRequests } from '../protocol/workerProtocol';

/** Two files as the review panel shows them, and as `lathe diff --format markdown` prints them. */
export function compareForReview({
  before,
  after,
}: WorkerRequests['review/compare']['params']): WorkerRequests['review/compare']['result'] {
  const comparison = compareFiles(before, after);
  const { diff } = comparison;
  return {
    diff: {
      kind: diff.kind,
      figures: diff.figures,
      fields: diff.fields.map(fieldView),
      layers: layerRows(comparison),
      unchangedLayers: diff.unchangedLayers,
      same: isSame(diff),
    },
    markdown: renderDiffMarkdown(diff),
  };
}

function fieldView({ field, before, after }: FieldDiff): FieldDiffView {
  return { field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}
