import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tool } from '../../../gateway/agent/tools/tool.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let mock: MockModel;
let gateways: TestGateway[];
beforeEach(async () => {
  gateways = [];
  state = await createState();
  mock = await startMockModel();
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await mock.stop();
  await state.drop();
});

const served = () => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'main',
    instructions: `You are ${name}.`,
    model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const,
  })),
  gatewayKeys: [
    { name: 'one', key: 'one', deliver: true },
    { name: 'two', key: 'two', deliver: false },
  ],
});

async function start(options: Partial<TestGatewayOptions> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ databaseUrl: state.url, serves: served(), ...options });
  gateways.push(gateway);
  return gateway;
}

interface RunBody {
  readonly id: string;
  readonly status: string;
  readonly output_text: string;
  readonly approvals: readonly { readonly call_id: string; readonly name: string; readonly arguments: string }[];
  readonly error: { readonly code: string } | null;
  readonly data: readonly RunBody[];
  readonly has_more: boolean;
  readonly last_id: string;
  readonly [field: string]: unknown;
}

async function call(
  gateway: TestGateway,
  method: string,
  path: string,
  more: { key?: string; body?: object; headers?: object } = {},
) {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${more.key ?? 'one'}`,
      ...(more.body ? { 'content-type': 'application/json' } : {}),
      ...more.headers,
    },
    ...(more.body ? { body: JSON.stringify(more.body) } : {}),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as RunBody };
}

const create = async (
  gateway: TestGateway,
  input: unknown,
  more: { key?: string; headers?: object; body?: object } = {},
) => {
  const { body, ...rest } = more;
  const answer = await call(gateway, 'POST', '/v1/runs', { ...rest, body: { input, ...body } });
  expect(answer).toMatchObject({ status: 202, body: { object: 'run' } });
  return answer.body;
};

const ended = (gateway: TestGateway, id: string) =>
  waitFor('the run to end', async () => {
    const { body } = await call(gateway, 'GET', `/v1/runs/${id}`);
    return ['completed', 'failed', 'cancelled', 'unknown'].includes(body.status) && body;
  });

interface Event {
  readonly id: number;
  readonly type: string;
  readonly data: { readonly delta?: string; readonly run?: RunBody; readonly [field: string]: unknown };
}

/** All events until the stream ends. */
async function events(gateway: TestGateway, id: string, from?: number): Promise<Event[]> {
  const response = await fetch(`${gateway.url}/v1/runs/${id}/events`, {
    headers: { authorization: 'Bearer one', ...(from === undefined ? {} : { 'last-event-id': String(from) }) },
  });
  expect(response.status).toBe(200);
  return (await response.text())
    .split('\n\n')
    .filter((text) => text.startsWith('id: '))
    .map((text) => {
      const [, number, type, data] = /^id: (\d+)\nevent: (.*)\ndata: (.*)$/.exec(text) ?? [];
      return { id: Number(number), type: type ?? '', data: JSON.parse(data ?? '{}') };
    });
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

  it.each<[string, object, string]>([
    ['no input', {}, 'invalid_request'],
    ['an empty input', { input: '' }, 'invalid_request'],
    ['a stream', { input: 'x', stream: true }, 'unsupported_field'],
    ['an unknown field', { input: 'x', foo: 1 }, 'unsupported_field'],
    ['deliver to an account', { input: 'x', deliver: [{ account: 'main/x' }] }, 'unsupported_field'],
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

describe('the events of a run', () => {
  it('tell what it says, in order, and end with the run', async () => {
    const gateway = await start();
    mock.next({ kind: 'answer', text: 'one two three four', pauseMs: 60 });
    const { id } = await create(gateway, 'count');
    const all = await events(gateway, id);
    expect(all[0]?.type).toBe('run.started');
    expect(all.map((event) => event.data.delta ?? '').join('')).toBe('one two three four');
    expect(all.at(-1)).toMatchObject({
      type: 'run.completed',
      data: { run: { id, output_text: 'one two three four' } },
    });
    expect(all.map((event) => event.id)).toEqual(all.map((event) => event.id).toSorted((a, b) => a - b));
    expect(new Set(all.map((event) => event.id)).size).toBe(all.length);
  });

  it('go on from Last-Event-ID, on another replica, also after the end', async () => {
    const [a, b] = [await start(), await start()];
    mock.next({ kind: 'answer', text: 'one two three', pauseMs: 60 });
    const { id } = await create(a, 'count');
    const [live, other] = await Promise.all([events(a, id), events(b, id)]);
    expect(other).toEqual(live);
    for (const from of [0, 1, live.length - 2]) {
      expect(await events(b, id, from)).toEqual(live.filter((event) => event.id > from));
    }
    expect(await events(b, id, live.at(-1)?.id)).toEqual([]);
  });

  it('are merged and bounded, however much it says', async () => {
    const gateway = await start();
    mock.next({ kind: 'answer', text: 'word '.repeat(20_000) });
    const { id } = await create(gateway, 'much');
    const all = await events(gateway, id);
    expect(all.at(-1)?.data.run?.output_text).toHaveLength(100_000);
    expect(all.length).toBeLessThan(100);
    expect(all.map((event) => event.data.delta ?? '').join('')).toBe('word '.repeat(20_000));
  });

  it('refuse an id that is none', async () => {
    const gateway = await start();
    const { id } = await create(gateway, 'x');
    const answer = await call(gateway, 'GET', `/v1/runs/${id}/events`, { headers: { 'last-event-id': 'x' } });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_header' } } });
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

describe('a tool that needs an approval', () => {
  const wipe = (ran: string[]): Tool => ({
    name: 'wipe',
    description: 'Wipes a disk.',
    requiresApproval: true,
    run: async ({ disk }) => {
      ran.push(String(disk));
      return `wiped ${disk}`;
    },
  });
  const askForIt = () => mock.next({ kind: 'tools', calls: [{ name: 'wipe', arguments: '{"disk":"a"}' }] });
  const waits = (gateway: TestGateway, id: string) =>
    waitFor('the run to wait', async () => {
      const { body } = await call(gateway, 'GET', `/v1/runs/${id}`);
      return body.status === 'waiting_for_approval' && body;
    });

  it('parks the run until another replica is told to approve, and then runs', async () => {
    const ran: string[] = [];
    const [a, b] = [await start({ tools: [wipe(ran)] }), await start({ tools: [wipe(ran)] })];
    askForIt();
    const { id } = await create(a, 'wipe it');
    const waiting = await waits(b, id);
    expect(waiting.approvals).toMatchObject([{ name: 'wipe', arguments: '{"disk":"a"}' }]);
    expect(ran).toEqual([]);
    const approve = { body: { decision: 'approve' } };
    expect(await call(b, 'POST', `/v1/runs/${id}/approval`, approve)).toMatchObject({
      status: 200,
      body: { run_id: id },
    });
    expect(await ended(b, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['a']);
    expect((await events(b, id)).map(({ type }) => type)).toEqual(
      expect.arrayContaining(['approval.requested', 'approval.decided', 'tool.called', 'tool.completed']),
    );
    expect(await call(b, 'POST', `/v1/runs/${id}/approval`, approve)).toMatchObject({
      status: 409,
      body: { error: { code: 'approval_not_pending' } },
    });
  });

  it('shows each call as it is, also where the model gives two of them one id', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    const wants = (disk: string) =>
      ({ kind: 'tools', calls: [{ id: 'call_0', name: 'wipe', arguments: JSON.stringify({ disk }) }] }) as const;
    mock.next(wants('scratch'), wants('production'));
    const { id } = await create(gateway, 'wipe them');
    const decide = async (disk: string, decision: string) => {
      const { approvals } = await waitFor('the run to ask', async () => {
        const run = await waits(gateway, id);
        return run.approvals.some(({ arguments: written }) => String(written).includes(disk)) && run;
      });
      expect(approvals).toHaveLength(1);
      await call(gateway, 'POST', `/v1/runs/${id}/approval`, { body: { decision, call_id: approvals[0]?.call_id } });
      return approvals[0]?.call_id;
    };
    const first = await decide('scratch', 'approve');
    expect(await decide('production', 'deny')).not.toBe(first);
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual(['scratch']);
  });

  it('does not run when it is denied, and the model is told', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    askForIt();
    const { id } = await create(gateway, 'wipe it');
    await waits(gateway, id);
    await call(gateway, 'POST', `/v1/runs/${id}/approval`, { body: { decision: 'deny' } });
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual([]);
    expect(JSON.stringify(mock.requests[1]?.body.messages.at(-1))).toContain('not approved');
  });

  it('approves the call of its own run alone', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    mock.next(
      ...[1, 2].map(
        () => ({ kind: 'tools', calls: [{ id: 'same', name: 'wipe', arguments: '{"disk":"a"}' }] }) as const,
      ),
    );
    const [first, second] = [await create(gateway, 'one'), await create(gateway, 'two')];
    await waits(gateway, first.id);
    await waits(gateway, second.id);
    await call(gateway, 'POST', `/v1/runs/${first.id}/approval`, { body: { decision: 'approve', call_id: 'same' } });
    await ended(gateway, first.id);
    expect(ran).toHaveLength(1);
    expect((await waits(gateway, second.id)).status).toBe('waiting_for_approval');
    await call(gateway, 'POST', `/v1/runs/${second.id}/stop`);
    expect(await ended(gateway, second.id)).toMatchObject({ status: 'cancelled' });
    expect(ran).toHaveLength(1);
  });

  it('is denied when nobody decides in time', async () => {
    const ran: string[] = [];
    const gateway = await start({ tools: [wipe(ran)] });
    const { agents, ...rest } = served();
    await gateway.serve({
      ...rest,
      agents: agents.map((agent) => ({ ...agent, sessions: { approvalTimeoutSeconds: 1 } })),
    });
    askForIt();
    const { id } = await create(gateway, 'wipe it');
    expect(await ended(gateway, id)).toMatchObject({ status: 'completed' });
    expect(ran).toEqual([]);
    expect(await state.rows('select status from approvals')).toEqual([{ status: 'expired' }]);
  });
});
