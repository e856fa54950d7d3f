import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLayers } from '../../../../src/analysis';
import { maskLayer } from '../../../../src/methods';
import { parseModel } from '../../../../src/onnx';
import { foldBatchNorm } from '../../../../src/passes';

/** Folding scales whole output channels: groups along a row keep their order, tiles over several rows do not. */
describe('masks and batch-norm folding', () => {
  it('leaves row-wise masks as they are and changes transposable ones', () => {
    const bytes = readFileSync(join(__dirname, '../../../fixtures/models/resnet20.onnx'));
    const unfolded = parseModel(bytes);
    const folded = unfolded.clone();
    assert.equal(foldBatchNorm(folded).folded.length, 21);
    const after = new Map(findLayers(folded).map((layer) => [layer.name, layer]));
    const pattern = { keep: 4, group: 8 };
    let different = 0;
    let compared = 0;
    for (const layer of findLayers(unfolded)) {
      if (!layer.sparsify.possible || layer.kind !== 'Conv') {
        continue;
      }
      const same = after.get(layer.name)!;
      const rowWise = maskLayer(layer, { pattern }).mask;
      const rowWiseFolded = maskLayer(same, { pattern }).mask;
      // A product rounded to float32 may turn two near weights into a tie.
      const moved = rowWise.reduce((count, kept, i) => count + (kept === rowWiseFolded[i] ? 0 : 1), 0);
      assert.ok(moved <= 2, `${layer.name}: ${moved} cells of the row-wise mask moved`);
      const both = maskLayer(layer, { pattern, transposable: true }).mask;
      const bothFolded = maskLayer(same, { pattern, transposable: true }).mask;
      different += both.some((kept, i) => kept !== bothFolded[i]) ? 1 : 0;
      compared++;
    }
    assert.ok(compared >= 18);
    assert.equal(different, compared);
  }).timeout(60_000);
});
