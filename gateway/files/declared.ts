import type { AgentEntry } from '../../core/snapshot/schema.ts';

/** Gives the text of a hash in the snapshot: a Table. */
export interface Texts {
  readonly text: (hash: string) => string;
}

/** The file that holds the instructions of an agent. */
export const soulFile = 'SOUL.md';

/**
 * The files of a home that are as the Agent's spec says, path to text: its instructions, its skills, and its files with the
 * policy Sync. The agent reads them and never changes them.
 */
export function fixedFiles(agent: AgentEntry, texts: Texts): ReadonlyMap<string, string> {
  return new Map([...fixedHashes(agent)].map(([path, hash]) => [path, texts.text(hash)]));
}

/** The same, path to the hash of the text. */
export function fixedHashes({ instructions, skills, files }: AgentEntry): ReadonlyMap<string, string> {
  const soul: readonly (readonly [string, string])[] = instructions === undefined ? [] : [[soulFile, instructions]];
  const ofSkills = skills.map(({ name, text }) => [`skills/${name}/SKILL.md`, text] as const);
  const synced = files.filter(({ policy }) => policy === 'Sync').map(({ path, text }) => [path, text] as const);
  return new Map([...soul, ...ofSkills, ...synced]);
}

/** The files of a home that are written once and are the agent's own from then on, path to text. */
export function seedFiles({ files }: AgentEntry, texts: Texts): ReadonlyMap<string, string> {
  const seeds = files.filter(({ policy }) => policy === 'Seed');
  return new Map(seeds.map(({ path, text }) => [path, texts.text(text)]));
}
