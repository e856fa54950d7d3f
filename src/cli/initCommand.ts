import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { declaredShapes } from '../analysis';
import { openModel } from '../onnx';
import { describeData, type DataDescription } from '../job/data/describeData';
import { fitRows } from '../job/data/inputShape';
import { recipeExists, recipeNotWritten } from '../job/recipe/errors';
import { initialRecipe, type InitialRecipeOptions } from '../job/recipe/initialRecipe';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import type { InitOutput } from './outputSchemas';
import { showPath } from './showPath';
import { requireFile } from './requireFile';

export const initCommand: CommandRun = ({ arguments: args, terminal, folder }) => {
  const modelPath = requireFile(resolve(folder, args.values[0]!), 'the model');
  const out = args.text('--out');
  const recipePath = out === undefined ? modelPath.replace(/(?:\.onnx)?$/i, '.lathe.json') : resolve(folder, out);
  const data = args.text('--data');
  const evaluation = args.text('--evaluation');
  if (evaluation !== undefined && data === undefined) {
    throw badValue('--evaluation', evaluation, 'data beside that of --data');
  }
  const model = openModel(modelPath);
  const shapes = declaredShapes(model);
  const inputs = model.graph.trueInputs.map(({ name }) => ({ name, shape: shapes.get(name)?.shape }));
  const notes: string[] = [];
  const recipeFolder = dirname(recipePath);
  const text = initialRecipe(modelPath, {
    folder: recipeFolder,
    inputs: inputs.map(({ name }) => name),
    ...schemaOption(recipeFolder),
    ...(data === undefined
      ? {}
      : {
          data: {
            ...describe(resolve(folder, data), inputs[0]?.shape, notes),
            ...(evaluation === undefined ? {} : { evaluationPath: resolve(folder, evaluation) }),
          },
        }),
  });
  if (data === undefined) {
    notes.push('It names no data yet: without calibration data nothing can be measured. See data.calibration.');
  } else if (evaluation === undefined) {
    notes.push(
      'Calibration and evaluation read the same data: give other samples to data.evaluation for an honest figure.',
    );
  }
  if (inputs.length > 1) {
    notes.push(`The model has ${inputs.length} inputs: name the array of each in data.*.inputs.`);
  }
  write(recipePath, text);
  if (args.has('--json')) {
    const output: InitOutput = { recipe: recipePath, notes };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    terminal.out(`${showPath(recipePath, folder)}\n`);
    notes.forEach((note) => terminal.err(note));
  }
  return Promise.resolve(ExitCode.done);
};

/** Never over a recipe that is there: it is somebody's work. */
function write(path: string, text: string): void {
  if (existsSync(path)) {
    throw recipeExists(path);
  }
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    throw recipeNotWritten(path, error);
  }
}

/** What of a data source feeds the model, as far as shapes and names tell. */
function describe(
  path: string,
  inputShape: Parameters<typeof fitRows>[1],
  notes: string[],
): NonNullable<InitialRecipeOptions['data']> {
  const description = describeData(path);
  if (description.kind === 'images') {
    notes.push('Images are scaled to 0…1; set mean and std in data.preprocess as the model was trained.');
    return { path, count: description.count, hasLabels: description.classNames.length > 0, isBytes: true };
  }
  const input = description.arrays.find(({ shape }) => shape.length > 1 && fitRows(shape, inputShape) !== undefined);
  const labels = description.hasLabels ? undefined : findLabels(description, input);
  const isBytes = input?.elementType === 'uint8';
  if (input === undefined) {
    notes.push('None of the arrays has the shape of the model input: correct data.*.inputs.');
  }
  if (isBytes) {
    notes.push('Bytes are scaled to 0…1; set mean and std in data.preprocess as the model was trained.');
  }
  return {
    path,
    isBytes,
    hasLabels: description.hasLabels,
    ...(input === undefined ? {} : { count: input.shape[0]!, input: input.name }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Integers, one per sample; by a usual name if there are several. */
function findLabels(
  { arrays }: Extract<DataDescription, { kind: 'arrays' }>,
  input: { readonly name: string; readonly shape: readonly number[] } | undefined,
): string | undefined {
  const candidates = arrays.filter(
    ({ name, elementType, shape }) =>
      name !== input?.name &&
      /int/.test(elementType) &&
      shape[0] === input?.shape[0] &&
      shape.slice(1).every((d) => d === 1),
  );
  return (candidates.find(({ name }) => /^(?:y|labels?|targets?|classes)$/i.test(name)) ?? candidates[0])?.name;
}

/** The schema shipped with this program, where the recipe lies in the same project; elsewhere a path would not last. */
function schemaOption(recipeFolder: string): { schema?: string } {
  const shipped = join(__dirname, '..');
  const project = basename(dirname(shipped)) === 'node_modules' ? join(shipped, '..', '..') : shipped;
  const schema = join(shipped, 'schemas', 'lathe.recipe.schema.json');
  const path = relative(project, recipeFolder);
  return existsSync(schema) && !path.startsWith('..') && !isAbsolute(path) ? { schema } : {};
}
