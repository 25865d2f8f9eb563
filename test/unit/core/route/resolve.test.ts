import { describe, expect, test } from 'vitest';
import { type ErrorCode, errorTable } from '../../../../core/lib/errors.ts';
import type { RouteTable } from '../../../../core/route/compile.ts';
import { mayCall } from '../../../../core/route/principal.ts';
import { resolve, resolveJob } from '../../../../core/route/resolve.ts';
import { agent, agentWithAccount, anyone, job, query, route, rule, table } from './fixtures.ts';

const onlyA = { ...anyone, agents: ['a'] };
const suspended = agent('off', { refuse: 'agent_suspended', refuseReason: 'Suspended' });
const notReady = agent('new', { refuse: 'agent_not_ready', refuseReason: 'SecretNotFound' });

/** `agent <name> by <via>` or `refused <code>`. */
function answer(routes: RouteTable, asked: Parameters<typeof resolve>[1]): string {
  const outcome = resolve(routes, asked);
  return outcome.kind === 'resolved' ? `agent ${outcome.agentName} by ${outcome.via}` : `refused ${outcome.code}`;
}

describe('step 1: a session, run or response belongs to its agent', () => {
  const routes = () => table(['a', 'b', suspended], [route('all', [rule('r', { platform: 'api' }, 'b')])]);

  test.each(['session', 'run', 'response'] as const)(
    'a %s goes to its own agent, whatever rules and model say',
    async (kind) => {
      const bound = { kind, agent: 'a' };
      expect(answer(await routes(), query({ model: 'talaria/b' }, { bound }))).toBe(`agent a by ${kind}`);
    },
  );

  test.each(['session', 'run', 'response'] as const)(
    'an unknown %s, or that of another principal, is 404',
    async (kind) => {
      expect(answer(await routes(), query({ model: 'a' }, { boundMissing: `${kind}_not_found` }))).toBe(
        `refused ${kind}_not_found`,
      );
    },
  );

  test.each(['session', 'run', 'response'] as const)(
    'a %s of an agent outside the set of the key is 404',
    async (kind) => {
      const asked = query({}, { bound: { kind, agent: 'b' }, principal: onlyA });
      expect(answer(await routes(), asked)).toBe(`refused ${kind}_not_found`);
    },
  );

  test('a session of a deleted agent is model_not_found, that of a suspended one agent_suspended', async () => {
    const session = (name: string) => query({}, { bound: { kind: 'session', agent: name }, isRetired: () => true });
    expect(answer(await routes(), session('gone'))).toBe('refused model_not_found');
    expect(answer(await routes(), session('off'))).toBe('refused agent_suspended');
  });
});

describe('step 2: `talaria/<name>` is that Agent and nothing else', () => {
  const routes = () => table(['a', 'b', suspended, notReady], [route('all', [rule('r', { platform: 'api' }, 'b')])]);

  test.each([
    ['talaria/a', 'agent a by model'],
    ['talaria/off', 'refused agent_suspended'],
    ['talaria/new', 'refused agent_not_ready'],
    ['talaria/nobody', 'refused model_not_found'],
    ['talaria/gone', 'refused model_not_found'],
    ['talaria/', 'refused model_not_found'],
    ['talaria/A', 'refused model_not_found'],
  ])('%s -> %s', async (model, expected) => {
    expect(answer(await routes(), query({ model }, { isRetired: (name) => name === 'gone' }))).toBe(expected);
  });

  test('a key outside whose set the Agent is learns no more than 404', async () => {
    expect(answer(await routes(), query({ model: 'talaria/off' }, { principal: onlyA }))).toBe(
      'refused model_not_found',
    );
  });
});

