import type { FastifyReply, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { toWire } from '../../../core/lib/id.ts';
import type { HintFollower } from '../../db/hint-hearers.ts';
import type { EventReader } from '../../runs/events/read-events.ts';
import type { StoredRun } from '../../runs/read-run.ts';
import { hasEnded } from '../../runs/run-status.ts';
import { createEventStream } from '../event-stream.ts';

/** Whoever follows one run. */
export interface Follower<Run extends StoredRun> {
  readonly reply: FastifyReply;
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
  readonly run: Run;
  /** Number of the last event that the client has. */
  readonly from: number;
  /** The run as it stands; undefined once the client may not see it any more. */
  readonly read: () => Promise<Run | undefined>;
  readonly events: EventReader;
  /** Tells of new events, and of the end. */
  readonly news: Pick<HintFollower, 'next'>;
  /** False: the stream ends with what is stored by now. Default: true. */
  readonly untilEnd?: boolean;
  /** What the last event says of the run. */
  readonly describe: (run: Run) => object;
}

/**
 * Streams what happens in a run as server-sent events, from after `from`, until it has ended, also when that was long ago.
 * The last event is the run's end and holds the run.
 */
export async function followRun<Run extends StoredRun>(following: Follower<Run>): Promise<void> {
  const { reply, clientSignal, run, from, read, events, news, untilEnd = true, describe } = following;
  const stream = createEventStream(reply, { clientSignal, opening: ': events of the run\n\n' });
  let seen = from;
  try {
    await stream.write(': \n\n');
    while (!clientSignal.aborted) {
      // Read before the events: what a run said is stored before its end is.
      const now = await read();
      if (now === undefined) break;
      const stored = await events.after(run, seen, hasEnded(now));
      for (const { seq, type, data, at } of stored) {
        await stream.write(eventText(run, seq, type, { created_at: at.toISOString(), ...data }));
        seen = seq;
      }
      if (stored.length > 0) continue;
      if (hasEnded(now)) return stream.end(seen >= endNumber(now) ? '' : endOf(now, seen, describe(now)));
      if (!untilEnd) break;
      await news.next(clientSignal);
    }
    stream.end('');
  } catch (error) {
    stream.cancel();
    if (!stream.started()) throw error;
    reply.raw.destroy();
  }
}

/** The number in `Last-Event-ID`; 0 when there is none. Throws `invalid_header`. */
export function lastEventId({ headers }: FastifyRequest): number {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return 0;
  const number = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new TalariaError(
    'invalid_header',
    'Header last-event-id is not the id of an event. Leave it out to begin anew.',
    { param: 'last-event-id' },
  );
}

/** The end is numbered after every event, by the time of the end, so that a client that has it gets nothing more. */
function endOf(run: StoredRun, seen: number, described: object): string {
  return eventText(run, Math.max(endNumber(run), seen + 1), `run.${run.status}`, { run: described });
}

/** Unix milliseconds: above the number of any event. */
function endNumber({ finishedAt }: StoredRun): number {
  return finishedAt?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

function eventText({ id }: StoredRun, seq: number, type: string, data: object): string {
  const body = JSON.stringify({ type, seq, run_id: toWire('run', id), ...data });
  return `id: ${seq}\nevent: ${type}\ndata: ${body}\n\n`;
}
