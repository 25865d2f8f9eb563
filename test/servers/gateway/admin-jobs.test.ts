import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jobDetailSchema, jobObjectSchema } from '../../../gateway/ingress/admin/job-object.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry } from '../schedule/entries.ts';
import { createState, type TestState } from '../schedule/state.ts';

const page = z.object({ data: z.array(z.strictObject(jobObjectSchema.shape)), has_more: z.boolean() });
const detail = z.strictObject(jobDetailSchema.shape);
const yearly = { schedule: '0 0 1 1 *' };

let state: TestState;
let mock: MockModel;
let gateway: TestGateway;
beforeAll(async () => {
  state = await createState();
  mock = await startMockModel();
  mock.always({ kind: 'hang' });
  gateway = await startTestGateway({
    databaseUrl: state.url,
    serves: {
      agents: [
        { name: 'clerk', default: true },
        { name: 'slow', model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } },
      ],
      jobs: [
        jobEntry('asleep', { ...yearly, suspend: true }),
        jobEntry('crawl', { ...yearly, agent: 'slow' }),
        jobEntry('nobodys', { ...yearly, agent: 'nobody' }),
        jobEntry('often', { schedule: '@every 1s' }),
        jobEntry('yearly', { ...yearly, timeZone: 'Europe/Rome' }),
      ],
      texts: ['good morning'],
      gatewayKeys: [
        { name: 'root', key: 'root', role: 'admin' },
        { name: 'clerks', key: 'clerks', role: 'admin', agents: ['clerk'] },
        { name: 'client', key: 'client' },
      ],
    },
  });
  await waitFor('every job to be known', async () => {
    const known = await state.rows('select uid from cron_jobs');
    return known.length === 5;
  });
});
afterAll(async () => {
  // First, so that no run hangs any more.
  await mock.stop();
  await gateway.stop();
  await state.drop();
});

async function call(method: string, path: string, key = 'root') {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
  });
  return { status: response.status, body: (await response.json()) as { error?: { code: string; message: string } } };
}

async function codeOf(method: string, path: string, key = 'root') {
  return (await call(method, path, key)).body.error?.code;
}

async function job(name: string) {
  return detail.parse((await call('GET', `/jobs/${name}`)).body);
}

async function namesOf(query: string, key = 'root') {
  const { data, has_more } = page.parse((await call('GET', `/jobs?${query}`, key)).body);
  return { names: data.map(({ name }) => name), has_more };
}

describe('/admin/v1/jobs', () => {
  it('lists the CronJobs by name, page by page, and those of an agent', async () => {
    expect(await namesOf('limit=2')).toEqual({ names: ['asleep', 'crawl'], has_more: true });
    expect(await namesOf('limit=3&after=crawl')).toEqual({ names: ['nobodys', 'often', 'yearly'], has_more: false });
    expect((await namesOf('agent=slow')).names).toEqual(['crawl']);
  });

  it('says when a job starts next, and what became of its newest slots', async () => {
    const { next_at: next, ...yearly } = await job('yearly');
    expect(yearly).toMatchObject({ schedule: '0 0 1 1 *', time_zone: 'Europe/Rome', suspended: false, paused: null });
    expect(new Date((next ?? 0) * 1_000).toISOString()).toMatch(/-12-31T23:00:00/);
    await waitFor('a run to complete', async () => (await job('often')).recent[1]?.run_status === 'completed');
    const { recent, last_scheduled_at: last } = await job('often');
    expect(recent[1]).toMatchObject({ outcome: 'Started', reason: null, deliveries: [] });
    expect(recent[1]?.run_id).toMatch(/^run_[0-9a-f]{32}$/);
    expect(last).toBeGreaterThanOrEqual(recent[1]?.scheduled_at ?? 0);
  });

  it('runs a job once, also one that is suspended', async () => {
    const { status, body } = await call('POST', '/jobs/asleep/run');
    expect(status).toBe(202);
    const { run_id } = z.strictObject({ run_id: z.string() }).parse(body);
    await waitFor('the run to complete', async () => (await job('asleep')).recent[0]?.run_status === 'completed');
    const { recent, suspended, next_at } = await job('asleep');
    expect(recent).toHaveLength(1);
    expect(recent[0]?.run_id).toBe(run_id);
    expect({ suspended, next_at }).toEqual({ suspended: true, next_at: null });
  });

  it('refuses to run a job that forbids a second run, and one whose agent does not serve, and says why', async () => {
    expect((await call('POST', '/jobs/crawl/run')).status).toBe(202);
    await waitFor('the run to be at work', async () => (await job('crawl')).active_runs === 1);
    const twice = await call('POST', '/jobs/crawl/run');
    expect(twice.status).toBe(409);
    expect(twice.body.error).toMatchObject({ code: 'job_not_started' });
    expect(twice.body.error?.message).toContain('concurrencyPolicy');
    const nobody = await call('POST', '/jobs/nobodys/run');
    expect(nobody.body.error).toMatchObject({ code: 'job_not_started' });
    expect(nobody.body.error?.message).toContain('Agent');
  });

  it('pauses a job until it is resumed', async () => {
    const paused = detail.parse((await call('POST', '/jobs/yearly/pause')).body);
    expect(paused).toMatchObject({ state: 'Manual', paused: 'Manual', next_at: null });
    expect((await call('POST', '/jobs/yearly/pause')).status).toBe(200);
    expect(detail.parse((await call('POST', '/jobs/yearly/resume')).body)).toMatchObject({
      state: 'Scheduled',
      paused: null,
    });
    expect((await job('yearly')).next_at).not.toBeNull();
    expect((await call('POST', '/jobs/yearly/resume')).status).toBe(200);
  });

  it('refuses to resume a job that is not paused but suspended by its spec, and says so', async () => {
    expect((await job('asleep')).state).toBe('Suspended');
    const { status, body } = await call('POST', '/jobs/asleep/resume');
    expect(status).toBe(409);
    expect(body.error).toMatchObject({ code: 'job_suspended' });
    expect(body.error?.message).toContain('spec.suspend');
    await call('POST', '/jobs/asleep/pause');
    expect(detail.parse((await call('POST', '/jobs/asleep/resume')).body)).toMatchObject({ state: 'Suspended' });
  });

  it('an admin key of some Agents sees their jobs alone', async () => {
    expect((await namesOf('limit=100', 'clerks')).names).toEqual(['asleep', 'often', 'yearly']);
    expect(await codeOf('GET', '/jobs/crawl', 'clerks')).toBe('job_not_found');
    for (const verb of ['run', 'pause', 'resume']) {
      expect(await codeOf('POST', `/jobs/crawl/${verb}`, 'clerks')).toBe('job_not_found');
    }
  });

  it('refuses keys of clients, unknown jobs and filters that make no sense', async () => {
    expect(await codeOf('GET', '/jobs', 'client')).toBe('admin_required');
    expect(await codeOf('POST', '/jobs/often/run', 'client')).toBe('admin_required');
    expect(await codeOf('GET', '/jobs/nothing')).toBe('job_not_found');
    expect(await codeOf('GET', '/jobs?agent=No!')).toBe('invalid_request');
    expect(await codeOf('GET', '/jobs?limit=0')).toBe('invalid_request');
  });
});
