import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '../job/cache/writeFileAtomic';
import { modelForms, type ModelForm } from '../export/modelForms';
import { exportForm, formPathOf } from '../job/exportForm';
import { interopFile, interopFormats, type InteropFormat } from '../job/interop/interop';
import { recipeStem } from '../job/lock/lockFile';
import { loadRecipe } from '../job/recipe/loadRecipe';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import type { ExportOutput } from './outputSchemas';
import { requireFile } from './requireFile';
import { showPath } from './showPath';

/** Writes what a recipe came to for another tool: what its lock decided, or the model of its last run in another form. */
export const exportCommand: CommandRun = ({ terminal, folder, arguments: args }) => {
  const recipe = requireFile(resolve(folder, args.values[0]!), 'recipe');
  const format = args.text('--format') ?? '';
  const { proposed, write } = planExport(recipe, format);
  const out = args.text('--out');
  const path = out === undefined ? proposed : resolve(folder, out);
  const force = args.has('--force');
  if (existsSync(path) && !force) {
    throw badValue('--out', showPath(path, folder), 'a file that is not there yet, or --force to write over it');
  }
  const notes = write(path, force);
  if (args.has('--json')) {
    const output: ExportOutput = { recipe, format, path, notes: [...notes] };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    terminal.out(`Written: ${showPath(path, folder)}\n${notes.map((note) => `  ${note}\n`).join('')}`);
  }
  return Promise.resolve(ExitCode.done);
};

interface ExportPlan {
  /** The file where none is named. */
  readonly proposed: string;
  /** Gives what is not as one might think. */
  readonly write: (path: string, overwrite: boolean) => readonly string[];
}

function planExport(recipePath: string, format: string): ExportPlan {
  if (isForm(format)) {
    const recipe = loadRecipe(recipePath);
    return {
      proposed: formPathOf(recipe, format),
      write: (path, overwrite) => exportForm(recipe, format, path, overwrite).notes,
    };
  }
  if (!isFormat(format)) {
    const known = [...Object.keys(interopFormats), ...Object.keys(modelForms)];
    throw badValue('--format', format, `one of ${known.join(', ')}`);
  }
  const { text, notes } = interopFile(recipePath, format);
  return {
    proposed: join(dirname(recipePath), `${recipeStem(recipePath)}.${interopFormats[format].suffix}`),
    write: (path) => {
      writeFileAtomic(path, text);
      return notes;
    },
  };
}

function isForm(name: string): name is ModelForm {
  return Object.hasOwn(modelForms, name);
}

function isFormat(name: string): name is InteropFormat {
  return Object.hasOwn(interopFormats, name);
}
