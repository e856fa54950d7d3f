import { applyEdits, findNodeAtLocation, getNodeValue, modify, parseTree, type JSONPath } from 'jsonc-parser';
import { matchesLayer } from '../job/recipe/layerOverrides';
import { parseRecipe } from '../job/recipe/parseRecipe';
import type { Budget, Pin } from '../protocol/webviewProtocol';
import type { TextEditData } from '../protocol/workerProtocol';

/**
 * Edits that bring pins and budget into a recipe's text: comments, order and layout of everything else stay. A pin becomes an
 * entry of `layers` under the layer's own name, placed last, since the last match wins; `'free'` takes a pin out, or
 * allows all widths again where a glob sets it.
 */
export function recipeEdits(
  text: string,
  path: string,
  pins: readonly Pin[],
  budget: Budget | undefined,
  shortNameOf: (layer: string) => string = (layer) => layer,
): { edits: readonly TextEditData[]; changed: number } {
  let current = text;
  let changed = 0;
  const set = (where: JSONPath, value: unknown): void => {
    const edits = modify(current, where, value, { formattingOptions: formattingOf(text) });
    const next = applyEdits(current, edits);
    if (next !== current) {
      current = next;
      changed++;
    }
  };
  for (const pin of pins) {
    const entry = mergedOverride(current, path, pin, shortNameOf(pin.layer));
    if (entry === undefined) {
      set(['layers', pin.layer], undefined);
    } else if (JSON.stringify(valueAt(current, ['layers', pin.layer])) !== JSON.stringify(entry)) {
      // Taken out first, so that it stands behind every glob.
      if (valueAt(current, ['layers', pin.layer]) !== undefined) {
        current = applyEdits(
          current,
          modify(current, ['layers', pin.layer], undefined, { formattingOptions: formattingOf(text) }),
        );
      }
      set(['layers', pin.layer], entry);
      current = onOneLine(current, ['layers', pin.layer]);
    }
  }
  for (const [name, value] of Object.entries(budget ?? {})) {
    if (valueAt(current, ['allocation', 'budget', name]) !== value) {
      set(['allocation', 'budget', name], value);
    }
  }
  return { edits: current === text ? [] : [differenceOf(text, current)], changed };
}

type Width = number | readonly number[] | null;
interface Override {
  weights?: Width;
  activations?: Width;
}

/** The entry under the layer's own name after the pin; undefined when nothing is left to say. */
function mergedOverride(text: string, path: string, pin: Pin, shortName: string): Override | undefined {
  const written = valueAt(text, ['layers', pin.layer]);
  const entry: Override = typeof written === 'object' && written !== null ? { ...(written as Override) } : {};
  const { recipe } = parseRecipe(text, path);
  for (const [side, value] of [
    ['weights', pin.weightBits],
    ['activations', pin.activationBits],
  ] as const) {
    if (value === undefined) {
      continue;
    }
    if (value !== 'free') {
      entry[side] = value;
      continue;
    }
    Reflect.deleteProperty(entry, side);
    const others = recipe?.layers.filter(
      (override) =>
        override.pattern !== pin.layer &&
        override[side] !== undefined &&
        matchesLayer(override.pattern, { name: pin.layer, shortName }),
    );
    if (recipe !== undefined && others !== undefined && others.length > 0) {
      entry[side] = recipe.quantization[side].bits;
    }
  }
  return Object.keys(entry).length === 0 ? undefined : entry;
}

function valueAt(text: string, path: JSONPath): unknown {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const node = root && findNodeAtLocation(root, path);
  return node === undefined ? undefined : getNodeValue(node);
}

/** Overrides are written as people write them: `"/conv1/Conv": { "weights": 4 }`. */
function onOneLine(text: string, path: JSONPath): string {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const node = root && findNodeAtLocation(root, path);
  if (node === undefined) {
    return text;
  }
  const fields = Object.entries(getNodeValue(node) as Override).map(([key, value]) => {
    const written = Array.isArray(value) ? `[${value.join(', ')}]` : JSON.stringify(value);
    return `${JSON.stringify(key)}: ${written}`;
  });
  return `${text.slice(0, node.offset)}{ ${fields.join(', ')} }${text.slice(node.offset + node.length)}`;
}

/** The one stretch that differs, so that undo and a text editor's markers touch no more than that. */
function differenceOf(before: string, after: string): TextEditData {
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) {
    start++;
  }
  let end = 0;
  while (end < shortest - start && before[before.length - 1 - end] === after[after.length - 1 - end]) {
    end++;
  }
  return { offset: start, length: before.length - end - start, text: after.slice(start, after.length - end) };
}

function formattingOf(text: string): { tabSize: number; insertSpaces: boolean; eol: string } {
  const indent = /\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 4 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}
