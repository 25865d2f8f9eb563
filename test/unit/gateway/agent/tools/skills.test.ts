import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../core/lib/hash.ts';
import type { AgentEntry } from '../../../../../core/snapshot/schema.ts';
import { skillList, skillTools } from '../../../../../gateway/agent/tools/skills.ts';
import type { Texts } from '../../../../../gateway/files/declared.ts';
import { configuration } from '../../../../harness/entries.ts';

describe('the list of skills', () => {
  it.each([
    [
      'its description in the front matter',
      '---\nname: x\ndescription: Makes invoices.\n---\n# Steps\n',
      'Makes invoices.',
    ],
    [
      'a description over several lines, as one',
      '---\r\ndescription: >\r\n  Makes\r\n  invoices.\r\n---\r\nbody',
      'Makes invoices.',
    ],
    ['its first line without front matter', '\n\n## How to make invoices\n\nFirst ...', 'How to make invoices'],
    ['its first line when the front matter has no description', '---\nname: x\n---\n\nInvoices\n', 'Invoices'],
    ['its first line when the front matter cannot be read', '---\ndescription: [\n---\nInvoices\n', 'Invoices'],
    ['its first line when the description is no text', '---\ndescription: 7\n---\nInvoices\n', 'Invoices'],
    [
      'its first line when the front matter is longer than 2,048 characters',
      `---\ndescription: Slow.\n${Array.from({ length: 1_000 }, (_, at) => `k${at}: 1`).join('\n')}\n---\nInvoices\n`,
      'Invoices',
    ],
    [
      'its first line when the front matter nests what would take hours to read',
      `---\n${'? '.repeat(1_000)}\n---\nInvoices\n`,
      'Invoices',
    ],
    ['its first line when the front matter is no map', '---\n- description\n---\nInvoices\n', 'Invoices'],
    ['nothing when it is empty', '', ''],
  ])('has for a skill %s', (_what, text, expected) => {
    const { agent, texts } = withSkills({ invoices: text });
    expect(skillList(agent, texts).split('\n').slice(1)).toEqual([`- invoices: ${expected}`]);
  });

  it('cuts a line that is too long', () => {
    const { agent, texts } = withSkills({ long: 'x'.repeat(5_000) });
    expect(skillList(agent, texts)).toMatch(/- long: x{300}$/);
  });

  it('names the tool that reads them, and every skill once', () => {
    const { agent, texts } = withSkills({ one: 'First.', two: 'Second.' });
    expect(skillList(agent, texts)).toMatch(/read_skill[^\n]*\n- one: First\.\n- two: Second\.$/);
  });

  it('is made once for an entry, however many turns ask for it', () => {
    const { agent, texts } = withSkills({ one: 'First.' });
    const first = skillList(agent, texts);
    const gone: Texts = {
      text: () => {
        throw new Error('it was asked for again');
      },
    };
    expect(skillList(agent, gone)).toBe(first);
  });

  it('is empty without skills, and there is no tool', () => {
    const { agent, texts } = withSkills({});
    expect(skillList(agent, texts)).toBe('');
    expect(skillTools(agent, texts)).toEqual([]);
  });
});

describe('the tool that reads a skill', () => {
  it('gives its whole text', async () => {
    const text = '---\ndescription: Makes invoices.\n---\n# Steps\n1. Begin.\n';
    expect(await read({ invoices: text, other: 'x' }, { name: 'invoices' })).toBe(text);
  });

  it.each([[{ name: 'nothing' }], [{ name: 7 }], [{}], [{ name: '__proto__' }]])(
    '%o is no skill, and says which there are',
    async (input) => {
      await expect(read({ one: 'x', two: 'y' }, input)).rejects.toThrow(/there is no skill .*; there are one, two/);
    },
  );

  it('offers the names for a choice', () => {
    const { agent, texts } = withSkills({ one: 'x', two: 'y' });
    expect(skillTools(agent, texts)).toMatchObject([
      { name: 'read_skill', parameters: { properties: { name: { enum: ['one', 'two'] } }, required: ['name'] } },
    ]);
  });
});

function withSkills(skills: Readonly<Record<string, string>>) {
  const byHash = new Map(Object.values(skills).map((text) => [sha256(text), text]));
  const entries = Object.entries(skills).map(([name, text]) => ({ name, text: sha256(text) }));
  const [agent] = configuration({ agents: [{ name: 'a', skills: entries }] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  const texts = { text: (hash: string) => byHash.get(hash) ?? '' };
  return { agent: agent satisfies AgentEntry, texts };
}

async function read(
  skills: Readonly<Record<string, string>>,
  input: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { agent, texts } = withSkills(skills);
  const [tool] = skillTools(agent, texts);
  if (!tool) throw new Error('no tool');
  return await tool.run(input, { agent, signal: new AbortController().signal });
}
