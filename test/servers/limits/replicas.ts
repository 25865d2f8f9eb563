import { Registry } from 'prom-client';
import { afterEach, beforeEach } from 'vitest';
import { type Clock, systemClock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { newId } from '../../../core/lib/id.ts';
import { createLogger } from '../../../core/lib/log.ts';
import type { KeyLimits, Principal } from '../../../core/route/principal.ts';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { createLimits, type Limits } from '../../../gateway/limits/limits.ts';
import type { Permit } from '../../../gateway/limits/permit.ts';
import { configuration } from '../../harness/entries.ts';
import { type PostgresTap, startPostgresTap } from '../../harness/postgres-tap.ts';
import { createState, type TestState } from '../schedule/state.ts';

/** The limits of one replica. */
export interface Replica {
  readonly limits: Limits;
  readonly worker: string;
  readonly database: Database;
  readonly registry: Registry;
}

/** The database of the test that runs, and what counts the round trips to it. */
export let state: TestState;
export let tap: PostgresTap;
const replicas: Replica[] = [];

/** Gives each test of the file that calls it a database behind a tap, and stops what the test started. */
export function setUpReplicas(): void {
  beforeEach(async () => {
    state = await createState();
    tap = await startPostgresTap(state.url);
    await atTheStartOfAMinute(state);
  });
  afterEach(async () => {
    await stopReplicas();
    await tap.stop();
    await state.drop();
  });
}

/** Stops every replica that was started. */
export async function stopReplicas(): Promise<void> {
  await Promise.all(replicas.splice(0).map(stopReplica));
}

/** So that no window ends during a test by itself; noon, for the same reason. */
export async function atTheStartOfAMinute({ rows }: TestState): Promise<void> {
  await rows(`update installation set clock_offset = date_trunc('day', now(), 'UTC') + interval '12 hours' - now()`);
}

async function stopReplica({ limits, database }: Replica): Promise<void> {
  await limits.stop();
  await database.stop();
}

/** Starts one, with a worker of its own. */
export async function startReplica(url = tap.url, clock: Clock = systemClock, from = state): Promise<Replica> {
  const database = createDatabase({ url, directUrl: url, log: createLogger('test', 'silent'), maxConnections: 2 });
  const worker = newId();
  await from.rows(`insert into workers values ($1, 'replica', 1, talaria_now() + interval '1 hour')`, [worker]);
  const registry = new Registry();
  const signal = new AbortController().signal;
  const limits = createLimits({ database, lease: () => ({ id: worker, signal, predecessors: [] }), clock, registry });
  const replica = { limits, worker, database, registry };
  replicas.push(replica);
  return replica;
}

export const startThree = () => Promise.all([startReplica(), startReplica(), startReplica()]);

/** An Agent with these limits. */
export function agent(limits: Partial<AgentEntry['limits']>, name = 'main'): AgentEntry {
  const entry = configuration({ agents: [{ name, limits }] }).snapshot.content.agents[0];
  if (entry === undefined) throw new Error('no agent');
  return entry;
}

/** A principal without limits of its own. */
export const free: Principal = { id: 'gateway-key:free', role: 'client', agents: '*' };
export const withKey = (limits: KeyLimits, id = 'agent-key:main/app'): Principal => ({ ...free, id, limits });

export type Outcome = Permit | TalariaError;

/** Asks for one request and run of the agent; a refusal is given, not thrown. */
export async function acquire(replica: Replica, to: AgentEntry, principal = free): Promise<Outcome> {
  try {
    return await replica.limits.acquire(to, principal);
  } catch (error) {
    if (error instanceof TalariaError) return error;
    throw error;
  }
}

export const permits = (outcomes: readonly Outcome[]): Permit[] =>
  outcomes.filter((outcome): outcome is Permit => !(outcome instanceof TalariaError));
export const codes = (outcomes: readonly Outcome[]): string[] =>
  outcomes.filter((outcome) => outcome instanceof TalariaError).map(({ code }) => code);
export const times = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** Asks over and over, on one replica after the other, until each has refused. */
export async function useUp(those: readonly Replica[], to: AgentEntry, principal = free): Promise<number> {
  let admitted = 0;
  for (const replica of those) {
    for (;;) {
      const outcome = await acquire(replica, to, principal);
      if (outcome instanceof TalariaError) break;
      outcome.release();
      admitted += 1;
    }
  }
  return admitted;
}
