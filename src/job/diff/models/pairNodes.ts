import { ONNX_DOMAIN, type Attribute, type Graph, type Model, type Node } from '../../../onnx';
import type { ComparedNode, ModelComparison } from './comparisonSchema';

const QUANTIZERS: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear']);

export function operatorName({ domain, opType }: Node): string {
  return domain === ONNX_DOMAIN ? opType : `${domain}.${opType}`;
}

/** Operator types whose number of nodes differs, the largest differences first. */
export function operatorChanges(before: Model, after: Model): ModelComparison['operators'] {
  const was = countOperators(before.graph);
  const is = countOperators(after.graph);
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((operator) => ({ operator, before: was.get(operator) ?? 0, after: is.get(operator) ?? 0 }))
    .filter((one) => one.before !== one.after)
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before) || (a.operator < b.operator ? -1 : 1));
}

function countOperators(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of graph.nodes) {
    const name = operatorName(node);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/**
 * Nodes of the main graph that one of the models lacks or has with another operator or other attributes. Nodes are paired
 * by name, then by the name of their output, then with the next of the same operator; what quantises is seen through.
 */
export function nodeChanges(before: Model, after: Model): ComparedNode[] {
  const olds = before.graph.nodes.filter((node) => !QUANTIZERS.has(node.opType));
  const news = after.graph.nodes.filter((node) => !QUANTIZERS.has(node.opType));
  const partner = new Map<Node, Node>();
  const taken = new Set<Node>();
  const pairBy = (key: (node: Node) => string | undefined): void => {
    const open = new Map<string, Node[]>();
    for (const node of olds) {
      const name = taken.has(node) ? undefined : key(node);
      if (name !== undefined) {
        const list = open.get(name) ?? [];
        list.push(node);
        open.set(name, list);
      }
    }
    for (const node of news) {
      const match = partner.has(node) ? undefined : open.get(key(node) ?? '')?.shift();
      if (match !== undefined) {
        partner.set(node, match);
        taken.add(match);
      }
    }
  };
  pairBy((node) => node.key);
  pairBy((node) => node.outputs[0] && `${operatorName(node)} ${node.outputs[0].name}`);
  pairBy(operatorName);
  return [
    ...news.flatMap((node): ComparedNode[] => {
      const old = partner.get(node);
      if (old === undefined) {
        return [{ name: node.key, status: 'added', after: operatorName(node), changes: [] }];
      }
      const changes = attributeChanges(old, node);
      const sameOperator = operatorName(old) === operatorName(node);
      return sameOperator && changes.length === 0
        ? []
        : [{ name: node.key, status: 'changed', before: operatorName(old), after: operatorName(node), changes }];
    }),
    ...olds
      .filter((node) => !taken.has(node))
      .map((node): ComparedNode => ({ name: node.key, status: 'removed', before: operatorName(node), changes: [] })),
  ];
}

function attributeChanges(before: Node, after: Node): string[] {
  return [...new Set([...before.attributes.keys(), ...after.attributes.keys()])].flatMap((name) => {
    const was = attributeText(before.attributes.get(name));
    const is = attributeText(after.attributes.get(name));
    return was === is ? [] : [`${name} ${was} → ${is}`];
  });
}

const LONGEST = 60;

function attributeText(attribute: Attribute | undefined): string {
  switch (attribute?.type) {
    case undefined:
      return '–';
    case 'FLOAT':
    case 'INT':
      return String(attribute.value);
    case 'STRING':
      return cut(attribute.value);
    case 'FLOATS':
    case 'INTS':
    case 'STRINGS':
      return cut(attribute.value.join(','));
    case 'TENSOR':
      return `tensor ${attribute.value.contentHash().slice(0, 8)}`;
    case 'GRAPH':
      return `graph of ${attribute.value.nodes.length} nodes`;
    case 'GRAPHS':
      return `${attribute.value.length} graphs`;
    case 'OTHER':
      return 'of another kind';
  }
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
