import type { Node as JsonNode } from 'jsonc-parser';
import { nearestName } from '../../base/nearestName';
import { formatRecipePath, type RecipeDiagnosticCode, type RecipePath } from './recipeDiagnostic';

/** The part of JSON Schema that the recipe's schema uses. */
export interface SchemaNode {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  /** Of a string; what it stands for is the description. */
  readonly pattern?: string;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

export type Report = (
  code: RecipeDiagnosticCode,
  message: string,
  place: { readonly offset: number; readonly length: number },
  /** JSON that would mend it, put in place of what stands there. */
  replacement?: string,
) => void;

export interface ValidationHooks {
  readonly report: Report;
  /**
   * Asked before a field is held to the schema. A sentence means: the wish is understood but not done by this version;
   * it is reported instead of what the schema would say.
   */
  readonly notYet: (path: RecipePath, node: JsonNode) => string | undefined;
}

/**
 * Holds a parsed text to a schema and reports everything that is wrong at once, in words that name the field and what
 * would be right. A general validator's messages ("must match a schema in anyOf") help nobody at a recipe.
 */
export function validateNode(node: JsonNode, schema: SchemaNode, path: RecipePath, hooks: ValidationHooks): void {
  const notYet = hooks.notYet(path, node);
  if (notYet !== undefined) {
    hooks.report('recipe/not-yet', notYet, node);
    return;
  }
  const alternatives = alternativesOf(schema);
  const fitting = alternatives.find((alternative) => acceptsType(node, alternative));
  if (fitting === undefined) {
    const wrongRange = isNumber(node) && alternatives.some((a) => isNumeric(a));
    hooks.report(
      wrongRange ? 'recipe/out-of-range' : 'recipe/wrong-type',
      `${formatRecipePath(path) || 'The recipe'} must be ${describeAll(alternatives)}, not ${describeValue(node)}.`,
      node,
    );
    return;
  }
  switch (node.type) {
    case 'object':
      validateObject(node, fitting, path, hooks);
      break;
    case 'array':
      validateArray(node, fitting, path, hooks);
      break;
    default:
      if (!acceptsValue(node, fitting) && !alternatives.some((a) => acceptsType(node, a) && acceptsValue(node, a))) {
        hooks.report(
          'recipe/out-of-range',
          `${formatRecipePath(path)} must be ${describeAll(alternatives)}, not ${describeValue(node)}${didYouMean(node, alternatives)}`,
          node,
          quoted(nearestWord(node, alternatives)) ?? nearestNumber(node, alternatives),
        );
      }
  }
}

function validateObject(node: JsonNode, schema: SchemaNode, path: RecipePath, hooks: ValidationHooks): void {
  const properties = schema.properties ?? {};
  const anyName = schema.patternProperties?.['^.*$'];
  const seen = new Set<string>();
  for (const property of node.children ?? []) {
    const [keyNode, valueNode] = property.children ?? [];
    if (keyNode === undefined) {
      continue;
    }
    const name = String(keyNode.value);
    if (seen.has(name)) {
      hooks.report('recipe/duplicate-field', `${formatRecipePath([...path, name])} is given twice.`, keyNode);
      continue;
    }
    seen.add(name);
    if (valueNode === undefined) {
      continue; // The syntax error is reported already.
    }
    const propertySchema = Object.hasOwn(properties, name) ? properties[name] : anyName;
    if (propertySchema !== undefined) {
      validateNode(valueNode, propertySchema, [...path, name], hooks);
      continue;
    }
    const notYet = hooks.notYet([...path, name], valueNode);
    if (notYet !== undefined) {
      hooks.report('recipe/not-yet', notYet, keyNode);
    } else {
      const known = Object.keys(properties);
      hooks.report('recipe/unknown-field', unknownField(name, path, known), keyNode, quoted(nearestName(name, known)));
    }
  }
  for (const name of schema.required ?? []) {
    if (!seen.has(name)) {
      hooks.report(
        'recipe/missing-field',
        `${formatRecipePath([...path, name])} is missing${path.length === 0 ? '' : ': give it, or leave out the whole section'}.`,
        // The opening brace: underlining a whole section would hide what is inside it.
        { offset: node.offset, length: 1 },
      );
    }
  }
}

function unknownField(name: string, path: RecipePath, known: readonly string[]): string {
  const where = path.length === 0 ? 'the recipe' : formatRecipePath(path);
  const nearest = nearestName(name, known);
  const advice =
    nearest === undefined
      ? `Known fields: ${known.filter((k) => k !== '$schema').join(', ')}.`
      : `Did you mean ${JSON.stringify(nearest)}?`;
  return `Unknown field ${JSON.stringify(name)} in ${where}. ${advice}`;
}

function validateArray(node: JsonNode, schema: SchemaNode, path: RecipePath, hooks: ValidationHooks): void {
  const items = node.children ?? [];
  const where = formatRecipePath(path);
  if (items.length < (schema.minItems ?? 0)) {
    hooks.report('recipe/out-of-range', `${where} is empty: give at least ${schema.minItems ?? 1} value.`, node);
  }
  if (items.length > (schema.maxItems ?? Infinity)) {
    hooks.report('recipe/out-of-range', `${where} has more than ${schema.maxItems ?? 0} values.`, node);
  }
  const seen = new Set<unknown>();
  items.forEach((item, index) => {
    if (schema.items !== undefined) {
      validateNode(item, schema.items, [...path, index], hooks);
    }
    if (schema.uniqueItems === true && item.value !== undefined) {
      if (seen.has(item.value)) {
        hooks.report('recipe/conflict', `${where} names ${describeValue(item)} twice.`, item);
      }
      seen.add(item.value);
    }
  });
}

/** Unions may be nested. */
function alternativesOf(schema: SchemaNode): readonly SchemaNode[] {
  return schema.anyOf?.flatMap(alternativesOf) ?? [schema];
}

function isNumber(node: JsonNode): boolean {
  return node.type === 'number';
}

function isNumeric(schema: SchemaNode): boolean {
  return schema.type === 'number' || schema.type === 'integer';
}

/** Whether the kind of value is right, whatever the value. */
function acceptsType(node: JsonNode, schema: SchemaNode): boolean {
  if (schema.enum !== undefined) {
    return schema.enum.some((value) => typeof value === typeof node.value);
  }
  if (schema.const !== undefined) {
    return typeof schema.const === typeof node.value;
  }
  switch (schema.type) {
    case 'integer':
      return node.type === 'number';
    default:
      return node.type === schema.type;
  }
}

function acceptsValue(node: JsonNode, schema: SchemaNode): boolean {
  const value: unknown = node.value;
  if (schema.enum !== undefined) {
    return schema.enum.includes(value);
  }
  if (schema.const !== undefined) {
    return schema.const === value;
  }
  if (typeof value === 'number') {
    return (
      Number.isFinite(value) &&
      (schema.type !== 'integer' || Number.isInteger(value)) &&
      value >= (schema.minimum ?? -Infinity) &&
      value <= (schema.maximum ?? Infinity) &&
      value > (schema.exclusiveMinimum ?? -Infinity)
    );
  }
  if (typeof value === 'string') {
    return value.length >= (schema.minLength ?? 0) && new RegExp(schema.pattern ?? '', 'u').test(value);
  }
  return true;
}

/** "a whole number from 2 to 8 or 32". */
function describeAll(alternatives: readonly SchemaNode[]): string {
  return joinWords(alternatives.map(describe), 'or');
}

function describe(schema: SchemaNode): string {
  if (schema.enum !== undefined) {
    return joinWords(
      schema.enum.map((value) => JSON.stringify(value)),
      'or',
    );
  }
  if (schema.const !== undefined) {
    return JSON.stringify(schema.const);
  }
  switch (schema.type) {
    case 'integer':
      return `a whole number${describeBounds(schema)}`;
    case 'number':
      return `a number${describeBounds(schema)}`;
    case 'string':
      if (schema.pattern !== undefined) {
        return 'a pattern like "2:4"';
      }
      return schema.minLength === undefined ? 'a text' : 'a text that is not empty';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object { … }';
    default:
      return 'null';
  }
}

function describeBounds(schema: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum } = schema;
  if (minimum !== undefined && maximum !== undefined) {
    return ` from ${minimum} to ${maximum}`;
  }
  if (exclusiveMinimum !== undefined && maximum !== undefined) {
    return ` above ${exclusiveMinimum} and at most ${maximum}`;
  }
  if (exclusiveMinimum !== undefined) {
    return ` above ${exclusiveMinimum}`;
  }
  return minimum === undefined ? '' : ` of at least ${minimum}`;
}

