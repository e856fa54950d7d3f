import { Type, type TSchema } from 'typebox';

/** What the commands print with `--json`; the sources of `schemas/lathe.*.schema.json`. */

const closed = { additionalProperties: false } as const;
const root = (name: string, title: string, description: string) => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: `lathe.${name}.schema.json`,
  title,
  description,
  ...closed,
});
const nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { description });

const verdict = Type.Object(
  {
    possible: Type.Boolean(),
    reason: Type.Optional(Type.String({ description: 'Why not; there when it is not possible.' })),
  },
  closed,
);

const modelValue = Type.Object(
  {
    name: Type.String(),
    type: Type.String({ description: 'float32, int64…; "?" where unknown.' }),
    shape: nullable(
      Type.Array(Type.Union([Type.Integer(), Type.String(), Type.Null()])),
      'Symbolic dimensions are texts, unknown ones null; null when the rank is unknown.',
    ),
  },
  closed,
);

const inspectLayer = Type.Object(
  {
    name: Type.String({ description: 'What recipes and locks say.' }),
    shortName: Type.String({ description: 'What tables show.' }),
    operator: Type.String(),
    description: Type.String(),
    weight: Type.Object(
      {
        name: Type.String(),
        type: Type.String(),
        shape: Type.Array(Type.Integer()),
        bytes: Type.Integer({ description: 'As stored.' }),
      },
      closed,
    ),
    parameters: Type.Integer(),
    macs: nullable(Type.Number(), 'Multiply-accumulates for one sample; null where shapes are unknown.'),
    tie: nullable(Type.String(), 'Layers with the same value share their weight.'),
    quantizeWeights: verdict,
    quantizeActivations: verdict,
    sparsify: verdict,
    statistics: nullable(
      Type.Object(
        {
          zeros: Type.Number({ description: 'Share of exact zeros.' }),
          min: Type.Number(),
          max: Type.Number(),
          mean: Type.Number(),
          std: Type.Number(),
          fault: nullable(Type.String(), 'Set when the weight holds NaN or infinities.'),
          nm: Type.Array(
            Type.Object(
              {
                keep: Type.Integer(),
                group: Type.Integer(),
                compliance: Type.Number({
                  description: 'Share of groups along the reduction axis with at most `keep` non-zeros.',
                }),
                eligible: verdict,
              },
              closed,
            ),
          ),
        },
        closed,
      ),
      'null where the weights were not read.',
    ),
  },
  closed,
);

export const inspectSchema = Type.Object(
  {
    path: Type.String(),
    fileBytes: Type.Integer(),
    externalFiles: Type.Array(Type.Object({ name: Type.String(), bytes: Type.Integer() }, closed)),
    irVersion: Type.Integer(),
    opsets: Type.Array(Type.Object({ domain: Type.String(), version: Type.Integer() }, closed)),
    producer: Type.String(),
    graph: Type.String(),
    nodes: Type.Integer(),
    operators: Type.Array(Type.Object({ operator: Type.String(), count: Type.Integer() }, closed)),
    inputs: Type.Array(modelValue),
    outputs: Type.Array(modelValue),
    parameters: Type.Number({ description: 'Elements of all initializers and constants of floating type.' }),
    layerParameters: Type.Number({ description: 'Of those, the weights of layers; shared ones once.' }),
    macs: nullable(Type.Number(), 'Of all layers, for one sample.'),
    weightsRead: Type.Boolean(),
    notes: Type.Array(Type.String()),
    layers: Type.Array(inspectLayer),
  },
  root('inspect', 'lathe inspect --json', 'What a model holds.'),
);
export type InspectOutput = Type.Static<typeof inspectSchema>;

export const initSchema = Type.Object(
  { recipe: Type.String({ description: 'Path of the file written.' }), notes: Type.Array(Type.String()) },
  root('init', 'lathe init --json', 'The recipe that was written.'),
);
export type InitOutput = Type.Static<typeof initSchema>;

const metric = Type.Object(
  { metric: Type.Enum(['top1', 'top5', 'mse']), value: Type.Number(), samples: Type.Integer() },
  closed,
);

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

const maskMeasure = Type.Object(
  {
    retainedMagnitude: share('Σ|w| kept / Σ|w|.'),
    density: share('Kept cells / all cells.'),
    dropped: Type.Integer({ description: 'Non-zeros that become zero.' }),
    droppedShare: share('Of all non-zeros.'),
  },
  closed,
);

