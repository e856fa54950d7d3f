import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const sha256 = (description: string) => Type.String({ minLength: 64, maxLength: 64, description });

const grid = {
  container: Type.Optional(Type.String({ description: 'Type the codes are stored in: int8, uint4…' })),
};

const lockLayer = Type.Object(
  {
    name: Type.String({ description: 'Name of the layer, as in the recipe.' }),
    parameters: Type.Integer({ minimum: 0, description: 'Elements of the weight.' }),
    weights: Type.Object(
      {
        bits: Type.Integer({ minimum: 1, maximum: 32, description: 'Width of the weights; 32 is float.' }),
        ...grid,
        scales: Type.Optional(
          Type.Object(
            {
              count: Type.Integer({
                minimum: 1,
                description: 'Number of scales: output channels, blocks of them, or 1.',
              }),
              min: Type.Number({ description: 'Smallest scale.' }),
              max: Type.Number({ description: 'Largest scale.' }),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
    input: Type.Object(
      {
        bits: Type.Integer({ minimum: 1, maximum: 32, description: "Width of the layer's input; 32 is float." }),
        ...grid,
        scale: Type.Optional(Type.Number({ description: 'Step of the grid.' })),
        zeroPoint: Type.Optional(Type.Integer({ description: 'Code that stands for 0.' })),
        range: Type.Optional(
          Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: 'Least and largest value on the grid.' }),
        ),
      },
      closed,
    ),
    sparsity: Type.Optional(
      Type.Object(
        {
          pattern: Type.String({ description: 'Kept : group, along the input channels.' }),
          transposable: Type.Boolean({ description: 'Whether it holds along the output channels too.' }),
        },
        { ...closed, description: 'Left out: dense.' },
      ),
    ),
    loss: Type.Number({ description: 'Predicted loss of this layer alone, in the unit of the totals.' }),
    pinned: Type.Boolean({ description: 'Whether the allocation had no choice here.' }),
    reason: Type.Optional(Type.String({ description: 'Why, where the allocation did not decide.' })),
  },
  closed,
);

export const lockSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    format: Type.Literal(1, { description: 'Version of this format.' }),
    lathe: Type.String({ description: 'Version of Lathe that wrote it.' }),
    engine: Type.String({ description: 'Inference engine the measurements come from.' }),
    model: Type.Object(
      {
        file: Type.String({ description: 'As written in the recipe.' }),
        sha256: sha256('Over the file and its external data.'),
      },
      closed,
    ),
    recipe: Type.Object(
      {
        quantization: sha256('Of the section of this name, defaults filled in.'),
        allocation: sha256('Of the section of this name, defaults filled in.'),
        sparsity: Type.Optional(sha256('Of the section of this name, defaults filled in; left out without sparsity.')),
        layers: sha256('Of the section of this name.'),
        preprocess: sha256('Of data.preprocess, defaults filled in.'),
        seed: Type.Integer({ description: 'The seed.' }),
      },
      { ...closed, description: 'Sections of the recipe that decide what is in here.' },
    ),
    data: Type.Object(
      {
        calibration: Type.Union([sha256('Over the calibration samples used.'), Type.Null()]),
      },
      closed,
    ),
    objective: Type.Object(
      {
        minimize: Type.Enum(['loss', 'size']),
        budget: Type.Object(
          {
            size: Type.Optional(Type.Number({ description: 'Fraction of the float32 size.' })),
            bops: Type.Optional(
              Type.Number({ description: 'Fraction of the bit-operations with all layers at 8 and 8 bits.' }),
            ),
            loss: Type.Optional(Type.Number({ description: 'Predicted loss.' })),
          },
          closed,
        ),
      },
      closed,
    ),
    solver: Type.Object(
      { engine: Type.String(), proven: Type.Boolean({ description: 'Whether optimality was proved.' }) },
      closed,
    ),
    totals: Type.Object(
      {
        size: Type.Number({ description: 'Nominal size as a fraction of the float32 size.' }),
        sizeBits: Type.Integer({ description: 'Σ elements × bits over all layers.' }),
        floatBits: Type.Integer({ description: 'Σ elements × 32.' }),
        packedBytes: Type.Optional(Type.Integer({ description: 'Bytes of the stored codes, scales and zero points.' })),
        bops: Type.Optional(
          Type.Number({ description: 'Fraction of the bit-operations with all layers at 8 and 8 bits.' }),
        ),
        loss: Type.Number({ description: 'Predicted: the sum over the layers.' }),
        lossUnit: Type.String({ description: '"nats", "relative MSE"…' }),
      },
      closed,
    ),
    layers: Type.Array(lockLayer, { description: 'In the order of the model.' }),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'lathe.lock.schema.json',
    title: 'Lathe lock',
    description: 'What was decided, layer by layer. Written by Lathe; the same inputs give the same bytes.',
    ...closed,
  },
);

export type Lock = Type.Static<typeof lockSchema>;
export type LockLayer = Type.Static<typeof lockLayer>;
