// Collects the texts of src/extension into l10n/bundle.l10n.json, which translators start from.
//   node scripts/l10n.mjs           writes
//   node scripts/l10n.mjs --check   fails when it is out of date
import { readdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './setup.mjs';

const folder = join(root, 'src', 'extension');
const texts = new Set();
for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts'))) {
  const source = ts.createSourceFile(name, readFileSync(join(folder, name), 'utf8'), ts.ScriptTarget.ES2022, true);
  const visit = (node) => {
    if (ts.isCallExpression(node) && /(^|\.)l10n\.t$/.test(node.expression.getText(source))) {
      const [text] = node.arguments;
      if (text === undefined || !ts.isStringLiteralLike(text)) {
        throw new Error(`${name}: l10n.t takes its text as a literal: ${node.getText(source)}`);
      }
      texts.add(text.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}
const bundle = `${JSON.stringify(Object.fromEntries([...texts].sort().map((text) => [text, text])), null, 2)}\n`;
const path = join(root, 'l10n', 'bundle.l10n.json');
if (process.argv.includes('--check')) {
  if (!existsSync(path) || readFileSync(path, 'utf8') !== bundle) {
    console.error('l10n/bundle.l10n.json is out of date: run "npm run l10n".');
    process.exit(1);
  }
} else {
  writeFileSync(path, bundle);
  console.log(`l10n/bundle.l10n.json: ${texts.size} texts`);
}
