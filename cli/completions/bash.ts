import type { Place } from './places.ts';
import { pathPattern, quoted, type ValueOptions, valueOptions } from './shell-words.ts';

/** A script that bash sources. Where nothing is known, bash completes names of files. */
export function bashScript(places: readonly Place[]): string {
  const program = places[0]?.path ?? '';
  return `# bash completion of ${program}
_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local at=${quoted(program)} word words=''
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${pathPattern(places)}) at="$at $word" ;;
    esac
  done
  case "$at $previous" in
${valueOptions(places).map(valueCase).join('')}    *)
      case "$at" in
${places.map(placeCase).join('')}      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${program} ${program}
`;
}

function valueCase({ pattern, choices }: ValueOptions): string {
  return `    ${pattern}) ${choices.length === 0 ? 'return' : `words=${quoted(choices.join(' '))}`} ;;\n`;
}

function placeCase({ path, words, options }: Place): string {
  const all = [...words, ...options].map(({ word }) => word).join(' ');
  return `        ${quoted(path)}) words=${quoted(all)} ;;\n`;
}
