import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printModel, type Model } from '../../../src/onnx';
import { foldBatchNorm, foldConstants, type PassResult } from '../../../src/passes';
import { comparePass } from './comparePass';

const passes: Readonly<Record<string, (model: Model) => PassResult>> = { foldBatchNorm, foldConstants };
const root = join(__dirname, '../../samples');

/**
 * Each folder under test/samples/<pass> builds a model; `expected.txt` is the print before and after the pass and what
 * the pass said. Run with LATHE_ACCEPT=1 to write it anew, and review the difference like code.
 */
describe('samples', () => {
  for (const [name, pass] of Object.entries(passes)) {
    for (const folder of readdirSync(join(root, name))) {
      it(`${name}/${folder}`, async () => {
        const directory = join(root, name, folder);
        const { build } = (await import(join(directory, 'build'))) as { build: () => Model };
        const original = build();
        const { model, result } = await comparePass(original, pass);
        const text = [
          'before',
          printModel(original).trimEnd(),
          '',
          'after',
          printModel(model).trimEnd(),
          '',
          ...result.applied.map(({ nodes, note }) => `applied to ${nodes.join(', ')}: ${note}`),
          ...result.refused.map(({ nodes, reason }) => `refused ${nodes.join(', ')}: ${reason}`),
          '',
        ].join('\n');
        const path = join(directory, 'expected.txt');
        if (process.env['LATHE_ACCEPT'] === '1') {
          writeFileSync(path, text);
        }
        assert.ok(existsSync(path), `no ${path}: run with LATHE_ACCEPT=1 to write it`);
        assert.equal(text, readFileSync(path, 'utf8'));
      });
    }
  }
});
