import { describe, expect, it } from 'vitest';
import type { TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { call, create, ended, events, served, start } from './run-calls.ts';
import { mock, setUpStage, state } from './stage.ts';

setUpStage();

const deliveringRequests: readonly [string, object][] = [
  ['/v1/runs', { input: 'hello' }],
  ['/v1/responses', { input: 'hello' }],
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hello' }] }],
];

/** `main` has the account `bot`; of `other` it may use `open` for the chat C1 and never `own`. The Secrets are missing. */
async function startWithAccounts(): Promise<TestGateway> {
  const { agents, ...rest } = served();
  const account = (name: string, shared: boolean) =>
    ({ name, platform: 'slack', shared, onAmbiguous: 'Park', credentials: { botToken: name }, settings: {} }) as const;
  const accounts: Readonly<Record<string, readonly ReturnType<typeof account>[]>> = {
    main: [account('bot', false)],
    other: [account('open', true), account('own', false)],
  };
  const withAccounts = agents.map((agent) => ({ ...agent, accounts: accounts[agent.name] ?? [] }));
  const routes = { shared: [{ match: { account: 'other/open', chatId: 'C1' }, to: 'main' }] };
  return await start({ serves: { ...rest, agents: withAccounts, routes } });
}

describe('POST /v1/runs', () => {
  it('answers at once and runs in the background, as the agent that routing finds', async () => {
    const gateway = await start();
    const run = await create(gateway, 'hello');
    expect(run).toMatchObject({ id: expect.stringMatching(/^run_/), agent: 'main', session_id: null });
    expect(await ended(gateway, run.id)).toMatchObject({ status: 'completed', output_text: 'hello', attempt: 1 });
    expect(mock.requests[0]?.body.messages[0]).toEqual({ role: 'system', content: 'You are main.' });
  });

  it('keeps tools and instructions that hold what a database does not', async () => {
    const gateway = await start();
    const parameters = { type: 'object', 'na\0me': { title: 'lone \ud800' } };
    const body = { instructions: 'be\0 brief', tools: [{ type: 'function', function: { name: 'f', parameters } }] };
    const run = await create(gateway, 'hello', { body });
    expect(await ended(gateway, run.id)).toMatchObject({ status: 'completed' });
    expect(JSON.stringify(mock.requests[0]?.body.tools)).toContain('na\ufffdme');
  });

  it('is a turn of the session that a header names, after the turns before it', async () => {
    const gateway = await start();
    const headers = { 'x-talaria-session-id': 'mine' };
    const first = await create(gateway, 'one', { headers });
    const second = await create(gateway, 'two', { headers });
    await Promise.all([ended(gateway, first.id), ended(gateway, second.id)]);
    expect(mock.requests[1]?.body.messages.map(({ content }) => content)).toEqual([
      'You are main.',
      'one',
      'one',
      'two',
    ]);
    const { body } = await call(gateway, 'GET', `/v1/runs?session_id=${second.session_id}`);
    expect(body.data.map(({ id }) => id)).toEqual([second.id, first.id]);
  });

  it('takes the instructions, tools and parameters of the request', async () => {
    const gateway = await start();
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
    mock.next({ kind: 'tools', calls: [{ name: 'weather', arguments: '{"at":"Rome"}' }] });
    const run = await create(gateway, 'rain?', { body: { instructions: 'Be quick.', tools, temperature: 0.5 } });
    expect(await ended(gateway, run.id)).toMatchObject({
      status: 'completed',
      finish_reason: 'tool_calls',
      output: [{ type: 'function_call', name: 'weather', arguments: '{"at":"Rome"}' }],
    });
    expect(mock.requests[0]?.body).toMatchObject({
      messages: [{ content: 'You are main.\n\nBe quick.' }, {}],
      temperature: 0.5,
      tools: [{ function: { name: 'weather' } }],
    });
  });

  it('with an Idempotency-Key runs once', async () => {
    const gateway = await start();
    const headers = { 'idempotency-key': 'k' };
    const first = await create(gateway, 'hello', { headers });
    await ended(gateway, first.id);
    expect((await create(gateway, 'hello', { headers })).id).toBe(first.id);
    expect(mock.requests).toHaveLength(1);
  });

  it('fails as the run of an agent that is gone when its time comes, and as no other', async () => {
    const gateway = await start();
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', after: gate.promise });
    const headers = { 'x-talaria-session-id': 'mine' };
    const first = await create(gateway, 'one', { headers, body: { model: 'talaria/other' } });
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    const second = await create(gateway, 'two', { headers, body: { model: 'talaria/other' } });
    const { agents, ...rest } = served();
    await gateway.serve({ ...rest, agents: agents.slice(0, 1) });
    gate.resolve();
    expect(await ended(gateway, first.id)).toMatchObject({ status: 'completed', agent: 'other' });
    expect(await ended(gateway, second.id)).toMatchObject({ status: 'failed', error: { code: 'model_not_found' } });
    expect(mock.requests).toHaveLength(1);
  });

  it('has its result delivered when its key may', async () => {
    const gateway = await start();
    const deliver = [{ log: true }];
    const { id } = await create(gateway, 'hello', { body: { deliver } });
    await ended(gateway, id);
    const sent = () => state.rows(`select agent, target, status, data #>> '{data,text}' as text from deliveries`);
    const row = { agent: 'main', target: 'deliver/0', status: 'sent', text: 'hello' };
    await waitFor('the delivery', async () => (await sent()).some(({ status }) => status === 'sent'));
    expect(await sent()).toEqual([row]);
    const chat = { messages: [{ role: 'user', content: 'again' }], deliver };
    const answer = await call(gateway, 'POST', '/v1/chat/completions', { body: chat });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-talaria-run-id')).toMatch(/^run_/);
    await waitFor(
      'the second delivery',
      async () => (await sent()).filter(({ status }) => status === 'sent').length === 2,
    );
    const refused = await call(gateway, 'POST', '/v1/runs', { key: 'two', body: { input: 'x', deliver } });
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'deliver_forbidden' } } });
  });

  it.each(deliveringRequests)('of %s has its result sent through an account of its agent', async (path, body) => {
    const gateway = await startWithAccounts();
    const deliver = [{ account: 'bot', chatId: 'C1', threadId: 'T1' }];
    const answer = await call(gateway, 'POST', path, { body: { ...body, deliver } });
    expect(answer.status).toBeLessThan(300);
    const [row] = await waitFor('the outbox row', async () => {
      const rows = await state.rows('select agent, account, destination from deliveries');
      return rows.length > 0 ? rows : undefined;
    });
    expect(row).toMatchObject({
      agent: 'main',
      account: 'main/bot',
      destination: { chatId: 'C1', threadId: 'T1' },
    });
  });

  it.each(deliveringRequests)(
    'of %s to where its agent may not write is refused before it begins',
    async (path, body) => {
      const gateway = await startWithAccounts();
      const refusals: readonly [object, string, string][] = [
        [{ account: 'none', chatId: 'C1' }, 'deliver[1].account', 'has no account "main/none"'],
        [{ account: 'other/none', chatId: 'C1' }, 'deliver[1].account', 'has no account "other/none"'],
        [{ account: 'other/own', chatId: 'C1' }, 'deliver[1].account', 'has no account "other/own"'],
        [{ account: 'other/open', chatId: 'C2' }, 'deliver[1].chatId', 'no Route gives the chat "C2"'],
      ];
      for (const [target, param, words] of refusals) {
        const answer = await call(gateway, 'POST', path, { body: { ...body, deliver: [{ log: true }, target] } });
        expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', param } } });
        expect(JSON.stringify(answer.body)).toContain(JSON.stringify(words).slice(1, -1));
      }
      expect(mock.requests).toEqual([]);
      expect(await state.rows('select from runs')).toEqual([]);
      const answer = await call(gateway, 'POST', path, {
        body: { ...body, deliver: [{ account: 'other/open', chatId: 'C1' }] },
      });
      expect(answer.status).toBeLessThan(300);
    },
  );

  it('may write where the agent of its session may, whatever agent a new session would have', async () => {
    const gateway = await startWithAccounts();
    const headers = { 'x-talaria-session-id': 'mine' };
    const first = await create(gateway, 'one', { headers, body: { model: 'talaria/other' } });
    await ended(gateway, first.id);
    const deliver = [{ account: 'own', chatId: 'C1' }];
    const second = await create(gateway, 'two', { headers, body: { deliver } });
    expect(await ended(gateway, second.id)).toMatchObject({ status: 'completed', agent: 'other' });
  });

  it.each<[string, object, string]>([
    ['no input', {}, 'invalid_request'],
    ['an empty input', { input: '' }, 'invalid_request'],
    ['a stream', { input: 'x', stream: true }, 'unsupported_field'],
    ['an unknown field', { input: 'x', foo: 1 }, 'unsupported_field'],
    ['deliver to an account without a chat', { input: 'x', deliver: [{ account: 'main/x' }] }, 'invalid_request'],
    ['deliver to a webhook', { input: 'x', deliver: [{ webhook: { url: 'http://x' } }] }, 'unsupported_field'],
  ])('with %s is refused', async (_what, body, code) => {
    const gateway = await start();
    const answer = await call(gateway, 'POST', '/v1/runs', { body });
    expect(answer).toMatchObject({ status: 400, body: { error: { code } } });
  });
});

