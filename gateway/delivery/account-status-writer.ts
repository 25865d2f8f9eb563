import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Clock } from '../../core/lib/clock.ts';
import { newId } from '../../core/lib/id.ts';
import { canonicalJson } from '../../core/lib/json.ts';
import type { Logger } from '../../core/lib/log.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { AgentStatus, AgentStatusSink } from '../config/source.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { giveLeaseBack, holdLease } from '../schedule/named-lease.ts';
import { type AccountFacts, buildAgentStatus, emptyStatus, type RefusedAccount } from './account-status.ts';
import type { PlatformSenders } from './targets/platform.ts';

/** Writes the gateways' part of the status of Agents: which accounts are ready. */
export interface AccountStatusWriter {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface AccountStatusWriterOptions {
  readonly database: Database;
  readonly sink: AgentStatusSink;
  readonly table: () => Table | undefined;
  readonly senders: PlatformSenders;
  readonly mayWork: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const lookEveryMs = 1_000;
/** At most this many writes in one look. */
const mostWrites = 20;
/** Least time between two writes of one Agent, and where nothing but the words of a message changed. */
const pauseMs = { urgent: 3_000, ordinary: 30_000 };
const leaseName = 'agent-status';
const leaseSeconds = 10;

/** Makes an AccountStatusWriter. One replica at a time writes, by a lease in the database. */
export function createAccountStatusWriter(options: AccountStatusWriterOptions): AccountStatusWriter {
  const { database, sink, clock, log } = options;
  const stopping = new AbortController();
  const self = newId();
  const triedAt = new Map<string, number>();
  /** What is written, as long as nobody else can have written since. */
  let written: Map<string, WrittenStatus> | undefined;
  /** What was looked at when nothing had to be written: looking at it again would find the same. */
  let settled: Seen | undefined;
  let heldAt = 0;
  let loop: Promise<void> | undefined;

  const write = async ({ agent, status }: DueWrite, known: Map<string, WrittenStatus>): Promise<void> => {
    triedAt.set(agent.name, clock.monotonic());
    try {
      await sink.writeAgentStatus({ name: agent.name, uid: agent.uid }, status);
    } catch (error) {
      log.warn({ agent: agent.name, err: error }, 'the status of an Agent could not be written; tried again later');
      return;
    }
    await database.query(writtenStatement, [agent.name, agent.uid, JSON.stringify(status)]);
    known.set(agent.name, { uid: agent.uid, status });
  };

  const forget = async (table: Table, known: Map<string, WrittenStatus>): Promise<void> => {
    for (const agent of triedAt.keys()) if (!table.agents.has(agent)) triedAt.delete(agent);
    const gone = [...known.keys()].filter((agent) => !table.agents.has(agent));
    if (gone.length === 0) return;
    await database.query('delete from agent_statuses where agent = any($1)', [gone]);
    for (const agent of gone) known.delete(agent);
  };

  const look = async (): Promise<void> => {
    const table = options.table();
    if (table === undefined || !options.mayWork()) return;
    const askedAt = clock.monotonic();
    if (!(await holdLease(database, leaseName, self, leaseSeconds))) {
      written = undefined;
      return;
    }
    if (askedAt - heldAt >= leaseSeconds * 1_000) written = undefined;
    if (written === undefined) settled = undefined;
    written ??= await readWritten(database);
    heldAt = askedAt;
    const known = written;
    const { now, refused } = await readRefused(database);
    const seen: Seen = { table, refused: canonicalJson([...refused.values()]) };
    if (settled?.table === seen.table && settled.refused === seen.refused) return;
    const changed = await changedStatuses({ table, senders: options.senders, refused }, known, now);
    const due = changed.filter(({ agent, urgent }) => {
      const last = triedAt.get(agent.name);
      return last === undefined || askedAt - last >= (urgent ? pauseMs.urgent : pauseMs.ordinary);
    });
    await Promise.all(due.slice(0, mostWrites).map((each) => write(each, known)));
    await forget(table, known);
    if (changed.length === 0) settled = seen;
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await quietly(log, look);
      await sleep(lookEveryMs, stopping.signal);
    }
    await quietly(log, () => giveLeaseBack(database, leaseName, self));
  };

  return {
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

interface Seen {
  readonly table: Table;
  /** The accounts that are refused, as text. */
  readonly refused: string;
}

/** What was written of the Agent that had this uid. */
interface WrittenStatus {
  readonly uid: string;
  readonly status: AgentStatus;
}

interface DueWrite {
  readonly agent: AgentEntry;
  readonly status: AgentStatus;
  /** It is another account, or another state of one. */
  readonly urgent: boolean;
}

function statusOf(written: ReadonlyMap<string, WrittenStatus>, { name, uid }: AgentEntry): AgentStatus | undefined {
  const known = written.get(name);
  return known?.uid === uid ? known.status : undefined;
}

/** So many Agents are looked at before requests have their turn. */
const agentsInARow = 100;

/** The statuses that are not as they were written. */
async function changedStatuses(
  facts: AccountFacts,
  known: ReadonlyMap<string, WrittenStatus>,
  now: string,
): Promise<readonly DueWrite[]> {
  const changed: DueWrite[] = [];
  const agents = facts.table.content.agents.filter(({ name, accounts }) => accounts.length > 0 || known.has(name));
  for (const [at, agent] of agents.entries()) {
    if (at % agentsInARow === agentsInARow - 1) await yieldToOthers();
    changed.push(...dueWrite(agent, buildAgentStatus(agent, facts, statusOf(known, agent), now), known));
  }
  return changed;
}

/** Nothing where the status is written, or where there is nothing to say and nothing was said. */
function dueWrite(
  agent: AgentEntry,
  status: AgentStatus,
  written: ReadonlyMap<string, WrittenStatus>,
): readonly DueWrite[] {
  const before = statusOf(written, agent) ?? emptyStatus;
  if (canonicalJson(before) === canonicalJson(status)) return [];
  return [{ agent, status, urgent: states(before) !== states(status) }];
}

function states({ accounts }: AgentStatus): string {
  return accounts.map(({ name, ready }) => `${name} ${ready}`).join();
}

async function readWritten(database: Database): Promise<Map<string, WrittenStatus>> {
  const { rows } = await database.query<{ agent: string; agent_uid: string; status: AgentStatus }>(
    'select agent, agent_uid, status from agent_statuses',
  );
  return new Map(rows.map(({ agent, agent_uid: uid, status }) => [agent, { uid, status }]));
}

/** The accounts that their platforms refuse, by their whole names; `now` is the database's time, RFC 3339. */
export async function readRefused(
  database: Database,
): Promise<{ readonly now: string; readonly refused: ReadonlyMap<string, RefusedAccount> }> {
  const { rows } = await database.prepared<{ now: Date; refused: readonly RefusedAccount[] }>(
    'refused-accounts',
    refusedStatement,
    [],
  );
  const [{ now, refused } = { now: new Date(0), refused: [] }] = rows;
  return {
    now: now.toISOString().replace(/\.\d+Z$/, 'Z'),
    refused: new Map(refused.map((each) => [each.account, each])),
  };
}

const refusedStatement = `
  select (select talaria_now()) as now,
    coalesce(jsonb_agg(jsonb_build_object('account', account, 'error', last_error, 'scope', refused_scope)
      order by account), '[]') as refused
  from account_leases where broken_since is not null`;

const writtenStatement = `
  insert into agent_statuses (agent, agent_uid, status) values ($1, $2, $3)
  on conflict (agent) do update set agent_uid = excluded.agent_uid, status = excluded.status`;
