import type { OptionWord, Place, Word } from './places.ts';

/** A script that fish sources, or finds as `talaria.fish` in its completions. */
export function fishScript(places: readonly Place[]): string {
  const program = places[0]?.path ?? '';
  const paths = places.slice(1).map(({ path }) => fishQuoted(path));
  const lines = places.flatMap((place) => [
    ...place.words.map(
      (command) => `${ruleAt(program, place)} -f -a ${fishQuoted(command.word)} ${meaningOf(command)}\n`,
    ),
    ...place.options.map((option) => `${ruleAt(program, place)} ${flagOf(option)} ${meaningOf(option)}\n`),
  ]);
  return `# fish completion of ${program}
function __${program}_is_at
    set -l at ${program}
    set -l given (commandline -opc)
    set -e given[1]
    for word in $given
        if contains -- "$at $word" ${paths.join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
${lines.join('')}`;
}

function ruleAt(program: string, { path }: Place): string {
  return `complete -c ${program} -n ${fishQuoted(`__${program}_is_at ${path}`)}`;
}

function flagOf({ word, takesValue, choices }: OptionWord): string {
  const name = word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
  if (!takesValue) return name;
  return choices.length === 0 ? `${name} -r` : `${name} -x -a ${fishQuoted(choices.join(' '))}`;
}

function meaningOf({ meaning }: Word): string {
  return `-d ${fishQuoted(meaning)}`;
}

/** In single quotes fish reads \\\\ and \\' alone. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
