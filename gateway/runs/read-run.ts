import type { Principal } from '../../core/route/principal.ts';
import type { Usage } from '../agent/models/port.ts';
import type { Database } from '../db/pool.ts';
import { type Item, isItem } from '../sessions/items.ts';

/** Every status of a run, in the order of its life; the last four are its ends. */
export const runStatuses = [
  'queued',
  'running',
  'waiting_for_approval',
  'stopping',
  'completed',
  'failed',
  'cancelled',
  'unknown',
] as const;

export type RunStatus = (typeof runStatuses)[number];

/** A run of the API as it is stored. Ids are UUIDs. */
export interface StoredRun {
  readonly id: string;
  readonly agent: string;
  readonly route: string;
  readonly rule: string;
  readonly session: string | undefined;
  readonly response: string | undefined;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly input: readonly Item[];
  /** What was said and done; empty until the run has ended. */
  readonly output: readonly Item[];
  readonly finishReason: string | undefined;
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
  readonly cost: { readonly amount: string; readonly currency: string } | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** Whether a run in this status has ended. */
export function hasEnded({ status }: Pick<StoredRun, 'status'>): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'unknown';
}

/** This principal's run, while its agent is one that the principal may call; undefined for every other. */
export async function readRun(database: Database, principal: Principal, id: string): Promise<StoredRun | undefined> {
  const { rows } = await database.prepared<RunRow>(
    'read-run',
    `select ${runColumns} from runs
     where id = $1 and principal = $2 and trigger = 'api' and ($3::text[] is null or agent = any($3))`,
    [id, principal.id, agentsOf(principal)],
  );
  return rows[0] && toStoredRun(rows[0]);
}

/** The names that a principal may call, as a statement takes them: null for every one. */
export function agentsOf({ agents }: Pick<Principal, 'agents'>): readonly string[] | null {
  return agents === '*' ? null : agents;
}

/** The columns of `toStoredRun`, of `runs`. */
export const runColumns = `id, agent, route, rule, session_id, response_id, status, attempt, input, output, finish_reason,
  usage, model, cost, currency, error_code, error_message, created_at, started_at, finished_at`;

export interface RunRow {
  readonly id: string;
  readonly agent: string;
  readonly route: string;
  readonly rule: string;
  readonly session_id: string | null;
  readonly response_id: string | null;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly input: { readonly items?: readonly unknown[] };
  readonly output: readonly unknown[] | null;
  readonly finish_reason: string | null;
  readonly usage: Usage | null;
  readonly model: string | null;
  readonly cost: string | null;
  readonly currency: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export function toStoredRun(row: RunRow): StoredRun {
  return {
    id: row.id,
    agent: row.agent,
    route: row.route,
    rule: row.rule,
    session: row.session_id ?? undefined,
    response: row.response_id ?? undefined,
    status: row.status,
    attempt: row.attempt,
    input: (row.input.items ?? []).filter(isItem),
    output: (row.output ?? []).filter(isItem),
    finishReason: row.finish_reason ?? undefined,
    usage: row.usage ?? undefined,
    model: row.model ?? undefined,
    cost: row.cost === null ? undefined : { amount: row.cost, currency: row.currency ?? '' },
    error: row.error_code === null ? undefined : { code: row.error_code, message: row.error_message ?? '' },
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
  };
}
