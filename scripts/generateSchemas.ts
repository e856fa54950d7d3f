// Writes schemas/*.json from the TypeScript sources: `npx tsx scripts/generateSchemas.ts`. A test holds the two together.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaFiles } from '../src/cli/schemaFiles';

const folder = join(__dirname, '..', 'schemas');
mkdirSync(folder, { recursive: true });
for (const [name, text] of schemaFiles()) {
  writeFileSync(join(folder, name), text);
  console.log(`schemas/${name}`);
}
