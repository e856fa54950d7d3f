import { CancelledError, LatheError } from '../base/errors';
import { LATHE_VERSION } from '../base/version';
import type { Command } from './command';
import { commands } from './commands';
import { unknownCommand, unknownOption } from './errors';
import { ExitCode } from './exitCodes';
import { commandHelp, generalHelp } from './help';
import { parseArguments } from './parseArguments';
import { processTerminal, styleFor, writeError } from './terminal';

/** Runs one command line and says how it ended. Never throws. */
export async function main(words: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  try {
    return await dispatch(words, signal);
  } catch (error) {
    return reportFailure(error, signal);
  }
}

async function dispatch(words: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const [first, ...rest] = words;
  if (first === undefined) {
    writeError(generalHelp(commands));
    return ExitCode.usage;
  }
  if (first === '--version' || first === '-V') {
    process.stdout.write(`${LATHE_VERSION}\n`);
    return ExitCode.done;
  }
  if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    process.stdout.write(generalHelp(commands));
    return ExitCode.done;
  }
  const name = first === 'help' ? rest[0] : first;
  if (name?.startsWith('-') === true) {
    throw unknownOption(name, 'COMMAND', ['--help', '--version']);
  }
  const command = commandNamed(name ?? '');
  const parsed = parseArguments(first === 'help' ? ['--help'] : rest, command);
  if (parsed.has('--help')) {
    process.stdout.write(commandHelp(command));
    return ExitCode.done;
  }
  const run = await command.load();
  const terminal = processTerminal(parsed.has('--quiet'));
  try {
    return await run({ arguments: parsed, terminal, signal, folder: process.cwd() });
  } finally {
    terminal.status('');
  }
}

function commandNamed(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw unknownCommand(
      name,
      commands.map((candidate) => candidate.name),
    );
  }
  return command;
}

function reportFailure(error: unknown, signal: AbortSignal): ExitCode {
  if (error instanceof CancelledError || signal.aborted) {
    writeError('Cancelled. Finished steps are kept: the same command goes on from here.\n');
    return ExitCode.cancelled;
  }
  if (LatheError.is(error)) {
    const { warn } = styleFor(process.stderr);
    writeError(`${warn(`lathe: ${error.code}`)}\n${error.message}\n`);
    return error.category === 'usage' ? ExitCode.usage : ExitCode.failed;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeError(`lathe ${LATHE_VERSION}: internal error. Report it with these lines:\n${stack}\n`);
  return ExitCode.failed;
}
