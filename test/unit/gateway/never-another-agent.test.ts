import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway.stop());

const gatewayKeys = [
  { name: 'all', key: 'all' },
  { name: 'narrow', key: 'narrow', agents: ['other'] },
];
/** Whatever goes wrong must not end here. */
const other = { name: 'other', default: true, apiKeys: ['key-of-other'] };
const inChat = { headers: { 'x-talaria-chat-id': 'c' } };

describe('a rule that matched decides, whatever becomes of its agent', () => {
  it.each([
    ['is missing', [], 503, 'agent_not_found'],
    ['is suspended', [{ name: 'bound', refuse: 'agent_suspended' }], 403, 'agent_suspended'],
    [
      'is not ready',
      [{ name: 'bound', refuse: 'agent_not_ready', refuseReason: 'SecretNotFound' }],
      503,
      'agent_not_ready',
    ],
  ] as const)('its Agent %s', async (_what, agents, status, code) => {
    await start({ agents: [other, ...agents], routes: { r: [{ match: { chatId: 'c' }, to: 'bound' }] } });
    const answer = await ask(gateway.url, { key: 'all', ...inChat });
    expect(answer).toMatchObject({ status, code, agent: null });
    expect(await ask(gateway.url, { key: 'all' })).toMatchObject({ status: 200, agent: 'other' });
  });

  it('its Agent has a model without a key', async () => {
    const bound = { name: 'bound', model: { provider: 'anthropic', name: 'claude' } } as const;
    await start({ agents: [other, bound], routes: { r: [{ match: { chatId: 'c' }, to: 'bound' }] } });
    expect(await ask(gateway.url, { key: 'all', ...inChat })).toMatchObject({ status: 503, code: 'agent_not_ready' });
  });

  it('its expression fails at run time', async () => {
    await start({
      agents: [other, { name: 'bound' }],
      routes: { r: [{ match: { expression: 'claims.team == "core"' }, to: 'bound' }] },
    });
    const answer = await ask(gateway.url, { key: 'all' });
    expect(answer).toMatchObject({ status: 503, code: 'route_expression_error', agent: null });
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });

  it('its Agent is outside the key’s set', async () => {
    await start({ agents: [other, { name: 'bound' }], routes: { r: [{ match: { chatId: 'c' }, to: 'bound' }] } });
    expect(await ask(gateway.url, { key: 'narrow', ...inChat })).toMatchObject({
      status: 403,
      code: 'agent_forbidden',
    });
  });
});

describe('an Agent that is named', () => {
  it('and outside the key’s set does not exist for it', async () => {
    await start({ agents: [other, { name: 'bound' }] });
    for (const model of ['talaria/bound', 'bound']) {
      expect(await ask(gateway.url, { key: 'narrow', model })).toMatchObject({ status: 404, code: 'model_not_found' });
    }
  });

  it('and unknown is not taken for the default', async () => {
    await start({ agents: [other] });
    expect(await ask(gateway.url, { key: 'all', model: 'talaria/nobody' })).toMatchObject({ code: 'model_not_found' });
  });

  it('while a rule names another is a conflict', async () => {
    await start({ agents: [other, { name: 'bound' }], routes: { r: [{ match: { chatId: 'c' }, to: 'bound' }] } });
    const answer = await ask(gateway.url, { key: 'all', model: 'other', ...inChat });
    expect(answer).toMatchObject({ status: 400, code: 'agent_conflict' });
  });
});

describe('an Agent that is deleted under traffic', () => {
  const bound = { name: 'bound', apiKeys: ['key-of-bound'] };
  const routes = { r: [{ match: { chatId: 'c' }, to: 'bound' }] };
  const ways = [
    ['by a route', { key: 'all', ...inChat }, 503, 'agent_not_found'],
    ['by `talaria/<name>`', { key: 'all', model: 'talaria/bound' }, 404, 'model_not_found'],
    ['by its bare name', { key: 'all', model: 'bound' }, 404, 'model_not_found'],
    ['by its key', { key: 'key-of-bound' }, 401, 'invalid_key'],
  ] as const;

  it.each(ways)(
    'and addressed %s is refused from that moment on, and nobody else answers',
    async (_what, request, status, code) => {
      await start({ agents: [other, bound], routes });
      const seen = new Set<string>();
      let deleted = false;
      const traffic = Array.from({ length: 8 }, async () => {
        for (let turn = 0; turn < 40; turn += 1) {
          const before = deleted;
          const answer = await ask(gateway.url, request);
          seen.add(`${answer.agent ?? answer.code}`);
          if (before) expect(answer).toMatchObject({ status, code, agent: null });
        }
      });
      await ask(gateway.url, request);
      await gateway.serve({ agents: [other], routes, gatewayKeys });
      deleted = true;
      await Promise.all(traffic);
      expect([...seen].sort()).toEqual([code, 'bound'].sort());
    },
  );
});

it('nothing matches and nobody is the default: no_route, with the cure', async () => {
  await start({ agents: [{ name: 'quiet' }] });
  const answer = await ask(gateway.url, { key: 'all' });
  expect(answer).toMatchObject({ status: 404, code: 'no_route' });
  expect(answer.body.error?.message).toContain('talaria/<name>');
});

it('a lower sequence is refused, and the last good one stays in force', async () => {
  await start({ agents: [other], sequence: 1_000_000 });
  await expect(gateway.serve({ agents: [], gatewayKeys, sequence: 999_999 })).rejects.toThrow(/lower/);
  expect(await ask(gateway.url, { key: 'all' })).toMatchObject({ status: 200, agent: 'other' });
});

it('while the database could not be asked yet, a bare name that may be a retired Agent’s is not handed to another', async () => {
  await start({ agents: [other] });
  const answer = await ask(gateway.url, { key: 'all', model: 'perhaps-retired' });
  expect(answer).toMatchObject({ status: 503, code: 'state_unavailable', agent: null });
  expect(answer.headers.get('x-should-retry')).toBe('true');
  expect(await ask(gateway.url, { key: 'all', model: 'other' })).toMatchObject({ status: 200, agent: 'other' });
});

async function start(fields: ConfigurationFields): Promise<void> {
  gateway = await startTestGateway({ serves: { gatewayKeys, ...fields } });
}
