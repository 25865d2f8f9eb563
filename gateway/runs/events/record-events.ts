import { toWire } from '../../../core/lib/id.ts';
import type { Logger } from '../../../core/lib/log.ts';
import { untilStored } from '../../../core/lib/until-stored.ts';
import type { Hints } from '../../db/hints.ts';
import type { Database } from '../../db/pool.ts';
import type { HeldRun } from '../held-run.ts';
import { activeStatuses } from '../run-status.ts';
import { mergeEvents, type RunEvent, storableEvent } from './run-event.ts';

/** Stores the events of one run, in order, while its worker holds it. */
export interface EventRecorder {
  /** Waits only while much is still to be stored. Never throws. */
  readonly record: (event: RunEvent) => void | Promise<void>;
  /** Stores what is left. To be called before the run ends. Never throws. */
  readonly flush: () => Promise<void>;
}

export interface EventRecorderOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell'>;
  readonly run: HeldRun;
  /** Ends the attempts to store. */
  readonly gaveUp: AbortSignal;
  readonly log: Logger;
}

/** Pieces of text wait this long for more, or until they are as long as `mergedLength`. */
const mergeMs = 100;
const mergedLength = 4 * 1024;
/** In characters of JSON: who produces more at once waits for the database. */
const mostWaiting = 64 * 1024;
/** The bounds of one run; beyond them only what is no piece of text is told, and beyond `hardFactor` of them nothing. */
const mostEvents = 5_000;
const mostCharacters = 4 * 1024 * 1024;
const hardFactor = 2;

/** Makes an EventRecorder. Numbers go on where an earlier attempt of the run left off. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  let waiting: RunEvent[] = [];
  let waitingLength = 0;
  let stored = { events: 0, characters: 0 };
  let truncated = false;
  let asked = false;
  let next: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const events = waiting;
    waiting = [];
    waitingLength = 0;
    if (events.length === 0) return;
    try {
      next ??= await untilStored(() => firstNumber(options), options.gaveUp);
      const first = next;
      next += events.length;
      await untilStored(() => storeEvents(options, first, events), options.gaveUp);
      options.hints.tell('events', options.run.id);
    } catch (error) {
      options.log.warn({ runId: toWire('run', options.run.id), err: error }, 'events of a run could not be stored');
    }
  };
  /** What is recorded while a write is under way goes with the next one. */
  const flush = (): Promise<void> => {
    if (!asked) {
      asked = true;
      writing = writing.then(() => {
        asked = false;
        return write();
      });
    }
    return writing;
  };
  const fits = (event: RunEvent, length: number): boolean => {
    const factor = event.type === 'message.delta' ? 1 : hardFactor;
    return stored.events < mostEvents * factor && stored.characters + length <= mostCharacters * factor;
  };

  return {
    record: (given) => {
      const event = storableEvent(given);
      const length = lengthOf(event);
      if (!fits(event, length)) {
        if (!truncated) waiting.push({ type: 'events.truncated', data: {} });
        truncated = true;
        return;
      }
      const last = waiting.at(-1);
      const merged = last !== undefined && lengthOf(last) < mergedLength ? mergeEvents(last, event) : undefined;
      if (merged === undefined) waiting.push(event);
      else waiting[waiting.length - 1] = merged;
      waitingLength += length;
      stored = { events: stored.events + (merged === undefined ? 1 : 0), characters: stored.characters + length };
      if (event.type !== 'message.delta' || waitingLength >= mergedLength) {
        const done = flush();
        return waitingLength >= mostWaiting ? done : undefined;
      }
      timer ??= setTimeout(() => void flush(), mergeMs);
    },
    flush,
  };
}

/** In characters. */
function lengthOf({ type, data }: RunEvent): number {
  return type === 'message.delta' ? data.delta.length : JSON.stringify(data).length;
}

async function firstNumber({ database, run }: EventRecorderOptions): Promise<number> {
  if (run.attempt === 1) return 1;
  const { rows } = await database.prepared<{ next: string }>(
    'next-run-event',
    `select coalesce(max(e.seq), 0) + 1 as next from run_events e join runs r on r.id = e.run_id and r.agent = e.agent
     where e.run_id = $1`,
    [run.id],
  );
  return Number(rows[0]?.next ?? 1);
}

/** A repeated call whose first answer was lost stores the events once. */
async function storeEvents(
  { database, run }: EventRecorderOptions,
  first: number,
  events: readonly RunEvent[],
): Promise<void> {
  const values = [run.id, run.worker, run.attempt, first, JSON.stringify(events)];
  await database.prepared('store-run-events', storeStatement, values);
}

const storeStatement = `
  with held as (
    select id, agent from runs
    where id = $1 and worker = $2 and attempt = $3 and status in ${activeStatuses}
  )
  insert into run_events (run_id, seq, agent, type, data)
  select held.id, $4::bigint + e.ordinality - 1, held.agent, e.value ->> 'type', e.value -> 'data'
  from held, jsonb_array_elements($5) with ordinality as e
  on conflict do nothing`;
