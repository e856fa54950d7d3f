import { Type } from 'typebox';

/**
 * The written form of a recipe: the one source of `schemas/lathe.recipe.schema.json`, of the checks in `parseRecipe` and of
 * the type {@link WrittenRecipe}. Every field has a description, which editors show on hover, and a default where it may be
 * left out.
 */

const closed = { additionalProperties: false } as const;

/** Widths of stored weights. Above 8 bits float16 is the better choice, and 1 bit needs other methods. */
export const WEIGHT_BITS = { minimum: 2, maximum: 8 } as const;
/** Stands for "the input stays float" among activation widths. */
export const FLOAT_BITS = 32;

const weightWidth = Type.Integer(WEIGHT_BITS);
const activationWidth = Type.Union([Type.Integer(WEIGHT_BITS), Type.Literal(FLOAT_BITS)]);

const pattern = Type.String({
  pattern: '^[1-9][0-9]?:[1-9][0-9]?$',
  description: 'Kept : group. "2:4" keeps at most 2 of every 4 consecutive input channels.',
});

const source = Type.String({
  minLength: 1,
  description:
    'Where the samples are, relative to the recipe: a `.npz` or `.npy` file, a folder of `.npy` files, a folder of images (one sub-folder per class where labels are wanted), or an IDX file (`*-images-idx3-ubyte`, `.gz` too).',
});
const inputs = Type.Optional(
  Type.Record(Type.String(), Type.String({ minLength: 1 }), {
    default: {},
    description:
      'Model input → name of the array in the source. May be left out when the names agree, or when the model has one input and the source one array that fits.',
  }),
);
const samples = Type.Optional(
  Type.Integer({
    minimum: 1,
    description: 'How many samples to use: the first ones, in order. Left out: all there are.',
  }),
);
const labels = Type.Optional(
  Type.String({
    minLength: 1,
    description:
      'Name of the array with the class of each sample. Folders of images and IDX files bring their labels along.',
  }),
);

const data = Type.Object(
  {
    calibration: Type.Optional(
      Type.Object(
        { source, inputs, labels, samples },
        {
          ...closed,
          description:
            'Samples used for measuring ranges and sensitivities. They need no labels unless the measure does.',
        },
      ),
    ),
    evaluation: Type.Optional(
      Type.Object(
        {
          source,
          inputs,
          labels,
          metric: Type.Optional(
            Type.Enum(['top1', 'top5', 'mse'], {
              default: 'top1',
              description:
                '`top1`, `top5`: share of samples whose label is the first, or among the first five, of the output. `mse`: mean squared difference from the float model, relative to the variance of its output; needs no labels.',
            }),
          ),
          samples,
        },
        { ...closed, description: 'Samples used for judging the result; other ones than for calibration.' },
      ),
    ),
    preprocess: Type.Optional(
      Type.Object(
        {
          scale: Type.Optional(
            Type.Number({ default: 1, description: 'Factor applied first; 1/255 = 0.00392156862745098 for bytes.' }),
          ),
          mean: Type.Optional(
            Type.Array(Type.Number(), {
              minItems: 1,
              maxItems: 4096,
              default: [0],
              description: 'Subtracted after scaling: one number, or one per channel.',
            }),
          ),
          std: Type.Optional(
            Type.Array(Type.Number({ exclusiveMinimum: 0 }), {
              minItems: 1,
              maxItems: 4096,
              default: [1],
              description: 'Divided by after subtracting the mean: one number, or one per channel.',
            }),
          ),
        },
        {
          ...closed,
          default: { scale: 1, mean: [0], std: [1] },
          description: "How stored values become what the model expects: x' = (x · scale − mean[c]) / std[c].",
        },
      ),
    ),
  },
  {
    ...closed,
    default: {},
    description: 'Calibration and evaluation data. Without calibration data only weights are measured.',
  },
);

