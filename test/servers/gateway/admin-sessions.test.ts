import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { adminSessionSchema } from '../../../gateway/ingress/admin/session-object.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { call, chat, create } from './session-calls.ts';

const page = z.object({ data: z.array(z.strictObject(adminSessionSchema.shape)), has_more: z.boolean() });

let state: TestState;
let gateway: TestGateway;
beforeAll(async () => {
  state = await createState();
  gateway = await startTestGateway({
    databaseUrl: state.url,
    serves: {
      agents: [{ name: 'clerk', default: true }, { name: 'other' }],
      gatewayKeys: [
        { name: 'root', key: 'root', role: 'admin' },
        { name: 'clerks', key: 'clerks', role: 'admin', agents: ['clerk'] },
        { name: 'ada', key: 'ada' },
        { name: 'bob', key: 'bob' },
      ],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await state.drop();
});

const admin = (what: string, key = 'root') => call(gateway, what, { key });

async function list(query: string, key = 'root') {
  const { text } = await admin(`GET /admin/v1/sessions?${query}`, key);
  const { data, has_more } = page.parse(JSON.parse(text));
  return { ids: data.map(({ id }) => id), has_more, data };
}

async function codeOf(what: string, key = 'root') {
  return (await admin(what, key)).body.error?.code;
}

const ofOther = { model: 'talaria/other' };

describe('/admin/v1/sessions', () => {
  it('lists the sessions of every principal, the newest first, page by page, whole or of one Agent', async () => {
    const ids = [
      await create(gateway, { name: 'mine' }),
      await create(gateway, {}, { key: 'bob' }),
      await create(gateway, ofOther),
      await create(gateway, {}, { key: 'bob' }),
    ].toReversed();
    expect(await list('')).toMatchObject({ ids, has_more: false });
    const first = await list('limit=3');
    expect(first).toMatchObject({ ids: ids.slice(0, 3), has_more: true });
    expect((await list(`after=${ids[2]}`)).ids).toEqual(ids.slice(3));
    const clerks = ids.filter((_, at) => at !== 1);
    expect(await list('agent=clerk&limit=2')).toMatchObject({ ids: clerks.slice(0, 2), has_more: true });
    expect((await list(`agent=clerk&after=${clerks[1]}`)).ids).toEqual(clerks.slice(2));
    expect((await list('')).data.at(-1)).toMatchObject({ agent: 'clerk', name: 'mine', principal: 'gateway-key:ada' });
    expect((await list('platform=telegram')).ids).toEqual([]);
    expect((await list('status=ended')).ids).toEqual([]);
  });

  it('reads one with what was said, and exports it', async () => {
    const id = await create(gateway, {}, { key: 'bob' });
    await chat(gateway, id, 'Hello?', { key: 'bob' });
    expect((await admin(`GET /admin/v1/sessions/${id}`)).body).toMatchObject({ id, agent: 'clerk', items: 2 });
    const items = await admin(`GET /admin/v1/sessions/${id}/items?order=desc&limit=1`);
    expect(items.body).toMatchObject({ has_more: true, data: [{ role: 'assistant', content: [{ text: 'Hello?' }] }] });
    const lines = (await admin(`GET /admin/v1/sessions/${id}/export`)).text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { id, principal: 'gateway-key:bob' },
      { role: 'user' },
      { role: 'assistant' },
    ]);
  });

  it('deletes one of another principal with all that was said', async () => {
    const id = await create(gateway, {}, { key: 'bob' });
    await chat(gateway, id, 'Forget this.', { key: 'bob' });
    expect((await admin(`DELETE /admin/v1/sessions/${id}`)).body).toMatchObject({ id, deleted: true });
    expect(await codeOf(`GET /v1/sessions/${id}`, 'bob')).toBe('session_not_found');
    expect(await state.rows(`select 1 from runs where input::text like '%Forget this%'`)).toEqual([]);
    // A list that goes on from it must not look as if it had ended.
    expect(await codeOf(`GET /admin/v1/sessions?agent=clerk&after=${id}`)).toBe('invalid_request');
  });

  it('an admin key of some Agents sees, exports and deletes their sessions alone', async () => {
    const id = await create(gateway, ofOther);
    expect(new Set((await list('limit=100', 'clerks')).data.map(({ agent }) => agent))).toEqual(new Set(['clerk']));
    expect((await list('agent=other', 'clerks')).ids).toEqual([]);
    const paths = [`GET /admin/v1/sessions/${id}`, `DELETE /admin/v1/sessions/${id}`];
    for (const what of [...paths, `${paths[0]}/items`, `${paths[0]}/export`]) {
      expect(await codeOf(what, 'clerks')).toBe('session_not_found');
    }
    expect(await codeOf(`GET /admin/v1/sessions/${id}`)).toBeUndefined();
  });

  it('refuses keys of clients, unknown sessions and filters that make no sense', async () => {
    expect(await codeOf('GET /admin/v1/sessions', 'ada')).toBe('admin_required');
    expect(await codeOf('DELETE /admin/v1/sessions/ses_0', 'ada')).toBe('admin_required');
    expect(await codeOf('GET /admin/v1/sessions/ses_0')).toBe('session_not_found');
    expect(await codeOf('GET /admin/v1/sessions?platform=fax')).toBe('invalid_request');
    expect(await codeOf('GET /admin/v1/sessions?after=x')).toBe('invalid_request');
  });
});
