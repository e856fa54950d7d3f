import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { formatTable } from '../../src/cli/table';
import { printable, styleFor } from '../../src/cli/terminal';

describe('formatTable', () => {
  it('aligns columns, numbers to the right, without trailing space', () => {
    const text = formatTable(
      [{ title: 'Name' }, { title: 'Bits', align: 'right' }, { title: 'Why' }],
      [
        ['conv1', '8', 'pinned'],
        ['layers.0.conv1', '12', ''],
      ],
    );
    assert.equal(text, 'Name            Bits  Why\nconv1              8  pinned\nlayers.0.conv1    12\n');
  });

  it('cuts names at the start, prose at the end, and leaves numbers whole', () => {
    const rows = [['layers.10.attention.projection', '123,456', 'because it is the first layer of the network']];
    const columns = [{ title: 'Name' }, { title: 'N', align: 'right' as const }, { title: 'Why', cut: 'end' as const }];
    const text = formatTable(columns, rows, { width: 50 });
    const [, row] = text.split('\n');
    assert.ok(row!.length <= 50);
    assert.match(row!, /^….*projection {2}123,456 {2}because.*…$/);
  });
});

describe('terminals', () => {
  it('get no control characters from names', () => {
    assert.equal(printable('a\u001b[31mb\r\n\u0000c\u202e'), 'a [31mb c ');
  });

  it('get colours only where people want them', () => {
    const painted = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): string => styleFor(stream, env).bold('x');
    assert.notEqual(painted({ isTTY: true }, { TERM: 'xterm' }), 'x');
    assert.equal(painted({ isTTY: true }, { TERM: 'xterm', NO_COLOR: '1' }), 'x');
    assert.equal(painted({ isTTY: true }, { TERM: 'dumb' }), 'x');
    assert.equal(painted({}, { TERM: 'xterm' }), 'x');
  });
});
