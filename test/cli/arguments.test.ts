import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { assertExpected, lathe, models, root } from './lathe';

const model = join(models, 'resnet20.onnx');

describe('lathe: arguments', () => {
  it('prints its help and version', () => {
    const help = lathe(['--help']);
    assert.equal(help.code, 0);
    assertExpected('help.txt', help.out);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.deepEqual(lathe(['--version']), { code: 0, out: `${version}\n`, err: '' });
  });

  it('prints the help of each command', () => {
    const names = ['inspect', 'init', 'analyze', 'allocate', 'run', 'evaluate', 'diff', 'check'];
    const texts = names.map((name) => lathe([name, '--help']));
    assert.ok(texts.every(({ code, err }) => code === 0 && err === ''));
    assertExpected('command-help.txt', texts.map(({ out }) => out).join('\n----\n'));
    assert.equal(lathe(['help', 'run']).out, texts[4]!.out);
  });

  it('answers bad arguments with exit code 2, on standard error only', () => {
    const cases: [string[], RegExp][] = [
      [[], /Usage: lathe COMMAND/],
      [['insepct', model], /Did you mean inspect\?/],
      [['--verison'], /Did you mean --version\?/],
      [['inspect'], /needs an ONNX model/],
      [['inspect', model, 'more'], /no use for "more"/],
      [['inspect', model, '--jsn'], /Did you mean --json\?/],
      [['inspect', model, '--json=yes'], /--json takes no value/],
      [['inspect', 'none.onnx'], /There is no file .*none\.onnx/],
      [['inspect', '--', '--dash.onnx'], /There is no file .*--dash\.onnx/],
      [['inspect', model, '--weights', '--no-weights'], /--weights/],
      [['diff', model], /needs two files/],
      [['diff', model, model, '--format', 'xml'], /text, markdown or json/],
      [['diff', model, join(root, 'package.json')], /neither a recipe/],
      [['evaluate', model], /needs --recipe/],
      [['allocate', 'x.json', '--size', '0'], /a number above 0, not "0"/],
      [['allocate', 'x.json', '--size=13%'], /a number above 0, not "13%"/],
      [['allocate', 'x.json', '--size', '1.5'], /at most 1/],
      [['allocate', 'x.json', '--size'], /needs R after --size/],
      [['allocate', 'x.json', '--size', '0.1', '--loss', '1'], /--loss/],
      [['run', 'none.json'], /Cannot read the recipe/],
      [['check', 'none.json'], /Cannot read the recipe/],
    ];
    for (const [args, message] of cases) {
      const { code, out, err } = lathe(args);
      assert.equal(code, 2, `${args.join(' ')}: ${err}`);
      assert.equal(out, '');
      assert.match(err, message);
    }
  });

  it('colours nothing that is not a terminal', () => {
    const { out, err } = lathe(['inspect', model], { env: { FORCE_COLOR: '1', TERM: 'xterm-256color' } });
    assert.ok(!`${out}${err}`.includes('\u001b'));
  });
});
