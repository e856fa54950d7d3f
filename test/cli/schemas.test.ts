import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { describe, it } from 'mocha';
import { schemaFiles } from '../../src/cli/schemaFiles';
import { root } from './lathe';

describe('schemas/', () => {
  it('is what its sources generate, no more and no less', () => {
    const files = schemaFiles();
    assert.deepEqual(readdirSync(join(root, 'schemas')).sort(), [...files.keys()].sort());
    for (const [name, text] of files) {
      const committed = readFileSync(join(root, 'schemas', name), 'utf8');
      assert.equal(committed, text, `${name}: run npx tsx scripts/generateSchemas.ts`);
    }
  });

  it('holds valid JSON Schemas, the recipe with a description of every field', () => {
    for (const text of schemaFiles().values()) {
      new Ajv({ strict: true, allowUnionTypes: true }).compile(JSON.parse(text) as object);
    }
    const walk = (schema: Record<string, unknown>, path: string): void => {
      for (const [name, field] of Object.entries(
        (schema.properties ?? {}) as Record<string, Record<string, unknown>>,
      )) {
        assert.ok(typeof field.description === 'string', `${path}.${name} has no description`);
        walk(field, name);
      }
      for (const part of (schema.anyOf ?? []) as Record<string, unknown>[]) {
        walk(part, path);
      }
    };
    walk(JSON.parse(schemaFiles().get('lathe.recipe.schema.json')!) as Record<string, unknown>, 'recipe');
  });
});
