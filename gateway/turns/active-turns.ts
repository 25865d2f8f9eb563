import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import type { WorkerLease } from '../runs/lease.ts';
import { quietly } from '../runs/quietly.ts';
import { RunStopped } from '../runs/request-stop.ts';

/** The turns of open requests that run in this process, so that whoever asks one of them to stop is heard. */
export interface ActiveTurns {
  /** A signal that aborts with RunStopped when the run is to stop; `leave` when it has ended. */
  readonly enter: (run: string) => { readonly signal: AbortSignal; readonly leave: () => void };
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface ActiveTurnsOptions {
  readonly database: Database;
  readonly lease: () => WorkerLease | undefined;
  readonly hints: Pick<Hints, 'listen' | 'pollMs'>;
  readonly log: Logger;
}

/** Makes ActiveTurns. The database is looked at only while a turn is active: when a hint tells of one, and now and then. */
export function createActiveTurns({ database, lease, hints, log }: ActiveTurnsOptions): ActiveTurns {
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
      await sleep(hints.pollMs(), AbortSignal.any([stopping.signal, pause.signal]));
      await quietly(log, look);
    }
  };
  return {
    enter: (id) => {
      const controller = new AbortController();
      active.set(id, controller);
      const unlisten = hints.listen('run', id, () => pause.abort());
      const leave = () => {
        unlisten();
        active.delete(id);
      };
      return { signal: controller.signal, leave };
    },
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}
