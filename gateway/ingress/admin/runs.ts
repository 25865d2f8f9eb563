import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import type { Principal } from '../../../core/route/principal.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { type AdminRun, listAdminRuns, readAdminRun } from '../../runs/admin-runs.ts';
import { listApprovals } from '../../runs/approvals.ts';
import { hasEnded } from '../../runs/run-status.ts';
import { stopAnyRun } from '../../runs/stop-any-run.ts';
import { type Page, pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { adminRunDetail, adminRunListSchema, adminRunObject } from './run-object.ts';
import { idInQuery } from './shapes.ts';

export interface AdminRunsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
}

type OneRun = { Params: { id: string } };

/** `/admin/v1/runs`: the runs of all triggers and principals, of the agents that the key may call: list, read, stop. */
export function addAdminRuns(app: FastifyInstance, options: AdminRunsOptions): void {
  const { database, hints } = options;
  const onRequest = admitBy(options, 'admin');
  app.get('/admin/v1/runs', { onRequest }, (request) => listPage(database, request));
  app.get<OneRun>('/admin/v1/runs/:id', { onRequest }, async (request) => {
    return await describe(database, await findAdminRun(database, admissionOf(request).principal, request.params.id));
  });
  app.post<OneRun>('/admin/v1/runs/:id/stop', { onRequest }, async (request, reply) => {
    const { principal } = admissionOf(request);
    const { id } = await findAdminRun(database, principal, request.params.id);
    await stopAnyRun(database, hints, principal, id);
    const run = await findAdminRun(database, principal, request.params.id);
    return reply.code(hasEnded(run) ? 200 : 202).send(await describe(database, run));
  });
}

/** The run of a wire id (`run_...`), of an agent that the admin may call. Throws `run_not_found` for every other. */
export async function findAdminRun(
  database: Database,
  principal: Pick<Principal, 'agents'>,
  wireId: string,
): Promise<AdminRun> {
  const id = fromWire('run', wireId);
  const run = id === undefined ? undefined : await readAdminRun(database, principal, id);
  if (run !== undefined) return run;
  throw new TalariaError('run_not_found', 'No such run. List the runs with GET /admin/v1/runs.');
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<object>> {
  const { after, ...filter } = readBody(adminRunListSchema, request.query);
  const { runs, hasMore } = await listAdminRuns(database, admissionOf(request).principal, {
    ...filter,
    after: idInQuery('run', after, 'after'),
  });
  return pageOf(runs.map(adminRunObject), hasMore);
}

async function describe(database: Database, run: AdminRun): Promise<object> {
  const waits = run.status === 'waiting_for_approval';
  return adminRunDetail(run, waits ? await listApprovals(database, run.id, run.agent) : []);
}
