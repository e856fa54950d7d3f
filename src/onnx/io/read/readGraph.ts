import { normalizeDomain } from '../../ir/dataType';
import type {
  GraphSeed,
  InitializerSeed,
  NodeAttributeSeed,
  NodeSeed,
  SparseInitializer,
  ValueInfoSeed,
} from '../../ir/graphSeed';
import { GraphField, NodeField } from '../../wire/fields';
import { readAttribute } from './readAttribute';
import type { ReadContext } from './readContext';
import { readSparseTensor, readTensor } from './readTensor';
import { readValueInfo } from './readValueInfo';

export function readGraph(context: ReadContext, end: number, place: string): GraphSeed {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    let name = '';
    const nodes: NodeSeed[] = [];
    const initializers: InitializerSeed[] = [];
    const sparseInitializers: SparseInitializer[] = [];
    const inputs: ValueInfoSeed[] = [];
    const outputs: ValueInfoSeed[] = [];
    const valueInfos: ValueInfoSeed[] = [];
    while (reader.nextField(stop)) {
      switch (reader.fieldNumber) {
        case GraphField.node:
          nodes.push(readNode(context, stop, `node ${nodes.length}`));
          break;
        case GraphField.name:
          name = reader.name(stop, 'name');
          break;
        case GraphField.initializer: {
          const tensor = readTensor(context, stop, `initializer ${initializers.length}`);
          initializers.push({ origin: tensor.origin, tensor });
          break;
        }
        case GraphField.sparse_initializer:
          sparseInitializers.push(readSparseTensor(context, stop, `sparse initializer ${sparseInitializers.length}`));
          break;
        case GraphField.input:
          inputs.push(readValueInfo(context, stop, `input ${inputs.length}`));
          break;
        case GraphField.output:
          outputs.push(readValueInfo(context, stop, `output ${outputs.length}`));
          break;
        case GraphField.value_info:
          valueInfos.push(readValueInfo(context, stop, `value_info ${valueInfos.length}`));
          break;
        default:
          reader.skip(stop);
      }
    }
    return {
      origin: range(),
      name,
      nodes,
      initializers,
      sparseInitializers,
      inputs,
      outputs,
      valueInfos,
      isModified: false,
    };
  });
}

export function readNode(context: ReadContext, end: number, place: string): NodeSeed {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    let name = '';
    let opType = '';
    let domain = '';
    let overload = '';
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: NodeAttributeSeed[] = [];
    while (reader.nextField(stop)) {
      switch (reader.fieldNumber) {
        case NodeField.input:
          reader.count();
          inputs.push(reader.name(stop, 'input'));
          break;
        case NodeField.output:
          reader.count();
          outputs.push(reader.name(stop, 'output'));
          break;
        case NodeField.name:
          name = reader.name(stop, 'name');
          break;
        case NodeField.op_type:
          opType = reader.name(stop, 'op_type');
          break;
        case NodeField.domain:
          domain = reader.name(stop, 'domain');
          break;
        case NodeField.overload:
          overload = reader.name(stop, 'overload');
          break;
        case NodeField.attribute: {
          const seed = readAttribute(context, stop, `attribute ${attributes.length}`);
          attributes.push({ kind: 'read', seed, graphs: seed.graphs });
          break;
        }
        default:
          reader.skip(stop);
      }
    }
    return {
      origin: range(),
      name,
      opType,
      domain: normalizeDomain(domain),
      overload,
      inputs,
      outputs,
      attributes,
    };
  });
}