describe('steps 3 to 5: the winning rule and a bare model', () => {
  const routes = () =>
    table(
      ['a', 'b', 'c', suspended],
      [
        route('chats', [rule('r', { chatId: 'C1' }, 'b'), rule('off', { chatId: 'C2' }, 'off')]),
        route('models', [rule('r', { model: 'a' }, 'c')]),
        route('split', [
          rule('r', { chatId: 'C4' }, [
            { name: 'a', weight: 1 },
            { name: 'b', weight: 1 },
          ]),
        ]),
        route('missing', [rule('r', { chatId: 'C3' }, 'gone')]),
      ],
    );
  const isRetired = (name: string) => name === 'gone';

  test.each([
    ['a rule that names `model` goes before the Agent of that name', { model: 'a' }, 'agent c by rule'],
    ['a bare model that is the name of an Agent is that Agent', { model: 'b' }, 'agent b by model'],
    ['also when the winning rule names the same', { model: 'b', chatId: 'C1' }, 'agent b by model'],
    ['also when the winning rule lists it among several', { model: 'b', chatId: 'C4' }, 'agent b by model'],
    [
      'a bare model and a rule that names another Agent conflict',
      { model: 'c', chatId: 'C1' },
      'refused agent_conflict',
    ],
    ['so does the name of a deleted Agent', { model: 'gone', chatId: 'C1' }, 'refused agent_conflict'],
    ['the name of a deleted Agent is never handed to another', { model: 'gone' }, 'refused model_not_found'],
    ['a suspended Agent named by model is refused', { model: 'off' }, 'refused agent_suspended'],
    ['a model that is no name follows the rule', { model: 'gpt-5', chatId: 'C1' }, 'agent b by rule'],
    ['so does no model at all', { chatId: 'C1' }, 'agent b by rule'],
    ['a rule whose Agent is missing refuses', { chatId: 'C3' }, 'refused agent_not_found'],
    ['a rule whose Agent is suspended refuses', { chatId: 'C2' }, 'refused agent_suspended'],
  ])('%s', async (_, message, expected) => {
    expect(answer(await routes(), query(message, { isRetired }))).toBe(expected);
  });

  test('an Agent outside the set of the key is 404 by model, even where a rule names another', async () => {
    const asked = query({ model: 'b', chatId: 'C4' }, { principal: onlyA });
    expect(answer(await routes(), asked)).toBe('refused model_not_found');
    expect(answer(await routes(), query({ model: 'c', chatId: 'C1' }, { principal: onlyA }))).toBe(
      'refused model_not_found',
    );
  });

  test('an expression that fails refuses, and neither the next rule nor the default answers', async () => {
    const failing = rule('level', { expression: 'claims.level > 1' }, 'a');
    const list = [route('r', [failing, rule('rest', { platform: 'api' }, 'b')])];
    const failed = await table([agent('a', { default: true }), 'b'], list);
    expect(answer(failed, query({ claims: { level: 2 } }))).toBe('agent a by rule');
    expect(answer(failed, query({ claims: { level: 1 } }))).toBe('agent b by rule');
    expect(answer(failed, query({}))).toBe('refused route_expression_error');
    expect(answer(failed, query({ model: 'b' }))).toBe('refused route_expression_error');
    expect(answer(failed, query({ model: 'talaria/b' }))).toBe('agent b by model');
  });

  test('an expression that does not compile here refuses what it would have matched', async () => {
    const list = [route('r', [rule('newer', { chatId: 'C1', expression: 'soundex(text) == ""' }, 'a')])];
    const broken = await table([agent('b', { default: true }), 'a'], list);
    expect(answer(broken, query({ chatId: 'C1' }))).toBe('refused route_expression_error');
    expect(answer(broken, query({ chatId: 'C2' }))).toBe('agent b by default');
  });
});

