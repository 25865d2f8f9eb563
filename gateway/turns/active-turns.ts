import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Database } from '../db/pool.ts';
import type { WorkerLease } from '../runs/lease.ts';
import { quietly } from '../runs/quietly.ts';

/** The turns of open requests that run in this process, so that whoever asks one of them to stop is heard. */
export interface ActiveTurns {
  /** A signal that aborts with RunStopped when the run is to stop; `leave` when it has ended. */
  readonly enter: (run: string) => { readonly signal: AbortSignal; readonly leave: () => void };
  /** Looks at once whether a turn is to stop. */
  readonly look: () => void;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

/** The reason of the signal of a run that was asked to stop. `message` is for its client. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
}

export interface ActiveTurnsOptions {
  readonly database: Database;
  readonly lease: () => WorkerLease | undefined;
  readonly log: Logger;
}

const lookEveryMs = 500;

/** Makes ActiveTurns. The database is looked at only while a turn is active. */
export function createActiveTurns({ database, lease, log }: ActiveTurnsOptions): ActiveTurns {
  const stopping = new AbortController();
  const active = new Map<string, AbortController>();
  let pause = new AbortController();
  let loop: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const worker = lease()?.id;
    if (active.size === 0 || worker === undefined) return;
    const { rows } = await database.prepared<{ id: string; error_message: string | null }>(
      'stopping-turns',
      `select id, error_message from runs where worker = $1 and foreground and status = 'stopping'`,
      [worker],
    );
    for (const row of rows) active.get(row.id)?.abort(new RunStopped(row.error_message ?? 'the run was stopped'));
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      await sleep(lookEveryMs, AbortSignal.any([stopping.signal, pause.signal]));
      await quietly(log, look);
    }
  };
  return {
    enter: (id) => {
      const controller = new AbortController();
      active.set(id, controller);
      return { signal: controller.signal, leave: () => void active.delete(id) };
    },
    look: () => pause.abort(),
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}