describe('the runs of one key', () => {
  it('are not another key’s', async () => {
    const gateway = await start();
    const { id } = await create(gateway, 'hello');
    await ended(gateway, id);
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['GET', '/events', undefined],
      ['POST', '/stop', undefined],
      ['POST', '/approval', { decision: 'approve' }],
    ] as const) {
      const answer = await call(gateway, method, `/v1/runs/${id}${path}`, { key: 'two', ...(body ? { body } : {}) });
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'run_not_found' } } });
    }
    expect((await call(gateway, 'GET', '/v1/runs', { key: 'two' })).body.data).toEqual([]);
  });

  it('are listed newest first, in pages', async () => {
    const gateway = await start();
    const ids: string[] = [];
    for (const input of ['a', 'b', 'c']) ids.unshift((await create(gateway, input)).id);
    const first = (await call(gateway, 'GET', '/v1/runs?limit=2')).body;
    expect(first).toMatchObject({ has_more: true, last_id: ids[1] });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = (await call(gateway, 'GET', `/v1/runs?limit=2&after=${first.last_id}`)).body;
    expect(second).toMatchObject({ has_more: false });
    expect(second.data.map(({ id }) => id)).toEqual(ids.slice(2));
    expect((await call(gateway, 'GET', '/v1/runs?limit=0')).status).toBe(400);
    expect((await call(gateway, 'GET', '/v1/runs?agent=a%00b')).status).toBe(400);
  });
});

