import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '../job/cache/writeFileAtomic';
import { interopFile, interopFormats, type InteropFormat } from '../job/interop/interop';
import { recipeStem } from '../job/lock/lockFile';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import type { ExportOutput } from './outputSchemas';
import { requireFile } from './requireFile';
import { showPath } from './showPath';

/** Writes what a lock decided for another tool to read. */
export const exportCommand: CommandRun = ({ terminal, folder, arguments: args }) => {
  const recipe = requireFile(resolve(folder, args.values[0]!), 'recipe');
  const format = args.text('--format') ?? '';
  if (!isFormat(format)) {
    throw badValue('--format', format, `one of ${Object.keys(interopFormats).join(', ')}`);
  }
  const { text, notes } = interopFile(recipe, format);
  const out = args.text('--out');
  const path =
    out === undefined
      ? join(dirname(recipe), `${recipeStem(recipe)}.${interopFormats[format].suffix}`)
      : resolve(folder, out);
  if (existsSync(path) && !args.has('--force')) {
    throw badValue('--out', showPath(path, folder), 'a file that is not there yet, or --force to write over it');
  }
  writeFileAtomic(path, text);
  if (args.has('--json')) {
    const output: ExportOutput = { recipe, format, path, notes: [...notes] };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    terminal.out(`Written: ${showPath(path, folder)}\n${notes.map((note) => `  ${note}\n`).join('')}`);
  }
  return Promise.resolve(ExitCode.done);
};

function isFormat(name: string): name is InteropFormat {
  return Object.hasOwn(interopFormats, name);
}
