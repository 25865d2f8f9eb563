import type { Command } from 'commander';

/** One command of the tree, and what may follow it. */
export interface Place {
  /** From the program's name on, such as `talaria jobs list`. */
  readonly path: string;
  /** The commands below it, and the values that its arguments can have. */
  readonly words: readonly Word[];
  readonly options: readonly OptionWord[];
}

/** A word that completes, and what it means. */
export interface Word {
  readonly word: string;
  readonly meaning: string;
}

export interface OptionWord extends Word {
  readonly takesValue: boolean;
  /** The values that there are; empty for any. */
  readonly choices: readonly string[];
}

/** Every visible command of a program, the program first, under the name that shells complete. */
export function placesOf(program: Command, name: string): readonly Place[] {
  return walk(program, name);
}

function walk(command: Command, path: string): readonly Place[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const options = help
    .visibleOptions(command)
    .flatMap(({ long, short, description, required, optional, argChoices }) =>
      [long, short]
        .filter((word) => word !== undefined)
        .map((word) => ({ word, meaning: description, takesValue: required || optional, choices: argChoices ?? [] })),
    );
  const words = [
    ...below.map((one) => ({ word: one.name(), meaning: one.description() })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word) => ({ word, meaning: description })),
    ),
  ];
  return [{ path, words, options }, ...below.flatMap((one) => walk(one, `${path} ${one.name()}`))];
}