describe('stopping a run', () => {
  it('ends it on the replica where it is, and keeps what it had said', async () => {
    const [a, b] = [await start(), await start()];
    mock.always({ kind: 'stall', text: 'so far' });
    const { id } = await create(a, 'x', { headers: { 'x-talaria-session-id': 'mine' } });
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    await waitFor(
      'its first words',
      async () => (await state.rows(`select 1 from run_events where type = 'message.delta'`)).length,
    );
    expect((await call(b, 'POST', `/v1/runs/${id}/stop`)).body).toMatchObject({ status: 'stopping' });
    expect(await ended(b, id)).toMatchObject({
      status: 'cancelled',
      output_text: 'so far',
      error: { code: 'run_interrupted' },
    });
    expect((await events(b, id)).at(-1)).toMatchObject({ type: 'run.cancelled' });
    await waitFor('the model server to be left', () => mock.requests[0]?.aborted());
  });

  it('cancels one that waits at once', async () => {
    const gateway = await start();
    mock.always({ kind: 'hang' });
    const headers = { 'x-talaria-session-id': 'mine' };
    const first = await create(gateway, 'one', { headers });
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    const second = await create(gateway, 'two', { headers });
    expect((await call(gateway, 'POST', `/v1/runs/${second.id}/stop`)).body).toMatchObject({ status: 'cancelled' });
    await call(gateway, 'POST', `/v1/runs/${first.id}/stop`);
    await ended(gateway, first.id);
    expect(mock.requests).toHaveLength(1);
  });

  it('changes nothing of one that has ended', async () => {
    const gateway = await start();
    const { id } = await create(gateway, 'x');
    await ended(gateway, id);
    expect(await call(gateway, 'POST', `/v1/runs/${id}/stop`)).toMatchObject({
      status: 200,
      body: { status: 'completed' },
    });
  });
});
