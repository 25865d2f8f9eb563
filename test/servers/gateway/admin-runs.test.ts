import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { adminRunDetailSchema, adminRunSchema } from '../../../gateway/ingress/admin/run-object.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry } from '../schedule/entries.ts';
import { createState, type TestState } from '../schedule/state.ts';

const page = z.object({
  data: z.array(z.strictObject(adminRunSchema.shape)),
  has_more: z.boolean(),
  last_id: z.string(),
});
const detail = z.strictObject(adminRunDetailSchema.shape);

let state: TestState;
let mock: MockModel;
let gateway: TestGateway;
let serves: ReturnType<typeof servesWith>;
const servesWith = ({ baseURL }: MockModel) => ({
  agents: [
    { name: 'clerk', default: true },
    { name: 'slow', model: { provider: 'openai-compatible' as const, name: 'm', baseURL } },
  ],
  jobs: [
    jobEntry('greet', { schedule: '@every 1s', runsHistoryLimit: 2 }),
    jobEntry('crawl', { agent: 'slow', schedule: '@every 1s' }),
  ],
  texts: ['good morning'],
  gatewayKeys: [
    { name: 'root', key: 'root', role: 'admin' as const },
    { name: 'clerks', key: 'clerks', role: 'admin' as const, agents: ['clerk'] },
    { name: 'client', key: 'client' },
  ],
});
beforeAll(async () => {
  state = await createState();
  mock = await startMockModel();
  serves = servesWith(mock);
  gateway = await startTestGateway({ databaseUrl: state.url, serves });
});
afterAll(async () => {
  await gateway.stop();
  await mock.stop();
  await state.drop();
});

