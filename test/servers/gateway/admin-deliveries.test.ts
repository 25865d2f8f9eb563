import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromWire, newId, toWire } from '../../../core/lib/id.ts';
import { deliveryDetailSchema, deliveryObjectSchema } from '../../../gateway/ingress/admin/delivery-object.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { storeDelivery } from '../delivery/stored-deliveries.ts';
import { createState, type TestState } from '../schedule/state.ts';

const page = z.object({ data: z.array(z.strictObject(deliveryObjectSchema.shape)), has_more: z.boolean() });
const detail = z.strictObject(deliveryDetailSchema.shape);

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
        { name: 'client', key: 'client' },
      ],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await state.drop();
});

async function call(method: string, path: string, key = 'root') {
  const response = await fetch(`${gateway.url}/admin/v1/deliveries${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
  });
  return { status: response.status, body: (await response.json()) as { error?: { code: string; message: string } } };
}

async function codeOf(method: string, path: string, key = 'root') {
  return (await call(method, path, key)).body.error?.code;
}

async function list(query: string, key = 'root') {
  const { data, has_more } = page.parse((await call('GET', `?${query}`, key)).body);
  return { ids: data.map(({ id }) => fromWire('dlv', id)), has_more };
}

/** One that no sender takes. */
function dead(row: Parameters<typeof storeDelivery>[1] = {}): Promise<string> {
  return storeDelivery(state, { status: 'dead', ...row });
}

describe('/admin/v1/deliveries', () => {
  it('lists the newest first, page by page, filtered by agent, run and status', async () => {
    const run = newId();
    const [first, second, third] = [
      await dead({ run, target: 'deliver/a' }),
      await dead({ run, target: 'deliver/b', status: 'ambiguous' }),
      await dead({ run, target: 'deliver/c', agent: 'other' }),
    ];
    const of = `run=${toWire('run', run)}`;
    expect(await list(of)).toEqual({ ids: [third, second, first], has_more: false });
    expect(await list(`${of}&limit=1`)).toEqual({ ids: [third], has_more: true });
    expect((await list(`${of}&after=${toWire('dlv', third)}`)).ids).toEqual([second, first]);
    expect((await list(`${of}&agent=other`)).ids).toEqual([third]);
    expect((await list(`${of}&status=ambiguous`)).ids).toEqual([second]);
    expect((await list(of, 'clerks')).ids).toEqual([second, first]);
  });

  it('reads one with its destination and its text', async () => {
    const url = 'https://example.com/hook';
    const id = await dead({ kind: 'webhook', destination: { url }, text: 'The report.' });
    const { body } = await call('GET', `/${toWire('dlv', id)}`);
    expect(detail.parse(body)).toMatchObject({
      status: 'dead',
      destination: { kind: 'webhook', url },
      text: 'The report.',
      job: null,
      next_attempt_at: null,
    });
    const account = { account: 'clerk/main', chatId: '42', threadId: '' };
    const chat = await dead({ kind: 'account', destination: account });
    expect(detail.parse((await call('GET', `/${toWire('dlv', chat)}`)).body).destination).toEqual({
      kind: 'account',
      account: 'clerk/main',
      chat_id: '42',
      thread_id: '',
    });
  });

  it('sends again what was given up', async () => {
    const id = toWire('dlv', await dead());
    const { status, body } = await call('POST', `/${id}/retry`);
    expect(status).toBe(200);
    expect(['pending', 'sending', 'sent']).toContain(detail.parse(body).status);
  });

  it('discards what was given up, and says who did', async () => {
    const id = toWire('dlv', await dead());
    expect(detail.parse((await call('POST', `/${id}/discard`)).body)).toMatchObject({
      status: 'suppressed',
      last_error: 'discarded by gateway-key:root',
    });
  });

  it('refuses to send again or discard what is sent', async () => {
    const id = toWire('dlv', await dead({ status: 'sent' }));
    for (const verb of ['retry', 'discard']) {
      const { status, body } = await call('POST', `/${id}/${verb}`);
      expect({ status, code: body.error?.code }).toEqual({ status: 409, code: 'delivery_settled' });
      expect(body.error?.message).toContain('sent');
    }
  });

  it('an admin key of some Agents sees and changes their deliveries alone', async () => {
    const id = toWire('dlv', await dead({ agent: 'other' }));
    expect(await codeOf('GET', `/${id}`, 'clerks')).toBe('delivery_not_found');
    expect(await codeOf('POST', `/${id}/retry`, 'clerks')).toBe('delivery_not_found');
    expect(await codeOf('POST', `/${id}/discard`, 'clerks')).toBe('delivery_not_found');
    expect(detail.parse((await call('GET', `/${id}`)).body).status).toBe('dead');
  });

  it('refuses keys of clients, unknown deliveries and filters that make no sense', async () => {
    expect(await codeOf('GET', '', 'client')).toBe('admin_required');
    expect(await codeOf('GET', '/dlv_1')).toBe('delivery_not_found');
    expect(await codeOf('GET', '?status=lost')).toBe('invalid_request');
    expect(await codeOf('GET', '?run=x')).toBe('invalid_request');
  });
});
