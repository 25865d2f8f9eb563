import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let mock: MockModel;
const gateways: TestGateway[] = [];
beforeEach(async () => {
  [state, mock] = await Promise.all([createState(), startMockModel()]);
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await mock.stop();
  await state.drop();
});

const served = (fields: Partial<ConfigurationFields> = {}): ConfigurationFields => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'main',
    model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const,
  })),
  routes: { chats: [{ match: { chatId: 'other' }, to: 'other' }] },
  gatewayKeys: [
    { name: 'ada', key: 'ada' },
    { name: 'bob', key: 'bob' },
  ],
  ...fields,
});

async function start(fields: ConfigurationFields = served()): Promise<TestGateway> {
  const gateway = await startTestGateway({ databaseUrl: state.url, serves: fields });
  gateways.push(gateway);
  return gateway;
}

/** What the tests look into of sessions, items, lists, completions and errors; an answer has the fields of its kind. */
interface CalledBody {
  readonly id: string;
  readonly status: string;
  readonly run_id: string;
  readonly agent: string;
  readonly model: string;
  readonly last_id: string;
  readonly has_more: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly data: readonly CalledBody[];
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly error: { readonly code: string; readonly param: string | null; readonly message: string };
}

interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: CalledBody;
}

interface Call {
  readonly key?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One call of the sessions' API, such as `GET /v1/sessions`. */
async function call({ url }: TestGateway, what: string, { key = 'ada', body, headers }: Call = {}): Promise<Called> {
  const [method = 'GET', path = ''] = what.split(' ');
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

const create = async (gateway: TestGateway, body: object = {}, rest: Call = {}): Promise<string> =>
  (await call(gateway, 'POST /v1/sessions', { body, ...rest })).body.id;
const chat = (gateway: TestGateway, id: string, content: string, rest: Call = {}) =>
  call(gateway, `POST /v1/sessions/${id}/chat`, {
    ...rest,
    body: { messages: [{ role: 'user', content }], ...rest.body },
  });
const itemTexts = ({ body }: Called) => body.data.map((item) => item.content[0]?.text);
const seen = () => mock.requests.at(-1)?.body.messages.map(({ role, content }) => `${role}: ${content}`);
const nobody = `ses_${'0'.repeat(32)}`;

describe('making a session', () => {
  it('gives it the agent that a chat completion would get, and it can be read', async () => {
    const gateway = await start();
    const made = await call(gateway, 'POST /v1/sessions', {
      body: { name: 'mine', title: 'My talk' },
      headers: { 'x-talaria-chat-id': 'other' },
    });
    expect(made).toMatchObject({
      status: 201,
      body: { object: 'session', agent: 'other', name: 'mine', title: 'My talk', status: 'live', parent_id: null },
    });
    expect(made.headers.get('x-talaria-agent')).toBe('other');
    expect(made.headers.get('x-talaria-route')).toBe('chats/rule0');
    expect(made.headers.get('x-talaria-session-id')).toBe(made.body.id);
    expect((await call(gateway, `GET /v1/sessions/${made.body.id}`)).body).toEqual(made.body);
    expect((await call(gateway, 'POST /v1/sessions', { body: { model: 'talaria/other' } })).body.agent).toBe('other');
    expect((await call(gateway, 'POST /v1/sessions')).body).toMatchObject({ agent: 'main', name: null, title: '' });
  });

  it('lets its name be used by a chat completion', async () => {
    const gateway = await start();
    const id = await create(gateway, { name: 'mine', model: 'talaria/other' });
    const answer = await ask(gateway.url, { key: 'ada', headers: { 'x-talaria-session-id': 'mine' } });
    expect(answer).toMatchObject({ status: 200, agent: 'other' });
    expect(answer.headers.get('x-talaria-session-id')).toBe(id);
  });

  it.each<[string, object, string]>([
    ['a name that is taken', { name: 'taken' }, 'name'],
    ['a name like an id', { name: 'ses_x' }, 'name'],
    ['an empty name', { name: '' }, 'name'],
    ['a name with a control character', { name: 'a\0b' }, 'name'],
    ['a name that is a number', { name: 5 }, 'name'],
    ['a title that is too long', { title: 'x'.repeat(513) }, 'title'],
  ])('is refused for %s', async (_what, body, param) => {
    const gateway = await start();
    await create(gateway, { name: 'taken' });
    expect(await call(gateway, 'POST /v1/sessions', { body })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', param } },
    });
    expect(await state.rows('select 1 from sessions')).toHaveLength(1);
  });

  it('is refused for a field that nobody knows, by its name', async () => {
    const gateway = await start();
    expect(await call(gateway, 'POST /v1/sessions', { body: { agent: 'other' } })).toMatchObject({
      body: { error: { code: 'unsupported_field', param: 'agent' } },
    });
  });

  it('is refused as a chat completion would be, and makes nothing', async () => {
    const gateway = await start();
    const cases = [
      ['talaria/nobody', 404, 'model_not_found'],
      ['talaria/main', 404, 'model_not_found'],
    ] as const;
    await gateway.serve(served({ gatewayKeys: [{ name: 'ada', key: 'ada', agents: ['other'] }] }));
    for (const [model, status, code] of cases) {
      expect(await call(gateway, 'POST /v1/sessions', { body: { model } })).toMatchObject({
        status,
        body: { error: { code } },
      });
    }
    expect(await state.rows('select 1 from sessions')).toEqual([]);
  });

  it('with an Idempotency-Key is done once, on any replica, also when it is asked for many times at once', async () => {
    const [left, right] = [await start(), await start()];
    const headers = { 'idempotency-key': 'k' };
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        call(at % 2 ? left : right, 'POST /v1/sessions', { body: { name: 'mine' }, headers }),
      ),
    );
    expect(new Set(made.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(made.filter((each) => each.headers.get('idempotency-replayed') === 'true')).toHaveLength(9);
    expect(await state.rows('select 1 from sessions')).toHaveLength(1);
    expect(await call(left, 'POST /v1/sessions', { body: { name: 'x' }, headers })).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotency_conflict' } },
    });
  });

