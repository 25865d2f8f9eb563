import { describe, expect, it } from 'vitest';
import { call, chat, create, itemTexts, start } from './session-calls.ts';
import { seen, setUpStage, state } from './stage.ts';

setUpStage();

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
