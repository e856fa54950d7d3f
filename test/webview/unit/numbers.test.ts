import assert from 'node:assert/strict';
import { toCsv } from '../../../webview/text/csv';
import * as numbers from '../../../webview/text/numbers';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('webview numbers', () => {
  it('writes three significant digits unless exact', () => {
    assert.equal(numbers.exact(270896), '270,896');
    assert.deepEqual(
      [31.3, 1.812, 0.045, 9.996, 99.96, 12345, 0].map((value) => numbers.significant(value)),
      ['31.3', '1.81', '0.0450', '10.0', '100', '12,300', '0'],
    );
    assert.equal(numbers.significant(-0.31), '−0.310');
    assert.equal(numbers.significant(0.0000123), '1.23e−5');
    assert.equal(numbers.significant(0.000096, 1), '0.0001');
    assert.equal(numbers.significant(0.000094, 1), '9e−5');
  });

  it('uses decimal units and the next one rather than 1,000', () => {
    assert.deepEqual(
      [0, 640, 999, 1000, 162304, 999_499, 999_999, 1_113_000, 2e9].map((value) => plain(numbers.bytes(value))),
      ['0 B', '640 B', '999 B', '1.00 KB', '162 KB', '999 KB', '1.00 MB', '1.11 MB', '2.00 GB'],
    );
    assert.deepEqual(
      [640, 31_300_000, 1500].map((value) => plain(numbers.compact(value))),
      ['640', '31.3 M', '1.50 k'],
    );
  });

  it('calls nothing 0 % or 100 % that is not', () => {
    assert.deepEqual(
      [0, 0.00001, 0.13, 0.99, 0.99999, 1].map((value) => plain(numbers.share(value))),
      ['0 %', '<0.1 %', '13.0 %', '99.0 %', '>99.9 %', '100 %'],
    );
  });

  it('writes accuracy with two decimals and loss with three', () => {
    assert.equal(plain(numbers.metricValue('top1', 0.9198)), '91.98 %');
    assert.equal(numbers.metricValue('mse', 0.01234), '0.0123');
    assert.equal(numbers.metricName('top5'), 'Top-5');
    assert.deepEqual([0.0449, 1.5, 0.00004, 0.00013, 0.0007, -0.002, 0].map(numbers.loss), [
      '0.045',
      '1.500',
      '4.0e−5',
      '1.3e−4',
      '7.0e−4',
      '−0.002',
      '0.000',
    ]);
    assert.deepEqual(
      [0.0076, 0.00001, -0.00001, 0, -0.5].map((value) => plain(numbers.layerLoss(value))),
      ['0.0076', '<0.0001', '≈ 0', '0', '−0.5000'],
    );
  });

  it('says times as a person would', () => {
    assert.deepEqual(
      [0.2, 7, 41, 61, 150, 3700].map((value) => plain(numbers.timeLeft(value))),
      [
        'about 1 s left',
        'about 7 s left',
        'about 40 s left',
        'about 1 min left',
        'about 3 min left',
        'about 1 h 2 min left',
      ],
    );
    assert.deepEqual(
      [59.8, 119.7, 123, 3599.9].map((value) => plain(numbers.duration(value))),
      ['1 min', '2 min', '2 min 3 s', '1 h'],
    );
  });

  it('quotes CSV and disarms cells that look like formulas', () => {
    assert.equal(
      toCsv([
        ['a,b', 'say "x"', 1.5, undefined],
        ['=HYPERLINK("x")', '-conv', -2, NaN],
      ]),
      '"a,b","say ""x""",1.5,\r\n"\'=HYPERLINK(""x"")",\'-conv,-2,\r\n',
    );
  });
});