  it('that was refused leaves its Idempotency-Key free', async () => {
    const gateway = await start();
    const id = await create(gateway, { name: 'mine' });
    const again = () =>
      call(gateway, 'POST /v1/sessions', { body: { name: 'mine' }, headers: { 'idempotency-key': 'k' } });
    expect((await again()).status).toBe(400);
    await call(gateway, `DELETE /v1/sessions/${id}`);
    expect((await again()).status).toBe(201);
  });
});

describe('the list of sessions', () => {
  it('has those of the key alone, live and ended, the newest first', async () => {
    const gateway = await start();
    const first = await create(gateway, { name: 'a' });
    const second = await create(gateway, { model: 'talaria/other' });
    await create(gateway, {}, { key: 'bob' });
    await state.rows(`update sessions set ended_at = talaria_now() where name = 'a'`);
    const { body } = await call(gateway, 'GET /v1/sessions');
    expect(body).toMatchObject({ object: 'list', has_more: false, first_id: second, last_id: first });
    expect(body.data.map(({ id, status }) => [id, status])).toEqual([
      [second, 'live'],
      [first, 'ended'],
    ]);
  });

  it('comes in pages, and by agent or name', async () => {
    const gateway = await start();
    const ids: string[] = [];
    for (const model of ['main', 'other', 'main', 'other', 'main'])
      ids.unshift(await create(gateway, { model: `talaria/${model}`, name: `${model} ${ids.length}` }));
    const read: string[] = [];
    for (let after = '', more = true; more; ) {
      const { body } = await call(gateway, `GET /v1/sessions?limit=2${after}`);
      read.push(...body.data.map(({ id }) => id));
      after = `&after=${body.last_id}`;
      more = body.has_more;
    }
    expect(read).toEqual(ids);
    expect((await call(gateway, 'GET /v1/sessions?agent=other')).body.data).toHaveLength(2);
    expect((await call(gateway, 'GET /v1/sessions?name=main%202')).body.data).toMatchObject([{ id: ids[2] }]);
    expect((await call(gateway, 'GET /v1/sessions?name=main%202&agent=other')).body.data).toEqual([]);
  });

  it('leaves out sessions of an agent that the key may not call any more', async () => {
    const gateway = await start();
    await create(gateway, { model: 'talaria/other' });
    await create(gateway);
    await gateway.serve(served({ gatewayKeys: [{ name: 'ada', key: 'ada', agents: ['main'] }] }));
    expect((await call(gateway, 'GET /v1/sessions')).body.data).toMatchObject([{ agent: 'main' }]);
  });

  it.each([
    ['limit=0', 'invalid_request'],
    ['limit=x', 'invalid_request'],
    ['limit=101', 'invalid_request'],
    ['agents=main', 'unsupported_field'],
    ['limit=1&limit=2', 'invalid_request'],
  ])('refuses ?%s', async (query, code) => {
    const gateway = await start();
    expect(await call(gateway, `GET /v1/sessions?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code, param: query.split('=')[0] } },
    });
  });
});

describe('a session', () => {
  it('that was quiet for as long as its Agent says has ended for a chat, and its name begins a new one', async () => {
    const [main] = served().agents ?? [];
    if (!main) throw new Error('an agent');
    const gateway = await start(served({ agents: [{ ...main, sessions: { idleResetSeconds: 3_600 } }] }));
    const id = await create(gateway, { name: 'mine' });
    await chat(gateway, id, 'one');
    await state.rows(`update sessions set last_active_at = last_active_at - interval '61 minutes'`);
    expect(await chat(gateway, id, 'two')).toMatchObject({
      status: 404,
      body: { error: { code: 'session_not_found' } },
    });
    const named = { key: 'ada', content: 'three', headers: { 'x-talaria-session-id': 'mine' } };
    expect((await ask(gateway.url, named)).headers.get('x-talaria-session-id')).not.toBe(id);
    expect(seen()).toEqual(['user: three']);
  });

  it.each([
    'GET /v1/sessions?name=%00',
    'GET /v1/sessions?agent=%00&after=%00',
    'GET /v1/sessions/ID/items?after=%00%ff',
    'GET /v1/sessions/%00',
  ])('%s with what PostgreSQL refuses is answered like any other', async (what) => {
    const gateway = await start();
    const { status } = await call(gateway, what.replace('ID', await create(gateway)));
    expect(status).toBeLessThan(500);
  });

  it('of another key, of an agent outside the key’s set, or that never was, does not exist for any call', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/other' });
    await chat(gateway, id, 'secret');
    const calls = (session: string) =>
      [
        `GET /v1/sessions/${session}`,
        `PATCH /v1/sessions/${session}`,
        `DELETE /v1/sessions/${session}`,
        `GET /v1/sessions/${session}/items`,
        `GET /v1/sessions/${session}/export`,
        `POST /v1/sessions/${session}/fork`,
        `POST /v1/sessions/${session}/chat`,
      ] as const;
    const expectHidden = async (session: string, key: string) => {
      for (const what of calls(session)) {
        const body = what.startsWith('GET') || what.startsWith('DELETE') ? {} : { body: bodyOf(what) };
        const answer = await call(gateway, what, { key, ...body });
        expect([what, answer.status, answer.body?.error.code]).toEqual([what, 404, 'session_not_found']);
      }
    };
    await expectHidden(id, 'bob');
    await expectHidden(nobody, 'ada');
    await expectHidden('nonsense', 'ada');
    await gateway.serve(served({ gatewayKeys: [{ name: 'ada', key: 'ada', agents: ['main'] }] }));
    await expectHidden(id, 'ada');
    expect(mock.requests).toHaveLength(1);
  });

  it('can be renamed, and its old name begins a new session, also on a replica that knew it', async () => {
    const [left, right] = [await start(), await start()];
    const named = { key: 'ada', headers: { 'x-talaria-session-id': 'old' } };
    const id = await create(left, { name: 'old' });
    for (const { url } of [left, right]) expect((await ask(url, named)).headers.get('x-talaria-session-id')).toBe(id);
    expect(await call(left, `PATCH /v1/sessions/${id}`, { body: { name: 'new' } })).toMatchObject({
      status: 200,
      body: { id, name: 'new' },
    });
    expect((await ask(right.url, named)).headers.get('x-talaria-session-id')).not.toBe(id);
    const renamed = await ask(right.url, { key: 'ada', headers: { 'x-talaria-session-id': 'new' } });
    expect(renamed.headers.get('x-talaria-session-id')).toBe(id);
  });

  it('gets a title, loses its name with null, and does not get a name that is taken', async () => {
    const gateway = await start();
    const id = await create(gateway, { name: 'mine' });
    await create(gateway, { name: 'taken' });
    const patch = (body: object) => call(gateway, `PATCH /v1/sessions/${id}`, { body });
    expect((await patch({ title: 'A\0 \ud800' })).body).toMatchObject({ name: 'mine', title: 'A\ufffd \ufffd' });
    expect(await patch({ name: 'taken' })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', param: 'name' } },
    });
    expect((await patch({ name: null })).body).toMatchObject({ name: null, title: 'A\ufffd \ufffd' });
  });

  it('that is deleted takes all that was said with it, also from its runs; they stay as a record', async () => {
    const gateway = await start();
    const id = await create(gateway);
    await chat(gateway, id, 'my secret', { headers: { 'idempotency-key': 'k' } });
    expect((await call(gateway, `DELETE /v1/sessions/${id}`)).body).toEqual({
      id,
      object: 'session.deleted',
      deleted: true,
    });
    expect(await state.rows('select 1 from items union all select 1 from sessions')).toEqual([]);
    const runs = await state.rows('select * from runs');
    expect(runs).toMatchObject([{ agent: 'main', status: 'completed', session_id: null }]);
    expect(JSON.stringify(runs)).not.toContain('my secret');
    expect(await chat(gateway, id, 'my secret')).toMatchObject({ status: 404 });
    const repeated = await chat(gateway, id, 'my secret', { headers: { 'idempotency-key': 'k' } });
    expect(repeated).toMatchObject({ status: 404, body: { error: { code: 'run_not_found' } } });
    expect(mock.requests).toHaveLength(1);
  });

  it('at work is not deleted', async () => {
    const gateway = await start();
    const id = await create(gateway);
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: gate.promise });
    const answer = chat(gateway, id, 'one');
    await waitFor('the turn to run', () => mock.requests.length === 1);
    expect(await call(gateway, `DELETE /v1/sessions/${id}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'session_busy' } },
    });
    gate.resolve();
    expect((await answer).body.choices[0]?.message.content).toBe('late');
    expect((await call(gateway, `DELETE /v1/sessions/${id}`)).status).toBe(200);
  });
});

