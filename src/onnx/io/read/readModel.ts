import { FunctionProto } from '../../ir/functionProto';
import type { GraphSeed, NodeSeed } from '../../ir/graphSeed';
import { Model, type MetadataEntry, type OpsetEntry } from '../../ir/model';
import { notOnnx, unsupportedVersion } from '../../errors';
import { FunctionField, ModelField, OperatorSetField, StringEntryField, TrainingInfoField } from '../../wire/fields';
import type { ModelFile } from '../../wire/messageRange';
import { readAttribute } from './readAttribute';
import { ReadContext } from './readContext';
import { readGraph, readNode } from './readGraph';

/** The oldest IR version read: 3 brought the operator set imports that give operators their meaning. */
const OLDEST_IR_VERSION = 3;

/** Reads a ModelProto. Tensors are located, not loaded. */
export function readModel(file: ModelFile, path: string | undefined): Model {
  const { source } = file;
  if (source.byteLength === 0) {
    throw notOnnx(source.label, 'it is empty');
  }
  return source.whileOpen(() => {
    refuseOtherFormats(file);
    const context = new ReadContext(file);
    const { reader } = context;
    const end = source.byteLength;
    let irVersion = 0;
    let producerName = '';
    let producerVersion = '';
    let domain = '';
    let modelVersion = 0;
    let docString = '';
    let graph: GraphSeed | undefined;
    const opsets: OpsetEntry[] = [];
    const metadata: MetadataEntry[] = [];
    const functions: FunctionProto[] = [];
    while (reader.nextField(end)) {
      switch (reader.fieldNumber) {
        case ModelField.ir_version:
          irVersion = reader.int64(end, 'ir_version');
          break;
        case ModelField.producer_name:
          producerName = reader.name(end, 'producer_name');
          break;
        case ModelField.producer_version:
          producerVersion = reader.name(end, 'producer_version');
          break;
        case ModelField.domain:
          domain = reader.name(end, 'domain');
          break;
        case ModelField.model_version:
          modelVersion = reader.int64(end, 'model_version');
          break;
        case ModelField.doc_string:
          docString = reader.text(end, 'doc_string');
          break;
        case ModelField.graph:
          if (graph !== undefined) {
            throw reader.damaged(reader.fieldStart, 'the model has two graphs');
          }
          graph = readGraph(context, end, 'graph');
          break;
        case ModelField.opset_import:
          opsets.push(readOpset(context, end));
          break;
        case ModelField.metadata_props:
          metadata.push(readMetadata(context, end));
          break;
        case ModelField.functions:
          functions.push(readFunction(context, end, `function ${functions.length}`));
          break;
        case ModelField.training_info:
          readTrainingInfo(context, end);
          break;
        default:
          reader.skip(end);
      }
    }
    if (graph === undefined) {
      throw notOnnx(source.label, 'it holds no graph');
    }
    if (irVersion < OLDEST_IR_VERSION) {
      throw unsupportedVersion(source.label, irVersion);
    }
    if (opsets.length === 0) {
      throw notOnnx(source.label, 'it names no operator set (the file may be cut short)');
    }
    return new Model({
      origin: { file, tagStart: 0, bodyStart: 0, end, hasExternal: context.externalTensors > 0 },
      file,
      path,
      irVersion,
      producerName,
      producerVersion,
      domain,
      modelVersion,
      docString,
      opsets,
      metadata,
      functions,
      graph,
      changedFields: new Set(),
    });
  });
}

/**
 * Text, pictures and archives get a plain answer instead of a tale of wire types. A model starts with a field of
 * ModelProto: 0x08 (ir_version) from nearly every exporter.
 */
