import type { Command } from './command';

export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => usageOf(command).length));
  return `Usage: lathe COMMAND …

Compresses neural networks in ONNX files.

${commands.map((command) => `  ${usageOf(command).padEnd(width)}  ${command.about}`).join('\n')}

  --version  Print the version.
  --help     Print this, or after a command its options.

Results go to standard output, all else to standard error.
Exit codes: 0 done, 1 failed, 2 bad arguments or recipe, 3 done but outside a limit, 130 cancelled.
`;
}

export function commandHelp(command: Command): string {
  const options = command.options.map((option) => ({
    text:
      [option.short, option.name].filter((part) => part !== undefined).join(', ') +
      (option.value === undefined ? '' : ` ${option.value}`),
    about: option.about,
  }));
  const width = Math.max(...options.map((option) => option.text.length));
  const details = command.details === '' ? '' : `${command.details}\n\n`;
  return `Usage: lathe ${usageOf(command)} [OPTIONS]

${command.about}
${details === '' ? '\n' : `\n${details}`}${options.map((option) => `  ${option.text.padEnd(width)}  ${option.about}`).join('\n')}
`;
}

function usageOf(command: Command): string {
  return [command.name, ...command.arguments.map((argument) => argument.name)].join(' ');
}
