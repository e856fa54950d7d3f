import { DataType, ONNX_DOMAIN, type Model, type Tensor, type Value } from '../onnx';
import type { Layer } from './layer';

/** What is said of a model as a whole, from its structure alone. */
export interface ModelFacts {
  /** Domain "ai.onnx" for the default one. */
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** Name and version of the exporter; "" when the file does not say. */
  readonly producer: string;
  /** Most frequent first; operators outside the default domain with it: "com.microsoft.Gelu". */
  readonly operatorCounts: readonly { readonly operator: string; readonly count: number }[];
  /** Elements of all constants of floating type, and of quantised ones that stand for such; scales do not count. */
  readonly parameters: number;
  /** Of those, the weights of layers; a tied weight counts once. */
  readonly layerParameters: number;
  /** What the list of layers leaves out or cannot do, in sentences. */
  readonly notes: readonly string[];
}

const floatTypes: ReadonlySet<DataType> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
]);

const scaled: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear']);

export function modelFacts(model: Model, layers: readonly Layer[]): ModelFacts {
  return {
    opsets: [...model.opsets].map(([domain, version]) => ({
      domain: domain === ONNX_DOMAIN ? 'ai.onnx' : domain,
      version,
    })),
    producer: [model.producerName, model.producerVersion].filter((part) => part !== '').join(' '),
    operatorCounts: countOperators(model),
    parameters: countParameters(model, layers),
    layerParameters: countLayerParameters(layers),
    notes: layers.length === 0 ? ['No layer with weights was found: there is nothing to quantise.'] : [],
  };
}

function countOperators(model: Model): ModelFacts['operatorCounts'] {
  const counts = new Map<string, number>();
  for (const { domain, opType } of model.graph.nodes) {
    const operator = domain === ONNX_DOMAIN ? opType : `${domain}.${opType}`;
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  return [...counts]
    .map(([operator, count]) => ({ operator, count }))
    .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

function countParameters(model: Model, layers: readonly Layer[]): number {
  const weights = new Set(layers.map((layer) => layer.weight.tensor));
  const isParameter = (tensor: Tensor, value: Value | undefined): boolean => {
    const uses = value?.uses() ?? [];
    if (floatTypes.has(tensor.dataType)) {
      const isScale = uses.length > 0 && uses.every(({ node, index }) => index > 0 && scaled.has(node.opType));
      return !isScale;
    }
    return weights.has(tensor) || uses.some(({ node, index }) => index === 0 && node.opType === 'DequantizeLinear');
  };
  let parameters = 0;
  const count = (tensor: Tensor | undefined, value: Value | undefined): void => {
    parameters += tensor !== undefined && isParameter(tensor, value) ? tensor.elementCount : 0;
  };
  for (const graph of [...model.allGraphs(), ...model.functions.map((f) => f.body)]) {
    for (const [name, tensor] of graph.initializers) {
      count(tensor, graph.value(name));
    }
    for (const node of graph.nodes.filter((candidate) => candidate.opType === 'Constant')) {
      count(node.outputs[0]?.constant() ?? node.tensor('value'), node.outputs[0]);
    }
  }
  return parameters;
}

function countLayerParameters(layers: readonly Layer[]): number {
  const counted = new Set<string>();
  let parameters = 0;
  for (const layer of layers) {
    if (layer.tie === undefined || !counted.has(layer.tie)) {
      parameters += layer.parameters;
      counted.add(layer.tie ?? layer.name);
    }
  }
  return parameters;
}