const quantization = Type.Object(
  {
    weights: Type.Optional(
      Type.Object(
        {
          bits: Type.Optional(
            Type.Array(weightWidth, {
              minItems: 1,
              uniqueItems: true,
              default: [2, 3, 4, 8],
              description: 'Widths a layer may get for its weights: whole numbers from 2 to 8.',
            }),
          ),
          granularity: Type.Optional(
            Type.Enum(['per-channel', 'per-tensor'], {
              default: 'per-channel',
              description: 'One scale per output channel, or one per weight tensor.',
            }),
          ),
          symmetric: Type.Optional(
            Type.Boolean({
              default: true,
              description: 'Grid around zero (zero point 0), which integer kernels prefer.',
            }),
          ),
          range: Type.Optional(
            Type.Enum(['min-max', 'percentile', 'mse', 'lp', 'analytic', 'output-mse'], {
              default: 'output-mse',
              description:
                'How the scale is chosen where codes are rounded to nearest; the other optimizers find their own. `min-max`: the extremes. `percentile`: that of the weights. `mse`: the smallest squared error of the weights. `lp`: their smallest error to the given power. `analytic`: the best threshold of a Laplace or normal distribution of the same spread. `output-mse`: the smallest squared error of the layer output on calibration data.',
            }),
          ),
          percentile: Type.Optional(
            Type.Number({
              exclusiveMinimum: 50,
              maximum: 100,
              default: 99.9,
              description: 'For the range `percentile`: share of the weights inside the range, in percent.',
            }),
          ),
          power: Type.Optional(
            Type.Number({
              minimum: 0.5,
              maximum: 10,
              default: 2.4,
              description: 'For the range `lp`: power of the error; larger ones clip less.',
            }),
          ),
          blockSize: Type.Optional(
            Type.Union([Type.Enum([16, 32, 64, 128, 256]), Type.Null()], {
              default: null,
              description:
                'One scale per so many weights of each output channel of MatMul and Gemm, instead of one per channel; other layers keep `granularity`. 32 is usual for language models. Needs opset 21. null: scales as `granularity` says.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'Weights of all layers; `layers` overrides single ones.' },
      ),
    ),
    activations: Type.Optional(
      Type.Object(
        {
          bits: Type.Optional(
            Type.Array(activationWidth, {
              minItems: 1,
              uniqueItems: true,
              default: [8],
              description: 'Widths a layer may get for its input: whole numbers from 2 to 8, or 32 to keep it float.',
            }),
          ),
          granularity: Type.Optional(
            Type.Enum(['per-tensor'], { default: 'per-tensor', description: 'One scale per activation tensor.' }),
          ),
          symmetric: Type.Optional(
            Type.Boolean({
              default: false,
              description: 'Grid around zero. Asymmetric grids waste no codes after a ReLU.',
            }),
          ),
          range: Type.Optional(
            Type.Enum(['min-max', 'averaged-min-max', 'percentile', 'mse', 'lp', 'analytic'], {
              default: 'mse',
              description:
                'How the range is chosen from calibration data. `min-max`: the extremes seen. `averaged-min-max`: the extremes of each sample, averaged. `percentile`: that of the values. `mse`: the smallest squared error. `lp`: the smallest error to the given power. `analytic`: the best threshold of a Laplace or normal distribution of the same spread.',
            }),
          ),
          percentile: Type.Optional(
            Type.Number({
              exclusiveMinimum: 50,
              maximum: 100,
              default: 99.99,
              description: 'For the range `percentile`: share of values inside the range, in percent.',
            }),
          ),
          power: Type.Optional(
            Type.Number({
              minimum: 0.5,
              maximum: 10,
              default: 2.4,
              description: 'For the range `lp`: power of the error; larger ones clip less.',
            }),
          ),
          betweenLayers: Type.Optional(
            Type.Union([Type.Literal(8), Type.Null()], {
              default: null,
              description:
                'Width of the values between the layers: what residual adds, products, concatenations, averages and sigmoids read and give, so that ONNX Runtime computes these, and the layers in front of them, on integers. null keeps them float.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'Inputs of all layers; `layers` overrides single ones.' },
      ),
    ),
    pairing: Type.Optional(
      Type.Enum(['free', 'tied'], {
        default: 'free',
        description: '`free`: widths of weights and inputs are chosen apart. `tied`: one width for both.',
      }),
    ),
    firstAndLast: Type.Optional(
      Type.Union([Type.Integer(WEIGHT_BITS), Type.Null()], {
        default: 8,
        description:
          'Width of the first and the last layer, which are small and sensitive. null leaves them to the allocation.',
      }),
    ),
    smoothQuant: Type.Optional(
      Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
        default: null,
        description:
          'Outliers of activations moved into the weights of MatMul and Gemm layers before anything is measured, where a norm, a Mul or another such layer in front can take the factors (SmoothQuant): 0.5 shares the range between both, 1 moves all of it. null leaves them.',
      }),
    ),
    sensitivity: Type.Optional(
      Type.Object(
        {
          measure: Type.Optional(
            Type.Enum(['kl', 'cross-entropy', 'mse', 'top1'], {
              default: 'kl',
              description:
                'What "loss" means. `kl`: divergence of the class probabilities from those of the float model, in nats. `cross-entropy`: increase against the labels, in nats. `mse`: squared error of the outputs relative to their variance. `top1`: share of samples lost.',
            }),
          ),
          samples: Type.Optional(
            Type.Integer({ minimum: 1, default: 256, description: 'Calibration samples used for the scan.' }),
          ),
          memoryLimit: Type.Optional(
            Type.Integer({
              minimum: 16777216,
              maximum: 1099511627776,
              default: 536870912,
              description: 'Bytes of activations kept at a time; what does not fit is scanned in turns.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'How the loss of each layer at each width is measured.' },
      ),
    ),
    optimizer: Type.Optional(
      Type.Object(
        {
          method: Type.Optional(
            Type.Enum(['rtn', 'gptq', 'gram', 'adaquant'], {
              default: 'gram',
              description:
                '`gram`: GPTQ rounding, coordinate descent on the codes and a refit of scales and biases, on the second moments of the inputs. `gptq`: its rounding alone. `adaquant`: Adam on weights, scales, biases and the grid of the input, counting only what a Relu or Clip behind the layer lets through, as published. `rtn`: round to the nearest code of the grid.',
            }),
          ),
          mode: Type.Optional(
            Type.Enum(['parallel', 'sequential'], {
              default: 'sequential',
              description:
                '`parallel`: every layer is fitted on the inputs of the float network. `sequential`: on those that the compressed layers in front of it give, which is more accurate for a fixed choice of widths.',
            }),
          ),
          iterations: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 1000000,
              default: 1000,
              description: 'Steps of `adaquant`.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'How codes are found.' },
      ),
    ),
  },
  { ...closed, default: {}, description: 'Which widths and grids are considered, and how they are measured.' },
);

const allocation = Type.Object(
  {
    minimize: Type.Optional(
      Type.Enum(['loss', 'size'], {
        default: 'loss',
        description:
          '`loss`: the smallest predicted loss within the budget. `size`: the smallest model within `budget.loss`.',
      }),
    ),
    budget: Type.Optional(
      Type.Object(
        {
          size: Type.Optional(
            Type.Number({
              exclusiveMinimum: 0,
              maximum: 1,
              description:
                'Nominal size of the weights as a fraction of their float32 size: 0.13 means 13 %. All layers count, also those that stay float.',
            }),
          ),
          bops: Type.Optional(
            Type.Number({
              exclusiveMinimum: 0,
              maximum: 16,
              description:
                'Bit-operations (MACs × weight bits × input bits) as a fraction of those with every layer at 8 and 8 bits: all layers at 4 and 4 bits are 0.25, the float network is 16.',
            }),
          ),
          loss: Type.Optional(
            Type.Number({
              exclusiveMinimum: 0,
              description:
                'Largest predicted loss, in the unit of the sensitivity measure; with `minimize` "size" only.',
            }),
          ),
        },
        { ...closed, default: { size: 0.15 }, description: 'What may be spent. Several limits hold together.' },
      ),
    ),
    engine: Type.Optional(
      Type.Enum(['auto', 'javascript-lp-solver', 'highs', 'pareto'], {
        default: 'auto',
        description:
          'Solver of the integer programme. `auto` starts with javascript-lp-solver and lets another take over.',
      }),
    ),
    neighbours: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 32,
        default: 3,
        description:
          'Policies next to the optimum that are measured beside it as whole networks, for losses of layers add up only approximately; the best measured is kept. The widest uniform policy is measured too. 0 takes the optimum as it is.',
      }),
    ),
    timeLimit: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 86400,
        default: 10,
        description: 'Seconds one solver may take before the next one takes over.',
      }),
    ),
  },
  { ...closed, default: {}, description: 'How widths are given out: an integer programme over the measured losses.' },
);

const transposable = Type.Optional(
  Type.Boolean({
    default: false,
    description: 'Masks that hold the pattern along input and output channels alike, for the weight and its transpose.',
  }),
);

const sparsity = Type.Object(
  {
    pattern: Type.Optional(
      Type.Union(
        [
          pattern,
          Type.Literal('auto'),
          Type.Array(Type.Union([pattern, Type.Literal('dense')]), { minItems: 1, maxItems: 8, uniqueItems: true }),
        ],
        {
          default: '2:4',
          description:
            'One pattern (kept : group) for every layer that can take it; a list, "dense" among them where wanted, of which the allocation gives each layer one; or "auto": for layers that have zeros already, the strictest pattern of 8 that 95 % of their groups would keep.',
        },
      ),
    ),
    transposable,
    method: Type.Optional(
      Type.Enum(['exact', 'greedy'], {
        default: 'exact',
        description: 'How transposable masks are found: the best there is, or a fast approximation.',
      }),
    ),
    score: Type.Optional(
      Type.Enum(['magnitude', 'squared', 'wanda', 'sparsegpt'], {
        default: 'magnitude',
        description:
          'What a mask keeps most of: |w|; w²; |w| times the norm of its input; or w² over the diagonal of the inverse Hessian.',
      }),
    ),
    optimizer: Type.Optional(
      Type.Enum(['none', 'absorb', 'adaprune', 'sparsegpt'], {
        default: 'adaprune',
        description:
          'How the kept weights are fitted. `adaprune`: least squares on the layer output. `absorb`: the pruned weights of a group are spread over the kept. `sparsegpt`: its sweep over columns. `none`: kept as they are.',
      }),
    ),
    mode: Type.Optional(
      Type.Enum(['parallel', 'sequential'], {
        default: 'sequential',
        description: 'Whether a layer is fitted on the inputs of the dense network, or on those of the pruned one.',
      }),
    ),
    permute: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Permute input channels first where that keeps more magnitude; the outputs stay the same.',
      }),
    ),
    firstAndLast: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether the first and the last layer take part.' }),
    ),
  },
  { ...closed, description: 'N:M sparsity.' },
);

const tuning = Type.Object(
  {
    bias: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Tune biases against the outputs of the float network.',
      }),
    ),
    batchNorm: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Restore mean and variance of every output channel to those of the float network, by scales and biases alone.',
      }),
    ),
    inputRanges: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Move the ranges of inputs below 8 bits, all together, to where the loss of the whole network is least (the joint search of LAPQ). Takes some hundred runs of the network over the calibration samples.',
      }),
    ),
    distillation: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Shift and scale the output channels of all layers, and move the scales of inputs below 8 bits, along the gradient of the difference between the outputs of the network and those of the float one. Takes about a hundred runs of the network over the calibration samples.',
      }),
    ),
  },
  { ...closed, default: {}, description: 'Statistics tuned once the codes are decided; no codes change.' },
);

