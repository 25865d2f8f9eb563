import path from 'node:path';
import type { Command } from 'commander';

/** Whether kubectl runs this as its plugin: the file goes by the name `kubectl-talaria` then. */
export function isKubectlPlugin(): boolean {
  return path.parse(process.argv[1] ?? '').name === 'kubectl-talaria';
}

/** What people type to run this program. */
export function programName(): string {
  return isKubectlPlugin() ? 'kubectl talaria' : 'talaria';
}

/** Adds lines such as `talaria jobs list` to a command's help, under the name that the program goes by. */
export function addExamples(command: Command, lines: readonly string[], after = ''): Command {
  const named = lines.map((line) => `  ${line.replaceAll(/(?<=^|\$\()talaria(?= )/g, programName())}\n`);
  return command.addHelpText('after', `\nExamples:\n${named.join('')}${after}`);
}
