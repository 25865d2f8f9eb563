import { TalariaError } from '../../core/lib/errors.ts';
import { toWire } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import { type AuditedRun, auditRun, type RunEnd } from '../runs/audit-run.ts';
import { storable, storableText } from '../sessions/storable.ts';
import type { TurnOutcome } from './outcome.ts';

/** How the turn of a run ended. */
export type TurnEnding = TurnOutcome & {
  readonly run: string;
  readonly worker: string;
  /** Default: 1, the only one of a turn of an open request. */
  readonly attempt?: number;
  /** Whose it is, for its audit record. */
  readonly about: Omit<AuditedRun, 'id'>;
};

/** Writes the endings of turns, whatever the database does meanwhile. */
export interface TurnFinisher {
  /**
   * Writes the ending, in one round trip when the database answers. False: the run was taken from this worker. While the
   * database cannot be used it tries again; after 10 s it throws `state_unavailable` and goes on trying in the background.
   */
  readonly finish: (ending: TurnEnding) => Promise<boolean>;
  /**
   * Cancels a run that may or may not have begun, since the answer to its begin was lost. It waits until no statement of
   * the begin can still be at work. Never throws.
   */
  readonly abandon: (run: { readonly run: string; readonly worker: string }) => void;
  /** Waits for the endings that are still to be written, at most `budgetMs`, and gives the rest up. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

const patienceMs = 10_000;
/** Longer than a statement may run. */
const longestBeginMs = 7_000;
const abandoned = 'the answer to its begin was lost';

export interface TurnFinisherOptions {
  readonly database: Database;
  /** Told of a session when a run that waits for it may go on. */
  readonly hints: Pick<Hints, 'tell'>;
  readonly log: Logger;
}

/** A finisher with nothing to write. */
export function createTurnFinisher(options: TurnFinisherOptions): TurnFinisher {
  const { log } = options;
  const stopping = new AbortController();
  const pending = new Set<Promise<boolean>>();
  const keep = (work: Promise<boolean>, run: string) => {
    pending.add(work);
    work
      .catch((error: unknown) =>
        log.error({ runId: toWire('run', run), err: error }, 'the ending of a turn could not be written'),
      )
      .finally(() => pending.delete(work));
    return work;
  };
  return {
    finish: (ending) =>
      withPatience(
        keep(
          untilStored(() => finishTurn(options, ending), stopping.signal).then((held) => {
            if (held) auditRun(log, { ...ending.about, id: ending.run }, endOf(ending));
            return held;
          }),
          ending.run,
        ),
      ),
    abandon: (run) => {
      const ending = { ...run, status: 'cancelled', errorCode: 'state_unavailable', errorMessage: abandoned } as const;
      const work = sleep(longestBeginMs, stopping.signal)
        .then(() => untilStored(() => finishTurn(options, ending), stopping.signal))
        .finally(() => options.hints.tell('run', run.run));
      keep(work, run.run).catch(() => undefined);
    },
    stop: async (budgetMs) => {
      const giveUp = setTimeout(() => stopping.abort(), budgetMs);
      await Promise.allSettled([...pending]);
      clearTimeout(giveUp);
      stopping.abort();
    },
  };
}

function endOf(ending: TurnOutcome): RunEnd {
  if (ending.status !== 'completed') return { status: ending.status, code: ending.errorCode };
  const { status, model, usage } = ending;
  return { status, model, usage };
}

async function withPatience(work: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tired = new Promise<never>((_resolve, reject) => {
    const message =
      'The turn ended, but the database could not be reached to store it. It is stored once the database is back; do not repeat the turn.';
    timer = setTimeout(
      () => reject(new TalariaError('state_unavailable', message, { effectStarted: true })),
      patienceMs,
    );
  });
  try {
    return await Promise.race([work, tired]);
  } finally {
    clearTimeout(timer);
  }
}

async function finishTurn(
  { database, hints }: TurnFinisherOptions,
  ending: TurnOutcome & Pick<TurnEnding, 'run' | 'worker' | 'attempt'>,
): Promise<boolean> {
  const done = ending.status === 'completed' ? ending : undefined;
  const failed = ending.status === 'completed' ? undefined : ending;
  const { rows } = await database.prepared<{ done: boolean; waiting_session: string | null }>(
    'finish_turn',
    'select done, waiting_session from finish_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)',
    [
      ending.run,
      ending.worker,
      ending.attempt ?? 1,
      ending.status,
      ending.output === undefined ? null : JSON.stringify(ending.output),
      done ? storableText(done.finishReason) : null,
      done ? JSON.stringify(done.usage) : null,
      done ? storableText(done.model) : null,
      done?.cost?.amount ?? null,
      done?.cost?.currency ?? null,
      failed?.errorCode ?? null,
      failed ? storableText(failed.errorMessage) : null,
      done?.outbox === undefined || done.outbox.length === 0 ? null : JSON.stringify(storable(done.outbox)),
      done?.replaces ?? null,
    ],
  );
  const waiting = rows[0]?.waiting_session;
  if (waiting) hints.tell('session', waiting);
  // The run that waits may be one for the background, and what is to be sent waits too.
  if (waiting || (done?.outbox ?? []).length > 0) hints.tell('queue', '');
  return rows[0]?.done === true;
}
