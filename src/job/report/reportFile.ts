import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseTree, type ParseError } from 'jsonc-parser';
import { writeFileAtomic } from '../cache/writeFileAtomic';
import { recipeStem } from '../lock/lockFile';
import { textPosition } from '../recipe/textPosition';
import { validateNode, type SchemaNode } from '../recipe/validateNode';
import { reportDamaged, reportMissing, reportWrite } from './errors';
import { renderHtml } from './renderHtml';
import { renderMarkdown } from './renderMarkdown';
import { reportSchema, type Report } from './reportSchema';

export interface ReportPaths {
  readonly json: string;
  readonly markdown: string;
  readonly html: string;
}

/** "resnet20.lathe.json" → "resnet20.lathe.report.json", ".md", ".html", beside it. */
export function reportPathsOf(recipePath: string): ReportPaths {
  const base = join(dirname(recipePath), `${recipeStem(recipePath)}.lathe.report`);
  return { json: `${base}.json`, markdown: `${base}.md`, html: `${base}.html` };
}

/** Writes the three forms, each beside its target and renamed. Throws `report/write`. */
export function writeReport(paths: ReportPaths, report: Report): void {
  const write = (path: string, text: string): void => {
    try {
      writeFileAtomic(path, text);
    } catch (error) {
      throw reportWrite(path, error);
    }
  };
  write(paths.json, `${JSON.stringify(report, null, 2)}\n`);
  write(paths.markdown, renderMarkdown(report));
  write(paths.html, renderHtml(report));
}

/** Throws `report/missing`, `report/damaged`. */
export function readReport(path: string): Report {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw reportMissing(path);
    }
    throw reportDamaged(path, `it cannot be read (${error instanceof Error ? error.message : String(error)}).`);
  }
  return parseReport(text, path);
}

/** Parses and holds a report's text to its schema. `path` is for messages. */
export function parseReport(text: string, path: string): Report {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  if (root === undefined || errors.length > 0) {
    throw reportDamaged(path, `not JSON at line ${textPosition(text, errors[0]?.offset ?? 0).line}.`);
  }
  const problems: string[] = [];
  validateNode(root, reportSchema as unknown as SchemaNode, [], {
    report: (_, message, { offset }) => problems.push(`line ${textPosition(text, offset).line}: ${message}`),
    notYet: () => undefined,
  });
  if (problems.length > 0) {
    throw reportDamaged(path, problems.slice(0, 3).join(' '));
  }
  return JSON.parse(text) as Report;
}
