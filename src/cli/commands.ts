import type { Command } from './command';
import type { OptionSpec } from './parseArguments';

const json: OptionSpec = { name: '--json', about: 'Print the result as JSON, described by a schema in schemas/.' };
const quiet: OptionSpec = { name: '--quiet', short: '-q', about: 'Print nothing but the result and errors.' };
const help: OptionSpec = { name: '--help', short: '-h', about: 'Print this.' };
const shared = [json, quiet, help];

const model = { name: 'MODEL', what: 'an ONNX model' };
const recipe = { name: 'RECIPE', what: 'a recipe' };

export const commands: readonly Command[] = [
  {
    name: 'inspect',
    about: 'Show inputs, outputs and layers of a model.',
    details:
      'Layers with parameters, MACs, share of zeros, and the N:M patterns their weights comply with. Weights are read only\n' +
      'where they take less than 64 MB, unless you ask; the structure of a model of any size is read in a moment.',
    arguments: [model],
    options: [
      { name: '--weights', about: 'Read the weights, however large.' },
      { name: '--no-weights', about: 'Do not read the weights.' },
      { name: '--infer', about: 'Let ONNX Runtime infer the shapes that the file does not state.' },
      { name: '--print', about: 'Print the whole model as text, weights summarised.' },
      ...shared,
    ],
    load: async () => (await import('./inspectCommand')).inspectCommand,
  },
  {
    name: 'init',
    about: 'Write a first recipe beside a model.',
    details: 'The recipe names the data, the widths and a budget; edit it, then `lathe run` it.',
    arguments: [model],
    options: [
      { name: '--data', value: 'F', about: 'Data for calibration and evaluation: .npz, .npy, a folder, an IDX file.' },
      { name: '--evaluation', value: 'F', about: 'Other data for evaluation.' },
      { name: '--out', value: 'F', about: 'Where to write it, instead of MODEL.lathe.json.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).initCommand,
  },
  {
    name: 'analyze',
    about: 'Measure what every layer loses at every width.',
    details: 'Measurements are kept in .lathe/ beside the recipe; a run that was stopped goes on where it was.',
    arguments: [recipe],
    options: shared,
    load: async () => (await import('./recipeCommands')).analyzeCommand,
  },
  {
    name: 'allocate',
    about: 'Give every layer its width within a budget, and write the lock.',
    details: 'Measures first what is not measured yet. A budget given here replaces that of the recipe.',
    arguments: [recipe],
    options: [
      { name: '--size', value: 'R', about: 'Nominal size as a fraction of the float32 size: 0.13.' },
      { name: '--bops', value: 'R', about: 'Bit-operations as a fraction of those with all layers at 8 and 8 bits.' },
      { name: '--loss', value: 'X', about: 'Make the model as small as a predicted loss of X allows.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).allocateCommand,
  },
  {
    name: 'run',
    about: 'Analyze, allocate, quantize, verify, export and report.',
    details: 'The main job. It goes on where an earlier run stopped, and ends with exit code 3 outside a limit.',
    arguments: [recipe],
    options: shared,
    load: async () => (await import('./recipeCommands')).runCommand,
  },
  {
    name: 'evaluate',
    about: "Measure any model on a recipe's evaluation data.",
    details: '',
    arguments: [model],
    options: [
      { name: '--recipe', value: 'RECIPE', about: 'The recipe that names data, preprocessing and metric.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).evaluateCommand,
  },
  {
    name: 'mask',
    about: 'Write a copy of a model whose layers hold an N:M pattern; needs no data.',
    details:
      'Keeps the largest weights of every group along the input channels; the first and the last layer stay dense unless\n' +
      '--layers names them. `lathe run` also fits the weights that stay.',
    arguments: [model],
    options: [
      {
        name: '--pattern',
        value: 'N:M',
        about: 'How many of every group of M consecutive input channels are kept: 2:4.',
      },
      { name: '--out', value: 'F', about: 'The file to write; never the model itself.' },
      { name: '--transposable', about: 'Hold the pattern along output channels too, for the transposed weight.' },
      { name: '--method', value: 'exact|greedy|exactly-k|intersection', about: 'How transposable masks are found.' },
      { name: '--score', value: 'magnitude|squared', about: 'What is kept most of: |w| or w².' },
      { name: '--layers', value: 'A,B…', about: 'Names or globs of the layers to mask.' },
      { name: '--fold', about: 'Fold batch norms into the layers first; matters to transposable masks.' },
      { name: '--force', about: 'Write over the file if it is there.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).maskCommand,
  },
  {
    name: 'diff',
    about: 'Compare two recipes, locks, reports or models, layer by layer.',
    details:
      'Layers of models are matched by name, else by shape and order; a compressed model is compared as it dequantises.\n' +
      'Accuracy, latency and errors of layer outputs come from the Lathe report beside a model, where it fits.',
    arguments: [
      { name: 'A', what: 'two files' },
      { name: 'B', what: 'two files' },
    ],
    options: [
      { name: '--format', value: 'text|markdown|json', about: 'Form of the result; text by default.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).diffCommand,
  },
  {
    name: 'history',
    about: 'List the runs of a recipe, newest first; bring back or delete one.',
    details:
      'Every run keeps its recipe, lock and report in .lathe/runs/, the latest hundred of them. Compare two with `lathe diff`\n' +
      'on the paths of their reports, which --json prints.',
    arguments: [recipe],
    options: [
      { name: '--restore', value: 'RUN', about: 'Write the recipe of a run to the file --out names.' },
      { name: '--out', value: 'F', about: 'The file to write, beside the recipe: its paths are relative to it.' },
      { name: '--delete', value: 'RUN', about: 'Delete a run from the history.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).historyCommand,
  },
  {
    name: 'export',
    about: 'Write what a recipe came to for another tool: its lock, or its compressed model.',
    details:
      'Of the lock: ort-overrides: TensorQuantOverrides of ONNX Runtime; modelopt: quant_cfg of NVIDIA ModelOpt; netron: an\n' +
      'attachment with widths, patterns and losses. Of the model of the last run: float: its weights as float32, pruned ones\n' +
      'zero, without Q/DQ; matmulnbits: with the operator of ONNX Runtime where weights have scales per block. What the\n' +
      'other tool cannot do as the lock says is listed.',
    arguments: [recipe],
    options: [
      { name: '--format', value: 'ort-overrides|modelopt|netron|float|matmulnbits', about: 'What to write.' },
      {
        name: '--out',
        value: 'F',
        about: 'The file; by default beside the recipe (a model: beside the compressed one), named after it.',
      },
      { name: '--force', about: 'Write over the file if it is there.' },
      ...shared,
    ],
    load: async () => (await import('./recipeCommands')).exportCommand,
  },
  {
    name: 'check',
    about: 'Say whether lock and report still follow from the recipe.',
    details:
      'Made for CI: exit code 0 when all is current, 1 when something is stale or missing, 3 when a limit is broken.',
    arguments: [recipe],
    options: shared,
    load: async () => (await import('./recipeCommands')).checkCommand,
  },
];
