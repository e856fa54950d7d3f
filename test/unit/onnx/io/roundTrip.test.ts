import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  openModel,
  parseModel,
  saveModel,
  serializeModel,
  Tensor,
  verifyModel,
  type Model,
} from '../../../../src/onnx';
import { kitchenSinkBytes } from '../../../support/onnx/kitchenSink';
import { decodeModel } from '../../../support/onnx/protobuf';

interface CorpusEntry {
  readonly file: string;
  readonly sha256: string;
  readonly outcome: 'sound';
}

const root = path.resolve(__dirname, '../../../..');
const corpus = JSON.parse(fs.readFileSync(path.join(root, 'test/fixtures/corpus.json'), 'utf8')) as CorpusEntry[];

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Positions at which two byte arrays of one length differ: first and one past the last. */
function differingRange(a: Uint8Array, b: Uint8Array): readonly [number, number] {
  assert.equal(a.length, b.length);
  let first = 0;
  while (first < a.length && a[first] === b[first]) {
    first++;
  }
  let last = a.length;
  while (last > first && a[last - 1] === b[last - 1]) {
    last--;
  }
  return [first, last];
}

describe('round trip', () => {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lathe-round-trip-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  describe('of the corpus', () => {
    for (const { file, sha256: expected } of corpus) {
      it(path.basename(file), () => {
        const model = openModel(path.join(root, file));
        assert.deepEqual(verifyModel(model), []);
        const { path: saved } = saveModel(model, path.join(folder, 'saved.onnx'));
        assert.equal(sha256(fs.readFileSync(saved)), expected);
        agreesWithSecondReader(model, fs.readFileSync(path.join(root, file)));
        // A clone that is written message by message, since its graph counts as touched, is the same too.
        const clone = model.clone();
        clone.graph.touch();
        assert.equal(sha256(serializeModel(clone)), expected);
      });
    }
  });

  it('keeps everything of a model with everything', () => {
    const bytes = kitchenSinkBytes();
    const model = parseModel(bytes);
    assert.deepEqual(Buffer.from(serializeModel(model)), Buffer.from(bytes));
    const clone = model.clone();
    for (const graph of clone.allGraphs()) {
      graph.touch();
    }
    assert.deepEqual(Buffer.from(serializeModel(clone)), Buffer.from(bytes));
    agreesWithSecondReader(model, bytes);
  });

  it('changes only the one message when an initializer is replaced', () => {
    const bytes = kitchenSinkBytes();
    const model = parseModel(bytes);
    const weights = model.graph.initializers.get('w')!;
    model.graph.replaceInitializer('w', Tensor.fromFloat32('any name', [4, 4], weights.toFloat32().fill(9)));
    const edited = serializeModel(model);
    const tensor = decodeModel(edited).graph!.initializer[0]!;
    assert.equal(tensor.name, 'w');
    assert.equal(tensor.docString, 'weights');
    assert.deepEqual(
      tensor.metadataProps.map(({ key, value }) => [key, value]),
      [['k', 'v']],
    );
    assert.deepEqual(new Float32Array(tensor.rawData.slice().buffer), new Float32Array(16).fill(9));
    const [first, last] = differingRange(bytes, edited);
    assert.ok(last - first <= 64);
  });

  it('encodes only the edited node anew', () => {
    const bytes = kitchenSinkBytes();
    const model = parseModel(bytes);
    const node = model.graph.nodes[0]!;
    node.name = 'SAME';
    const edited = serializeModel(model);
    const [first, last] = differingRange(bytes, edited);
    assert.ok(last - first <= 4);
    const decoded = decodeModel(edited).graph!.node[0]!;
    assert.equal(decoded.docString, 'first');
    assert.equal(decoded.deviceConfigurations[0]!.pipelineStage, 1);
  });

  it('changes a sub-graph in place', () => {
    const bytes = kitchenSinkBytes();
    const model = parseModel(bytes);
    const branch = model.node('branch')!;
    branch.subgraphs[0]!.replaceInitializer('two', Tensor.fromFloat32('two', [], Float32Array.of(3)));
    const edited = serializeModel(model);
    const [first, last] = differingRange(bytes, edited);
    assert.ok(last - first <= 4);
    const decoded = decodeModel(edited).graph!.node.find((n) => n.name === 'branch')!;
    assert.deepEqual(
      new Float32Array(decoded.attribute[0]!.g!.initializer[0]!.rawData.slice().buffer),
      Float32Array.of(3),
    );
  });

  it('inserts a new node after the one before it and removes one without a trace', () => {
    const bytes = kitchenSinkBytes();
    const model = parseModel(bytes);
    const { graph } = model;
    const [first] = graph.nodes;
    const added = graph.addNode(
      { opType: 'Relu', inputs: [graph.value('m')], outputs: [graph.freshName('m')] },
      { after: first! },
    );
    const decoded = decodeModel(serializeModel(model)).graph!;
    assert.equal(decoded.node[1]!.opType, 'Relu');
    assert.deepEqual(decoded.node[1]!.output, ['m_1']);
    assert.equal(decoded.node.length, graph.nodes.length);
    graph.removeNode(added);
    assert.deepEqual(Buffer.from(serializeModel(model)), Buffer.from(bytes));
  });

  it('keeps bytes of names that are not UTF-8 when their node is edited', () => {
    const bytes = Buffer.from(kitchenSinkBytes());
    // "clip_max" becomes "clip\xffmax", everywhere.
    for (let at = bytes.indexOf('clip_max'); at >= 0; at = bytes.indexOf('clip_max', at)) {
      bytes[at + 4] = 0xff;
    }
    const model = parseModel(bytes);
    const clip = model.graph.nodes.find((n) => n.opType === 'Clip')!;
    assert.equal(clip.inputs[2]!.producer()!.opType, 'Constant');
    clip.setInput(1, clip.inputs[2]);
    clip.setInput(1, undefined);
    assert.deepEqual(Buffer.from(serializeModel(model)), bytes);
  });

  it('writes versions and metadata in place', () => {
    const model = parseModel(kitchenSinkBytes());
    model.setIrVersion(12);
    model.setOpset('', 22);
    model.setOpset('com.microsoft', 1);
    model.setMetadata('author', 'someone else');
    model.setMetadata('new', 'entry');
    model.removeMetadata('empty');
    const decoded = decodeModel(serializeModel(model));
    assert.equal(decoded.irVersion, 12n);
    assert.deepEqual(
      decoded.opsetImport.map(({ domain, version }) => [domain, version]),
      [
        ['', 22n],
        ['com.example.ops', 2n],
        ['com.microsoft', 1n],
      ],
    );
    assert.deepEqual(
      decoded.metadataProps.map(({ key, value }) => [key, value]),
      [
        ['author', 'someone else'],
        ['new', 'entry'],
      ],
    );
    assert.equal(decoded.trainingInfo.length, 1);
  });
});

