import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { toWire } from '../../../core/lib/id.ts';
import type { Principal } from '../../../core/route/principal.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import { createEventReader, type EventReader } from '../../runs/events/read-events.ts';
import { readRun, type StoredRun } from '../../runs/read-run.ts';
import { hasEnded } from '../../runs/run-status.ts';
import { createEventStream } from '../event-stream.ts';
import { countStream, type OpenStreams } from '../open-streams.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { signalOfClient } from '../turn-query.ts';
import { findRun } from './find-run.ts';
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
export function addRunEvents(app: FastifyInstance, options: RunEventsOptions): void {
  const reader = createEventReader(options.database);
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/events',
    { onRequest: admitBy(options) },
    async (request, reply) => {
      const { principal } = admissionOf(request);
      const from = lastEventId(request);
      const clientSignal = signalOfClient(reply);
      countStream(options.streams, reply.raw);
      const run = await findRun(options.database, principal, request.params.id);
      await follow(options, reader, { reply, clientSignal, principal, run, from });
      return reply;
    },
  );
}

interface FollowedRun {
  readonly reply: FastifyReply;
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
  readonly principal: Principal;
  readonly run: StoredRun;
  /** Number of the last event that the client has. */
  readonly from: number;
}

async function follow(
  { database, hints }: RunEventsOptions,
  reader: EventReader,
  { reply, clientSignal, principal, run, from }: FollowedRun,
): Promise<void> {
  const stream = createEventStream(reply, { clientSignal, opening: ': events of the run\n\n' });
  using news = hints.follow('events', run.id);
  let seen = from;
  try {
    await stream.write(': \n\n');
    while (!clientSignal.aborted) {
      // Read before the events: what a run said is stored before its end is.
      const now = await readRun(database, principal, run.id);
      if (now === undefined) break;
      const events = await reader.after(run, seen, hasEnded(now));
      for (const { seq, type, data, at } of events) {
        await stream.write(eventText(run, seq, type, { created_at: at.toISOString(), ...data }));
        seen = seq;
      }
      if (events.length > 0) continue;
      if (hasEnded(now)) return stream.end(hasEnd(now, seen) ? '' : endOf(now, seen));
      await news.next(clientSignal);
    }
    stream.end('');
  } catch (error) {
    stream.cancel();
    if (!stream.started()) throw error;
    reply.raw.destroy();
  }
}

/** The end is numbered after every event, by the time of the end, so that a client that has it gets nothing more. */
function endOf(run: StoredRun, seen: number): string {
  return eventText(run, Math.max(endNumber(run), seen + 1), `run.${run.status}`, { run: runObject(run) });
}

function hasEnd(run: StoredRun, seen: number): boolean {
  return seen >= endNumber(run);
}

/** Unix milliseconds: above the number of any event. */
function endNumber({ finishedAt }: StoredRun): number {
  return finishedAt?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

function eventText({ id }: StoredRun, seq: number, type: string, data: object): string {
  const body = JSON.stringify({ type, seq, run_id: toWire('run', id), ...data });
  return `id: ${seq}\nevent: ${type}\ndata: ${body}\n\n`;
}

function lastEventId({ headers }: FastifyRequest): number {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return 0;
  const number = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new TalariaError(
    'invalid_header',
    'Header last-event-id is not the id of an event. Leave it out to begin anew.',
    {
      param: 'last-event-id',
    },
  );
}
