import type { FastifyInstance } from 'fastify';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { createEventReader } from '../../runs/events/read-events.ts';
import { readRun } from '../../runs/read-run.ts';
import { countStream, type OpenStreams } from '../open-streams.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { signalOfClient } from '../turn-query.ts';
import { findRun } from './find-run.ts';
import { followRun, lastEventId } from './follow-run.ts';
import { runObject } from './run-object.ts';

export interface RunEventsOptions extends AdmitOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'follow'>;
  readonly streams: OpenStreams;
}

/**
 * `GET /v1/runs/{id}/events`: what happens in a run as server-sent events, from the first one or from after
 * `Last-Event-ID`, on any replica, also after the run has ended. The last event is the run's end and holds the run.
 */
export function addRunEvents(app: FastifyInstance, { database, hints, ...options }: RunEventsOptions): void {
  const events = createEventReader(database);
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/events',
    { onRequest: admitBy(options) },
    async (request, reply) => {
      const { principal } = admissionOf(request);
      const from = lastEventId(request);
      const clientSignal = signalOfClient(reply);
      countStream(options.streams, reply.raw);
      const run = await findRun(database, principal, request.params.id);
      using news = hints.follow('events', run.id);
      await followRun({
        ...{ reply, clientSignal, run, from, events, news },
        read: () => readRun(database, principal, run.id),
        describe: (ended) => runObject(ended),
      });
      return reply;
    },
  );
}
