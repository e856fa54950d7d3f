import { badValue, extraArgument, missingArgument, unknownOption } from './errors';

export interface OptionSpec {
  /** With its dashes: "--size". */
  readonly name: string;
  /** What stands for the value in the help; undefined for a switch. */
  readonly value?: string;
  readonly short?: string;
  /** One sentence for the help. */
  readonly about: string;
}

export interface ArgumentSpec {
  /** As in the help: "MODEL". */
  readonly name: string;
  /** For messages: "a model file". */
  readonly what: string;
}

export interface ParsedArguments {
  readonly values: readonly string[];
  has(option: string): boolean;
  text(option: string): string | undefined;
  /** A number above 0; throws `cli/bad-value`. */
  positive(option: string): number | undefined;
}

/**
 * Parses what follows the name of a command: `--name value`, `--name=value`, switches, `--` before names that begin with a
 * dash. Throws `cli/*` usage errors; an unknown option names the nearest known one.
 */
export function parseArguments(
  words: readonly string[],
  command: {
    readonly name: string;
    readonly arguments: readonly ArgumentSpec[];
    readonly options: readonly OptionSpec[];
  },
): ParsedArguments {
  const values: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '--') {
      values.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      values.push(word);
      continue;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const name = equals === -1 ? word : word.slice(0, equals);
    const option = command.options.find((o) => o.name === name || o.short === name);
    if (option === undefined) {
      throw unknownOption(
        name,
        command.name,
        command.options.map((o) => o.name),
      );
    }
    if (option.value === undefined) {
      if (equals !== -1) {
        throw badValue(option.name, word.slice(equals + 1), 'no value');
      }
      options.set(option.name, '');
      continue;
    }
    const value = equals === -1 ? words[++i] : word.slice(equals + 1);
    if (value === undefined) {
      throw missingArgument(`${option.value} after ${option.name}`, command.name);
    }
    options.set(option.name, value);
  }
  if (!options.has('--help')) {
    const missing = command.arguments[values.length];
    if (missing !== undefined) {
      throw missingArgument(missing.what, command.name);
    }
    const extra = values[command.arguments.length];
    if (extra !== undefined) {
      throw extraArgument(extra, command.name);
    }
  }
  return {
    values,
    has: (option) => options.has(option),
    text: (option) => options.get(option),
    positive: (option) => {
      const text = options.get(option);
      if (text === undefined) {
        return undefined;
      }
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
        throw badValue(option, text, 'a number above 0');
      }
      return value;
    },
  };
}
