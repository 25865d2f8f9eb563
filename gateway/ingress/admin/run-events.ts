import type { FastifyInstance } from 'fastify';
import type { HintFollower } from '../../db/hint-hearers.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { readAdminRun } from '../../runs/admin-runs.ts';
import { createEventReader } from '../../runs/events/read-events.ts';
import { readBody } from '../body.ts';
import { countStream, type OpenStreams } from '../open-streams.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { followRun, lastEventId } from '../runs/follow-run.ts';
import { signalOfClient } from '../turn-query.ts';
import { adminRunDetail, runEventsQuerySchema } from './run-object.ts';
import { findAdminRun } from './runs.ts';

export interface AdminRunEventsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'follow'>;
  readonly streams: OpenStreams;
}

/**
 * `GET /admin/v1/runs/{id}/events`: what happens in a run of whatever trigger, as server-sent events, to its end. Runs of
 * CronJobs, of chats and of open requests store no events: of them the stream has the end alone, which holds the run.
 * With `?follow=false` it ends with what is stored by now.
 */
export function addAdminRunEvents(app: FastifyInstance, { database, hints, ...options }: AdminRunEventsOptions): void {
  const events = createEventReader(database);
  app.get<{ Params: { id: string } }>(
    '/admin/v1/runs/:id/events',
    { onRequest: admitBy(options, 'admin') },
    async (request, reply) => {
      const { principal } = admissionOf(request);
      const { follow } = readBody(runEventsQuerySchema, request.query);
      const from = lastEventId(request);
      const clientSignal = signalOfClient(reply);
      countStream(options.streams, reply.raw);
      const run = await findAdminRun(database, principal, request.params.id);
      using hinted = hints.follow('events', run.id);
      await followRun({
        ...{ reply, clientSignal, run, from, events, untilEnd: follow === 'true' },
        read: () => readAdminRun(database, principal, run.id),
        news: atLeastEverySecond(hinted),
        describe: (ended) => adminRunDetail(ended),
      });
      return reply;
    },
  );
}

/** No hint tells of the end of every run. */
function atLeastEverySecond(news: HintFollower): Pick<HintFollower, 'next'> {
  return { next: (signal) => news.next(AbortSignal.any([signal, AbortSignal.timeout(1_000)])) };
}