describe('the items of a session', () => {
  it('come in pages, in either order, with their run', async () => {
    const gateway = await start();
    const id = await create(gateway);
    const runs = [];
    for (const text of ['one', 'two', 'three'])
      runs.push((await chat(gateway, id, text)).headers.get('x-talaria-run-id'));
    const all = await call(gateway, `GET /v1/sessions/${id}/items`);
    expect(itemTexts(all)).toEqual(['one', 'one', 'two', 'two', 'three', 'three']);
    expect(all.body.data.map((item) => item.run_id)).toEqual(runs.flatMap((run) => [run, run]));
    expect(all.body.data[1]).toMatchObject({ type: 'message', role: 'assistant', status: 'completed' });
    const page = await call(gateway, `GET /v1/sessions/${id}/items?order=desc&limit=4`);
    expect(itemTexts(page)).toEqual(['three', 'three', 'two', 'two']);
    expect(page.body.has_more).toBe(true);
    const next = await call(gateway, `GET /v1/sessions/${id}/items?order=desc&limit=4&after=${page.body.last_id}`);
    expect(itemTexts(next)).toEqual(['one', 'one']);
    expect(next.body.has_more).toBe(false);
    expect(await call(gateway, `GET /v1/sessions/${id}/items?after=msg_none`)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request', param: 'after' } },
    });
  });

  it('are exported whole as JSON lines, however many and large they are', async () => {
    const gateway = await start();
    const id = await create(gateway, { name: 'mine' });
    await chat(gateway, id, 'one');
    await state.rows(
      `insert into items (session_id, seq, agent, run_id, type, data)
       select session_id, at, agent, run_id, type, jsonb_set(data, '{id}', to_jsonb('msg_' || at)) ||
         jsonb_build_object('filler', repeat('x', 20000))
       from items cross join generate_series(3, 1000) at where seq = 1`,
    );
    const exported = await call(gateway, `GET /v1/sessions/${id}/export`);
    expect(exported.headers.get('content-type')).toContain('application/x-ndjson');
    const lines = exported.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ object: 'session', id, name: 'mine' });
    expect(lines.slice(3).map((item) => item.id)).toEqual(Array.from({ length: 998 }, (_, at) => `msg_${at + 3}`));
    expect(lines.at(-1)).toMatchObject({ type: 'message', role: 'user' });
  });

  it('are read from the database no faster than the client takes its export', async () => {
    const gateway = await start();
    const id = await create(gateway);
    await chat(gateway, id, 'one');
    await state.rows(
      `insert into items (session_id, seq, agent, run_id, type, data)
       select session_id, at, agent, run_id, type, data || jsonb_build_object('filler', filler)
       from (select string_agg(md5(at::text), '') as filler from generate_series(1, 10000) at) text
       cross join items cross join generate_series(3, 100) at where seq = 1`,
    );
    const response = await fetch(`${gateway.url}/v1/sessions/${id}/export`, {
      headers: { authorization: 'Bearer ada' },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    // Time in which a server that does not wait for its client would have read everything.
    for (let at = 0; at < 200; at += 1) await call(gateway, `GET /v1/sessions/${id}`);
    await state.rows('delete from items where seq > 90');
    let rest = '';
    const decoder = new TextDecoder();
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read())
      rest += decoder.decode(piece.value, { stream: true });
    // What had not been read when the client paused was deleted meanwhile: the end of the export lacks it.
    expect(rest.trimEnd().split('\n').length).toBeLessThan(100);
  });
});

