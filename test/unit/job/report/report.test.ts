import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import * as format from '../../../../src/job/report/formatNumbers';
import { renderHtml } from '../../../../src/job/report/renderHtml';
import { renderMarkdown } from '../../../../src/job/report/renderMarkdown';
import { parseReport, readReport, reportPathsOf, writeReport } from '../../../../src/job/report/reportFile';
import { sampleReport } from '../../../support/sampleReport';

describe('report numbers', () => {
  it('read as the interface writes them', () => {
    assert.deepEqual([162000, 1031000, 999, 999600, 0, 18000, -5300].map(format.formatBytes), [
      '162 KB',
      '1.03 MB',
      '999 B',
      '1.00 MB',
      '0 B',
      '18.0 KB',
      '−5.30 KB',
    ]);
    assert.deepEqual([31.3e6, 1810000, 12].map(format.formatCount), ['31.3 M', '1.81 M', '12']);
    assert.deepEqual(
      [0.1299, 1, -0.00001].map((v) => format.formatPercent(v)),
      ['13.0 %', '100.0 %', '0.0 %'],
    );
    assert.deepEqual([0.0449, 0.0076, 0, -0.002, 1.5e-7].map(format.formatLoss), [
      '0.045',
      '0.0076',
      '0',
      '−0.0020',
      '1.5e-7',
    ]);
    assert.deepEqual([3.21, 59.6, 200, 9000].map(format.formatSeconds), ['3.2 s', '60 s', '3 min 20 s', '2.5 h']);
    assert.deepEqual([270896, 999, 1000000].map(format.groupDigits), ['270,896', '999', '1,000,000']);
    assert.deepEqual([38.44, Infinity, NaN].map(format.formatDecibel), ['38.4 dB', 'exact', '–']);
  });
});

describe('the report', () => {
  const hostile = '<img src=x onerror=alert(1)>|`"\'&\n\u0000@team [x](javascript:1)';
  const withHostileNames = () => {
    const report = sampleReport();
    report.model.file = hostile;
    report.layers[0]!.name = hostile;
    report.layers[0]!.shortName = hostile;
    report.layers[0]!.parameters = 1000;
    report.layers[0]!.reason = hostile;
    report.refused[0]!.layer = hostile;
    report.stages[0]!.before = hostile;
    report.limits.messages.push(hostile);
    return report;
  };

  it('follows its schema, written and read again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-report-'));
    try {
      const paths = reportPathsOf(join(folder, 'net.lathe.json'));
      assert.equal(paths.html, join(folder, 'net.lathe.report.html'));
      writeReport(paths, sampleReport());
      assert.deepEqual(readReport(paths.json), sampleReport());
      const schema = JSON.parse(
        readFileSync(join(__dirname, '../../../../schemas/lathe.report.schema.json'), 'utf8'),
      ) as object;
      const validate = new Ajv({ strict: false }).compile(schema);
      assert.ok(validate(sampleReport()), JSON.stringify(validate.errors));
      writeFileSync(paths.json, '{"format":1}');
      assert.throws(
        () => readReport(paths.json),
        (error) => LatheError.is(error, 'report/damaged'),
      );
      assert.throws(
        () => readReport(join(folder, 'none.json')),
        (error) => LatheError.is(error, 'report/missing'),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    assert.throws(
      () => parseReport('[', 'x'),
      (error) => LatheError.is(error, 'report/damaged'),
    );
  });

  it('gives Markdown tables whose rows all have the columns of their header', () => {
    for (const report of [sampleReport(), withHostileNames()]) {
      let columns = 0;
      for (const line of renderMarkdown(report).split('\n')) {
        if (!line.startsWith('| ')) {
          columns = 0;
          continue;
        }
        const cells = line.replace(/\\\|/g, '').split('|').length;
        assert.ok(columns === 0 || columns === cells, line);
        columns = cells;
      }
    }
  });

  it('shows the figures that matter in Markdown', () => {
    const text = renderMarkdown(sampleReport());
    assert.match(text, /\| File \| 1\.11 MB \| 162 KB \| 14\.6 % \|/);
    assert.match(text, /92\.17 % \| 91\.95 % \| −0\.22 points/);
    assert.match(text, /\| `conv1` \| 4 \| 8 \| 8 \| int8 \| 4 B \| 4\.0e-4 \| 46\.4 dB \| 40\.0 dB \|/);
  });

  it('lets no name become markup', () => {
    const html = renderHtml(withHostileNames());
    assert.ok(!html.includes('<img'));
    assert.ok(!html.includes('\u0000'));
    const markdown = renderMarkdown(withHostileNames());
    assert.ok(!/(?<!\\)<img/.test(markdown.replace(/`+[^`]*`+/g, '')));
    assert.ok(!markdown.includes('@team'.replace('@', '](')));
  });

  it('gives a page of balanced elements without scripts or references', () => {
    for (const report of [sampleReport(), withHostileNames()]) {
      const html = renderHtml(report);
      assert.ok(!/<script|https?:|src=(?!x)|url\(/.test(html.replaceAll('&lt;img src=x', '')));
      const open: string[] = [];
      for (const [, slash, name, self] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
        if (self === '/' || name === 'meta') {
          continue;
        }
        if (slash === '') {
          open.push(name!);
        } else {
          assert.equal(open.pop(), name);
        }
      }
      assert.deepEqual(open, []);
      assert.match(html, /role="img"/);
    }
  });

  it('holds without the parts that may be missing', () => {
    const report = sampleReport();
    delete report.accuracy;
    delete report.loss.measured;
    report.frontier = [];
    report.uniform = [];
    report.layers = [];
    report.refused = [];
    report.stages = [];
    assert.ok(!renderHtml(report).includes('NaN'));
    assert.ok(!renderMarkdown(report).includes('NaN'));
  });

  it('says what computes in float between the layers, also where a report of an older build does not know', () => {
    const report = sampleReport();
    report.floatOperators = [
      { operator: 'Softmax', count: 4 },
      { operator: 'MatMul of two activations', count: 8 },
    ];
    const line = 'Computed in float between the layers: Softmax × 4, MatMul of two activations × 8.';
    assert.ok(renderMarkdown(report).includes(line));
    assert.ok(renderHtml(report).includes(line));
    delete report.floatOperators;
    assert.ok(!renderMarkdown(report).includes('Computed in float'));
  });
});
