import { diffSchema } from '../job/diff/diffSchema';
import { lockSchema } from '../job/lock/lockSchema';
import { recipeSchema } from '../job/recipe/recipeSchema';
import { reportSchema } from '../job/report/reportSchema';
import {
  allocateSchema,
  analyzeSchema,
  checkSchema,
  evaluateSchema,
  exportSchema,
  historySchema,
  initSchema,
  inspectSchema,
  maskSchema,
} from './outputSchemas';

/** Name and text of every file in `schemas/`. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const schemas: readonly object[] = [
    recipeSchema,
    lockSchema,
    reportSchema,
    inspectSchema,
    initSchema,
    analyzeSchema,
    allocateSchema,
    evaluateSchema,
    maskSchema,
    diffSchema,
    checkSchema,
    exportSchema,
    historySchema,
  ];
  return new Map(schemas.map((schema) => [(schema as { $id: string }).$id, `${JSON.stringify(schema, null, 2)}\n`]));
}