describe('a fork', () => {
  it('goes on from its item with the same agent, and the first session stays as it was', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/other', title: 'First' });
    for (const text of ['one', 'two']) await chat(gateway, id, text);
    const items = (await call(gateway, `GET /v1/sessions/${id}/items`)).body.data;
    const fork = await call(gateway, `POST /v1/sessions/${id}/fork`, { body: { up_to: items[1]?.id, name: 'second' } });
    expect(fork).toMatchObject({
      status: 201,
      body: { agent: 'other', name: 'second', title: 'First', parent_id: id, status: 'live' },
    });
    expect(await chat(gateway, fork.body.id, 'three', { body: { model: 'talaria/main' } })).toMatchObject({
      status: 200,
    });
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: three']);
    expect(itemTexts(await call(gateway, `GET /v1/sessions/${id}/items`))).toEqual(['one', 'one', 'two', 'two']);
    const whole = await call(gateway, `POST /v1/sessions/${id}/fork`);
    expect(itemTexts(await call(gateway, `GET /v1/sessions/${whole.body.id}/items`))).toHaveLength(4);
  });

  it('can be made of a session that ended, which brings it back', async () => {
    const gateway = await start();
    const id = await create(gateway);
    await chat(gateway, id, 'one');
    await state.rows('update sessions set ended_at = talaria_now()');
    expect(await chat(gateway, id, 'two')).toMatchObject({ status: 404 });
    const fork = await call(gateway, `POST /v1/sessions/${id}/fork`);
    await chat(gateway, fork.body.id, 'two');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
  });

  it('with an Idempotency-Key is made once', async () => {
    const gateway = await start();
    const id = await create(gateway);
    const fork = () => call(gateway, `POST /v1/sessions/${id}/fork`, { headers: { 'idempotency-key': 'f' } });
    const forks = await Promise.all([fork(), fork(), fork()]);
    expect(new Set([...forks, await fork()].map(({ body }) => body.id)).size).toBe(1);
    expect(await state.rows('select 1 from sessions')).toHaveLength(2);
  });

  it('is refused at an item that the session does not have, and under a name that is taken', async () => {
    const gateway = await start();
    const id = await create(gateway, { name: 'mine' });
    for (const [body, param] of [
      [{ up_to: 'msg_none' }, 'up_to'],
      [{ up_to: 'a\0\ud800' }, 'up_to'],
      [{ name: 'mine' }, 'name'],
    ] as const) {
      expect(await call(gateway, `POST /v1/sessions/${id}/fork`, { body })).toMatchObject({
        status: 400,
        body: { error: { code: 'invalid_request', param } },
      });
    }
    expect(await state.rows('select 1 from sessions')).toHaveLength(1);
  });
});

