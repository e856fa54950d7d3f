import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** A folder for the tests of the enclosing `describe`, removed after them. Call it, then use the returned function. */
export function temporaryFolder(): (name?: string) => string {
  let folder = '';
  before(() => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-test-')));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return (name = '') => path.join(folder, name);
}
