import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;

const operatorCount = Type.Object({ operator: Type.String(), count: Type.Integer({ minimum: 1 }) }, closed);

const reportLayer = Type.Object(
  {
    name: Type.String({ description: 'Name of the layer, as in the recipe.' }),
    shortName: Type.String({ description: 'What tables show.' }),
    parameters: Type.Integer({ minimum: 0 }),
    macs: Type.Optional(Type.Number({ description: 'Multiply-accumulates for one sample.' })),
    weightBits: Type.Integer({ minimum: 1, maximum: 64, description: '32 is float.' }),
    activationBits: Type.Integer({ minimum: 1, maximum: 64, description: '32 is float.' }),
    container: Type.String({ description: 'Type the weights are stored in.' }),
    sizeBits: Type.Number({ description: 'Elements × width.' }),
    predictedLoss: Type.Number({ description: 'With this layer alone quantised so, in the unit of the loss.' }),
    weightSqnr: Type.Optional(Type.Number({ description: 'Signal-to-noise ratio of the weights, dB.' })),
    outputSqnr: Type.Optional(
      Type.Number({
        description: "Signal-to-noise ratio of the layer's output, errors of earlier layers included, dB.",
      }),
    ),
    sparsity: Type.Optional(
      Type.Object(
        {
          pattern: Type.String({ description: 'Kept : group, along the input channels.' }),
          transposable: Type.Boolean({ description: 'Whether it holds along the output channels too.' }),
          zeros: Type.Number({ description: 'Share of zeros in the exported weight, 0…1.' }),
          retained: Type.Number({ description: 'Share of the magnitude that the mask kept, 0…1.' }),
          maskError: Type.Optional(
            Type.Number({
              description: 'Output error of the mask alone, relative to the output; on samples held out.',
            }),
          ),
          error: Type.Optional(Type.Number({ description: 'The same once the kept weights were fitted.' })),
        },
        { ...closed, description: 'Left out: dense.' },
      ),
    ),
    pinned: Type.Boolean(),
    reason: Type.Optional(Type.String({ description: 'Why the allocation had no choice.' })),
    notes: Type.Array(Type.String()),
  },
  closed,
);

