import { describe, expect, it } from 'vitest';
import { ask, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { mock, remote, setUpStage, startOnStage, state } from './stage.ts';

setUpStage();

const serves = (...names: readonly string[]) => ({
  agents: names.map((name) => ({ name, model: remote() })),
  gatewayKeys: [
    { name: 'boss', key: 'boss', role: 'admin' as const },
    { name: 'half', key: 'half', role: 'admin' as const, agents: ['b'] },
    { name: 'one', key: 'one' },
  ],
});

type Line = Readonly<Record<string, unknown>> & { readonly type: string };

async function call({ url }: TestGateway, method: string, path: string, body?: object, key = 'boss') {
  const response = await fetch(`${url}/admin/v1/agents/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, text: await response.text() };
}

async function exported(gateway: TestGateway, agent: string): Promise<readonly Line[]> {
  const { status, text } = await call(gateway, 'GET', `${agent}/export`);
  expect(status).toBe(200);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** For which Agents something is kept, as a key sees it. */
async function kept({ url }: TestGateway, query = '', key = 'boss') {
  const response = await fetch(`${url}/admin/v1/agent-data${query}`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as { readonly data: readonly { readonly agent: string }[] }).data;
}

/** Without what an export says of itself. */
const content = (lines: readonly Line[]) => lines.filter(({ type }) => type !== 'agent' && type !== 'end');
const importing = (lines: readonly Line[]) => ({ head: lines[0], lines: content(lines) });

/** Gives an agent two sessions, a seed and more files than fit into one page. */
async function fill(gateway: TestGateway, agent: string): Promise<void> {
  for (const session of ['first', 'second', 'first']) {
    await ask(gateway.url, {
      key: 'one',
      model: `talaria/${agent}`,
      content: `${agent} in ${session}`,
      headers: { 'x-talaria-session-id': `${agent}-${session}` },
    });
  }
  await state.rows(
    `insert into files (agent, agent_uid, path, content)
     select $1, 'u', 'workspace/' || lpad(i::text, 2, '0'), convert_to($1 || i, 'UTF8') from generate_series(1, 20) i`,
    [agent],
  );
  await state.rows(`insert into seeded_files (agent, agent_uid, path) values ($1, 'u', 'todo.md')`, [agent]);
}

const counts = () =>
  state.rows(`
    select a.agent, (select count(*)::int from files f where f.agent = a.agent) as files,
      (select count(*)::int from sessions s where s.agent = a.agent) as sessions,
      (select count(*)::int from items i where i.agent = a.agent) as items,
      (select count(*)::int from runs r where r.agent = a.agent) as runs
    from (values ('a'), ('b')) as a (agent)`);

describe('the data of an Agent', () => {
  it('comes back whole from its archive after a purge, and nobody else’s is touched', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    await fill(gateway, 'b');
    const before = await exported(gateway, 'a');
    expect(before.at(-1)).toEqual({ type: 'end', files: 20, sessions: 2, items: 6 });
    expect(before.filter(({ type }) => type === 'seed')).toEqual([{ type: 'seed', path: 'todo.md' }]);

    expect(await call(gateway, 'POST', 'a/purge')).toMatchObject({ status: 409 });
    await gateway.serve(serves('b'));
    await waitFor('the Agent to be known as gone', async () => {
      return (await kept(gateway, '?gone=true')).map(({ agent }) => agent).join() === 'a';
    });
    expect(await kept(gateway)).toMatchObject([
      { agent: 'a', files: 20, bytes: 51, sessions: 2, gone_at: expect.any(Number) },
      { agent: 'b', files: 20, bytes: 51, sessions: 2, gone_at: null },
    ]);
    expect((await kept(gateway, '', 'half')).map(({ agent }) => agent)).toEqual(['b']);
    const { status, text } = await call(gateway, 'POST', 'a/purge');
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { purged: { files: 20, sessions: 2, runs: 3, deliveries: 0 }, has_more: false },
    ]);
    const ofB = { agent: 'b', files: 20, sessions: 2, items: 6, runs: 3 };
    expect(await counts()).toEqual([{ agent: 'a', files: 0, sessions: 0, items: 0, runs: 0 }, ofB]);
    expect(await state.rows(`select files, bytes from file_totals where agent = 'a'`)).toEqual([
      { files: 0, bytes: '0' },
    ]);

    const restored = await call(gateway, 'POST', 'a/import', importing(before));
    expect(JSON.parse(restored.text)).toEqual({ imported: { files: 20, sessions: 2, items: 6 } });
    expect(content(await exported(gateway, 'a'))).toEqual(content(before));
    expect(await counts()).toEqual([{ agent: 'a', files: 20, sessions: 2, items: 6, runs: 0 }, ofB]);

    await gateway.serve(serves('a', 'b'));
    const headers = { 'x-talaria-session-id': 'a-first' };
    await ask(gateway.url, { key: 'one', model: 'talaria/a', content: 'and now', headers });
    expect(mock.requests.at(-1)?.body.messages.map((message) => message.content)).toEqual([
      ...['a in first', 'a in first', 'a in first', 'a in first'],
      'and now',
    ]);
  });

  it('is added to and never overwritten by an import, however often and in whatever parts', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    const archive = await exported(gateway, 'a');
    await state.rows(`update files set content = 'mine' where path = 'workspace/01'`);
    await state.rows(`delete from files where path = 'workspace/02'`);
    const headers = { 'x-talaria-session-id': 'a-first' };
    await ask(gateway.url, { key: 'one', model: 'talaria/a', content: 'it went on', headers });
    const { head, lines } = importing(archive);
    const parts = [lines.slice(0, 22), lines.slice(22)];
    const answers = [];
    for (const part of [...parts, ...parts]) {
      answers.push(JSON.parse((await call(gateway, 'POST', 'a/import', { head, lines: part })).text));
    }
    expect(answers.map(({ imported }) => imported.files + imported.sessions + imported.items)).toEqual([1, 0, 0, 0]);
    const [kept] = (await exported(gateway, 'a')).filter(({ path }) => path === 'workspace/01');
    expect(Buffer.from(String(kept?.content), 'base64').toString()).toBe('mine');
  });

  it('is not for keys that may not administrate the Agent, and not for names that none can have', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    const archive = importing(await exported(gateway, 'a'));
    for (const [method, path, body] of [
      ['GET', 'a/export', undefined],
      ['POST', 'a/import', archive],
      ['POST', 'a/purge', { while_served: true }],
    ] as const) {
      expect((await call(gateway, method, path, body, 'half')).status, path).toBe(404);
      expect((await call(gateway, method, path, body, 'one')).status, path).toBe(403);
    }
    expect((await call(gateway, 'GET', '..%2Fa/export')).status).toBe(404);
    expect((await counts())[0]).toMatchObject({ files: 20, sessions: 2 });
  });

  it('refuses archives of another Agent and files that would leave the home, and then writes nothing', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    const { head, lines } = importing(await exported(gateway, 'a'));
    const foreign = await call(gateway, 'POST', 'b/import', { head, lines });
    expect(foreign).toMatchObject({ status: 400, text: expect.stringContaining('is of the Agent \\"a\\", not of b') });
    const bad = { type: 'file', path: '../../etc/passwd', content: 'eA==' };
    const answer = await call(gateway, 'POST', 'b/import', { head: { ...head, agent: 'b' }, lines: [...lines, bad] });
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('give one inside your home') });
    expect((await counts())[1]).toMatchObject({ files: 0, sessions: 0 });
  });

  it('is refused as an import where it would break what comes later, or take another Agent’s conversation', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'b');
    const { head, lines } = importing(await exported(gateway, 'b'));
    const session = lines.find(({ type }) => type === 'session');
    const item = lines.find(({ type }) => type === 'item');
    for (const line of [
      { ...session, created_at: '0000-01-01T00:00:00Z' },
      { ...session, last_seq: -1 },
      { ...item, data: { type: 'message', role: 'user' } },
      { ...item, data: { type: 'message', role: 'user', content: [{ type: 'input_text' }] } },
      { ...item, data: { type: 'function_call_output', call_id: 'c' } },
    ]) {
      expect(await call(gateway, 'POST', 'b/import', { head, lines: [line] })).toMatchObject({ status: 400 });
    }
    const planted = { ...session, id: '018f0000-0000-7000-8000-000000000001', name: 'a-first' };
    expect(await call(gateway, 'POST', 'b/import', { head, lines: [planted] }, 'half')).toMatchObject({ status: 403 });
    const ended = { ...planted, ended_at: '2026-01-01T00:00:00Z' };
    const own = { ...planted, id: '018f0000-0000-7000-8000-000000000002', principal: 'agent-key:b/k' };
    const allowed = await call(gateway, 'POST', 'b/import', { head, lines: [ended, own] }, 'half');
    expect(JSON.parse(allowed.text)).toEqual({ imported: { files: 0, sessions: 2, items: 0 } });
  });

  it('is exported whole where a page of it would be too much at once', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    await state.rows(
      `update items set data = jsonb_set(data, '{content,0,text}', to_jsonb((
         select string_agg(md5(i::text), '') from generate_series(1, 6000) i))) where agent = 'a'`,
    );
    const lines = await exported(gateway, 'a');
    expect(lines.at(-1)).toEqual({ type: 'end', files: 20, sessions: 2, items: 6 });
    expect(lines.filter(({ type }) => type === 'item').every((line) => JSON.stringify(line).length > 190_000)).toBe(
      true,
    );
  });

  it('is imported also with an item larger than any request for a turn may be', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    const { head, lines } = importing(await exported(gateway, 'a'));
    const item = lines.findLast(({ type }) => type === 'item');
    await state.rows(`delete from items where session_id = $1 and seq = $2`, [item?.session_id, item?.seq]);
    const content = [{ type: 'output_text', text: 'x'.repeat(11_000_000), annotations: [] }];
    const large = { ...item, data: { type: 'message', role: 'assistant', content } };
    const { status, text } = await call(gateway, 'POST', 'a/import', { head, lines: [large] });
    expect([status, text]).toEqual([200, JSON.stringify({ imported: { files: 0, sessions: 0, items: 1 } })]);
    expect((await call(gateway, 'POST', 'a/import', { head, lines: [] }, 'one')).status).toBe(403);
  });

  it('is left where it is at work', async () => {
    const gateway = await startOnStage({ serves: serves('a', 'b') });
    await fill(gateway, 'a');
    const hold = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: hold.promise });
    const headers = { 'x-talaria-session-id': 'a-first' };
    const asked = mock.requests.length;
    const once = { key: 'one', model: 'talaria/a', headers: { ...headers, 'idempotency-key': 'once' } };
    const running = ask(gateway.url, once);
    await expect.poll(() => mock.requests.length).toBe(asked + 1);
    const { text } = await call(gateway, 'POST', 'a/purge', { while_served: true });
    expect(JSON.parse(text)).toMatchObject({ purged: { files: 20, sessions: 1 }, has_more: false });
    const again = ask(gateway.url, once);
    hold.resolve();
    expect(await running).toMatchObject({ status: 200, text: 'late' });
    expect(await again).toMatchObject({ status: 200, text: 'late' });
    expect(mock.requests.length).toBe(asked + 1);
  });

  it('is not purged by a replica that has not heard yet that the Agent is there again', async () => {
    const gateway = await startOnStage({ serves: serves('b') });
    await waitFor('the names of the Agents to be stored', async () => {
      return (await state.rows(`select from agents where name = 'b'`)).length === 1;
    });
    await state.rows(`insert into agents (name, uid, sequence) values ('a', 'new', 9007199254740000)`);
    expect(await call(gateway, 'POST', 'a/purge')).toMatchObject({ status: 409 });
  });
});
