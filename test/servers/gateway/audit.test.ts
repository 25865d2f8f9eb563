import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { profileFields } from '../../../gateway/agent/bound-profile.ts';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry } from '../schedule/entries.ts';
import { setUpStage, startOnStage, state } from './stage.ts';

setUpStage();

const lines: Record<string, unknown>[] = [];
const log = pino({ level: 'info', mixin: profileFields }, { write: (line: string) => lines.push(JSON.parse(line)) });
beforeEach(() => {
  lines.length = 0;
});

const records = (event: string) => lines.filter((line) => line.audit === true && line.event === event);
const recorded = (event: string, count: number) =>
  waitFor(`${count} records of ${event}`, () => records(event).length === count);

const serving = (...jobs: readonly JobEntry[]): ConfigurationFields => ({
  agents: [{ name: 'clerk', default: true }],
  gatewayKeys: [
    { name: 'team', key: 'client-key', deliver: true },
    { name: 'ops', key: 'admin-key', role: 'admin' },
  ],
  jobs,
  texts: ['good morning'],
});

const post = (gateway: TestGateway, path: string, key: string, body?: object) =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

it('every run that ends is recorded: of a session, in the background, of a CronJob and of a dead worker', async () => {
  const gateway = await startOnStage({ log, serves: serving() });
  const marker = 'marker-of-what-was-said';
  const answer = await ask(gateway.url, {
    key: 'client-key',
    content: marker,
    headers: { 'x-talaria-session-id': 'mine' },
  });
  expect(answer.status).toBe(200);
  const response = await post(gateway, '/v1/runs', 'client-key', { input: marker });
  const { id } = (await response.json()) as { id: string };
  const job = jobEntry('report', { schedule: '@every 1000h' });
  await gateway.serve(serving(job));
  await waitFor('the job to be seen', async () => (await state.rows('select from cron_jobs')).length === 1);
  await gateway.serve(serving({ ...job, runAt: 'now' }));
  await state.rows(`
    insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, status, foreground, input,
      effects_started, worker)
    values ('0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f', 'clerk', 'uid-clerk', 1, 1, 'api', 'gateway-key:team', 'running', false,
      '{"items": []}', true, gen_random_uuid())`);
  await recorded('run.ended', 4);

  const found = (test: (record: Record<string, unknown>) => boolean) => records('run.ended').find(test);
  const principal = 'gateway-key:team';
  const completed = { agent: 'clerk', status: 'completed', model: 'echo', inputTokens: expect.any(Number) };
  expect(found(({ runId }) => runId === answer.headers.get('x-talaria-run-id'))).toMatchObject({
    ...completed,
    ...{ trigger: 'api', principal, sessionId: answer.headers.get('x-talaria-session-id') },
  });
  expect(found(({ runId }) => runId === id)).toMatchObject({ ...completed, trigger: 'api', principal });
  expect(found(({ trigger }) => trigger === 'cron')).toMatchObject({ ...completed, cronJob: 'report' });
  expect(found(({ status }) => status === 'unknown')).toMatchObject({
    ...{
      runId: 'run_0192f0c1a2b37c4d8e9f0a1b2c3d4e5f',
      agent: 'clerk',
      code: 'run_unknown',
      trigger: 'api',
      principal,
    },
  });
  expect(records('configuration.served')).toHaveLength(3);
  expect(JSON.stringify(lines)).not.toContain(marker);
});

it('log lines of a request and of a delivery carry the ids by which clients know them', async () => {
  const gateway = await startOnStage({ log, serves: serving() });
  const answer = await ask(gateway.url, {
    key: 'client-key',
    headers: { 'x-talaria-session-id': 'mine' },
    body: { deliver: [{ log: true }] },
  });
  const ids = {
    agent: 'clerk',
    runId: answer.headers.get('x-talaria-run-id'),
    sessionId: answer.headers.get('x-talaria-session-id'),
  };
  const line = (msg: string) => waitFor(`the line ${msg}`, () => lines.find((each) => each.msg === msg));
  expect(ids.runId).toMatch(/^run_[0-9a-f]{32}$/);
  expect(await line('request')).toMatchObject({ ...ids, requestId: answer.headers.get('x-request-id'), status: 200 });
  expect(await line('delivered to the log')).toMatchObject({
    ...{ agent: 'clerk', runId: ids.runId, deliveryId: expect.stringMatching(/^dlv_[0-9a-f]{32}$/) },
  });
});

it('every action of an admin is recorded, with who did it and at what, also when it was refused; a reading is not', async () => {
  const gateway = await startOnStage({ log, serves: serving(jobEntry('report', { schedule: '@every 1000h' })) });
  await waitFor('the job to be seen', async () => (await state.rows('select from cron_jobs')).length === 1);
  const paused = await post(gateway, '/admin/v1/jobs/report/pause', 'admin-key');
  await post(gateway, '/admin/v1/jobs/report/run', 'client-key');
  await post(gateway, '/admin/v1/jobs/nothing/resume', 'no key of ours');
  await post(gateway, '/admin/v1/explain', 'admin-key', { chatId: 'a' });
  await fetch(`${gateway.url}/admin/v1/jobs`, { headers: { authorization: 'Bearer admin-key' } });
  await recorded('admin.action', 3);
  expect(records('admin.action')).toMatchObject([
    {
      ...{
        principal: 'gateway-key:ops',
        action: 'POST /admin/v1/jobs/:id/pause',
        target: 'report',
        status: 200,
        code: '',
      },
      requestId: paused.headers.get('x-request-id'),
    },
    {
      ...{ principal: 'gateway-key:team', action: 'POST /admin/v1/jobs/:id/run', target: 'report' },
      ...{ status: 403, code: 'admin_required' },
    },
    { principal: '', action: 'POST /admin/v1/jobs/:id/resume', target: 'nothing', status: 401, code: 'invalid_key' },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/admin-key|client-key|no key of ours/);
});