export const reportSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    format: Type.Literal(1),
    lathe: Type.String({ description: 'Version of Lathe.' }),
    createdAt: Type.String({ description: 'ISO 8601.' }),
    seconds: Type.Number({ description: 'Duration of the run.' }),
    resumedSteps: Type.Integer({ description: 'Steps taken over from an earlier run.' }),
    engine: Type.String({ description: 'Inference engine.' }),
    machine: Type.Object(
      {
        platform: Type.String(),
        arch: Type.String(),
        cpu: Type.String(),
        cores: Type.Integer(),
        memoryBytes: Type.Number(),
        node: Type.String(),
      },
      closed,
    ),
    seed: Type.Integer(),
    recipe: Type.String({ description: 'File name.' }),
    model: Type.Object({ file: Type.String(), sha256: Type.String() }, closed),
    compressed: Type.Object({ file: Type.String({ description: 'Relative to the recipe.' }) }, closed),
    size: Type.Object(
      {
        nominal: Type.Number({ description: 'Σ elements × bits / (32 · Σ elements).' }),
        nominalBits: Type.Number(),
        floatBits: Type.Number(),
        packedBytes: Type.Number({ description: 'Codes, scales and zero points as stored.' }),
        fileBytes: Type.Number({ description: 'The compressed file.' }),
        floatFileBytes: Type.Number({ description: 'The file it was made from.' }),
        bops: Type.Optional(
          Type.Number({ description: 'Bit-operations as a fraction of those with all layers at 8 and 8 bits.' }),
        ),
      },
      closed,
    ),
    objective: Type.Object(
      {
        minimize: Type.Enum(['loss', 'size']),
        budget: Type.Object(
          {
            size: Type.Optional(Type.Number()),
            bops: Type.Optional(Type.Number()),
            loss: Type.Optional(Type.Number()),
          },
          closed,
        ),
      },
      closed,
    ),
    solver: Type.Object(
      { engine: Type.String(), proven: Type.Boolean(), bound: Type.Number(), seconds: Type.Number() },
      closed,
    ),
    accuracy: Type.Optional(
      Type.Object(
        {
          metric: Type.Enum(['top1', 'top5', 'mse']),
          samples: Type.Integer(),
          float: Type.Number(),
          simulated: Type.Number({ description: 'Quantisation simulated in float.' }),
          deployed: Type.Optional(
            Type.Number({ description: 'As ONNX Runtime runs the file by default; left out where it cannot.' }),
          ),
        },
        closed,
      ),
    ),
    loss: Type.Object(
      {
        unit: Type.String(),
        predicted: Type.Number({ description: 'Sum over the layers.' }),
        measured: Type.Optional(Type.Number({ description: 'Of the exported network against the float one.' })),
      },
      closed,
    ),
    latency: Type.Optional(
      Type.Object({ floatMs: Type.Number(), compressedMs: Type.Number(), runs: Type.Integer() }, closed),
    ),
    limits: Type.Object(
      {
        accuracyDrop: Type.Optional(Type.Number()),
        within: Type.Boolean(),
        messages: Type.Array(Type.String()),
      },
      closed,
    ),
    memory: Type.Optional(
      Type.Object(
        {
          limit: Type.Number({ description: 'Bytes of activations allowed at a time.' }),
          peak: Type.Number({ description: 'Bytes held at most.' }),
          samplesPerTurn: Type.Integer(),
        },
        closed,
      ),
    ),
    layers: Type.Array(reportLayer, { description: 'In the order of the model.' }),
    refused: Type.Array(Type.Object({ layer: Type.String(), reason: Type.String() }, closed), {
      description: 'What was left as it is, and why.',
    }),
    floatOperators: Type.Optional(
      Type.Array(operatorCount, { description: 'What computes in float between the layers.' }),
    ),
    eightBitOperators: Type.Optional(
      Type.Array(operatorCount, {
        description: 'What computes on 8-bit values between the layers; left out where nothing does.',
      }),
    ),
    advice: Type.Optional(
      Type.Array(Type.String(), { description: 'What the recipe could ask for besides, in sentences.' }),
    ),
    policies: Type.Optional(
      Type.Array(
        Type.Object(
          {
            predicted: Type.Number({ description: 'Sum of the losses of the layers.' }),
            measured: Type.Number({ description: 'Loss of the whole network, before layers are fitted in sequence.' }),
            size: Type.Number({ description: 'Nominal, as a fraction of the float size.' }),
            kept: Type.Boolean(),
            changed: Type.Array(
              Type.Object(
                { shortName: Type.String(), weightBits: Type.Integer(), activationBits: Type.Integer() },
                closed,
              ),
              { description: 'Where it differs from the optimum of the programme.' },
            ),
          },
          closed,
        ),
        { description: 'The optimum of the programme, then its neighbours and the widest uniform policy, measured.' },
      ),
    ),
    steps: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Type.String({
              description:
                'rounded, optimised, values between layers quantised, statistics tuned, input ranges tuned, distilled, bias tuned…',
            }),
            undone: Type.Optional(Type.Boolean({ description: 'True: it raised the loss and was taken back.' })),
            loss: Type.Number({ description: 'Of the network after the step against the float one, simulated.' }),
            accuracy: Type.Optional(Type.Number({ description: 'Its metric on the evaluation data, simulated.' })),
          },
          closed,
        ),
        { description: 'The network after each step of compression, in order: what every step bought.' },
      ),
    ),
    stages: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          seconds: Type.Optional(Type.Number()),
          before: Type.Optional(Type.String({ description: 'State before the stage, for people.' })),
          after: Type.Optional(Type.String()),
        },
        closed,
      ),
    ),
    frontier: Type.Array(Type.Object({ size: Type.Number(), loss: Type.Number(), exact: Type.Boolean() }, closed), {
      description: 'Smallest predicted loss by size, as a fraction of the float size.',
    }),
    uniform: Type.Array(Type.Object({ bits: Type.Integer(), size: Type.Number(), loss: Type.Number() }, closed), {
      description: 'The same width everywhere, for comparison.',
    }),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'lathe.report.schema.json',
    title: 'Lathe report',
    description: 'What was measured in one run.',
    ...closed,
  },
);

/** Everything one run measured. Losses are in `loss.unit`, accuracies are fractions. */
export type Report = Type.Static<typeof reportSchema>;
export type ReportLayer = Type.Static<typeof reportLayer>;
