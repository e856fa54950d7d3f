/** What a layer is named after, in the order of preference. */
export interface NameSource {
  /** Name of the stored weight, "layers.0.conv1.weight". */
  readonly weight: string;
  /** Name of the node, "/layers/layers.0/conv1/Conv". */
  readonly node: string;
  readonly opType: string;
}

const WEIGHT_SUFFIX = /[._/](weight|weights|kernel|W|w|w_0|embedding|embeddings)(:0)?$/;
/** What quantisers append, this one and ONNX Runtime's: a compressed model keeps the names of its source. */
const QUANTIZED_SUFFIX = /_(quantized|Q4|q4|DQ|dq)(_\d+)?$/;
/** Names exporters make up: "onnx::Conv_203", "/qkv/Transpose_output_0", "123", "const_fold_opt__57", "val_12". */
const MADE_UP = /^(onnx::.*|\d+|.*_output_\d+|const_fold_opt.*|val_\d+|.*[Tt]ranspose(_\d+)?(:0)?|.*ReadVariableOp.*)$/;

/**
 * Names for people, one per layer and unique: the module path a framework gave the weight ("layers.0.conv1" from
 * "layers.0.conv1.weight") where the exporter kept it, else the node's path with PyTorch's doubling taken out
 * ("/layers/layers.0/conv1/Conv" → "layers.0.conv1"), else the operator. Repeats get the node's path, then a number.
 */
export function shortNames(sources: readonly NameSource[]): string[] {
  const fromWeight = sources.map((source) => weightPath(source.weight));
  const fromNode = sources.map((source) => nodePath(source.node, source.opType));
  const counts = new Map<string, number>();
  for (const name of fromWeight) {
    if (name !== undefined) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const taken = new Set<string>();
  return sources.map((source, i) => {
    const weight = fromWeight[i];
    const node = fromNode[i];
    // A weight read by several layers names none of them.
    const base =
      (weight !== undefined && counts.get(weight) === 1 ? weight : undefined) ?? node ?? weight ?? source.opType;
    let name = base;
    for (let n = 2; taken.has(name); n++) {
      name = `${base} (${n})`;
    }
    taken.add(name);
    return name;
  });
}

function weightPath(stored: string): string | undefined {
  const name = stored.replace(QUANTIZED_SUFFIX, '');
  const base = name.replace(WEIGHT_SUFFIX, '');
  if (base === '' || MADE_UP.test(name) || (base === name && !/[./]/.test(name))) {
    return undefined;
  }
  return base.replace(/^\/+/, '').replaceAll('/', '.');
}

/** "/layers/layers.0/conv1/Conv" → "layers.0.conv1": a part that begins with the part before it replaces it. */
function nodePath(name: string, opType: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '');
  const last = parts.at(-1);
  if (last === undefined) {
    return undefined;
  }
  // The operator itself says nothing once there is a path; its number does: "/block/Conv_1".
  const plain = new RegExp(`^${escaped(opType)}(_\\d+)?$`).exec(last);
  if (plain !== null && parts.length > 1) {
    parts.pop();
    if (plain[1] !== undefined) {
      parts.push(last);
    }
  }
  const kept: string[] = [];
  for (const part of parts) {
    const before = kept.at(-1);
    if (before !== undefined && (part === before || part.startsWith(`${before}.`))) {
      kept.pop();
    }
    kept.push(part);
  }
  return kept.join('.');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
