/**
 * Tables from the lines that bench/accuracy.ts appended to bench/results/accuracy.jsonl, in Markdown: top-1 of each case after
 * its first step and after its last, the mean over the seeds and, in brackets, the distance between the best and the worst.
 *
 *     npx tsx bench/accuracyTable.ts sparsity
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Line {
  readonly table: string;
  readonly network: string;
  readonly samples: number;
  readonly seed: number;
  readonly case: string;
  readonly step: string;
  readonly top1: number;
  readonly float: number;
}

const table = process.argv[2] ?? 'sparsity';
const lines = readFileSync(join(__dirname, 'results/accuracy.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)
  .filter((line) => line.table === table);

/** Later lines win: a case that was run again is counted once. */
function figure(of: readonly Line[]): string {
  const bySeed = [...new Map(of.map((line) => [line.seed, line.top1])).values()];
  if (bySeed.length === 0) {
    return '–';
  }
  const mean = bySeed.reduce((sum, value) => sum + value, 0) / bySeed.length;
  const spread = bySeed.length > 1 ? ` (${(Math.max(...bySeed) - Math.min(...bySeed)).toFixed(2)})` : '';
  return `${mean.toFixed(2)}${spread}`;
}

function distinct<Key>(key: (line: Line) => Key, of: readonly Line[] = lines): Key[] {
  return [...new Set(of.map(key))];
}

for (const network of distinct((line) => line.network)) {
  const own = lines.filter((line) => line.network === network);
  const sizes = distinct((line) => line.samples, own).sort((a, b) => b - a);
  console.log(
    `| ${network} (float ${own[0]!.float.toFixed(2)}) | ${sizes.map((n) => `${n} samples | tuned`).join(' | ')} |`,
  );
  console.log(`| --- | ${sizes.map(() => '---: | ---:').join(' | ')} |`);
  for (const name of distinct((line) => line.case, own)) {
    const cells = sizes.flatMap((samples) => {
      const of = own.filter((line) => line.samples === samples && line.case === name);
      const steps = distinct((line) => line.step, of);
      const at = (step: string | undefined): string => figure(of.filter((line) => line.step === step));
      return [at(steps[0]), at(steps.length > 1 ? steps.at(-1) : undefined)];
    });
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  console.log('');
}
