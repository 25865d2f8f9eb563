import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import { RunStopped } from '../runs/request-stop.ts';
import type { WorkerLease } from '../worker/lease.ts';

/** The turns of open requests that run in this process, so that whoever asks one of them to stop is heard. */
export interface ActiveTurns {
  /** Begins to listen for a run; to be called before it begins, so that no stop is missed. */
  readonly enter: (run: string) => EnteredTurn;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface EnteredTurn {
  /** Aborts with RunStopped when the run is to stop. */
  readonly signal: AbortSignal;
  /** The run has ended. */
  readonly leave: () => void;
}

export interface ActiveTurnsOptions {
  readonly database: Database;
  readonly lease: () => WorkerLease | undefined;
  readonly hints: Pick<Hints, 'listen' | 'pollMs'>;
  readonly log: Logger;
}

/** Makes ActiveTurns. The database is looked at only while a turn is active: when a hint tells of one, and now and then. */
export function createActiveTurns({ database, lease, hints, log }: ActiveTurnsOptions): ActiveTurns {
  const active = new Map<string, AbortController>();
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
  const { start, nudge, stop } = createNudgedLoop(hints.pollMs, look, log);
  return {
    enter: (id) => {
      const controller = new AbortController();
      active.set(id, controller);
      const unlisten = hints.listen('run', id, nudge);
      const leave = () => {
        unlisten();
        active.delete(id);
      };
      return { signal: controller.signal, leave };
    },
    start,
    stop,
  };
}
