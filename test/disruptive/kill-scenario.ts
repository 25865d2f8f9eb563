import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createKubeClient } from '../../core/kube/client.ts';
import { agents, cronJobs } from '../../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../../core/kube/types.ts';
import { installChart } from '../harness/install-chart.ts';
import { createNamespace } from '../harness/namespace.ts';
import { createDatabase } from '../harness/postgres.ts';
import { startGateway, startOperator, type TalariaProcess } from '../harness/talaria-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Accounts, readAccounts } from './slot-accounts.ts';

export interface KillOptions {
  /** A kube-apiserver that serves Talaria's CRDs, and a PostgreSQL server. */
  readonly kubeconfig: string;
  readonly postgresUrl: string;
  /** How many CronJobs run every second. */
  readonly jobs: number;
  readonly seconds: number;
  readonly killEverySeconds: number;
  readonly concurrencyPolicy: 'Forbid' | 'Allow';
  readonly say?: (line: string) => void;
}

export interface KillReport extends Accounts {
  readonly kills: number;
  /** CronJobs whose status in the API server tells another number of misses than the database. */
  readonly statusesThatDiffer: number;
  /** What a gateway's metrics say. */
  readonly metric: { readonly started: number; readonly missed: number };
}

/**
 * Two gateways and the operator as processes on a real API server, and CronJobs that run every second. Every few seconds
 * one gateway, by turns, is killed with `kill -9` and started again. Then the jobs are suspended, and the database, the
 * statuses and the metrics are asked what became of every slot.
 */
export async function runKillScenario(options: KillOptions): Promise<KillReport> {
  const { kubeconfig, say = () => undefined } = options;
  const database = await createDatabase(options.postgresUrl);
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const namespace = await createNamespace(kubeconfig);
  const client = createKubeClient({ kubeconfig, namespace: namespace.name, fieldManager: 'author' });
  const processes: TalariaProcess[] = [];
  try {
    await installChart(kubeconfig, namespace.name);
    const release = { kubeconfig, namespace: namespace.name, logLevel: 'warn' };
    processes.push(await startOperator(release));
    await client.apply(agents, agent);
    await applyJobs(client, options, false);
    const gateways = await Promise.all(
      ['a', 'b'].map((name) => startGateway({ ...release, podName: `gateway-${name}`, databaseUrl: database.url })),
    );
    processes.push(...gateways);
    await everyJobStarts(pool, options.jobs);
    say(`${options.jobs} jobs run every second on two gateways`);
    const kills = await killByTurns(gateways, options, say);
    await suspend(pool, client, options);
    const accounts = await readAccounts(pool);
    const metric = await metricsThatAgree(gateways, accounts);
    const statusesThatDiffer = await differingStatuses(pool, client);
    return { ...accounts, kills, metric, statusesThatDiffer };
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
    await client.close();
    await pool.end();
    await database.drop();
  }
}

const agent = { metadata: { name: 'clerk' }, spec: { model: { provider: 'echo', name: 'echo' } } };

async function applyJobs(
  client: KubeClient,
  { jobs, concurrencyPolicy }: KillOptions,
  suspend: boolean,
): Promise<void> {
  const spec = {
    schedule: '@every 1s',
    agentRef: { name: 'clerk' },
    prompt: { inline: 'what time is it?' },
    concurrencyPolicy,
    suspend,
  };
  const names = Array.from({ length: jobs }, (_, index) => `job-${index}`);
  await Promise.all(
    names.map((name) => {
      const job = { metadata: { name }, spec };
      return client.apply(cronJobs, job, { deadlineMs: 60_000 });
    }),
  );
}

async function everyJobStarts(pool: pg.Pool, jobs: number): Promise<void> {
  await waitFor(
    'every job to have run',
    async () => {
      const { rows } = await pool.query<{ ran: string }>(
        `select count(distinct job_uid) as ran from runs where status = 'completed'`,
      );
      return Number(rows[0]?.ran) === jobs;
    },
    { timeoutMs: 90_000, intervalMs: 250 },
  );
}

async function killByTurns(
  gateways: readonly TalariaProcess[],
  { seconds, killEverySeconds }: KillOptions,
  say: (line: string) => void,
): Promise<number> {
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  let kills = 0;
  while ((kills + 1) * killEverySeconds <= seconds) {
    await delay(Math.max(0, (kills + 1) * killEverySeconds + phase(kills) - elapsed()) * 1000);
    const victim = gateways[kills % gateways.length];
    await victim?.kill();
    await victim?.start();
    kills += 1;
    say(`${elapsed().toFixed(1)} s: ${victim?.podName} was killed and is back`);
  }
  await delay(Math.max(0, seconds - elapsed()) * 1000);
  return kills;
}

/** Jobs run by whole seconds; the kills go through the second from one to the next. */
function phase(kill: number): number {
  return (kill * 0.38) % 1;
}

/** Ends the decisions, and waits until every run has ended and every outcome is counted. */
async function suspend(pool: pg.Pool, client: KubeClient, options: KillOptions): Promise<void> {
  await applyJobs(client, options, true);
  await waitFor(
    'every job to be suspended and every run to end',
    async () => {
      const { rows } = await pool.query<{ open: string }>(
        `select (select count(*) from cron_jobs where not suspended)
           + (select count(*) from runs where status in ('queued', 'running', 'stopping'))
           + (select count(*) from gaps where counted_to < to_time) as open`,
      );
      return Number(rows[0]?.open) === 0;
    },
    { timeoutMs: 90_000, intervalMs: 250 },
  );
}

/** The metrics are the database's totals of at most 15 s ago. */
async function metricsThatAgree(
  gateways: readonly TalariaProcess[],
  accounts: Accounts,
): Promise<KillReport['metric']> {
  const missed = Object.values(accounts.missed).reduce((sum, count) => sum + count, 0);
  let metric = { started: 0, missed: 0 };
  await waitFor(
    'the metrics to tell of every slot',
    async () => {
      const answer = await fetch(`${gateways[0]?.url}/metrics`);
      const text = await answer.text();
      metric = {
        started: sumOf(text, 'talaria_schedule_started_total'),
        missed: sumOf(text, 'talaria_schedule_missed_total'),
      };
      return metric.started === accounts.started && metric.missed === missed;
    },
    { timeoutMs: 45_000, intervalMs: 1_000 },
  ).catch(() => undefined);
  return metric;
}

function sumOf(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

interface WithStatus extends KubeObject {
  readonly status?: { readonly missedCount?: number; readonly lastScheduleTime?: string };
}

async function differingStatuses(pool: pg.Pool, client: KubeClient): Promise<number> {
  const { rows } = await pool.query<{ name: string; missed: string; started: Date }>(
    `select name, (select coalesce(sum(count), 0) from missed_totals m where m.job_uid = j.uid) as missed,
       date_trunc('second', last_started) as started
     from cron_jobs j`,
  );
  let differing = rows.length;
  await waitFor(
    'every status to tell of every slot',
    async () => {
      const { items } = await client.list<WithStatus>(cronJobs);
      const statuses = new Map(items.map(({ metadata, status }) => [metadata.name, status]));
      differing = rows.filter(({ name, missed, started }) => {
        const status = statuses.get(name);
        const sameStart = Date.parse(status?.lastScheduleTime ?? '') === started.getTime();
        return status?.missedCount !== Number(missed) || !sameStart;
      }).length;
      return differing === 0;
    },
    { timeoutMs: 60_000, intervalMs: 1_000 },
  ).catch(() => undefined);
  return differing;
}
