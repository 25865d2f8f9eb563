import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { cachedReading } from '../cached-reading.ts';
import type { Database } from '../db/pool.ts';
import type { Verdict } from './judge.ts';

/** Counts an attempt: to a `webhook`, the `log` or a platform, and what the delivery became. */
export type CountAttempt = (kind: string, status: Verdict['status']) => void;

/**
 * Adds the metrics of deliveries to a registry. What waits and what is left is the database's, the same on every replica:
 * take the maximum over replicas, not the sum. While the database is away the last value stays.
 */
export function addDeliveryMetrics(
  registry: Registry,
  { database, clock }: { readonly database: Database; readonly clock: Clock },
): CountAttempt {
  const registers = [registry];
  const attempts = new Counter({
    name: 'talaria_delivery_attempts_total',
    help: 'Attempts to send, by kind of target or platform, and by what the delivery became: sent, pending (sent again later), ambiguous or dead.',
    labelNames: ['kind', 'status'],
    registers,
  });
  const facts = cachedReading<Facts>(() => readFacts(database), clock, { counts: [], broken: [] });
  new Gauge({
    name: 'talaria_deliveries',
    help: 'Deliveries that wait or are on their way (pending, sending) and those that were not sent and are kept (ambiguous, dead, expired), by kind of target or platform.',
    labelNames: ['kind', 'status'],
    registers,
    async collect() {
      const { counts } = await facts();
      this.reset();
      for (const { kind, status, count } of counts) this.set({ kind, status }, count);
    },
  });
  new Gauge({
    name: 'talaria_delivery_oldest_pending_seconds',
    help: 'Age of the oldest delivery that waits, by kind of target or platform.',
    labelNames: ['kind'],
    registers,
    async collect() {
      const { counts } = await facts();
      this.reset();
      for (const { kind, status, oldest } of counts) if (status === 'pending') this.set({ kind }, oldest);
    },
  });
  new Gauge({
    name: 'talaria_delivery_account_broken',
    help: 'Accounts that their platform refuses, at most 100: their credentials are wrong or were taken back.',
    labelNames: ['account'],
    registers,
    async collect() {
      const { broken } = await facts();
      this.reset();
      for (const account of broken) this.set({ account }, 1);
    },
  });
  return (kind, status) => attempts.inc({ kind, status });
}

interface Facts {
  readonly counts: readonly {
    readonly kind: string;
    readonly status: string;
    readonly count: number;
    /** Seconds. */
    readonly oldest: number;
  }[];
  readonly broken: readonly string[];
}

async function readFacts(database: Database): Promise<Facts> {
  const counts = await database.query<Facts['counts'][number]>(countStatement);
  const broken = await database.query<{ account: string }>(brokenStatement);
  return { counts: counts.rows, broken: broken.rows.map(({ account }) => account) };
}

/** Until a day after the last try: an account that is removed is never tried again. */
const brokenStatement = `
  select account from account_leases
  where broken_since is not null and paused_until > talaria_now() - interval '1 day' order by account limit 100`;

/** In two parts, each with the very predicate of its index. A platform is one of the API's, so series are few. */
const countStatement = `
  select case when kind = 'account' then coalesce(nullif(destination ->> 'platform', ''), kind) else kind end as kind,
    status, count(*)::integer as count,
    greatest(0, extract(epoch from talaria_now() - min(created_at)))::double precision as oldest
  from (
    select kind, destination, status, created_at from deliveries where status in ('pending', 'sending')
    union all
    select kind, destination, status, created_at from deliveries where status in ('ambiguous', 'dead', 'expired')
  ) left_over
  group by 1, 2`;