const layerOverride = Type.Object(
  {
    weights: Type.Optional(
      Type.Union([weightWidth, Type.Array(weightWidth, { minItems: 1, uniqueItems: true }), Type.Null()], {
        description: 'A width pins the weights, a list restricts them, null keeps the layer float.',
      }),
    ),
    activations: Type.Optional(
      Type.Union([activationWidth, Type.Array(activationWidth, { minItems: 1, uniqueItems: true }), Type.Null()], {
        description: 'A width pins the input of the layer, a list restricts it, null keeps it float.',
      }),
    ),
    sparsity: Type.Optional(
      Type.Union([pattern, Type.Object({ pattern, transposable }, closed), Type.Null()], {
        description: 'A pattern for this layer, or null to keep it dense.',
      }),
    ),
  },
  { ...closed, description: 'Fields left out stay as they are.' },
);

export const recipeSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'Schema of this file, for editors.' })),
    model: Type.String({ minLength: 1, description: 'The ONNX model, relative to the recipe.' }),
    data: Type.Optional(data),
    quantization: Type.Optional(
      Type.Union([quantization, Type.Null()], { default: {}, description: 'null keeps every layer float.' }),
    ),
    allocation: Type.Optional(allocation),
    sparsity: Type.Optional(
      Type.Union([sparsity, Type.Null()], { default: null, description: 'N:M sparsity; null leaves weights dense.' }),
    ),
    tuning: Type.Optional(
      Type.Union([tuning, Type.Null()], {
        default: null,
        description: 'Statistics and biases tuned once the codes are decided; null leaves both as they are.',
      }),
    ),
    pipeline: Type.Optional(
      Type.Enum(['light', 'advanced'], {
        description:
          'Steps under a name. `light`: nearest rounding, allocation, statistics tuning; no iterations. `advanced`: every layer optimised at every width, sensitivities of the optimised layers, allocation, statistics tuning, bias tuning. Fields of `quantization.optimizer` and `tuning` given beside it hold.',
      }),
    ),
    layers: Type.Optional(
      Type.Record(Type.String(), layerOverride, {
        default: {},
        description:
          'Overrides: layer name, or a glob with * (any characters, / too) and ?. The last match wins, field by field.',
      }),
    ),
    export: Type.Optional(
      Type.Object(
        {
          directory: Type.Optional(
            Type.String({
              minLength: 1,
              default: 'compressed',
              description: 'Folder for the compressed model, relative to the recipe; not the one the model is in.',
            }),
          ),
          format: Type.Optional(
            Type.Enum(['qdq', 'matmulnbits'], {
              default: 'qdq',
              description:
                '`qdq`: standard ONNX with QuantizeLinear and DequantizeLinear around the layers. `matmulnbits`: layers with `quantization.weights.blockSize` become MatMulNBits of com.microsoft, which ONNX Runtime computes on packed weights; everything else as in `qdq`.',
            }),
          ),
          containers: Type.Optional(
            Type.Enum(['packed', 'int8'], {
              default: 'packed',
              description:
                'Types of stored codes. `packed`: the smallest that hold them, for the smallest file. `int8`: 8-bit types for all, for speed: ONNX Runtime unpacks 4-bit weights at every run and computes their layers in float. The codes are the same.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'Where and how the result is written.' },
      ),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          accuracyDrop: Type.Optional(
            Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], {
              default: null,
              description:
                'Largest drop of the metric from float to compressed, as a fraction: 0.01 is one point. With `mse`, the largest error. Runs outside it end with exit code 3.',
            }),
          ),
        },
        { ...closed, default: {}, description: 'What `lathe run` and `lathe check` hold the result to.' },
      ),
    ),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4294967295, default: 1, description: 'Seed of every random choice.' }),
    ),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'lathe.recipe.schema.json',
    title: 'Lathe recipe',
    description: 'What to do with a model: data, widths, budget, exceptions, limits.',
    ...closed,
  },
);

/** A recipe as people write it, once it has passed the schema. */
export type WrittenRecipe = Type.Static<typeof recipeSchema>;
