import type { Database } from '../../db/pool.ts';

/** An event as it is stored. */
export interface StoredEvent {
  readonly seq: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** Reads the events of runs; many readers of one place share one statement. */
export interface EventReader {
  /**
   * The events of a run after `seq`, in order, at most 500. `ended`: the run was seen as ended before; then the read begins
   * after its last event was stored, and an empty answer means that there are no more.
   */
  readonly after: (
    run: { readonly id: string; readonly agent: string },
    seq: number,
    ended: boolean,
  ) => Promise<readonly StoredEvent[]>;
}

/** Makes an EventReader. */
export function createEventReader(database: Database): EventReader {
  const underWay = new Map<string, Promise<readonly StoredEvent[]>>();
  return {
    after: (run, seq, ended) => {
      // A read that began while the run went on may have missed its last events.
      const key = `${run.id} ${seq} ${ended ? 'ended' : 'open'}`;
      const shared = underWay.get(key);
      if (shared !== undefined) return shared;
      const reading = readEvents(database, run, seq).finally(() => underWay.delete(key));
      underWay.set(key, reading);
      return reading;
    },
  };
}

const page = 500;

async function readEvents(
  database: Database,
  run: { readonly id: string; readonly agent: string },
  seq: number,
): Promise<readonly StoredEvent[]> {
  const { rows } = await database.prepared<Omit<StoredEvent, 'seq'> & { readonly seq: string }>(
    'read-run-events',
    `select seq, type, data, created_at as at from run_events
     where run_id = $1 and agent = $2 and seq > $3 order by seq limit ${page}`,
    [run.id, run.agent, seq],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}
