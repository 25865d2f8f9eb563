import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromOpenClaw, importOpenClaw } from '../../../../cli/import/openclaw/import.ts';
import { goldenImport } from './golden.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
const folder = path.join(import.meta.dirname, '../../../testdata/import/openclaw');

describe('a configuration of OpenClaw', () => {
  it('becomes manifests that are accepted, and a report of what means something else', async () => {
    const { manifests, report, problems } = await goldenImport(
      await importOpenClaw(path.join(folder, 'home/openclaw.json'), now),
    );
    await expect(manifests).toMatchFileSnapshot(path.join(folder, 'manifests.yaml'));
    await expect(report).toMatchFileSnapshot(path.join(folder, 'report.txt'));
    expect(problems).toEqual([]);
  });

  it('is missed by its name', async () => {
    await expect(importOpenClaw(path.join(folder, 'nowhere.json'), now)).rejects.toThrow(
      /There is no file .*nowhere.json/,
    );
  });

  const workspace = { texts: [], skills: [] };
  const imported = (config: unknown, jobs: readonly unknown[] = []) =>
    fromOpenClaw(
      { config, jobs, variables: new Map(), agents: [{ source: 'agents', id: 'main', config: {}, workspace }] },
      now,
    );

  it('takes agents keyed by their id as well as listed ones', () => {
    const agents = ['alpha', 'beta'].map((id) => ({ source: id, id, config: { default: id === 'beta' }, workspace }));
    const { objects } = fromOpenClaw({ config: {}, jobs: [], variables: new Map(), agents }, now);
    expect(objects.map(({ metadata, spec }) => [metadata.name, spec.default])).toEqual([
      ['alpha', undefined],
      ['beta', true],
    ]);
  });

  it.each([
    ['openai/gpt-5', { provider: 'openai', name: 'gpt-5' }],
    ['claude-opus-4-6', { provider: 'anthropic', name: 'claude-opus-4-6' }],
    ['groq/llama', { provider: 'openai-compatible', name: 'llama', baseURL: 'https://api.groq.com/openai/v1' }],
  ])('has the model %s at its provider', (model, expected) => {
    const [agent] = imported({ agents: { defaults: { model } } }).objects;
    expect(agent?.spec.model).toMatchObject(expected);
  });

  it.each([
    ['without a channel', { agentId: 'main', match: {} }],
    ['with an empty peer', { agentId: 'main', match: { channel: 'telegram', peer: { kind: 'group', id: '' } } }],
    ['with a peer of no kind', { agentId: 'main', match: { channel: 'telegram', peer: { kind: 'crowd', id: '1' } } }],
    ['of ACP', { type: 'acp', agentId: 'main', match: { channel: 'telegram', peer: { kind: 'dm', id: '1' } } }],
    ['of a channel without an account', { agentId: 'main', match: { channel: 'slack' } }],
  ])('has no rule for a binding %s', (_, binding) => {
    const draft = imported({ channels: { telegram: { botToken: 't' } }, bindings: [binding] });
    expect(draft.objects.filter(({ kind }) => kind === 'Route')).toEqual([]);
    expect(draft.differences).toContainEqual(expect.objectContaining({ source: 'bindings[0]', effect: 'left out' }));
  });

  it.each([
    ['-100:topic:4', { chatId: '-100', threadId: '4' }],
    ['-100:4', { chatId: '-100', threadId: '4' }],
    ['telegram:group:-100', { chatId: '-100' }],
    ['telegram:4711', { chatId: '4711' }],
  ])('delivers to %s of Telegram', (to, expected) => {
    const job = {
      name: 'j',
      schedule: { kind: 'every', everyMs: 60_000 },
      payload: { kind: 'agentTurn', message: 'x' },
      delivery: { mode: 'announce', channel: 'telegram', to },
    };
    const made = imported({ channels: { telegram: { botToken: 't' } } }, [job]).objects.find(
      ({ kind }) => kind === 'CronJob',
    );
    expect(made?.spec.deliver).toMatchObject([{ account: 'telegram', ...expected }]);
  });
});
