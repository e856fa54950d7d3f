import { createHash } from 'node:crypto';
import { LatheError } from '../base/errors';
import type { Attribute } from './ir/attribute';
import { DataType, dataTypeName, isIntegerType } from './ir/dataType';
import type { FunctionProto } from './ir/functionProto';
import type { Graph } from './ir/graph';
import type { Model } from './ir/model';
import type { Node } from './ir/node';
import type { Tensor } from './ir/tensor';
import type { Value } from './ir/value';
import type { ValueType } from './ir/valueType';
import { quoteName } from './quoteName';

export interface PrintOptions {
  /**
   * How to tell the contents of larger tensors: `hash`, the first 12 digits of their SHA-256, or `summary`, smallest,
   * largest and mean element and the number of zeros. Both read all weights.
   * @default 'hash'
   */
  readonly weights?: 'hash' | 'summary';
}

/** Entries of lists shown in full, and elements of tensors. */
const SHOWN = 16;
const SHOWN_ELEMENTS = 8;

/**
 * A model as text, the same for the same model: header, then the graph with one line for each input, output, initializer
 * and node, sub-graphs indented, then functions. Made for reading and for comparing, not for parsing.
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  const lines: string[] = [];
  const producer = [model.producerName, model.producerVersion].filter((text) => text !== '').join(' ');
  lines.push(`model, IR version ${model.irVersion}${producer === '' ? '' : `, by ${quoteText(producer)}`}`);
  if (model.domain !== '' || model.modelVersion !== 0) {
    lines.push(`version ${model.modelVersion} of domain ${quoteText(model.domain)}`);
  }
  for (const [domain, version] of sorted(model.opsets)) {
    lines.push(`opset ${domain === '' ? 'ai.onnx' : quoteName(domain)} ${version}`);
  }
  for (const [key, value] of sorted(model.metadata)) {
    lines.push(`metadata ${quoteName(key)} = ${quoteText(value)}`);
  }
  const printer = new Printer(lines, options.weights ?? 'hash');
  printer.graph(model.graph, '');
  for (const definition of model.functions) {
    printer.function(definition);
  }
  return lines.join('\n') + '\n';
}

class Printer {
  constructor(
    private readonly lines: string[],
    private readonly weights: 'hash' | 'summary',
  ) {}

  graph(graph: Graph, indent: string): void {
    this.lines.push(`${indent}graph ${quoteName(graph.name)}`);
    const inner = `${indent}  `;
    for (const value of graph.inputs) {
      this.lines.push(`${inner}input ${named(value)}`);
    }
    for (const value of graph.outputs) {
      this.lines.push(`${inner}output ${named(value)}`);
    }
    for (const tensor of graph.initializers.values()) {
      this.lines.push(`${inner}initializer ${quoteName(tensor.name)}: ${this.tensor(tensor)}`);
    }
    for (const sparse of graph.sparseInitializers) {
      const { name, dims, values, indices } = sparse;
      this.lines.push(
        `${inner}sparse initializer ${quoteName(name)}: [${dims.join(', ')}], values ${this.tensor(values)}, indices ${this.tensor(indices)}`,
      );
    }
    graph.nodes.forEach((node) => this.node(node, inner));
  }

  function(definition: FunctionProto): void {
    const { domain, name, overload, inputs, outputs, attributes, opsets, body } = definition;
    const parameters = attributes.length === 0 ? '' : ` {${attributes.map(quoteName).join(', ')}}`;
    this.lines.push(
      `function ${quoteName(domain)}::${quoteName(name)}${overload === '' ? '' : `:${quoteName(overload)}`}` +
        `(${inputs.map(quoteName).join(', ')})${parameters} -> (${outputs.map(quoteName).join(', ')})`,
    );
    for (const [opset, version] of sorted(opsets)) {
      this.lines.push(`  opset ${opset === '' ? 'ai.onnx' : quoteName(opset)} ${version}`);
    }
    body.nodes.forEach((node) => this.node(node, '  '));
  }

  private node(node: Node, indent: string): void {
    const outputs = node.outputs.map((value) =>
      value === undefined ? '-' : value.isGraphOutput ? quoteName(value.name) : named(value),
    );
    const inputs = node.inputs.map((value) => (value === undefined ? '-' : quoteName(value.name)));
    const operator = node.domain === '' ? node.opType : `${quoteName(node.domain)}::${node.opType}`;
    const attributes = [...node.attributes.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((attribute) => `${quoteName(attribute.name)}=${this.attribute(attribute)}`);
    const name = node.name === '' ? '' : `${quoteName(node.name)}: `;
    this.lines.push(
      `${indent}${name}${outputs.join(', ')} = ${operator}(${inputs.join(', ')})` +
        (attributes.length === 0 ? '' : ` {${attributes.join(', ')}}`),
    );
    for (const subgraph of node.subgraphs) {
      this.graph(subgraph, `${indent}  `);
    }
  }

  private attribute(attribute: Attribute): string {
    switch (attribute.type) {
      case 'INT':
        return String(attribute.value);
      case 'FLOAT':
        return formatFloat(attribute.value);
      case 'STRING':
        return shortText(attribute.value);
      case 'INTS':
        return list(attribute.value, String);
      case 'FLOATS':
        return list(attribute.value, formatFloat);
      case 'STRINGS':
        return list(attribute.value, quoteText);
      case 'TENSOR':
        return this.tensor(attribute.value);
      case 'GRAPH':
        return 'graph';
      case 'GRAPHS':
        return `${attribute.value.length} graphs`;
      case 'OTHER':
        return '…';
    }
  }

  private tensor(tensor: Tensor): string {
    const type = `${dataTypeName(tensor.dataType)}[${tensor.dims.join(', ')}]`;
    const place = tensor.externalLocation === undefined ? '' : ` in ${quoteText(tensor.externalLocation)}`;
    return `${type}${place} ${this.contents(tensor)}`.trimEnd();
  }

  private contents(tensor: Tensor): string {
    try {
      if (tensor.dataType === DataType.STRING) {
        return `= ${list(tensor.toStrings(), quoteText)}`;
      }
      if (tensor.elementCount === 0) {
        return '= []';
      }
      if (!isNumeric(tensor.dataType)) {
        return `sha256 ${tensor.contentHash().slice(0, 12)}`;
      }
      if (tensor.elementCount <= SHOWN_ELEMENTS) {
        const values = formatElements(tensor);
        return tensor.dims.length === 0 ? `= ${values[0]!}` : `= [${values.join(', ')}]`;
      }
      return this.weights === 'hash' ? `sha256 ${tensor.contentHash().slice(0, 12)}` : summary(tensor);
    } catch (error) {
      // Paths in the message would differ from machine to machine; the code does not.
      if (LatheError.is(error)) {
        return `(unreadable: ${error.code})`;
      }
      throw error;
    }
  }
}

function formatElements(tensor: Tensor): string[] {
  const { dataType } = tensor;
  if (dataType === DataType.INT64 || dataType === DataType.UINT64) {
    const { buffer, byteOffset } = tensor.bytes().slice();
    const Words = dataType === DataType.INT64 ? BigInt64Array : BigUint64Array;
    return Array.from(new Words(buffer, byteOffset, tensor.elementCount), String);
  }
  const isExact = dataType === DataType.DOUBLE || isIntegerType(dataType) || dataType === DataType.BOOL;
  return tensor.toNumbers().map(isExact ? String : formatFloat);
}

function isNumeric(type: DataType): boolean {
  return type !== DataType.UNDEFINED && type !== DataType.COMPLEX64 && type !== DataType.COMPLEX128 && type <= 26;
}

function summary(tensor: Tensor): string {
  let lowest = Infinity;
  let highest = -Infinity;
  let sum = 0;
  let zeros = 0;
  for (const chunk of tensor.chunksFloat32()) {
    for (let i = 0; i < chunk.length; i++) {
      const value = chunk[i]!;
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
      sum += value;
      zeros += value === 0 ? 1 : 0;
    }
  }
  const mean = sum / tensor.elementCount;
  return `from ${formatFloat(lowest)} to ${formatFloat(highest)}, mean ${mean.toPrecision(4)}, ${zeros} zeros`;
}

function named(value: Value): string {
  const type = printType(value.type);
  return type === '' ? quoteName(value.name) : `${quoteName(value.name)}: ${type}`;
}

function printType(type: ValueType | undefined): string {
  if (type === undefined) {
    return '';
  }
  if (type.kind !== 'tensor') {
    return type.kind;
  }
  const shape = type.shape?.map((d) => (d === undefined ? '?' : typeof d === 'number' ? String(d) : quoteName(d)));
  return dataTypeName(type.elementType) + (shape === undefined ? '' : `[${shape.join(', ')}]`);
}

/** The shortest decimal that is this float32 again. */
function formatFloat(value: number): string {
  if (Object.is(value, -0)) {
    return '-0';
  }
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) {
      return String(Number(text));
    }
  }
  return String(value);
}

function list<T>(values: readonly T[], format: (value: T) => string): string {
  if (values.length <= SHOWN) {
    return `[${values.map(format).join(', ')}]`;
  }
  const hash = createHash('sha256').update(values.map(format).join(',')).digest('hex').slice(0, 12);
  return `[${values.slice(0, 4).map(format).join(', ')}, … ${values.length} in all, sha256 ${hash}]`;
}

function quoteText(text: string): string {
  return JSON.stringify(text);
}

/** Attributes may hold whole files. */
function shortText(text: string): string {
  if (text.length <= 200) {
    return quoteText(text);
  }
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `${quoteText(text.slice(0, 40))}… ${text.length} characters, sha256 ${hash}`;
}

function sorted<T>(map: ReadonlyMap<string, T>): (readonly [string, T])[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
