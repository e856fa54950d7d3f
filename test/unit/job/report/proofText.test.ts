import assert from 'node:assert/strict';
import { proofText } from '../../../../src/job/report/proofText';

describe('what a report says of an allocation', () => {
  const kept = { kept: true };
  const other = { kept: false };
  it('tells a proof, a bound, and a neighbour that measured better apart', () => {
    assert.equal(proofText({ proven: true, bound: 0.01 }), 'proved optimal');
    assert.equal(proofText({ proven: true, bound: 0.01 }, [kept, other]), 'proved optimal');
    assert.equal(proofText({ proven: false, bound: 0.01 }, []), 'not proved optimal (bound 0.010)');
    assert.equal(proofText({ proven: false, bound: undefined }), 'not proved optimal');
    assert.equal(proofText({ proven: false, bound: 0.01 }, [other, kept]), 'measured better than the optimum');
  });
});