/** Names, operators, attributes and tensors, against the other protobuf implementation. */
function agreesWithSecondReader(model: Model, bytes: Uint8Array): void {
  const decoded = decodeModel(bytes);
  assert.equal(BigInt(model.irVersion), decoded.irVersion);
  assert.equal(model.producerName, decoded.producerName);
  const { graph } = model;
  const proto = decoded.graph!;
  assert.deepEqual(
    graph.inputs.map((v) => v.name),
    proto.input.map((v) => v.name),
  );
  assert.deepEqual(
    graph.outputs.map((v) => v.name),
    proto.output.map((v) => v.name),
  );
  assert.equal(graph.nodes.length, proto.node.length);
  for (const [i, node] of graph.nodes.entries()) {
    const other = proto.node[i]!;
    assert.deepEqual(
      [
        node.opType,
        node.name,
        node.domain,
        node.inputs.map((v) => v?.name ?? ''),
        node.outputs.map((v) => v?.name ?? ''),
      ],
      [other.opType, other.name, other.domain, other.input, other.output],
    );
    for (const attribute of other.attribute) {
      const mine = node.attributes.get(attribute.name)!;
      switch (mine.type) {
        case 'FLOAT':
          assert.ok(Object.is(mine.value, attribute.f));
          break;
        case 'INT':
          assert.equal(mine.value, Number(attribute.i));
          break;
        case 'INTS':
          assert.deepEqual(mine.value, attribute.ints.map(Number));
          break;
        case 'FLOATS':
          assert.deepEqual(mine.value, attribute.floats);
          break;
        case 'STRING':
          assert.equal(mine.value, Buffer.from(attribute.s).toString());
          break;
        case 'TENSOR':
          assert.deepEqual(mine.value.dims, attribute.t!.dims.map(Number));
          if (attribute.t!.rawData.length > 0) {
            assert.ok(Buffer.compare(mine.value.bytes(), attribute.t!.rawData) === 0);
          }
          break;
        case 'GRAPH':
          assert.equal(mine.value.nodes.length, attribute.g!.node.length);
          break;
        case 'STRINGS':
        case 'GRAPHS':
        case 'OTHER':
          break;
      }
    }
  }
  for (const tensor of proto.initializer) {
    const mine = graph.initializers.get(tensor.name)!;
    assert.deepEqual(mine.dims, tensor.dims.map(Number));
    if (tensor.rawData.length > 0) {
      assert.ok(Buffer.compare(mine.bytes(), tensor.rawData) === 0);
    } else if (tensor.floatData.length > 0) {
      assert.deepEqual([...mine.toFloat32()], tensor.floatData);
    }
  }
}