describe('step 6: nothing matched', () => {
  test('an own key means its Agent, before the default', async () => {
    const routes = await table(['a', agent('b', { default: true })]);
    expect(answer(routes, query({}, { principal: { ...onlyA, ownAgent: 'a' } }))).toBe('agent a by own-key');
    expect(answer(routes, query({}))).toBe('agent b by default');
  });

  test('an own account means its Agent', async () => {
    const routes = await table([agentWithAccount('a', 'bot', false), agent('b', { default: true })]);
    expect(answer(routes, query({ platform: 'telegram', account: 'a/bot' }))).toBe('agent a by own-key');
  });

  test('an own Agent that is gone or suspended is refused: the default does not step in', async () => {
    const routes = await table([suspended, agent('b', { default: true })]);
    const own = (ownAgent: string) => query({}, { principal: { ...anyone, ownAgent } });
    expect(answer(routes, own('gone'))).toBe('refused agent_not_found');
    expect(answer(routes, own('off'))).toBe('refused agent_suspended');
  });

  test('without a default it is no_route, with the cure', async () => {
    const outcome = resolve(await table(['a']), query({ model: 'gpt-5' }));
    expect(outcome).toMatchObject({ kind: 'refused', code: 'no_route' });
    expect(outcome.kind === 'refused' && outcome.message).toMatch(/talaria\/<name>.*`default: true`/);
  });

  test('a suspended default refuses', async () => {
    const routes = await table([{ ...suspended, default: true }, 'a']);
    expect(answer(routes, query({}))).toBe('refused agent_suspended');
  });
});

describe('step 7: what the key may call', () => {
  test('403 when a rule or the default chose an Agent outside the set', async () => {
    const routes = await table(['a', agent('b', { default: true })], [route('r', [rule('r', { chatId: 'C1' }, 'b')])]);
    expect(answer(routes, query({ chatId: 'C1' }, { principal: onlyA }))).toBe('refused agent_forbidden');
    expect(answer(routes, query({}, { principal: onlyA }))).toBe('refused agent_forbidden');
  });

  test('the message does not name the Agent that the key may not call', async () => {
    const routes = await table(['a', 'secret-agent'], [route('r', [rule('r', { chatId: 'C1' }, 'secret-agent')])]);
    const outcome = resolve(routes, query({ chatId: 'C1' }, { principal: onlyA }));
    expect(outcome.kind === 'refused' && outcome.message).not.toContain('secret-agent');
  });

  test('a missing or suspended Agent outside the set is as forbidden as any other', async () => {
    const list = [route('r', [rule('r', { chatId: 'C1' }, 'gone'), rule('s', { chatId: 'C2' }, 'off')])];
    const routes = await table(['a', suspended], list);
    expect(answer(routes, query({ chatId: 'C1' }, { principal: onlyA }))).toBe('refused agent_forbidden');
    expect(answer(routes, query({ chatId: 'C2' }, { principal: onlyA }))).toBe('refused agent_forbidden');
  });

  test('a chat of an account goes to another Agent only when the account is shared', async () => {
    const list = [route('r', [rule('r', { platform: 'telegram' }, 'b')])];
    const chat = query({ platform: 'telegram', account: 'a/bot', chatId: '1' });
    const owned = await table([agentWithAccount('a', 'bot', false), 'b'], list);
    const shared = await table([agentWithAccount('a', 'bot', true), 'b'], list);
    expect(answer(owned, chat)).toBe('refused account_not_shared');
    expect(answer(shared, chat)).toBe('agent b by rule');
    expect(answer(shared, query({ platform: 'telegram', account: 'a/other' }))).toBe('refused account_not_shared');
    expect(answer(await table(['b'], list), chat)).toBe('refused account_not_shared');
  });

  test('a rule may give a chat of an account to its own Agent', async () => {
    const list = [route('r', [rule('r', { account: 'a/bot' }, 'a')])];
    const routes = await table([agentWithAccount('a', 'bot', false)], list);
    expect(answer(routes, query({ platform: 'telegram', account: 'a/bot' }))).toBe('agent a by rule');
  });
});

describe('a job', () => {
  test('runs as its agentRef, or not at all', async () => {
    const routes = await table(['a', suspended, notReady, agent('z', { default: true })]);
    expect(resolveJob(routes, job('a'))).toMatchObject({ kind: 'resolved', agentName: 'a', via: 'job' });
    expect(resolveJob(routes, job('off'))).toMatchObject({ kind: 'refused', code: 'agent_suspended' });
    expect(resolveJob(routes, job('new'))).toMatchObject({ kind: 'refused', code: 'agent_not_ready' });
    expect(resolveJob(routes, job('gone'))).toMatchObject({ kind: 'refused', code: 'agent_not_found' });
  });
});

