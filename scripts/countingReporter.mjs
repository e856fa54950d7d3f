// Mocha's spec reporter, which also writes its figures for scripts/mocha.mjs.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(process.env.LATHE_MOCHA_COUNTS, JSON.stringify({ passes, failures, pending }));
    });
  }
}
