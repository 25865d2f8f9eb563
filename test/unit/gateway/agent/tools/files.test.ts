import { describe, expect, it } from 'vitest';
import { fileTools } from '../../../../../gateway/agent/tools/files.ts';
import { ownToolsOf } from '../../../../../gateway/agent/tools/own-tools.ts';
import { runTool } from '../../../../../gateway/agent/tools/run-tool.ts';
import { createOpenFiles } from '../../../../../gateway/files/agent-files.ts';
import { configuration } from '../../../../harness/entries.ts';
import { type MemoryStores, memoryStores } from '../../files/memory-stores.ts';

const { content } = configuration({ agents: [{ name: 'coder', instructions: 'Be brief.' }] }).snapshot;
const texts = { text: (hash: string) => content.texts[hash] ?? '' };

/** Calls a tool as a turn does. */
async function call(stores: MemoryStores, name: string, input: object): Promise<string> {
  const [agent] = content.agents;
  if (agent === undefined) throw new Error('there is an agent');
  const tools = fileTools(createOpenFiles(stores)(agent, texts));
  const asked = { id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(input) } } as const;
  return await runTool(tools, asked, { agent, signal: new AbortController().signal }, undefined);
}

describe('the tools for files', () => {
  it('write, read, list and delete', async () => {
    const stores = memoryStores();
    expect(await call(stores, 'write_file', { path: 'workspace/a.md', content: 'grüße' })).toBe(
      'workspace/a.md is written: 7 bytes.',
    );
    expect(await call(stores, 'read_file', { path: 'workspace/a.md' })).toBe('grüße');
    expect(await call(stores, 'list_files', {})).toBe('SOUL.md (9 bytes, read-only)\nworkspace/a.md (7 bytes)');
    expect(await call(stores, 'delete_file', { path: 'workspace/a.md' })).toBe('workspace/a.md is deleted.');
    expect(await call(stores, 'list_files', { folder: 'workspace' })).toBe('There are no files.');
  });

  it('give a long text in pieces that join to the whole', async () => {
    const stores = memoryStores();
    const text = Array.from({ length: 15_000 }, (_, i) => `line ${i}\n`).join('');
    stores.stored.set('coder:workspace/long', text);
    let joined = '';
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const piece = await call(stores, 'read_file', { path: 'workspace/long', offset });
      const note = piece.lastIndexOf('\n[characters ');
      joined += piece.slice(0, note);
      const next: string | undefined = /go on with offset (\d+)/.exec(piece.slice(note))?.[1];
      offset = next === undefined ? undefined : Number(next);
    }
    expect(joined).toBe(text);
  });

  it.each([
    ['read_file', {}, 'the argument path is missing or wrong'],
    ['write_file', { path: 'workspace/a', content: 1 }, 'the argument content is missing or wrong'],
    ['read_file', { path: 'workspace/a', offset: -1 }, 'the argument offset is missing or wrong'],
    ['read_file', { path: '../writer/workspace/a' }, 'give one inside your home'],
    ['write_file', { path: 'SOUL.md', content: '' }, 'SOUL.md is read-only'],
    ['delete_file', { path: 'workspace/none' }, 'list_files tells which there are'],
  ])('%s with %j tells the model what is wrong and what to do', async (name, input, told) => {
    const answer = await call(memoryStores(), name, input);
    expect(JSON.parse(answer).error).toContain('The call failed: ');
    expect(answer).toContain(told);
  });

  it('say that a file holds no text', async () => {
    const stores = memoryStores();
    const rows = { ...stores.rows, read: async () => Buffer.from([0xff, 0xfe, 0x00]) };
    expect(await call({ ...stores, rows }, 'read_file', { path: 'workspace/a' })).toContain('3 other bytes');
  });

  it('list a thousand files and say how to see the rest', async () => {
    const stores = memoryStores();
    for (let i = 0; i < 1_200; i += 1) stores.stored.set(`coder:workspace/${i}`, '');
    const lines = (await call(stores, 'list_files', {})).split('\n');
    expect(lines).toHaveLength(1_001);
    expect(lines.at(-1)).toBe('[and 201 more; give a folder to see fewer]');
  });

  it('are offered to an agent whose spec names them, and to no other', () => {
    const [agent] = content.agents;
    if (agent === undefined) throw new Error('there is an agent');
    const files = createOpenFiles(memoryStores());
    const named = { ...agent, tools: { ...agent.tools, builtin: ['files'] } };
    expect(ownToolsOf(agent, texts, { files })).toEqual([]);
    expect(ownToolsOf(named, texts, { files }).map(({ name }) => name)).toEqual([
      'list_files',
      'read_file',
      'write_file',
      'delete_file',
    ]);
  });
});
