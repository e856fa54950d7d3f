import { basename, resolve } from 'node:path';
import { declaredShapes, findLayers } from '../analysis';
import { openModel, printModel, type Model } from '../onnx';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import { inspectModel } from './inspectModel';
import { inspectText } from './inspectText';
import { requireFile } from './requireFile';

/** Weights up to this are read without being asked for: it takes about as long as starting Node. */
const readUnasked = 64 * 1024 * 1024;

export const inspectCommand: CommandRun = async ({ arguments: args, terminal, signal, folder }) => {
  const path = requireFile(resolve(folder, args.values[0]!), 'the model');
  if (args.has('--weights') && args.has('--no-weights')) {
    throw badValue('--weights', '--no-weights', 'no company of its opposite');
  }
  const model = openModel(path);
  if (args.has('--print')) {
    terminal.out(printModel(model));
    return ExitCode.done;
  }
  const shapes = args.has('--infer') ? await inferred(model) : declaredShapes(model);
  const output = inspectModel(model, path, shapes, {
    weights: args.has('--weights') || (!args.has('--no-weights') && weightBytes(model) <= readUnasked),
    signal,
    onLayer: (done, total) => terminal.status(`reading weights  ${done}/${total}`),
  });
  terminal.status('');
  terminal.out(
    args.has('--json')
      ? `${JSON.stringify(output, null, 2)}\n`
      : inspectText(output, basename(path), terminal.outStyle, terminal.columns),
  );
  return ExitCode.done;
};

async function inferred(model: Model): Promise<ReturnType<typeof declaredShapes>> {
  const [{ inferShapes }, { createOnnxRuntime }] = await Promise.all([
    import('../analysis'),
    import('../runtime/onnxRuntime'),
  ]);
  return await inferShapes(model, createOnnxRuntime());
}

function weightBytes(model: Model): number {
  const tensors = new Set(findLayers(model).map((layer) => layer.weight.tensor));
  return [...tensors].reduce((sum, tensor) => sum + tensor.byteLength, 0);
}
