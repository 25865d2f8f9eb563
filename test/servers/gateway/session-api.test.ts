import { describe, expect, it } from 'vitest';
import { ask } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { call, chat, create, nobody, served, start } from './session-calls.ts';
import { mock, seen, setUpStage, state } from './stage.ts';

setUpStage();

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

function bodyOf(what: string): object {
  if (what.startsWith('PATCH')) return { title: 'stolen' };
  return what.endsWith('chat') ? { messages: [{ role: 'user', content: 'x' }] } : {};
}
