import { type Draft, toLabel } from './draft.ts';
import type { Skill } from './read-files.ts';

/** What an agent knows from files. */
export interface ProfileSource {
  readonly source: string;
  /** The text of the persona; undefined when there is none. */
  readonly persona: string | undefined;
  readonly skills: readonly Skill[];
}

const maxTextCharacters = 65_536;
/** Of the 256 KiB that the texts of an Agent may have. */
const maxTextsBytes = 250_000;
const maxSkills = 32;

/** `instructions` and `skills` of an Agent, as far as they fit. */
export function toProfile(draft: Draft, { source, persona, skills }: ProfileSource): Readonly<Record<string, unknown>> {
  const fits = persona === undefined || [...persona].length <= maxTextCharacters;
  if (!fits) draft.note('to do', source, 'Its persona has more than 65,536 characters and is left out: shorten it.');
  const instructions = fits && persona !== undefined && persona.trim() !== '' ? persona : undefined;
  let left = maxTextsBytes - Buffer.byteLength(instructions ?? '');
  const taken = skills.filter(({ text }, at) => {
    const size = Buffer.byteLength(text);
    if (text.trim() === '' || at >= maxSkills || [...text].length > maxTextCharacters || size > left) return false;
    left -= size;
    return true;
  });
  if (taken.length < skills.length) {
    const names = skills.filter((skill) => !taken.includes(skill)).map(({ name }) => name);
    draft.note('left out', source, `Skills beyond 32, or beyond 64 KiB each and 250 kB together: ${names.join(', ')}.`);
  }
  return {
    ...(instructions === undefined ? {} : { instructions: { inline: instructions } }),
    ...(taken.length === 0 ? {} : { skills: uniqueSkills(taken) }),
  };
}

function uniqueSkills(skills: readonly Skill[]): object[] {
  const byName = new Map(skills.map(({ name, text }) => [toLabel(name), { name: toLabel(name), inline: text }]));
  return [...byName.values()];
}