const compliance = (description: string) =>
  Type.Object(
    {
      groups: Type.Integer(),
      compliant: Type.Integer(),
      compliance: share('compliant / groups.'),
      excess: Type.Integer({ description: 'Non-zeros too many along this axis.' }),
    },
    { ...closed, description },
  );

const layerMasks = Type.Object(
  {
    name: Type.String(),
    failure: nullable(Type.String(), 'Why nothing could be measured.'),
    zeros: nullable(Type.Number(), 'Share of exact zeros.'),
    patterns: Type.Array(
      Type.Object(
        {
          keep: Type.Integer(),
          group: Type.Integer(),
          eligible: verdict,
          eligibleTransposable: verdict,
          forward: compliance('Groups along the reduction axis, as the weight is.'),
          backward: compliance('Groups along the output channels: what the transposed weight complies with.'),
          expectedCompliance: share('Of forward groups, if as many zeros were spread at random.'),
          expectedDropShare: share('Of non-zeros, if as many zeros were spread at random.'),
          rowWise: maskMeasure,
          transposable: maskMeasure,
          greedy: maskMeasure,
          intersection: maskMeasure,
          diversity: Type.Object(
            {
              rowWise: Type.Number(),
              transposable: Type.Number(),
              transposableIsExact: Type.Boolean(),
              productForm: Type.Number({
                description: 'By (M!·(M−1)!···)^(T/M²), as Hubara et al. (2021) count transposable masks.',
              }),
              unstructured: Type.Number({ description: 'Of all masks of this density.' }),
            },
            { ...closed, description: 'log₁₀ of the number of distinct masks of the layer.' },
          ),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const analyzeSchema = Type.Object(
  {
    recipe: Type.String(),
    model: Type.String(),
    modelSha256: Type.String(),
    engine: Type.String(),
    lossUnit: Type.String(),
    baseline: nullable(metric, 'Metric of the float model; null without evaluation data.'),
    folded: Type.Integer({ description: 'Batch norms folded.' }),
    seconds: Type.Number(),
    resumedSteps: Type.Integer(),
    memory: Type.Object(
      { limit: Type.Number(), peak: Type.Number(), samplesPerTurn: Type.Integer() },
      { ...closed, description: 'Bytes of activations held at a time.' },
    ),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          shortName: Type.String(),
          parameters: Type.Integer(),
          macs: nullable(Type.Number(), 'For one sample.'),
          activation: nullable(
            Type.Object({ min: Type.Number(), max: Type.Number(), zeros: Type.Number() }, closed),
            'Range of the input over the calibration samples.',
          ),
          weightSqnr: Type.Array(
            Type.Object({ bits: Type.Integer(), decibel: nullable(Type.Number(), 'null: without error.') }, closed),
          ),
          candidates: Type.Array(
            Type.Object(
              {
                weightBits: Type.Integer(),
                activationBits: Type.Integer({ description: '32: the input stays float.' }),
                pattern: Type.Optional(
                  Type.Object(
                    { keep: Type.Integer(), group: Type.Integer(), transposable: Type.Boolean() },
                    { ...closed, description: 'Absent: dense.' },
                  ),
                ),
                loss: Type.Number({ description: 'Added to the network with only this layer at these widths.' }),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    masks: Type.Array(layerMasks, {
      description: 'What N:M masks by magnitude would do to each weight, batch norms folded; nothing is fitted.',
    }),
    refused: Type.Array(Type.Object({ layer: Type.String(), reason: Type.String() }, closed)),
  },
  root('analyze', 'lathe analyze --json', 'What every layer loses at every width, and what masks keep of it.'),
);
export type AnalyzeOutput = Type.Static<typeof analyzeSchema>;

export const historySchema = Type.Object(
  {
    recipe: Type.String(),
    runs: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          createdAt: Type.String({ description: 'ISO 8601.' }),
          seconds: Type.Number(),
          size: Type.Number({ description: 'Nominal size as a fraction of the float32 size.' }),
          fileBytes: Type.Number(),
          accuracy: nullable(
            Type.Object(
              { metric: Type.Enum(['top1', 'top5', 'mse']), float: Type.Number(), simulated: Type.Number() },
              closed,
            ),
            'null without evaluation data.',
          ),
          loss: nullable(Type.Number(), 'Measured, of the exported network against the float one.'),
          lossUnit: Type.String(),
          withinLimits: Type.Boolean(),
          recipePath: Type.String(),
          lockPath: Type.String(),
          reportPath: Type.String(),
        },
        closed,
      ),
      { description: 'Newest first.' },
    ),
  },
  root('history', 'lathe history --json', 'The runs of a recipe that were kept.'),
);
export type HistoryOutput = Type.Static<typeof historySchema>;

export const exportSchema = Type.Object(
  {
    recipe: Type.String(),
    format: Type.String(),
    path: Type.String({ description: 'The file written.' }),
    notes: Type.Array(Type.String(), {
      description: 'What the other tool will not do as the lock says, or what is not as in the compressed model.',
    }),
  },
  root('export', 'lathe export --json', 'What a recipe came to, in the form of another tool.'),
);
export type ExportOutput = Type.Static<typeof exportSchema>;

export const allocateSchema = Type.Object(
  {
    recipe: Type.String(),
    lock: nullable(Type.String(), 'Path of the lock written.'),
    size: Type.Number({ description: 'Nominal size as a fraction of the float32 size.' }),
    sizeBits: Type.Number(),
    floatBits: Type.Number(),
    bops: nullable(Type.Number(), 'Bit-operations as a fraction of those with all layers at 8 and 8 bits.'),
    predictedLoss: Type.Number(),
    lossUnit: Type.String(),
    solver: Type.Object(
      {
        engine: Type.String(),
        proven: Type.Boolean(),
        bound: nullable(Type.Number(), 'Bound on the objective.'),
        seconds: Type.Number(),
      },
      closed,
    ),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          shortName: Type.String(),
          parameters: Type.Integer(),
          weightBits: Type.Integer(),
          activationBits: Type.Integer(),
          sizeBits: Type.Number(),
          predictedLoss: Type.Number(),
          pinned: Type.Boolean(),
          reason: nullable(Type.String(), 'Why the allocation did not decide.'),
        },
        closed,
      ),
    ),
    frontier: Type.Array(Type.Object({ size: Type.Number(), loss: Type.Number(), exact: Type.Boolean() }, closed)),
    policies: Type.Array(
      Type.Object(
        {
          predicted: Type.Number(),
          measured: Type.Number({ description: 'Loss of the whole network.' }),
          size: Type.Number(),
          kept: Type.Boolean(),
          changed: Type.Array(
            Type.Object(
              { shortName: Type.String(), weightBits: Type.Integer(), activationBits: Type.Integer() },
              closed,
            ),
          ),
        },
        closed,
      ),
      { description: "The programme's optimum and its neighbours, measured; the best is kept." },
    ),
    uniform: Type.Array(Type.Object({ bits: Type.Integer(), size: Type.Number(), loss: Type.Number() }, closed)),
  },
  root('allocate', 'lathe allocate --json', 'The width of every layer.'),
);
export type AllocateOutput = Type.Static<typeof allocateSchema>;

export const evaluateSchema = Type.Object(
  {
    model: Type.String(),
    metric: Type.Enum(['top1', 'top5', 'mse']),
    samples: Type.Integer(),
    value: Type.Number({ description: 'Quantisation simulated in float, where there is any.' }),
    deployed: nullable(Type.Number(), 'As ONNX Runtime runs the file by default; null when it does not.'),
    engine: Type.String(),
  },
  root('evaluate', 'lathe evaluate --json', 'The metric of a model.'),
);
export type EvaluateOutput = Type.Static<typeof evaluateSchema>;

export const checkSchema = Type.Object(
  {
    recipe: Type.String(),
    current: Type.Boolean({ description: 'False when something is stale or missing.' }),
    problems: Type.Array(
      Type.Object({ kind: Type.Enum(['stale', 'missing', 'limit', 'file']), message: Type.String() }, closed),
    ),
  },
  root('check', 'lathe check --json', 'Whether lock and report still follow from the recipe.'),
);
export type CheckOutput = Type.Static<typeof checkSchema>;

export const maskSchema = Type.Object(
  {
    model: Type.String(),
    output: Type.String({ description: 'The file written.' }),
    pattern: Type.String({ description: 'Kept : group.' }),
    transposable: Type.Boolean(),
    zeros: Type.Number({ description: 'Share of zeros among the weights of all layers, 0…1.' }),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          shortName: Type.String(),
          parameters: Type.Integer(),
          density: Type.Number({ description: 'Share of the weights that stay, 0…1.' }),
          retained: Type.Number({ description: 'Share of the magnitude that stays, 0…1.' }),
          reason: nullable(Type.String(), 'Why the layer stays dense.'),
        },
        closed,
      ),
    ),
  },
  root('mask', 'lathe mask --json', 'Which weights were kept.'),
);
export type MaskOutput = Type.Static<typeof maskSchema>;
