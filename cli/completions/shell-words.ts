import type { Place } from './places.ts';

/** A text as bash and zsh take it literally. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The paths of all commands but the program itself, as a pattern of a `case`. */
export function pathPattern(places: readonly Place[]): string {
  return pattern(places.slice(1).map(({ path }) => path));
}

/** Options that take a value, as a pattern of a `case` for the path and the option. */
export interface ValueOptions {
  readonly pattern: string;
  /** Empty: any value. */
  readonly choices: readonly string[];
}

/** All options that take a value; those that take the same together. */
export function valueOptions(places: readonly Place[]): readonly ValueOptions[] {
  const taking = places.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ word, choices }) => ({ where: `${path} ${word}`, choices: choices.join(' ') })),
  );
  return [...Map.groupBy(taking, ({ choices }) => choices)].map(([choices, options]) => ({
    pattern: pattern(options.map(({ where }) => where)),
    choices: choices.split(' ').filter((choice) => choice !== ''),
  }));
}

function pattern(texts: readonly string[]): string {
  return texts.map(quoted).join('|');
}
