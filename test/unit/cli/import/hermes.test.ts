import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHermes, importHermes } from '../../../../cli/import/hermes/import.ts';
import type { HermesHome } from '../../../../cli/import/hermes/read.ts';
import { goldenImport } from './golden.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
const folder = path.join(import.meta.dirname, '../../../testdata/import/hermes');

describe('a Hermes home', () => {
  it('becomes manifests that are accepted, and a report of what means something else', async () => {
    const { manifests, report, problems } = await goldenImport(await importHermes(path.join(folder, 'home'), now));
    await expect(manifests).toMatchFileSnapshot(path.join(folder, 'manifests.yaml'));
    await expect(report).toMatchFileSnapshot(path.join(folder, 'report.txt'));
    expect(problems).toEqual([]);
  });

  it('is read the same from its config.yaml', async () => {
    const [home, file] = await Promise.all([
      importHermes(path.join(folder, 'home'), now),
      importHermes(path.join(folder, 'home/config.yaml'), now),
    ]);
    expect(file.objects).toEqual(home.objects);
  });

  it('is missed by its name', async () => {
    await expect(importHermes(path.join(folder, 'nowhere'), now)).rejects.toThrow(/There is no .*nowhere/);
    await expect(importHermes(folder, now)).rejects.toThrow(/has no config.yaml: name the home of Hermes/);
  });
});

describe('a configuration of Hermes', () => {
  const empty: HermesHome = {
    folder: '',
    title: 'the root home',
    found: true,
    soul: undefined,
    skills: [],
    variables: new Map(),
    jobs: [],
    hasMemories: false,
  };
  const imported = (config: unknown, home: Partial<HermesHome> = {}) =>
    fromHermes({ config, root: { ...empty, ...home }, homes: new Map() }, now);

  it('that names no agent is one Agent that answers everything', () => {
    const { objects } = imported({ model: 'anthropic/claude-x' }, { variables: new Map([['ANTHROPIC_API_KEY', 'k']]) });
    expect(objects).toMatchObject([
      {
        kind: 'Agent',
        metadata: { name: 'main' },
        spec: { default: true, model: { provider: 'anthropic', name: 'claude-x' } },
      },
    ]);
  });

  it.each([
    [undefined, 'main'],
    ['  ', 'main'],
    ['coder', 'coder'],
    ['ghost', 'main'],
  ])('with the default agent %s gives the rest to %s', (default_agent, expected) => {
    const { objects } = imported({ model: 'm', agents: { coder: {} }, default_agent });
    const defaults = objects.filter(({ spec }) => spec.default === true);
    expect(defaults.map(({ metadata }) => metadata.name)).toEqual([expected]);
  });

  it('with more rules than a Route takes keeps their order by priority', () => {
    const routes = Array.from({ length: 130 }, (_, at) => ({ match: { user_id: `u${at}` }, agent: 'main' }));
    const made = imported({ model: 'm', routes }).objects.filter(({ kind }) => kind === 'Route');
    expect(made.map(({ metadata, spec }) => [metadata.name, spec.priority, (spec.rules as unknown[]).length])).toEqual([
      ['hermes-1', 3, 64],
      ['hermes-2', 2, 64],
      ['hermes-3', 1, 2],
    ]);
  });

  it.each([
    ['a number that JavaScript cannot hold', { chat_id: 90071992547409931n }, [{ chatId: '90071992547409931' }]],
    ['a text with blanks', { user_id: ' a ' }, [{ userId: ' a ' }]],
  ])('matches %s exactly', (_, match, expected) => {
    const [, route] = imported({ model: 'm', routes: [{ match, agent: 'main' }] }).objects;
    expect(route?.spec.rules).toMatchObject([{ matches: expected }]);
  });

  it.each([
    ['true', { user_id: true }],
    ['a list', { user_id: ['a'] }],
    ['nothing', { user_id: null }],
    ['a key that Hermes does not know', { plattform: 'slack', user_id: 'a' }],
    ['an empty text', { chat_id: '' }],
  ])('has no rule for a match with %s, of which a part would match more', (_, match) => {
    const { objects, differences } = imported({ model: 'm', routes: [{ match, agent: 'main' }] });
    expect(objects.map(({ kind }) => kind)).toEqual(['Agent']);
    expect(differences).toContainEqual(expect.objectContaining({ source: 'routes[0]', effect: 'left out' }));
  });

  it('gives a provider that is not known a place for its address, and says so', () => {
    const { objects, differences, secrets } = imported({ model: { default: 'x', provider: 'zai' } });
    expect(objects[0]?.spec.model).toEqual({
      provider: 'openai-compatible',
      name: 'x',
      baseURL: 'https://set-base-url.invalid/v1',
      apiKeySecretRef: { name: 'main-zai' },
    });
    expect(secrets[0]?.keys).toEqual([{ key: 'key', from: 'ZAI_API_KEY', value: undefined }]);
    expect(differences).toContainEqual(
      expect.objectContaining({ effect: 'to do', message: expect.stringContaining('baseURL') }),
    );
  });
});
