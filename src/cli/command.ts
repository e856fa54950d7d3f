import type { ExitCode } from './exitCodes';
import type { ArgumentSpec, OptionSpec, ParsedArguments } from './parseArguments';
import type { Terminal } from './terminal';

export interface CommandContext {
  readonly arguments: ParsedArguments;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Where relative paths start from. */
  readonly folder: string;
}

export type CommandRun = (context: CommandContext) => Promise<ExitCode>;

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  /** More for the command's own help; may be empty. */
  readonly details: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Loads the code when it is wanted: `lathe inspect` must not wait for a solver or a runtime. */
  load(): Promise<CommandRun>;
}