function describeValue(node: JsonNode): string {
  switch (node.type) {
    case 'object':
      return 'an object';
    case 'array':
      return 'a list';
    default: {
      const text = JSON.stringify(node.value) as string | undefined;
      return text === undefined ? 'nothing' : text.length > 60 ? `${text.slice(0, 57)}…` : text;
    }
  }
}

function didYouMean(node: JsonNode, alternatives: readonly SchemaNode[]): string {
  const nearest = nearestWord(node, alternatives);
  return nearest === undefined ? '.' : `; did you mean ${JSON.stringify(nearest)}?`;
}

function nearestWord(node: JsonNode, alternatives: readonly SchemaNode[]): string | undefined {
  const words = alternatives.flatMap((a) => a.enum ?? []).filter((value) => typeof value === 'string');
  return typeof node.value === 'string' && words.length > 2 ? nearestName(node.value, words) : undefined;
}

/** The whole number closest to the one given that an alternative accepts. */
function nearestNumber(node: JsonNode, alternatives: readonly SchemaNode[]): string | undefined {
  const given: unknown = node.value;
  if (typeof given !== 'number') {
    return undefined;
  }
  const near = alternatives
    .filter(({ type, minimum, maximum }) => type === 'integer' && minimum !== undefined && maximum !== undefined)
    .map(({ minimum, maximum }) => Math.min(maximum!, Math.max(minimum!, Math.round(given))))
    .sort((a, b) => Math.abs(a - given) - Math.abs(b - given));
  return near[0] === undefined ? undefined : String(near[0]);
}

function quoted(word: string | undefined): string | undefined {
  return word === undefined ? undefined : JSON.stringify(word);
}

function joinWords(words: readonly string[], conjunction: string): string {
  return words.length < 2
    ? (words[0] ?? '')
    : `${words.slice(0, -1).join(', ')} ${conjunction} ${words[words.length - 1] ?? ''}`;
}
