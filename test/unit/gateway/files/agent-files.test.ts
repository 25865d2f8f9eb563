import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { sha256 } from '../../../../core/lib/hash.ts';
import type { AgentEntry } from '../../../../core/snapshot/schema.ts';
import { createOpenFiles } from '../../../../gateway/files/agent-files.ts';
import { FileRefused } from '../../../../gateway/files/refusal.ts';
import { configuration } from '../../../harness/entries.ts';
import { type MemoryStores, memoryStores } from './memory-stores.ts';

const named = (...files: readonly (readonly [path: string, text: string, policy: 'Seed' | 'Sync'])[]) =>
  files.map(([path, text, policy]) => ({ path, text: sha256(text), policy }));

/** The home of an agent with a soul, a skill, a file of each policy, and what the test adds. */
function home(fields: Pick<Partial<AgentEntry>, 'files' | 'profile'> = {}, stores: MemoryStores = memoryStores()) {
  const texts = ['Be brief.', 'How to review.', 'guide', 'seed', 'other'];
  const { content } = configuration({
    agents: [
      {
        name: 'coder',
        instructions: 'Be brief.',
        skills: [{ name: 'review', text: sha256('How to review.') }],
        files: named(['docs/guide.md', 'guide', 'Sync'], ['todo.md', 'seed', 'Seed']),
        ...fields,
      },
    ],
    texts,
  }).snapshot;
  const [agent] = content.agents;
  if (agent === undefined) throw new Error('there is an agent');
  const files = createOpenFiles(stores)(agent, { text: (hash) => content.texts[hash] ?? '' });
  return { files, stores, text: async (path: string) => (await files.read(path)).toString() };
}

const put = (files: ReturnType<typeof home>['files'], path: string, text = 'x') => files.write(path, Buffer.from(text));

describe('the home of an agent', () => {
  it('lists what its spec says as read-only, beside its own files', async () => {
    const { files } = home();
    await put(files, 'workspace/a.md');
    expect((await files.list('')).map(({ path, isFixed }) => [path, isFixed])).toEqual([
      ['SOUL.md', true],
      ['docs/guide.md', true],
      ['skills/review/SKILL.md', true],
      ['todo.md', false],
      ['workspace/a.md', false],
    ]);
    expect((await files.list('workspace/')).map(({ path }) => path)).toEqual(['workspace/a.md']);
    await expect(files.list(`workspace/${'/'.repeat(200_000)}a`)).rejects.toThrow('more than 1000 bytes');
    expect((await files.list('skills')).map(({ path }) => path)).toEqual(['skills/review/SKILL.md']);
  });

  it('gives the texts of its spec', async () => {
    const { text } = home();
    expect([await text('SOUL.md'), await text('skills/review/SKILL.md'), await text('docs/guide.md')]).toEqual([
      'Be brief.',
      'How to review.',
      'guide',
    ]);
  });

  it.each(['SOUL.md', 'skills/review/SKILL.md', 'docs/guide.md'])('keeps %s as its spec says', async (path) => {
    const { files } = home();
    await expect(put(files, path)).rejects.toThrow('read-only');
    await expect(files.remove(path)).rejects.toThrow('read-only');
  });

  it('lets nothing be written outside of the workspace but what was seeded there', async () => {
    const { files, text } = home();
    for (const path of ['notes.md', 'workspace', 'docs/other.md', 'skills/new/SKILL.md']) {
      await expect(put(files, path), path).rejects.toThrow(/only files in workspace\/ can, and todo\.md/);
    }
    await put(files, 'todo.md', 'done');
    expect(await text('todo.md')).toBe('done');
  });

  it('refuses a path for which a file of the spec would have to be a folder', async () => {
    const { files } = home({ files: named(['workspace/guide', 'guide', 'Sync']) });
    await expect(put(files, 'workspace/guide/more.md')).rejects.toThrow('cannot both be there');
  });

  it('says which tool to use when a file is missing', async () => {
    const { files } = home();
    await expect(files.read('workspace/none')).rejects.toThrow('list_files');
    await expect(files.remove('workspace/none')).rejects.toThrow('list_files');
  });

  it('refuses content that is too large before it is sent anywhere', async () => {
    const { files, stores } = home();
    await expect(files.write('workspace/big', Buffer.alloc(1024 * 1024 + 1))).rejects.toThrow('at most 1048576');
    expect(stores.stored.size).toBe(0);
  });

  it('reads what the spec says without the database, and tells that the rest needs it', async () => {
    const stores = memoryStores();
    const down = () => Promise.reject(new TalariaError('state_unavailable', 'the database cannot be reached'));
    const rows = { list: down, read: down, write: down, remove: down };
    const seeds = { unseeded: down, seed: down, note: down };
    const { files, text } = home({}, { ...stores, rows, seeds });
    expect(await text('SOUL.md')).toBe('Be brief.');
    await expect(put(files, 'workspace/a')).rejects.toMatchObject({ code: 'state_unavailable' });
  });
});

