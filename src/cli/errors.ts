import { LatheError } from '../base/errors';
import { nearestName } from '../base/nearestName';

export type CliErrorCode =
  | 'cli/unknown-command'
  | 'cli/unknown-option'
  | 'cli/missing-argument'
  | 'cli/extra-argument'
  | 'cli/bad-value'
  | 'cli/no-file';

const usage = { category: 'usage' } as const;

export function unknownCommand(name: string, known: readonly string[]): LatheError<CliErrorCode> {
  return new LatheError(
    'cli/unknown-command',
    `There is no command ${JSON.stringify(name)}.${didYouMean(name, known)} \`lathe --help\` lists them.`,
    { name },
    usage,
  );
}

export function unknownOption(option: string, command: string, known: readonly string[]): LatheError<CliErrorCode> {
  return new LatheError(
    'cli/unknown-option',
    `\`lathe ${command}\` has no option ${option}.${didYouMean(option, known)} \`lathe ${command} --help\` lists them.`,
    { option, command },
    usage,
  );
}

export function missingArgument(what: string, command: string): LatheError<CliErrorCode> {
  return new LatheError(
    'cli/missing-argument',
    `\`lathe ${command}\` needs ${what}. \`lathe ${command} --help\` says how.`,
    { what, command },
    usage,
  );
}

export function extraArgument(value: string, command: string): LatheError<CliErrorCode> {
  return new LatheError(
    'cli/extra-argument',
    `\`lathe ${command}\` has no use for ${JSON.stringify(value)}.`,
    { value, command },
    usage,
  );
}

export function badValue(option: string, value: string, expected: string): LatheError<CliErrorCode> {
  return new LatheError(
    'cli/bad-value',
    `${option} takes ${expected}, not ${JSON.stringify(value)}.`,
    { option, value },
    usage,
  );
}

/** An option that means nothing beside the others. */
export function valueConflict(option: string, value: string, why: string): LatheError<CliErrorCode> {
  return new LatheError('cli/bad-value', `${option} ${value} ${why}.`, { option, value }, usage);
}

export function noFile(path: string, what: string): LatheError<CliErrorCode> {
  return new LatheError('cli/no-file', `There is no file ${path} (${what}). Check the path.`, { path }, usage);
}

function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : ` Did you mean ${nearest}?`;
}
