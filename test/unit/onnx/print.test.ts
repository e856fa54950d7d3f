import assert from 'node:assert/strict';
import * as path from 'node:path';
import { buildModel, DataType, openModel, parseModel, printModel, serializeModel, Tensor } from '../../../src/onnx';
import { kitchenSinkBytes } from '../../support/onnx/kitchenSink';

const golden = `model, IR version 11, by "test 1"
version 3 of domain "com.example"
opset ai.onnx 21
opset com.example.ops 2
metadata author = "someone"
metadata empty = ""
graph main
  input x: float32[n, 4]
  input cond: bool[]
  input w: float32[4, 4]
  output y: float32[n, 4]
  output z
  initializer w: float32[4, 4] sha256 W_HASH
  initializer b: float32[4] = [1, 2, 3, 4]
  initializer shape: int64[2] = [-1, 4]
  initializer typed: float32[3] = [1.5, -2, 0.25]
  sparse initializer sparse: [4], values float32[2] = [7, 8], indices int64[2] = [1, 2]
  same: m = MatMul(x, w)
  same: h: float32[n, 4] = Add(m, b)
  clip_max = Constant() {value_float=6}
  c = Clip(h, -, clip_max)
  t = com.example.ops::Twice(c) {alpha=0.5}
  q, - = com.example.ops::Mystery(t, sparse)
  branch: y = If(cond) {else_branch=graph, then_branch=graph}
    graph then
      output then_out
      initializer two: float32[] = 2
      inner: then_out = Mul(q, two)
    graph else
      output else_out
      else_out = Reshape(h, shape)
  z = Neg(y)
function com.example.ops::Twice(a) {alpha} -> (b)
  opset ai.onnx 21
  s = Add(a, a)
  b = LeakyRelu(s) {alpha=…}
`;

describe('printModel', () => {
  it('shows everything of a model', () => {
    const model = parseModel(kitchenSinkBytes());
    const hash = model.graph.initializers.get('w')!.contentHash().slice(0, 12);
    assert.equal(printModel(model), golden.replace('W_HASH', hash));
    assert.match(
      printModel(model, { weights: 'summary' }),
      /w: float32\[4, 4\] from 0 to 1\.875, mean 0\.9375, 1 zeros/,
    );
  });

  it('is the same for a model read, cloned, and written and read again', () => {
    const model = openModel(path.resolve(__dirname, '../../fixtures/models/vit.onnx'));
    const text = printModel(model);
    assert.equal(printModel(model.clone()), text);
    assert.equal(printModel(parseModel(serializeModel(model))), text);
  });

  it('shows names and numbers that cannot be mistaken', () => {
    const model = buildModel({
      opset: 17,
      outputs: ['a b', '-'],
      initializers: [
        Tensor.fromFloat32('line\nbreak', [3], Float32Array.of(0.1, -0, 1e-45)),
        Tensor.fromIntegers('end', DataType.INT64, [1], [2 ** 63]),
      ],
      nodes: [
        {
          opType: 'Sum',
          inputs: ['line\nbreak', 'end'],
          outputs: ['a b'],
          attributes: { v: { float: NaN }, w: [1, 2] },
        },
        { opType: 'Neg', inputs: ['a b'], outputs: ['-'] },
      ],
    });
    const text = printModel(model);
    assert.match(text, /initializer "line\\nbreak": float32\[3\] = \[0\.1, -0, 1e-45\]/);
    assert.match(text, /end: int64\[1\] = \[9223372036854775807\]/);
    assert.match(text, /"a b" = Sum\("line\\nbreak", end\) \{v=NaN, w=\[1, 2\]\}/);
    assert.match(text, /"-" = Neg\("a b"\)/);
  });
});