describe('an outcome', () => {
  test('names Route, rule and session scope when a rule chose', async () => {
    const scoped = { ...rule('r', { chatId: 'C1' }, 'a'), sessionScope: 'Chat' as const };
    const outcome = resolve(await table(['a'], [route('chats', [scoped])]), query({ chatId: 'C1' }));
    expect(outcome).toMatchObject({ route: 'chats', rule: 'r', sessionScope: 'Chat', agent: { name: 'a' } });
    expect(outcome).not.toHaveProperty('sticks');
  });

  test('asks for the live session of the conversation where a rule leaves a choice, also when it refuses', async () => {
    const refs = [
      { name: 'gone', weight: 1 },
      { name: 'a', weight: 0 },
    ];
    const routes = await table(['a'], [route('r', [rule('r', { chatId: 'C1' }, refs)])]);
    expect(resolve(routes, query({ chatId: 'C1' }))).toMatchObject({ code: 'agent_not_found', sticks: true });
    expect(answer(routes, query({ chatId: 'C1' }, { stickyAgent: 'a' }))).toBe('agent a by rule');
  });

  test('of a refusal says what to do about it, for every code', async () => {
    const refs = [{ name: 'a', weight: 0 }];
    const list = [
      route('r', [
        rule('missing', { chatId: 'missing' }, 'gone'),
        rule('new', { chatId: 'new' }, 'new'),
        rule('off', { chatId: 'off' }, 'off'),
        rule('idle', { chatId: 'idle' }, refs),
        rule('fails', { chatId: 'fails', expression: 'claims.x == 1' }, 'a'),
        rule('a', { chatId: 'a' }, 'a'),
      ]),
    ];
    const routes = await table(['a', 'b', suspended, notReady], list);
    const asked: Readonly<Partial<Record<ErrorCode, readonly Parameters<typeof resolve>[1][]>>> = {
      session_not_found: [query({}, { boundMissing: 'session_not_found' })],
      run_not_found: [query({}, { boundMissing: 'run_not_found' })],
      response_not_found: [query({}, { boundMissing: 'response_not_found' })],
      model_not_found: [query({ model: 'talaria/x' }), query({}, { bound: { kind: 'run', agent: 'x' } })],
      no_route: [query({})],
      agent_conflict: [query({ chatId: 'a', model: 'b' })],
      agent_not_found: [query({ chatId: 'missing' }), query({}, { principal: { ...anyone, ownAgent: 'x' } })],
      agent_forbidden: [
        query({ chatId: 'a' }, { principal: { ...anyone, agents: ['b'] } }),
        query({}, { principal: { ...anyone, agents: ['b'], ownAgent: 'a' } }),
      ],
      agent_suspended: [query({ chatId: 'off' })],
      agent_not_ready: [query({ chatId: 'new' }), query({ chatId: 'idle' })],
      account_not_shared: [query({ chatId: 'a', account: 'b/bot' })],
      route_expression_error: [query({ chatId: 'fails' })],
    };
    for (const [code, several] of Object.entries(asked)) {
      for (const one of several) {
        const outcome = resolve(routes, one);
        expect(outcome).toMatchObject({ kind: 'refused', code });
        expect(outcome.kind === 'refused' && outcome.message.split('. ').length).toBeGreaterThan(1);
        expect(outcome.reason).not.toBe('');
        expect(JSON.stringify(outcome)).not.toContain('undefined');
        expect(errorTable).toHaveProperty(code);
      }
    }
  });

  test('says why an Agent is not ready', async () => {
    const outcome = resolve(await table([notReady]), query({ model: 'talaria/new' }));
    expect(outcome.kind === 'refused' && outcome.message).toContain('SecretNotFound');
  });
});

test('a principal may call the agents of its set', () => {
  expect(mayCall(anyone, 'x')).toBe(true);
  expect(mayCall(onlyA, 'a')).toBe(true);
  expect(mayCall(onlyA, 'x')).toBe(false);
});
