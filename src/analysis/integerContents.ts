import type { Dimension } from '../onnx';
import type { NodeFacts } from './shapeRules';

/** Elements of a scalar or 1-D integer tensor on its way to being a shape. */
export type Contents = readonly Dimension[];

/** What a node computes from known shapes and small integers; undefined for everything else. */
export function inferContents(facts: NodeFacts): Contents | undefined {
  const { node } = facts;
  if (node.domain !== '') {
    return undefined;
  }
  switch (node.opType) {
    case 'Shape': {
      const shape = facts.shape(0);
      const end = node.attributes.has('end') ? node.int('end', 0) : undefined;
      return shape?.slice(node.int('start', 0), end);
    }
    case 'Identity':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Reshape':
    case 'Flatten':
      return (facts.shape(0)?.length ?? 2) <= 1 ? facts.contents(0) : undefined;
    case 'Concat': {
      const joined: Dimension[] = [];
      for (let i = 0; i < node.inputs.length; i++) {
        const part = facts.contents(i);
        if (part === undefined) {
          return undefined;
        }
        joined.push(...part);
      }
      return joined;
    }
    case 'Gather': {
      const from = facts.contents(0);
      const at = facts.contents(1);
      return from === undefined
        ? undefined
        : at?.map((i) => (typeof i === 'number' ? from[i < 0 ? i + from.length : i] : undefined));
    }
    case 'Slice':
      return sliced(facts);
    case 'Add':
      return arithmetic(facts, (a, b) => a + b);
    case 'Sub':
      return arithmetic(facts, (a, b) => a - b);
    case 'Mul':
      return arithmetic(facts, (a, b) => a * b);
    case 'Div':
      return arithmetic(facts, (a, b) => (b === 0 ? NaN : Math.trunc(a / b)));
    default:
      return undefined;
  }
}

function sliced(facts: NodeFacts): Contents | undefined {
  const from = facts.contents(0);
  const starts = facts.node.ints('starts') ?? facts.contents(1);
  const ends = facts.node.ints('ends') ?? facts.contents(2);
  const steps = facts.contents(4);
  const start = starts?.[0];
  const end = ends?.[0];
  if (from === undefined || typeof start !== 'number' || typeof end !== 'number' || (steps?.[0] ?? 1) !== 1) {
    return undefined;
  }
  return from.slice(start, end);
}

function arithmetic(facts: NodeFacts, compute: (a: number, b: number) => number): Contents | undefined {
  const a = facts.contents(0);
  const b = facts.contents(1);
  if (a === undefined || b === undefined || (a.length !== b.length && a.length !== 1 && b.length !== 1)) {
    return undefined;
  }
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
    const x = a[a.length === 1 ? 0 : i];
    const y = b[b.length === 1 ? 0 : i];
    const result = typeof x === 'number' && typeof y === 'number' ? compute(x, y) : NaN;
    return Number.isNaN(result) ? undefined : result;
  });
}
