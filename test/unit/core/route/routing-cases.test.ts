import { describe, expect, test } from 'vitest';
import { compileRoutes } from '../../../../core/route/compile.ts';
import { envelope } from '../../../../core/route/envelope.ts';
import { type Resolution, resolve } from '../../../../core/route/resolve.ts';
import { findShadowed } from '../../../../core/route/shadow.ts';
import type { RouteEntry, RuleEntry } from '../../../../core/snapshot/schema.ts';
import { agent, agentWithAccount, anyone, content, query, route, rule, table } from './fixtures.ts';

/** The agent that answers, or the code of the refusal. */
function answer(...[routes, asked]: Parameters<typeof resolve>): string {
  const outcome = resolve(routes, asked);
  return outcome.kind === 'resolved' ? outcome.agentName : outcome.code;
}

const fallback = agent('main', { default: true });

/** A table with the Agents a and b, the default main, and these rules in one Route. */
function routing(...rules: readonly RuleEntry[]) {
  return table(['a', 'b', fallback], [route('r', rules)]);
}

describe('matching', () => {
  test('a rule on one field matches that value and no other', async () => {
    const routes = await routing(rule('r', { platform: 'slack' }, 'a'));
    expect(answer(routes, query({ platform: 'slack' }))).toBe('a');
    expect(answer(routes, query({ platform: 'discord' }))).toBe('main');
    expect(answer(routes, query({ platform: 'Slack' }))).toBe('main');
  });

  test('all fields of a match must hold: one that differs is no match', async () => {
    const match = { platform: 'slack', chatId: 'C1', userId: 'U1' };
    const routes = await routing(rule('r', match, 'a'));
    expect(answer(routes, query(match))).toBe('a');
    for (const field of Object.keys(match)) expect(answer(routes, query({ ...match, [field]: 'other' }))).toBe('main');
  });

  test('a match that names nothing never matches', async () => {
    expect(answer(await routing(rule('r', {}, 'a')), query({ platform: 'slack' }))).toBe('main');
  });

  test('a field that the message lacks is no match', async () => {
    const routes = await routing(rule('r', { platform: 'slack', threadId: 'T1' }, 'a'));
    expect(answer(routes, query({ platform: 'slack' }))).toBe('main');
  });

  test('ids are compared as text, digit by digit', async () => {
    const routes = await routing(rule('r', { chatId: '1234567890123456789' }, 'a'));
    expect(answer(routes, query({ chatId: '1234567890123456789' }))).toBe('a');
    expect(answer(routes, query({ chatId: '1234567890123456788' }))).toBe('main');
    expect(answer(routes, query({ chatId: '01234567890123456789' }))).toBe('main');
  });

  test.each([
    { platform: 'discord' },
    { account: 'a/bot' },
    { chatId: 'C1' },
    { chatType: 'group' },
    { threadId: 'T1' },
    { userId: 'U1' },
    { userIdAlt: 'V1' },
    { guildId: 'G1' },
    { parentChatId: 'P1' },
    { apiKey: 'team' },
    { model: 'gpt-5' },
  ] as const)('%j routes by itself', async (match) => {
    const routes = await table(
      [agentWithAccount('a', 'bot', true), agentWithAccount('main', 'bot', false)],
      [route('r', [rule('r', match, 'a')])],
    );
    expect(answer(routes, query(match))).toBe('a');
    expect(answer(routes, query({}))).toBe('no_route');
  });

  test('a header routes by its exact value, whatever case its name is written in', async () => {
    const routes = await routing(rule('r', { headers: [{ name: 'X-Team', value: 'Red' }] }, 'a'));
    expect(answer(routes, query({ headers: { 'x-team': 'Red' } }))).toBe('a');
    expect(answer(routes, query({ headers: { 'x-team': 'red' } }))).toBe('main');
  });

  test('a chat also covers its threads, a forum its chats', async () => {
    const routes = await routing(rule('chat', { chatId: 'C1' }, 'a'), rule('forum', { parentChatId: 'F1' }, 'b'));
    expect(answer(routes, query({ chatId: 'C1', threadId: 'T9' }))).toBe('a');
    expect(answer(routes, query({ chatId: 'C2', parentChatId: 'F1', threadId: 'T9' }))).toBe('b');
  });

  test('a webhook is routed by its name, though the chat differs with every delivery', async () => {
    const routes = await routing(rule('r', { platform: 'webhook', userId: 'webhook:deploys' }, 'a'));
    for (const chatId of ['delivery-1', 'delivery-2']) {
      expect(answer(routes, query({ platform: 'webhook', userId: 'webhook:deploys', chatId }))).toBe('a');
    }
  });

  test('a channel of one team is routed alike in every thread', async () => {
    const routes = await routing(rule('r', { platform: 'slack', guildId: 'T1', chatId: 'C1' }, 'a'));
    for (const threadId of ['', '171.1', '172.2']) {
      expect(answer(routes, query({ platform: 'slack', guildId: 'T1', chatId: 'C1', threadId }))).toBe('a');
      expect(answer(routes, query({ platform: 'slack', guildId: 'T2', chatId: 'C1', threadId }))).toBe('main');
    }
  });

  test('a rule for direct messages of one bot never takes those of another', async () => {
    const agents = [agentWithAccount('a', 'bot', false), agentWithAccount('b', 'bot', false)];
    const direct = rule('dm', { account: 'a/bot', chatType: 'direct', userId: 'U1' }, 'a');
    const routes = await table(agents, [route('r', [direct])]);
    const message = { platform: 'telegram', chatId: 'U1', userId: 'U1' };
    expect(answer(routes, query({ ...message, account: 'a/bot' }))).toBe('a');
    expect(answer(routes, query({ ...message, account: 'b/bot' }))).toBe('b');
  });
});

