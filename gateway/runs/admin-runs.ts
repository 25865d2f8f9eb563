import type { Principal } from '../../core/route/principal.ts';
import { callableAgents } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { type RunRow, runColumns, type StoredRun, toStoredRun } from './read-run.ts';
import type { RunStatus } from './run-status.ts';

/** What began a run. */
export const runTriggers = ['api', 'chat', 'cron'] as const;

export type RunTrigger = (typeof runTriggers)[number];

/** A run of whatever trigger and principal, as an admin sees it. */
export interface AdminRun extends StoredRun {
  readonly trigger: RunTrigger;
  /** Whose request it was: of a CronJob its uid, of a chat ''. */
  readonly principal: string;
  readonly maxAttempts: number;
  /** Name of the CronJob when it began; undefined for every other trigger. */
  readonly job: string | undefined;
  /** The slot that it runs for. */
  readonly slot: Date | undefined;
  /** What a CronJob asked; undefined for every other trigger. */
  readonly prompt: string | undefined;
  /** What a run of a CronJob gave, whose output is no list of items. */
  readonly outputText: string | undefined;
}

export interface AdminRunFilter {
  readonly agent?: string | undefined;
  /** Name of a CronJob, whatever agent it has now: of its runs, those of agents that the admin may call. */
  readonly job?: string | undefined;
  readonly status?: RunStatus | undefined;
  readonly trigger?: RunTrigger | undefined;
  /** UUID of the run after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/**
 * The runs of the agents that an admin may call, the newest first: a page of at most `limit`, and whether there are more.
 * What was asked and answered is left out of them.
 */
export async function listAdminRuns(
  database: Database,
  admin: Pick<Principal, 'agents'>,
  filter: AdminRunFilter,
): Promise<{ readonly runs: readonly AdminRun[]; readonly hasMore: boolean }> {
  const { rows } = await database.prepared<AdminRunRow>('list-admin-runs', listStatement, [
    callableAgents(admin),
    filter.agent ?? null,
    filter.job ?? null,
    filter.status ?? null,
    filter.trigger ?? null,
    filter.after ?? null,
    filter.limit + 1,
  ]);
  return { runs: rows.slice(0, filter.limit).map(toAdminRun), hasMore: rows.length > filter.limit };
}

/** One run of an agent that an admin may call, whole; undefined when there is none. */
export async function readAdminRun(
  database: Database,
  admin: Pick<Principal, 'agents'>,
  id: string,
): Promise<AdminRun | undefined> {
  const { rows } = await database.prepared<AdminRunRow>(
    'read-admin-run',
    `select ${runColumns}, ${adminColumns}, output_text, input ->> 'prompt' as prompt from runs
     where id = $1 and ($2::text[] is null or agent = any($2))`,
    [id, callableAgents(admin)],
  );
  return rows[0] && toAdminRun(rows[0]);
}

/** The name is looked for in runs of CronJobs alone, so that no long input is read for it. */
const adminColumns = `trigger, principal, max_attempts, slot,
  case when trigger = 'cron' then input -> 'job' ->> 'name' end as job`;

/** Ids grow with the time in which they were made, so the page needs no other index than theirs. */
const listStatement = `
  select id, agent, route, rule, session_id, response_id, status, attempt, '{}'::jsonb as input, null as output,
    finish_reason, usage, model, cost, currency, error_code, error_message, created_at, started_at, finished_at,
    ${adminColumns}, null as output_text, null as prompt
  from runs
  where ($1::text[] is null or agent = any($1)) and ($2::text is null or agent = $2)
    and ($3::text is null or job_uid in (select uid from cron_jobs where name = $3))
    and ($4::text is null or status = $4) and ($5::text is null or trigger = $5)
    and ($6::uuid is null or id < $6)
  order by id desc
  limit $7`;

interface AdminRunRow extends RunRow {
  readonly trigger: RunTrigger;
  readonly principal: string;
  readonly max_attempts: number;
  readonly job: string | null;
  readonly slot: Date | null;
  readonly prompt: string | null;
  readonly output_text: string | null;
}

function toAdminRun(row: AdminRunRow): AdminRun {
  return {
    ...toStoredRun(row),
    trigger: row.trigger,
    principal: row.principal,
    maxAttempts: row.max_attempts,
    job: row.job ?? undefined,
    slot: row.slot ?? undefined,
    prompt: row.prompt ?? undefined,
    outputText: row.output_text ?? undefined,
  };
}
