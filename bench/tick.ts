/**
 * What looking for due jobs costs with 1,000, 10,000 and 100,000 CronJobs that are not due, and how late jobs start that
 * are due at one moment. PostgreSQL is real; the scheduler runs in this process. Budget: a start within 1 s of its slot
 * (p99) with 10,000 CronJobs, all of which the last lines have due at once.
 */
import pg from 'pg';
import { createLogger } from '../core/lib/log.ts';
import { migrate } from '../gateway/db/migrate.ts';
import { createDatabase, type Database } from '../gateway/db/pool.ts';
import { decideDueJobs } from '../gateway/schedule/due-jobs.ts';
import { countDue } from '../gateway/schedule/ticker.ts';
import { createJobUpserter } from '../gateway/schedule/upsert.ts';
import { startPostgres } from '../test/harness/postgres.ts';
import { jobEntry, tableOf } from '../test/servers/schedule/entries.ts';

const log = createLogger('bench', 'warn');
const idleCounts = [1_000, 10_000, 100_000];
const dueCounts = [200, 1_000, 10_000];
const rounds = 300;

interface Bench {
  readonly database: Database;
  readonly rows: pg.Pool;
}

async function main(): Promise<void> {
  const postgres = await startPostgres();
  try {
    row('jobs that are not due', 'look, ms p50', 'p99', '200 due among them: decide, ms p50', 'p99');
    for (const count of idleCounts) await withBench(postgres, (bench) => measureIdle(bench, count));
    row('jobs due at once', 'first sight, s', 'same snapshot again, ms', 'decided after, ms p50', 'p99', 'last');
    for (const count of dueCounts) await withBench(postgres, (bench) => measureDue(bench, count));
  } finally {
    await postgres.stop();
  }
}

async function withBench(
  postgres: Awaited<ReturnType<typeof startPostgres>>,
  work: (bench: Bench) => Promise<void>,
): Promise<void> {
  const { url, drop } = await postgres.createDatabase();
  await migrate(url);
  const database = createDatabase({ url, directUrl: url, log });
  const rows = new pg.Pool({ connectionString: url, max: 1 });
  await rows.query(`insert into installation (namespace_uid) values ('bench')`);
  await work({ database, rows });
  await Promise.all([database.stop(), rows.end()]);
  await drop();
}

/** The look alone, then batches of 200 jobs that are due at each round. */
async function measureIdle({ database, rows }: Bench, count: number): Promise<void> {
  await rows.query(idleRows, [count]);
  await rows.query('analyze cron_jobs');
  const looks = await timed(rounds, () => countDue(database, 1));
  const jobs = Array.from({ length: 200 }, (_, index) => jobEntry(`job-${index}`, { concurrencyPolicy: 'Allow' }));
  const table = await tableOf({ sequence: 1, jobs });
  await createJobUpserter({ database, log }).sync(table);
  // The idle rows belong to a newer snapshot, so that this one does not take them for deleted.
  const decisions = await timed(
    30,
    () => decideDueJobs(database, table),
    () => rows.query('update installation set clock_offset = clock_offset + make_interval(secs => 1)'),
  );
  row(count, looks.p50, looks.p99, decisions.p50, decisions.p99);
}

/** Every job has its slot at the same second. */
async function measureDue({ database, rows }: Bench, count: number): Promise<void> {
  const jobs = Array.from({ length: count }, (_, index) => jobEntry(`job-${index}`, { schedule: '@hourly' }));
  const table = await tableOf({ sequence: 1, jobs });
  const upserter = createJobUpserter({ database, log });
  const seen = await timed(1, () => upserter.sync(table));
  // New objects, as every snapshot has.
  const next = await tableOf({ sequence: 2, jobs: structuredClone(jobs) });
  const again = await timed(1, () => upserter.sync(next));
  await rows.query(
    `update installation set clock_offset = date_trunc('hour', clock_timestamp()) + interval '1 hour' - clock_timestamp()`,
  );
  while (
    (await Promise.all([decideDueJobs(database, next), decideDueJobs(database, next)])).some((b) => b.decided > 0)
  );
  const { rows: late } = await rows.query<Record<'p50' | 'p99' | 'last', string>>(decisionDelays);
  row(count, (seen.p50 / 1000).toFixed(2), again.p50, ...Object.values(late[0] ?? {}));
}

const idleRows = `
  insert into cron_jobs (uid, name, agent, generation, sequence, entry_hash, schedule, anchor, decided_to, next_start,
    suspended, on_delete, history_limit)
  select 'idle-' || i, 'idle-' || i, 'clerk', 1, 2, '', '{}', now(), now(), now() + make_interval(days => 1, secs => i),
    false, 'Finish', 50
  from generate_series(1, $1) i`;

const decisionDelays = `
  select round(percentile_disc(0.5) within group (order by late)) as p50,
    round(percentile_disc(0.99) within group (order by late)) as p99, round(max(late)) as last
  from (select extract(epoch from decided_at - slot) * 1000 as late from occurrences) starts`;

async function timed(
  times: number,
  work: () => Promise<unknown>,
  before: () => Promise<unknown> = async () => undefined,
): Promise<{ readonly p50: number; readonly p99: number }> {
  const durations: number[] = [];
  for (let round = 0; round < times; round += 1) {
    await before();
    const started = performance.now();
    await work();
    durations.push(performance.now() - started);
  }
  durations.sort((a, b) => a - b);
  const at = (share: number) => Number((durations[Math.floor(share * (durations.length - 1))] ?? 0).toFixed(2));
  return { p50: at(0.5), p99: at(0.99) };
}

function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  if (cells.every((cell) => typeof cell === 'string' && Number.isNaN(Number(cell)))) {
    process.stdout.write(`|${'---|'.repeat(cells.length)}\n`);
  }
}

await main();
