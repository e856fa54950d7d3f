import { Type } from 'typebox';
import { comparisonSchema } from './models/comparisonSchema';

const closed = { additionalProperties: false } as const;
const field = Type.Object(
  {
    field: Type.String(),
    before: Type.Optional(Type.String({ description: 'Left out where the field was not there.' })),
    after: Type.Optional(Type.String()),
    change: Type.Optional(Type.String({ description: '"−18.0 KB"; left out for what is no amount.' })),
  },
  closed,
);

/** `lathe diff --format json`. */
export const diffSchema = Type.Object(
  {
    kind: Type.Enum(['recipe', 'lock', 'report', 'model']),
    before: Type.String(),
    after: Type.String(),
    figures: Type.Array(
      Type.Object(
        {
          key: Type.String({ description: 'Stable name: "size", "loss.predicted"…' }),
          label: Type.String(),
          before: Type.String(),
          after: Type.String(),
          change: Type.String(),
          limit: Type.Optional(Type.String({ description: 'What the figure is held to; left out without a limit.' })),
          kept: Type.Optional(Type.Boolean({ description: 'Whether `after` keeps the limit.' })),
        },
        closed,
      ),
    ),
    fields: Type.Array(field),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          status: Type.Enum(['changed', 'added', 'removed']),
          why: Type.Optional(Type.String({ description: 'What can have moved it.' })),
          fields: Type.Array(field),
        },
        closed,
      ),
    ),
    unchangedLayers: Type.Integer(),
    comparison: Type.Optional(comparisonSchema),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'lathe.diff.schema.json',
    title: 'lathe diff --format json',
    description: 'What differs between two files, layer by layer.',
    ...closed,
  },
);