function refuseOtherFormats(file: ModelFile): void {
  const { source } = file;
  const head = source.read(0, Math.min(512, source.byteLength));
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  const format = starts(0x89, 0x50, 0x4e, 0x47)
    ? 'a PNG picture'
    : starts(0xff, 0xd8, 0xff)
      ? 'a JPEG picture'
      : starts(0x50, 0x4b, 3, 4)
        ? 'a ZIP archive (a PyTorch checkpoint is one too)'
        : starts(0x1f, 0x8b)
          ? 'compressed with gzip: unpack it first'
          : starts(0x47, 0x47, 0x55, 0x46)
            ? 'a GGUF model'
            : starts(0x4f, 0x52, 0x54, 0x4d) ||
                (head.length > 8 && Buffer.from(head.subarray(4, 8)).toString() === 'ORTM')
              ? 'a model in ORT format, which only ONNX Runtime reads'
              : /^\s*(version https:\/\/git-lfs)/.test(Buffer.from(head).toString('latin1'))
                ? 'a Git LFS pointer: run "git lfs pull" to get the model itself'
                : head.every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13)) && head.length >= 8
                  ? 'text'
                  : undefined;
  if (format !== undefined) {
    throw notOnnx(source.label, `it is ${format}`);
  }
}

function readOpset(context: ReadContext, end: number): OpsetEntry {
  return context.message(end, 'opset_import', (stop, range) => {
    const { reader } = context;
    let domain = '';
    let version = 0;
    while (reader.nextField(stop)) {
      if (reader.fieldNumber === OperatorSetField.domain) {
        domain = reader.name(stop, 'domain');
      } else if (reader.fieldNumber === OperatorSetField.version) {
        version = reader.int64(stop, 'version');
      } else {
        reader.skip(stop);
      }
    }
    return { origin: range(), domain, version, isChanged: false };
  });
}

function readMetadata(context: ReadContext, end: number): MetadataEntry {
  return context.message(end, 'metadata_props', (stop, range) => {
    const { reader } = context;
    let key = '';
    let value = '';
    while (reader.nextField(stop)) {
      if (reader.fieldNumber === StringEntryField.key) {
        key = reader.name(stop, 'key');
      } else if (reader.fieldNumber === StringEntryField.value) {
        value = reader.text(stop, 'value');
      } else {
        reader.skip(stop);
      }
    }
    return { origin: range(), key, value, isChanged: false };
  });
}

/** Read for the external data in it; otherwise copied as it is. */
function readTrainingInfo(context: ReadContext, end: number): void {
  context.message(end, 'training_info', (stop) => {
    const { reader } = context;
    while (reader.nextField(stop)) {
      const field = reader.fieldNumber;
      if (field === TrainingInfoField.initialization || field === TrainingInfoField.algorithm) {
        readGraph(context, stop, 'graph');
      } else {
        reader.skip(stop);
      }
    }
  });
}

function readFunction(context: ReadContext, end: number, place: string): FunctionProto {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    let name = '';
    let domain = '';
    let overload = '';
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: string[] = [];
    const nodes: NodeSeed[] = [];
    const opsets = new Map<string, number>();
    while (reader.nextField(stop)) {
      switch (reader.fieldNumber) {
        case FunctionField.name:
          name = reader.name(stop, 'name');
          break;
        case FunctionField.domain:
          domain = reader.name(stop, 'domain');
          break;
        case FunctionField.overload:
          overload = reader.name(stop, 'overload');
          break;
        case FunctionField.input:
          reader.count();
          inputs.push(reader.name(stop, 'input'));
          break;
        case FunctionField.output:
          reader.count();
          outputs.push(reader.name(stop, 'output'));
          break;
        case FunctionField.attribute:
          reader.count();
          attributes.push(reader.name(stop, 'attribute'));
          break;
        case FunctionField.attribute_proto:
          attributes.push(readAttribute(context, stop, `attribute ${attributes.length}`).name);
          break;
        case FunctionField.node:
          nodes.push(readNode(context, stop, `node ${nodes.length}`));
          break;
        case FunctionField.opset_import: {
          const opset = readOpset(context, stop);
          opsets.set(opset.domain, opset.version);
          break;
        }
        default:
          reader.skip(stop);
      }
    }
    return new FunctionProto(name, domain, overload, inputs, outputs, attributes, opsets, range(), nodes);
  });
}
