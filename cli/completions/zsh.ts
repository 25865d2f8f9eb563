import type { Place, Word } from './places.ts';
import { pathPattern, quoted, type ValueOptions, valueOptions } from './shell-words.ts';

/** A script that zsh sources, or finds as `_talaria` in its fpath. Where nothing is known, it completes names of files. */
export function zshScript(places: readonly Place[]): string {
  const program = places[0]?.path ?? '';
  return `#compdef ${program}
compdef _${program} ${program}
_${program}() {
  local at=${quoted(program)} word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      (${pathPattern(places)}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${valueOptions(places).map(valueCase).join('')}  esac
  case "$at" in
${places.map(placeCase).join('')}  esac
  _describe ${quoted(program)} found || _files
}
if [ "$funcstack[1]" = "_${program}" ]; then _${program} "$@"; fi
`;
}

function valueCase({ pattern, choices }: ValueOptions): string {
  const completed = choices.length === 0 ? '_files' : `compadd -- ${choices.map(quoted).join(' ')}`;
  return `    (${pattern}) ${completed}; return ;;\n`;
}

function placeCase({ path, words, options }: Place): string {
  return `    (${quoted(path)}) found=(${[...words, ...options].map(described).join(' ')}) ;;\n`;
}

/** A colon parts a word from its meaning. */
function described({ word, meaning }: Word): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${meaning}`);
}
