import type pg from 'pg';

/** What the database says became of the slots of jobs that run every second. */
export interface Accounts {
  /** Slots from the first sight of each job to its last decision. */
  readonly slots: number;
  readonly started: number;
  /** By reason. */
  readonly missed: Readonly<Record<string, number>>;
  /** Slots with neither an outcome nor a gap. */
  readonly undecided: number;
  /** Slots with more than one run. */
  readonly doubles: number;
  /** Runs by how they ended. */
  readonly runs: Readonly<Record<string, number>>;
  /** Milliseconds from the slot to its stored start. */
  readonly startDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Reads the accounts. Nothing may be decided or run meanwhile. */
export async function readAccounts(pool: pg.Pool): Promise<Accounts> {
  const [slots, missed, runs, delays] = await Promise.all([
    pool.query<Record<'slots' | 'started' | 'undecided' | 'doubles', string>>(slotsStatement),
    pool.query<{ reason: string; count: string }>(
      'select reason, sum(count) as count from missed_totals group by reason order by reason',
    ),
    pool.query<{ status: string; count: string }>('select status, count(*) from runs group by status order by status'),
    pool.query<Record<'p50' | 'p99' | 'max', string>>(delaysStatement),
  ]);
  const row = slots.rows[0];
  const delay = delays.rows[0];
  return {
    slots: Number(row?.slots),
    started: Number(row?.started),
    undecided: Number(row?.undecided),
    doubles: Number(row?.doubles),
    missed: Object.fromEntries(missed.rows.map(({ reason, count }) => [reason, Number(count)])),
    runs: Object.fromEntries(runs.rows.map(({ status, count }) => [status, Number(count)])),
    startDelayMs: { p50: Number(delay?.p50), p99: Number(delay?.p99), max: Number(delay?.max) },
  };
}

const slotsStatement = `
  with slots as (
    select uid as job_uid, generate_series(anchor + interval '1 second', decided_to, interval '1 second') as slot
    from cron_jobs
  )
  select count(*) as slots,
    (select count(*) from occurrences where outcome = 'Started') as started,
    count(*) filter (where o.job_uid is null and not exists (
      select from gaps g where g.job_uid = s.job_uid and s.slot > g.from_time and s.slot <= g.to_time)) as undecided,
    (select count(*) from (select from runs group by job_uid, slot having count(*) > 1) d) as doubles
  from slots s left join occurrences o on o.job_uid = s.job_uid and o.slot = s.slot`;

const delaysStatement = `
  select round(percentile_disc(0.5) within group (order by late)) as p50,
    round(percentile_disc(0.99) within group (order by late)) as p99, round(max(late)) as max
  from (
    select extract(epoch from decided_at - slot) * 1000 as late from occurrences where outcome = 'Started'
  ) starts`;
