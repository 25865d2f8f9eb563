import { fromWire, toWire } from '../../core/lib/id.ts';
import type { Database } from '../db/pool.ts';
import { contextOfRun } from '../tracing/trace-context.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { TakenDelivery } from './delivery.ts';
import type { Verdict } from './judge.ts';

/** One attempt that was made, and what the delivery became. */
export interface TracedAttempt {
  readonly delivery: TakenDelivery;
  readonly verdict: Verdict;
  /** When it began; Unix milliseconds. */
  readonly startedAt: number;
}

/**
 * Records the span of an attempt in the trace of the run that left the delivery, whichever process and day that was: the
 * trace of the request that asked for the run, or the run's own. The database is asked after the attempt, so that nothing
 * is sent later for it.
 */
export async function traceDelivery(
  tracing: Tracing,
  database: Database,
  { delivery, verdict, startedAt }: TracedAttempt,
): Promise<void> {
  const { id, agent, target, destination, attempt, body } = delivery;
  const run = fromWire('run', body.data.runId);
  if (run === undefined) return;
  const parent = contextOfRun(tracing, run, await readTrace(database, run, agent));
  const kind = destination.kind === 'account' ? destination.platform || 'account' : destination.kind;
  const span = tracing.continue(parent, {
    name: `deliver ${kind}`,
    kind: 'producer',
    startedAt,
    attributes: {
      'gen_ai.agent.name': agent,
      'talaria.run.id': body.data.runId,
      'talaria.delivery.id': toWire('dlv', id),
      'talaria.delivery.target': target,
      'talaria.delivery.account': destination.kind === 'account' ? destination.account : undefined,
      'talaria.delivery.attempt': attempt,
      'talaria.delivery.status': verdict.status,
    },
  });
  span.end(verdict.status === 'sent' ? undefined : verdict.status);
}

async function readTrace(database: Database, run: string, agent: string): Promise<string | undefined> {
  const { rows } = await database.prepared<{ trace: string | null }>(
    'run-trace',
    `select input ->> 'trace' as trace from runs where id = $1 and agent = $2`,
    [run, agent],
  );
  return rows[0]?.trace ?? undefined;
}
