import { parseDocument } from 'yaml';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { Texts } from '../../files/declared.ts';
import type { Tool } from './tool.ts';

/** The name of the tool that reads a skill. */
export const readSkillName = 'read_skill';

/**
 * What the model is told of the agent's skills: a name and a line on each; '' when there are none. A skill's own words on
 * it are `description` in the YAML front matter of its text, of at most 2,048 characters, else its first line.
 */
export function skillList(agent: AgentEntry, texts: Texts): string {
  const list = lists.get(agent) ?? makeList(agent, texts);
  lists.set(agent, list);
  return list;
}

/** An entry names its texts by their hashes, so that its list never changes. Every turn asks for it. */
const lists = new WeakMap<AgentEntry, string>();

function makeList(agent: AgentEntry, texts: Texts): string {
  if (agent.skills.length === 0) return '';
  const lines = agent.skills.map(({ name, text }) => `- ${name}: ${describe(texts.text(text))}`);
  return `You have these skills. Before you do what one is about, read it with the tool ${readSkillName}.\n${lines.join('\n')}`;
}

/** The tool with which the model reads its skills, or none when the agent has none. */
export function skillTools(agent: AgentEntry, texts: Texts): readonly Tool[] {
  if (agent.skills.length === 0) return [];
  const names = agent.skills.map(({ name }) => name);
  return [
    {
      name: readSkillName,
      description: 'Gives the whole text of one of your skills.',
      parameters: {
        type: 'object',
        properties: { name: { type: 'string', enum: names } },
        required: ['name'],
        additionalProperties: false,
      },
      run: async ({ name }) => {
        const skill = agent.skills.find((candidate) => candidate.name === name);
        if (skill) return texts.text(skill.text);
        throw new Error(`there is no skill ${JSON.stringify(name)}; there are ${names.join(', ')}`);
      },
    },
  ];
}

const longestDescription = 300;
/** Whoever writes Agents writes this, and every agent of the gateway waits while it is read. */
const longestFrontMatter = 2_048;

function describe(text: string): string {
  const body = /^---\r?\n(.*?)\r?\n---\r?\n?(.*)$/s.exec(text);
  const said = body === null ? undefined : descriptionIn(body[1] ?? '');
  const line = said ?? firstLine(body?.[2] ?? text);
  return line.replaceAll(/\s+/g, ' ').trim().slice(0, longestDescription);
}

/** Undefined too when it cannot be read. What YAML nests is only read: as JavaScript objects it may cost minutes. */
function descriptionIn(frontMatter: string): string | undefined {
  if (frontMatter.length > longestFrontMatter) return undefined;
  const document = parseDocument(frontMatter, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
  const description = document.errors.length === 0 ? document.get('description') : undefined;
  return typeof description === 'string' ? description : undefined;
}

function firstLine(text: string): string {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '') ?? '';
  return line.replace(/^#+\s*/, '');
}