async function call(method: string, path: string, { key = 'root', ...more }: { key?: string; body?: object } = {}) {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(more.body ? { 'content-type': 'application/json' } : {}) },
    ...(more.body ? { body: JSON.stringify(more.body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

async function list(query: string, key = 'root') {
  return page.parse((await call('GET', `/admin/v1/runs?${query}`, { key })).body);
}

async function codeOf(method: string, path: string, key = 'root'): Promise<unknown> {
  const { body } = await call(method, path, { key });
  return (body as { error?: { code: string } }).error?.code;
}

async function runOfClient(model: string): Promise<string> {
  const made = await call('POST', '/v1/runs', { key: 'client', body: { model: `talaria/${model}`, input: 'Hello?' } });
  return (made.body as { id: string }).id;
}

async function runWith(query: string): Promise<string> {
  const found = await waitFor(`a run with ${query}`, async () => {
    const { body } = await call('GET', `/admin/v1/runs?limit=1&${query}`);
    return (body as { data: { id: string }[] }).data[0]?.id;
  });
  return found;
}

async function eventsOf(id: string, lastEventId = ''): Promise<{ id: string; event: string; data: unknown }[]> {
  const headers = { authorization: 'Bearer root', 'last-event-id': lastEventId };
  const response = await fetch(`${gateway.url}/admin/v1/runs/${id}/events`, { headers });
  const blocks = (await response.text()).split('\n\n').filter((block) => block.startsWith('id: '));
  return blocks.map((block) => {
    const [, number = '', event = '', data = ''] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
    return { id: number, event, data: JSON.parse(data) as unknown };
  });
}

describe('/admin/v1/runs', () => {
  it('lists the runs of every principal and trigger, the newest first, page by page', async () => {
    const mine = await runOfClient('clerk');
    await runWith('trigger=cron&status=completed');
    const first = await list('limit=1');
    expect(first.has_more).toBe(true);
    const rest = await list(`limit=100&after=${first.last_id}`);
    const all = [...first.data, ...rest.data];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.map(({ id }) => id)).toEqual(
      all
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    expect(all.find(({ id }) => id === mine)).toMatchObject({
      trigger: 'api',
      agent: 'clerk',
      principal: 'gateway-key:client',
      job: null,
    });
    expect(all.find(({ trigger }) => trigger === 'cron')).toMatchObject({ max_attempts: 1 });
  });

  it('filters by agent, job, status and trigger', async () => {
    await runWith('job=greet&status=completed');
    for (const { job, agent, trigger } of (await list('job=greet')).data) {
      expect({ job, agent, trigger }).toEqual({ job: 'greet', agent: 'clerk', trigger: 'cron' });
    }
    expect((await list('agent=clerk&trigger=api')).data.every(({ trigger }) => trigger === 'api')).toBe(true);
    const completed = (await list('status=completed')).data;
    expect(completed.length).toBeGreaterThan(0);
    expect(completed.every(({ status }) => status === 'completed')).toBe(true);
    expect((await call('GET', '/admin/v1/runs?job=nobody')).body).toMatchObject({ data: [], has_more: false });
  });

  it('shows what a job ran as the Agent that it had to who may call that Agent, by the job’s name too', async () => {
    const moved = jobEntry('moved', { schedule: '0 0 1 1 *' });
    await gateway.serve({ ...serves, jobs: [...serves.jobs, moved] });
    await waitFor('the job to run', async () => {
      return (await call('POST', '/admin/v1/jobs/moved/run')).status === 202;
    });
    const before = await runWith('job=moved&status=completed');
    await gateway.serve({ ...serves, jobs: [...serves.jobs, { ...moved, agent: 'slow' }] });
    await waitFor('the other Agent to run it', async () => {
      return (await call('POST', '/admin/v1/jobs/moved/run')).status === 202;
    });
    await runWith('job=moved&agent=slow');
    expect((await list('job=moved', 'clerks')).data.map(({ id }) => id)).toEqual([before]);
    expect((await list('job=moved')).data).toHaveLength(2);
  });

  it('reads a run of a CronJob with its prompt and what it gave', async () => {
    const { body } = await call('GET', `/admin/v1/runs/${await runWith('job=greet&status=completed')}`);
    const run = detail.parse(body);
    expect(run).toMatchObject({
      job: 'greet',
      prompt: 'good morning',
      output_text: 'good morning',
      status: 'completed',
    });
    expect(run.scheduled_at).toBeGreaterThan(1_600_000_000);
  });

  it('reads a run of the API with its input and output', async () => {
    const id = await runOfClient('clerk');
    const read = async () => detail.parse((await call('GET', `/admin/v1/runs/${id}`)).body);
    await waitFor('the run to end', async () => (await read()).status === 'completed');
    expect(await read()).toMatchObject({ output_text: 'Hello?', prompt: null, input: [{ role: 'user' }] });
  });

  it('stops a run of another principal, and one of a CronJob', async () => {
    mock.always({ kind: 'hang' });
    const api = await runOfClient('slow');
    const job = await runWith('job=crawl&status=running');
    await waitFor('the run to be at work', async () => (await list('agent=slow&status=running')).data.length >= 2);
    for (const id of [api, job]) {
      const { status, body } = await call('POST', `/admin/v1/runs/${id}/stop`);
      expect(status).toBe(202);
      expect(detail.parse(body)).toMatchObject({ status: 'stopping', error: { code: 'run_interrupted' } });
      await waitFor('the run to end', async () => {
        return detail.parse((await call('GET', `/admin/v1/runs/${id}`)).body).status === 'cancelled';
      });
      expect((await call('POST', `/admin/v1/runs/${id}/stop`)).status).toBe(200);
    }
    mock.always({ kind: 'answer' });
  });

  it('gives the events of a run to its end, from after the last one that is known', async () => {
    const id = await runOfClient('clerk');
    const events = await eventsOf(id);
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['run.started', 'message.completed', 'run.completed']),
    );
    expect(events.at(-1)?.data).toMatchObject({ run: { id, output_text: 'Hello?', trigger: 'api' } });
    expect(await eventsOf(id, events[0]?.id)).toEqual(events.slice(1));
    expect(await eventsOf(id, events.at(-1)?.id)).toEqual([]);
  });

  it('gives of a run of a CronJob its end', async () => {
    const id = await runWith('job=greet&status=completed');
    const events = await eventsOf(id);
    expect(events.map(({ event }) => event)).toEqual(['run.completed']);
    expect(events[0]?.data).toMatchObject({ run: { id, job: 'greet', output_text: 'good morning' } });
  });

  it('an admin key of some Agents sees and stops their runs alone', async () => {
    const foreign = await runWith('agent=slow');
    const seen = (await list('limit=100', 'clerks')).data;
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen.map(({ agent }) => agent))).toEqual(new Set(['clerk']));
    expect(await codeOf('GET', `/admin/v1/runs/${foreign}`, 'clerks')).toBe('run_not_found');
    expect(await codeOf('POST', `/admin/v1/runs/${foreign}/stop`, 'clerks')).toBe('run_not_found');
    expect(await codeOf('GET', `/admin/v1/runs/${foreign}/events`, 'clerks')).toBe('run_not_found');
  });

  it('refuses keys of clients, unknown runs and filters that make no sense', async () => {
    expect(await codeOf('GET', '/admin/v1/runs', 'client')).toBe('admin_required');
    expect(await codeOf('GET', '/admin/v1/runs/run_0', 'root')).toBe('run_not_found');
    expect(await codeOf('GET', '/admin/v1/runs?status=lost')).toBe('invalid_request');
    expect(await codeOf('GET', '/admin/v1/runs?after=x')).toBe('invalid_request');
    expect(await codeOf('GET', '/admin/v1/runs?colour=red')).toBe('unsupported_field');
  });
});
