import { parse } from 'yaml';
import { z } from 'zod';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { Texts } from '../../files/declared.ts';
import type { Tool } from './tool.ts';

/** The name of the tool that reads a skill. */
export const readSkillName = 'read_skill';

/**
 * What the model is told of the agent's skills: a name and a line on each; '' when there are none. A skill's own words on
 * it are `description` in the YAML front matter of its text, else its first line.
 */
export function skillList(agent: AgentEntry, texts: Texts): string {
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
const frontMatterSchema = z.object({ description: z.string() });

function describe(text: string): string {
  const body = /^---\r?\n(.*?)\r?\n---\r?\n?(.*)$/s.exec(text);
  const said = body === null ? undefined : descriptionIn(body[1] ?? '');
  const line = said ?? firstLine(body?.[2] ?? text);
  return line.replaceAll(/\s+/g, ' ').trim().slice(0, longestDescription);
}

function descriptionIn(frontMatter: string): string | undefined {
  try {
    return frontMatterSchema.safeParse(parse(frontMatter)).data?.description;
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '') ?? '';
  return line.replace(/^#+\s*/, '');
}
