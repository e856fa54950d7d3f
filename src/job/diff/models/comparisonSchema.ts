import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });

const accuracy = Type.Object(
  {
    metric: Type.Enum(['top1', 'top5', 'mse']),
    samples: Type.Integer(),
    value: Type.Number({
      description: 'As deployed where that was measured, else simulated; of the float model, as it runs.',
    }),
  },
  closed,
);

const side = Type.Object(
  {
    path: Type.String(),
    fileBytes: count('The file and its external data.'),
    weightBytes: count('Weights of the layers with their scales and zero points; what layers share counts once.'),
    nodes: count('In the main graph.'),
    layers: count(),
    opset: Type.Optional(Type.Integer({ description: 'Of the default domain.' })),
    measured: Type.Optional(
      Type.Object(
        {
          report: Type.String({ description: 'The Lathe report the figures come from.' }),
          role: Type.Enum(['float', 'compressed'], { description: 'Which model of the report this one is.' }),
          accuracy: Type.Optional(accuracy),
          latencyMs: Type.Optional(Type.Number()),
        },
        closed,
      ),
    ),
  },
  closed,
);

const layerSide = Type.Object(
  {
    name: Type.String(),
    shortName: Type.String(),
    operator: Type.String({ description: 'Operator type as in ONNX.' }),
    description: Type.String({ description: 'Operator with kernel, stride and groups.' }),
    shape: Type.Array(Type.Integer(), { description: 'Of the weight as the layer sees it.' }),
    type: Type.String({ description: 'Element type of the stored weight.' }),
    parameters: count(),
    weightBits: Type.Optional(Type.Integer({ description: '32 is float.' })),
    inputBits: Type.Optional(Type.Integer({ description: 'Of the activations the layer reads; 32 is float.' })),
    storedBytes: count('Weight, scales and zero points.'),
    bias: Type.Optional(Type.String({ description: 'Element type of the stored bias.' })),
    tie: Type.Optional(Type.String({ description: 'The constant that the layer shares with others.' })),
    zeros: Type.Optional(Type.Number({ description: 'Share of weights that are exactly zero, 0…1.' })),
    pattern: Type.Optional(
      Type.String({ description: 'Sparsest N:M pattern that every group of weights along the inputs keeps.' }),
    ),
  },
  closed,
);

const difference = Type.Object(
  {
    relative: Type.Optional(
      Type.Number({
        description: '‖a − b‖₂ / ‖a‖₂ of the dequantised weights; left out where a is zero and b is not.',
      }),
    ),
    maxAbsolute: Type.Number({ description: 'Largest |a − b| of a weight.' }),
  },
  closed,
);

const layer = Type.Object(
  {
    status: Type.Enum(['same', 'changed', 'added', 'removed'], {
      description: 'same: in structure, storage and weights; rounding of folded batch norms does not count.',
    }),
    matchedBy: Type.Optional(Type.Enum(['name', 'weight', 'order'], { description: 'order: same shape, in order.' })),
    before: Type.Optional(layerSide),
    after: Type.Optional(layerSide),
    difference: Type.Optional(difference),
    unmeasured: Type.Optional(Type.String({ description: 'Why there is no difference of weights.' })),
    outputSqnr: Type.Optional(
      Type.Number({ description: "Signal-to-noise ratio of the compressed layer's output from the report, dB." }),
    ),
  },
  closed,
);

const node = Type.Object(
  {
    name: Type.String(),
    status: Type.Enum(['changed', 'added', 'removed']),
    before: Type.Optional(Type.String({ description: 'Operator type.' })),
    after: Type.Optional(Type.String()),
    changes: Type.Array(Type.String(), { description: 'Attributes that differ: "strides 1,1 → 2,2".' }),
  },
  closed,
);

/** Two models, layer by layer. */
export const comparisonSchema = Type.Object(
  {
    before: side,
    after: side,
    operators: Type.Array(Type.Object({ operator: Type.String(), before: count(), after: count() }, closed), {
      description: 'Nodes of the main graph by operator type, only types whose count differs.',
    }),
    nodes: Type.Array(node, { description: 'Nodes added, removed or changed, without those that quantise.' }),
    foldedBatchNorms: count('Batch norms of one model folded into its weights before these were compared.'),
    layers: Type.Array(layer, { description: 'In the order of the second model, removed ones where they were.' }),
    staleReports: Type.Array(Type.String(), {
      description: 'Reports that measured other versions of these files: nothing is taken from them.',
    }),
  },
  { ...closed, description: 'Two models, layer by layer.' },
);

export type ModelComparison = Type.Static<typeof comparisonSchema>;
export type ComparedSide = ModelComparison['before'];
export type ComparedLayer = ModelComparison['layers'][number];
export type LayerSide = NonNullable<ComparedLayer['after']>;
export type ComparedNode = ModelComparison['nodes'][number];