describe('order', () => {
  test('the first rule that matches wins; a general one before a special one hides it and is reported', async () => {
    const general = rule('general', { platform: 'slack' }, 'a');
    const special = rule('special', { platform: 'slack', chatId: 'C1' }, 'b');
    expect(answer(await routing(general, special), query({ platform: 'slack', chatId: 'C1' }))).toBe('a');
    expect(answer(await routing(special, general), query({ platform: 'slack', chatId: 'C1' }))).toBe('b');
    expect(findShadowed([route('r', [general, special])])).toMatchObject([
      { rule: 'special', by: { rule: 'general' } },
    ]);
  });

  test('a rule for one user before that of the platform beats it', async () => {
    const routes = await routing(rule('vip', { userId: 'U1' }, 'a'), rule('all', { platform: 'slack' }, 'b'));
    expect(answer(routes, query({ platform: 'slack', userId: 'U1' }))).toBe('a');
    expect(answer(routes, query({ platform: 'slack', userId: 'U2' }))).toBe('b');
  });
});

describe('the default', () => {
  test('serves what no rule matches; without one such a message is refused', async () => {
    expect(answer(await routing(), query({ platform: 'slack' }))).toBe('main');
    expect(answer(await table(['a', 'b']), query({ platform: 'slack' }))).toBe('no_route');
  });

  test.each([
    ['missing', 'agent_not_found'],
    ['suspended', 'agent_suspended'],
    ['not-ready', 'agent_not_ready'],
  ])('does not run for a rule whose Agent is %s', async (name, code) => {
    const agents = [
      agent('suspended', { refuse: 'agent_suspended' }),
      agent('not-ready', { refuse: 'agent_not_ready' }),
      fallback,
    ];
    const routes = await table(agents, [route('r', [rule('r', { chatId: 'C1' }, name)])]);
    expect(answer(routes, query({ chatId: 'C1' }))).toBe(code);
  });

  test('that may not serve is refused too', async () => {
    const routes = await table(['a', agent('main', { default: true, refuse: 'agent_not_ready' })]);
    expect(answer(routes, query({}))).toBe('agent_not_ready');
  });

  test('does not run when an expression fails', async () => {
    const routes = await routing(rule('r', { expression: 'claims.tier == "gold"' }, 'a'));
    expect(answer(routes, query({}))).toBe('route_expression_error');
  });
});

describe('a message', () => {
  test('is routed by what the server knows of it; a header of the client that names an agent routes nothing by itself', async () => {
    const headers = { 'x-talaria-agent': 'b', 'x-agent-id': 'b' };
    expect(answer(await routing(rule('r', { chatId: 'C1' }, 'a')), query({ chatId: 'C1', headers }))).toBe('a');
  });

  test('of a key outside its set is refused before anything is bound to it, by rule, model and session alike', async () => {
    const routes = await routing(rule('r', { chatId: 'C1' }, 'b'));
    const principal = { ...anyone, agents: ['a'] };
    expect(answer(routes, query({ chatId: 'C1' }, { principal }))).toBe('agent_forbidden');
    expect(answer(routes, query({ model: 'b' }, { principal }))).toBe('model_not_found');
    expect(answer(routes, query({}, { principal, bound: { kind: 'session', agent: 'b' } }))).toBe('session_not_found');
  });

  test('is routed alone: two texts of one chat may go to different agents', async () => {
    const routes = await routing(
      rule('help', { chatId: 'C1', expression: 'text.startsWith("/help")' }, 'a'),
      rule('r', { chatId: 'C1' }, 'b'),
    );
    expect(answer(routes, query({ chatId: 'C1', text: '/help me' }))).toBe('a');
    expect(answer(routes, query({ chatId: 'C1', text: 'hello' }))).toBe('b');
  });

  test('follows a changed Route at once, while one that began before keeps its table', async () => {
    const to = (name: string): readonly RouteEntry[] => [route('r', [rule('r', { chatId: 'C1' }, name)])];
    const before = await compileRoutes(content(['a', 'b'], to('a')));
    const after = await compileRoutes(content(['a', 'b'], to('b')), before);
    expect(answer(after, query({ chatId: 'C1' }))).toBe('b');
    expect(answer(before, query({ chatId: 'C1' }))).toBe('a');
  });

  test('is not changed by routing', async () => {
    const fields = { chatId: 'C1', text: 'hello', messageId: 'm1', claims: { level: 2 }, headers: { 'x-team': 'red' } };
    const message = Object.freeze(envelope(fields));
    const routes = await routing(rule('r', { chatId: 'C1', expression: 'claims.level + 1 == 3' }, 'a'));
    expect(answer(routes, { ...query({}), envelope: message })).toBe('a');
    expect(message).toEqual(envelope(fields));
  });
});

test('no run can be started for an Agent that was not resolved: the type does not let a resolution be written', async () => {
  const run = ({ agentName }: Resolution) => agentName;
  const routes = await routing();
  const outcome = resolve(routes, query({}));
  if (outcome.kind !== 'resolved') throw new Error('the default serves');
  expect(run(outcome)).toBe('main');
  // @ts-expect-error: only resolve and resolveJob make a Resolution.
  expect(run({ kind: 'resolved', agent: agent('a'), agentName: 'a', via: 'rule', reason: 'because' })).toBe('a');
});