describe('a file with the policy Seed', () => {
  it('is written once: what the agent makes of it stays, also when the spec changes', async () => {
    const { files, stores, text } = home();
    expect(await text('todo.md')).toBe('seed');
    await put(files, 'todo.md', 'mine');
    const changed = home({ files: named(['todo.md', 'other', 'Seed']) }, stores);
    expect(await changed.text('todo.md')).toBe('mine');
  });

  it('stays deleted once the agent deleted it', async () => {
    const { files, stores } = home();
    await files.remove('todo.md');
    await expect(home({}, stores).text('todo.md')).rejects.toThrow('no file todo.md');
  });

  it('leaves a file alone that the agent had before', async () => {
    const stores = memoryStores();
    await put(home({}, stores).files, 'workspace/plan.md', 'mine');
    expect(await home({ files: named(['workspace/plan.md', 'seed', 'Seed']) }, stores).text('workspace/plan.md')).toBe(
      'mine',
    );
  });

  it('that has no room does not keep the agent from deleting others', async () => {
    const stores = memoryStores();
    stores.stored.set('coder:workspace/a', 'x');
    const seed = () => Promise.reject(new FileRefused('no room'));
    const { files } = home({}, { ...stores, seeds: { ...stores.seeds, seed } });
    await files.remove('workspace/a');
    expect(stores.stored.size).toBe(0);
  });
});

describe('a home whose workspace is on a volume', () => {
  const volume = { profile: { volume: true as const } };

  it('keeps the workspace there and what was seeded beside it in the database', async () => {
    const { files, stores } = home({
      ...volume,
      files: named(['todo.md', 'seed', 'Seed'], ['workspace/plan.md', 'other', 'Seed']),
    });
    await put(files, 'workspace/a.md', 'mine');
    expect((await files.list('')).map(({ path }) => path)).toEqual([
      'SOUL.md',
      'skills/review/SKILL.md',
      'todo.md',
      'workspace/a.md',
      'workspace/plan.md',
    ]);
    expect([...stores.onVolumes.keys()].sort()).toEqual(['coder:workspace/a.md', 'coder:workspace/plan.md']);
    expect([...stores.stored.keys()]).toEqual(['coder:todo.md']);
  });

  it('hides the workspace that was in the database before, until the volume is gone', async () => {
    const stores = memoryStores();
    stores.stored.set('coder:workspace/old.md', 'old');
    const mounted = home(volume, stores);
    expect((await mounted.files.list('workspace')).map(({ path }) => path)).toEqual([]);
    await expect(mounted.text('workspace/old.md')).rejects.toThrow('no file');
    expect(await home({}, stores).text('workspace/old.md')).toBe('old');
  });

  it('cannot use it in a gateway that has no volumes', async () => {
    const { files, text } = home(volume, { ...memoryStores(), volumes: undefined } as never);
    await expect(files.list('')).rejects.toMatchObject({ code: 'state_unavailable' });
    expect(await text('SOUL.md')).toBe('Be brief.');
  });
});
