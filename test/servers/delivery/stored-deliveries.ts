import { newId } from '../../../core/lib/id.ts';
import type { TestState } from '../schedule/state.ts';

/** A row of `deliveries` as a test wants it; what is not said is that of a pending log line of Agent `clerk`. */
export interface RowToStore {
  readonly agent?: string;
  readonly run?: string;
  readonly jobUid?: string;
  readonly target?: string;
  readonly part?: number;
  readonly line?: string;
  readonly kind?: 'log' | 'webhook' | 'account';
  readonly destination?: object;
  readonly text?: string;
  readonly status?: string;
  /** Of the snapshot by which it was made; 0 unless said. */
  readonly sequence?: number;
  readonly expireAfterSeconds?: number;
}

/** Stores a delivery beside any run and gives its id. */
export async function storeDelivery(state: TestState, row: RowToStore = {}): Promise<string> {
  const id = newId();
  const { agent = 'clerk', run = newId(), target = 'deliver/log', part = 1, kind = 'log', text = 'hello' } = row;
  const data = {
    type: 'talaria.run.completed',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: { agent, runId: run, outcome: 'completed', text, part, parts: 1 },
  };
  await state.rows(
    `insert into deliveries (id, run_id, agent, agent_uid, job_uid, target, part, parts, line, kind, destination, data,
       status, sequence, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12, $13,
       talaria_now() + make_interval(secs => $14))`,
    [
      id,
      run,
      agent,
      `uid-of-${agent}`,
      row.jobUid ?? '',
      target,
      part,
      row.line ?? `${run}/${target}`,
      kind,
      JSON.stringify(row.destination ?? {}),
      JSON.stringify(data),
      row.status ?? 'pending',
      row.sequence ?? 0,
      row.expireAfterSeconds ?? 3_600,
    ],
  );
  return id;
}
