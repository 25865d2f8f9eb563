import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { toWire } from '../../../core/lib/id.ts';
import { mayCall } from '../../../core/route/principal.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { Table } from '../../config/table.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { readJobOccurrences, readJobSummaries } from '../../schedule/list-jobs.ts';
import { pauseJob, resumeJob } from '../../schedule/pause.ts';
import { runJobNow } from '../../schedule/run-now.ts';
import { type Page, pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { type JobDetail, jobDetail, jobListSchema, jobObject } from './job-object.ts';

export interface AdminJobsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
}

type OneJob = { Params: { id: string } };

/** `/admin/v1/jobs`: the CronJobs of the agents that the key may call, by name: list, read, run now, pause, resume. */
export function addAdminJobs(app: FastifyInstance, options: AdminJobsOptions): void {
  const { database } = options;
  const onRequest = admitBy(options, 'admin');
  app.get('/admin/v1/jobs', { onRequest }, (request) => listPage(database, request));
  app.get<OneJob>('/admin/v1/jobs/:id', { onRequest }, async (request) => {
    return await describe(database, findJob(request, request.params.id));
  });
  app.post<OneJob>('/admin/v1/jobs/:id/run', { onRequest }, async (request, reply) => {
    const job = findJob(request, request.params.id);
    return reply.code(202).send({ run_id: await runNow(options, admissionOf(request).table, job) });
  });
  app.post<OneJob>('/admin/v1/jobs/:id/pause', { onRequest }, async (request) => {
    const job = findJob(request, request.params.id);
    if (!(await pauseJob(database, job))) throw notSeenYet(job);
    return await describe(database, job);
  });
  app.post<OneJob>('/admin/v1/jobs/:id/resume', { onRequest }, async (request) => {
    const job = findJob(request, request.params.id);
    const resumed = await resumeJob(database, admissionOf(request).table, job);
    if (resumed === 'missing') throw notSeenYet(job);
    if (resumed === 'suspended') throw suspendedBySpec(job);
    return await describe(database, job);
  });
}

/** Throws `job_not_found` for a name that no CronJob has, or one of an agent that the key may not call. */
function findJob(request: FastifyRequest, name: string): JobEntry {
  const job = jobsOf(request).find((entry) => entry.name === name);
  if (job !== undefined) return job;
  throw new TalariaError('job_not_found', 'No such CronJob. List them with GET /admin/v1/jobs.');
}

/** In the order of their names. */
function jobsOf(request: FastifyRequest): readonly JobEntry[] {
  const { table, principal } = admissionOf(request);
  return table.content.jobs.filter(({ agent }) => mayCall(principal, agent));
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<object>> {
  const { limit, after, agent } = readBody(jobListSchema, request.query);
  const wanted = jobsOf(request).filter(
    (job) => (agent === undefined || job.agent === agent) && (after === undefined || job.name > after),
  );
  const page = wanted.slice(0, limit);
  const summaries = await readJobSummaries(database, page);
  const data = page.map((job) => jobObject(job, summaries.get(job.uid)));
  return pageOf(data, wanted.length > limit, ({ name }) => name);
}

async function describe(database: Database, job: JobEntry): Promise<JobDetail> {
  const [summaries, recent] = await Promise.all([
    readJobSummaries(database, [job]),
    readJobOccurrences(database, job, recentSlots),
  ]);
  return jobDetail(job, summaries.get(job.uid), recent);
}

const recentSlots = 10;

/** Gives the run's wire id. */
async function runNow({ database, hints }: AdminJobsOptions, table: Table, job: JobEntry): Promise<string> {
  const outcome = await runJobNow(database, table, job);
  switch (outcome.kind) {
    case 'started':
      hints.tell('queue', '');
      return toWire('run', outcome.run);
    case 'refused':
      throw new TalariaError('job_not_started', refusals[outcome.reason] ?? `It was not run: ${outcome.reason}.`);
    case 'stale':
      throw new TalariaError('state_unavailable', 'The CronJob has just changed. Ask again shortly.');
    case 'missing':
      throw notSeenYet(job);
  }
}

const refusals: Readonly<Record<string, string>> = {
  Forbid: 'A run of it is active and its concurrencyPolicy is Forbid. Wait for that run, or stop it.',
  AgentUnavailable: 'Its Agent does not serve: it is missing, suspended or not ready. See the conditions of the Agent.',
};

function notSeenYet({ name }: JobEntry): TalariaError {
  return new TalariaError('state_unavailable', `The CronJob ${name} is new to the database. Ask again shortly.`);
}

function suspendedBySpec({ name }: JobEntry): TalariaError {
  const message = `The CronJob ${name} is not paused; its spec suspends it. Set spec.suspend to false.`;
  return new TalariaError('job_suspended', message);
}
