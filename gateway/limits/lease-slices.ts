import { createBatcher } from '../../core/lib/batcher.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Database } from '../db/pool.ts';
import type { Bound } from './bounds.ts';

/** A slice that is asked for, and what the database must know of the one before. */
export interface SliceAsk extends Bound, Carried {
  readonly wanted: number;
}

export interface Carried {
  /**
   * Windows: what was used beyond the last slice, or below zero what of it is given back. `maxConcurrentRuns`: the slots
   * that the worker has already.
   */
  readonly carried: number;
  /** The window that `carried` belongs to; undefined: whichever is in force. */
  readonly window: string | undefined;
  /** The worker that holds the slots; only of `maxConcurrentRuns`. */
  readonly worker: string | undefined;
}

/** A slice. Below what was wanted: nothing is left. */
export interface Grant {
  /** Undefined: the worker has no lease, so it can hold no slots. */
  readonly granted: number | undefined;
  /** What others may still lease. */
  readonly remaining: number;
  readonly window: string | undefined;
  /** Milliseconds from the time of the ask on; Infinity without a window. It errs on the early side. */
  readonly endsInMs: number;
}

/** Leases one slice. Throws `state_unavailable`. */
export type LeaseSlice = (ask: SliceAsk) => Promise<Grant>;

/** Makes LeaseSlice; what is asked for at the same time goes in one statement. No two asks at once may be for one bound. */
export function createSliceLeaser(database: Database): LeaseSlice {
  return createBatcher<SliceAsk, Grant>({
    work: (asks) => leaseAll(database, asks),
    maxItems: 200,
    concurrency: 4,
    shouldRetryAlone: (error) => !(error instanceof TalariaError && error.code === 'state_unavailable'),
  });
}

async function leaseAll(database: Database, asks: readonly SliceAsk[]): Promise<readonly Grant[]> {
  const { rows } = await database.prepared<GrantRow>('lease-limits', leaseStatement, [
    asks.map((ask) => ask.agent),
    asks.map((ask) => ask.principal),
    asks.map((ask) => ask.name),
    asks.map((ask) => ask.maximum),
    asks.map((ask) => ask.wanted),
    asks.map((ask) => ask.carried),
    asks.map((ask) => ask.window ?? null),
    asks.map((ask) => ask.worker ?? null),
  ]);
  return rows.map((row) => ({
    granted: row.granted === null ? undefined : Number(row.granted),
    remaining: Number(row.remaining),
    window: row.window_start ?? undefined,
    endsInMs: row.ends_in_ms ?? Number.POSITIVE_INFINITY,
  }));
}

const leaseStatement = `
  select granted, remaining, window_start, ends_in_ms
  from lease_limits($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[])
  order by place`;

interface GrantRow {
  readonly granted: string | null;
  readonly remaining: string;
  readonly window_start: string | null;
  readonly ends_in_ms: number | null;
}