describe('a chat on a session', () => {
  it('runs as the session’s own agent, whatever headers, model and Routes say', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/main' });
    const hijacks: Call[] = [
      { headers: { 'x-talaria-chat-id': 'other' } },
      { headers: { 'x-hermes-chat-id': 'other', 'x-hermes-user-id': 'u' } },
      { body: { model: 'talaria/other' } },
      { body: { model: 'other' } },
      { body: { model: 'talaria/nobody' } },
    ];
    await gateway.serve(served({ routes: { all: [{ match: { platform: 'api' }, to: 'other' }] } }));
    for (const hijack of hijacks) {
      const answer = await chat(gateway, id, 'hello', hijack);
      expect([answer.status, answer.headers.get('x-talaria-agent')]).toEqual([200, 'main']);
      expect(answer.body.model).toBe('talaria/main');
      const { headers, body } = hijack;
      const completion = await ask(gateway.url, {
        key: 'ada',
        headers: { ...headers, 'x-talaria-session-id': id },
        ...(body ? { body } : {}),
      });
      expect(completion).toMatchObject({ status: 200, agent: 'main' });
    }
    expect(await state.rows('select distinct agent from runs union select distinct agent from items')).toEqual([
      { agent: 'main' },
    ]);
  });

  it('is refused when a header names another session', async () => {
    const gateway = await start();
    const [mine, second] = [await create(gateway), await create(gateway, { model: 'talaria/other' })];
    expect(await chat(gateway, mine, 'x', { headers: { 'x-talaria-session-id': second } })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_header' } },
    });
    expect(mock.requests).toHaveLength(0);
  });

  it('is refused when its agent is gone or suspended, and no other answers', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/other' });
    const [main, other] = served().agents ?? [];
    if (!main || !other) throw new Error('two agents');
    for (const [agents, status, code] of [
      [[main], 404, 'model_not_found'],
      [[main, { ...other, refuse: 'agent_suspended' as const }], 403, 'agent_suspended'],
    ] as const) {
      await gateway.serve(served({ agents }));
      expect(await chat(gateway, id, 'x')).toMatchObject({ status, body: { error: { code } } });
    }
    expect(mock.requests).toHaveLength(0);
  });

  it('streams, and remembers', async () => {
    const gateway = await start();
    const id = await create(gateway);
    await chat(gateway, id, 'one');
    const streamed = await chat(gateway, id, 'two', { body: { stream: true } });
    expect(streamed.text).toContain('"content":"two"');
    expect(streamed.text).toContain('[DONE]');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
  });

  it('with an Idempotency-Key runs once', async () => {
    const gateway = await start();
    const id = await create(gateway);
    const once = () => chat(gateway, id, 'one', { headers: { 'idempotency-key': 'k' } });
    const [first, second] = [await once(), await once()];
    expect(second.body).toEqual(first.body);
    expect(mock.requests).toHaveLength(1);
  });
});

function bodyOf(what: string): object {
  if (what.startsWith('PATCH')) return { title: 'stolen' };
  return what.endsWith('chat') ? { messages: [{ role: 'user', content: 'x' }] } : {};
}
