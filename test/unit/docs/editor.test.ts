import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string }[];
    readonly configuration: {
      readonly properties: Readonly<Record<string, { readonly default: unknown; readonly description?: string }>>;
    };
  };
}

const root = join(__dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The first cells of a table under a heading of docs/editor.md, with their rows. */
function rowsUnder(heading: string): Map<string, readonly string[]> {
  const section = read('docs/editor.md').split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const cells = rows.slice(1).map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', ''))
      .slice(1, -1),
  );
  return new Map(cells.map((row) => [row[0]!, row]));
}

describe('docs/editor.md', () => {
  const { contributes } = JSON.parse(read('package.json')) as Manifest;
  const texts = JSON.parse(read('package.nls.json')) as Record<string, string>;
  const textOf = (key: string): string | undefined => texts[key.replaceAll('%', '')];

  it('has every command by its title, and no other', () => {
    const titles = contributes.commands.map(({ command, title }) => textOf(title) ?? command);
    assert.deepEqual([...rowsUnder('Commands').keys()].sort(), titles.sort());
  });

  it('has every setting with its default, and no other', () => {
    const { properties } = contributes.configuration;
    const rows = rowsUnder('Settings');
    assert.deepEqual([...rows.keys()].sort(), Object.keys(properties).sort());
    for (const [name, { default: value }] of Object.entries(properties)) {
      assert.equal(rows.get(name)![1], JSON.stringify(value), name);
    }
  });

  it('is about settings that describe themselves where they are set', () => {
    for (const [name, setting] of Object.entries(contributes.configuration.properties)) {
      const key = Object.entries(setting).find(([field]) => /description/i.test(field))?.[1] as string | undefined;
      assert.ok(key !== undefined && (textOf(key) ?? '').length > 20, name);
    }
  });
});
