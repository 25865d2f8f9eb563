/**
 * What looking for due jobs costs with 1,000, 10,000 and 100,000 CronJobs that are not due, how late jobs start that are due
 * at one moment, and how late slots start and results are sent while a gateway works with 100,000 CronJobs in its
 * database. PostgreSQL is real; the gateway's background work runs in this process. Budgets: a start within 1 s of its
 * slot (p99), also with 10,000 CronJobs that are due at once; a result at its receiver within 100 ms of its outbox row (p99).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createLogger } from '../core/lib/log.ts';
import { jitterMs } from '../core/schedule/jitter.ts';
import { migrate } from '../gateway/db/migrate.ts';
import { createDatabase, type Database } from '../gateway/db/pool.ts';
import { decideDueJobs } from '../gateway/schedule/due-jobs.ts';
import { countDue } from '../gateway/schedule/ticker.ts';
import { createJobUpserter } from '../gateway/schedule/upsert.ts';
import { startPostgres } from '../test/harness/postgres.ts';
import { startReceiver } from '../test/servers/delivery/receiver.ts';
import { jobEntry, tableOf } from '../test/servers/schedule/entries.ts';
import { startReplica } from '../test/servers/schedule/replica.ts';
import { answerTurns } from '../test/servers/schedule/turns.ts';
import { printFacts } from './report.ts';

const log = createLogger('bench', 'warn');
const idleCounts = [1_000, 10_000, 100_000];
const dueCounts = [200, 1_000, 10_000];
const rounds = 300;
/** Jobs that run while the others wait: 100 slots a second, each with a result that is sent. */
const live = { jobs: 1_000, everySeconds: 10, seconds: 30, waiting: 100_000 } as const;

const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });

interface Bench {
  readonly url: string;
  readonly database: Database;
  readonly rows: pg.Pool;
}

async function main(): Promise<void> {
  const postgres = await startPostgres();
  try {
    const columns = [
      'jobs that are not due',
      'look, ms p50',
      'p99',
      'of a select 1',
      '200 due among them: decide, ms p50',
      'p99',
    ];
    row(...columns);
    for (const count of idleCounts) await withBench(postgres, (bench) => measureIdle(bench, count));
    row(
      'jobs due at once',
      'first sight, s',
      'same snapshot again, ms',
      'by a new gateway, ms',
      'decided after, ms p50',
      'p99',
      'last',
    );
    for (const count of dueCounts) await withBench(postgres, (bench) => measureDue(bench, count));
    await withBench(postgres, measureLive);
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
  await work({ url, database, rows });
  await Promise.all([database.stop(), rows.end()]);
  await drop();
}

/** The look alone, then batches of 200 jobs that are due at each round. */
async function measureIdle({ database, rows }: Bench, count: number): Promise<void> {
  await rows.query(idleRows, [count]);
  await rows.query('analyze cron_jobs');
  const roundTrips = await timed(rounds, () => database.query('select 1'));
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
  row(count, looks.p50, looks.p99, (looks.p50 / roundTrips.p50).toFixed(2), decisions.p50, decisions.p99);
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
  const restarted = await tableOf({ sequence: 2, jobs: structuredClone(jobs) });
  const anew = await timed(1, () => createJobUpserter({ database, log }).sync(restarted));
  await rows.query(
    `update installation set clock_offset = date_trunc('hour', clock_timestamp()) + interval '1 hour' - clock_timestamp()`,
  );
  while (
    (await Promise.all([decideDueJobs(database, next), decideDueJobs(database, next)])).some((b) => b.decided > 0)
  );
  const { rows: late } = await rows.query<Record<'p50' | 'p99' | 'last', string>>(decisionDelays);
  row(count, (seen.p50 / 1000).toFixed(2), again.p50, anew.p50, ...Object.values(late[0] ?? {}));
}

/** One gateway at work, its clock the real one. */
async function measureLive({ url, rows }: Bench): Promise<void> {
  await rows.query(idleRows, [live.waiting]);
  await rows.query('analyze cron_jobs');
  const arrivals = new Map<string, number>();
  const receiver = await startReceiver((response, { id }) => {
    arrivals.set(id, Date.now());
    response.writeHead(204).end();
  });
  const target = { name: 'hook', webhook: { url: receiver.url, secrets: [] }, expireAfterSeconds: 3_600 };
  const jobs = Array.from({ length: live.jobs }, (_, index) =>
    jobEntry(`live-${index}`, {
      schedule: `@every ${live.everySeconds}s`,
      jitterSeconds: live.everySeconds - 1,
      deliver: [target],
    }),
  );
  const table = await tableOf({ sequence: 1, jobs });
  const replica = startReplica({ url, name: 'bench', table, runTurn: answerTurns('done') });
  process.stderr.write(`${live.seconds} s with ${live.waiting} CronJobs that wait and ${live.jobs} that run\n`);
  await delay(live.seconds * 1_000);
  await replica.stop();
  await receiver.stop();
  const started = await rows.query<Record<'uid' | 'slot' | 'decided' | 'begun', string>>(startTimes);
  const due = (uid: string, slot: string) => Number(slot) + jitterMs(uid, live.everySeconds - 1);
  const starts = summary(started.rows.map(({ uid, slot, decided }) => Number(decided) - due(uid, slot)));
  const begins = summary(started.rows.map(({ uid, slot, begun }) => Number(begun) - due(uid, slot)));
  const { rows: outbox } = await rows.query<Record<'id' | 'created', string>>(outboxTimes);
  const sends = summary(outbox.flatMap(({ id, created }) => (arrivals.get(id) ?? Number.NaN) - Number(created)));
  printFacts([
    ['CronJobs in the database', live.waiting + live.jobs],
    ['slots', started.rows.length],
    ['due to stored start, ms', `p50 ${starts.p50}, p99 ${starts.p99} (budget 1000)`],
    ['due to the run under way, ms', `p50 ${begins.p50}, p99 ${begins.p99}`],
    ['results', outbox.length],
    ['outbox row to receiver, ms', `p50 ${sends.p50}, p99 ${sends.p99} (budget 100)`],
  ]);
  if (!(starts.p99 <= 1_000 && sends.p99 <= 100)) process.exitCode = 1;
}

const startTimes = `
  select o.job_uid as uid, extract(epoch from o.slot) * 1000 as slot, extract(epoch from o.decided_at) * 1000 as decided,
    extract(epoch from r.started_at) * 1000 as begun
  from occurrences o join runs r on r.id = o.run_id where r.started_at is not null`;

const outboxTimes = `
  select 'dlv_' || replace(id::text, '-', '') as id, extract(epoch from created_at) * 1000 as created
  from deliveries where status = 'sent'`;

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
  return summary(durations);
}

function summary(milliseconds: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(2));
  return { p50: at(0.5), p99: at(0.99) };
}

function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  if (cells.every((cell) => typeof cell === 'string' && Number.isNaN(Number(cell)))) {
    process.stdout.write(`|${'---|'.repeat(cells.length)}\n`);
  }
}

if (values.help) process.stdout.write('npm run bench -- tick: it has no options and takes some three minutes\n');
else await main();
