import { madeAt } from '../../core/lib/id.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Usage } from '../agent/models/port.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { type Item, isItem } from '../sessions/items.ts';
import type { RunStatus } from './run-status.ts';

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

/** This principal's run, while its agent is one that the principal may call; undefined for every other. */
export async function readRun(database: Database, principal: Principal, id: string): Promise<StoredRun | undefined> {
  const { rows } = await database.prepared<RunRow>(
    'read-run',
    `select ${runColumns} from runs
     where id = $1 and trigger = 'api' and ${ownedBy('$2', '$3')}`,
    [id, principal.id, callableAgents(principal)],
  );
  return rows[0] && toStoredRun(rows[0]);
}

/** A run as it is right after it was queued. Ids are UUIDs, `session` '' where there is none. */
export function queuedRun({
  id,
  resolution,
  session,
  response,
  input,
}: {
  readonly id: string;
  readonly resolution: Pick<Resolution, 'agentName' | 'route' | 'rule'>;
  readonly session: string;
  readonly response: string | undefined;
  readonly input: readonly Item[];
}): StoredRun {
  const { agentName: agent, route = '', rule = '' } = resolution;
  return {
    ...{ id, agent, route, rule, session: session || undefined, response },
    ...{ status: 'queued', attempt: 0, input, output: [], createdAt: new Date(madeAt(id)) },
    ...{ finishReason: undefined, usage: undefined, model: undefined, cost: undefined, error: undefined },
    ...{ startedAt: undefined, finishedAt: undefined },
  };
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
