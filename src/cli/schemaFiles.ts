import { lockSchema } from '../job/lock/lockSchema';
import { recipeSchema } from '../job/recipe/recipeSchema';
import { reportSchema } from '../job/report/reportSchema';

/** Name and text of every file in `schemas/`. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const schemas = [recipeSchema, lockSchema, reportSchema] as readonly { readonly $id?: string }[];
  return new Map(schemas.map((schema) => [schema.$id ?? '', `${JSON.stringify(schema, null, 2)}\n`]));
}
