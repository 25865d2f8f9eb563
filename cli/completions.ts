import { Argument, Command } from 'commander';
import { bashScript } from './completions/bash.ts';
import { fishScript } from './completions/fish.ts';
import { type Place, placesOf } from './completions/places.ts';
import { zshScript } from './completions/zsh.ts';

const examples = `
Examples:
  source <(talaria completions bash)
  source <(talaria completions zsh)
  talaria completions fish | source

Put the line into the start-up file of your shell.`;

/** `talaria completions SHELL`: what makes a shell complete the commands and options of the program that it is part of. */
export function completionsCommand(): Command {
  const command = new Command('completions');
  return command
    .description('print what makes a shell complete commands and options')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(scripts)))
    .addHelpText('after', examples)
    .action((shell: string) => {
      const program = command.parent;
      if (program !== null) process.stdout.write(scripts[shell]?.(placesOf(program, 'talaria')) ?? '');
    });
}

const scripts: Readonly<Record<string, (places: readonly Place[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};
