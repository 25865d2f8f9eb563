/**
 * What the gateway adds to a chat completion, beside a bare Node proxy and the upstream alone, all in one run: requests/s
 * when saturated, and p50 and p99 at 300 requests/s. The system under test has one core for itself, load generator,
 * upstream and PostgreSQL share the other. Budgets: stateless at least 0.75 of the bare proxy; stored, added p50 under
 * 1.5 ms plus one disk sync, p99 under 15 ms plus the same. Prints a table.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
// @ts-expect-error: it has no types
import autocannon from 'autocannon';
import pg from 'pg';
import { Pool } from 'undici';
import { startEmbeddedPostgres } from '../cli/dev/embedded-postgres.ts';
import { cpuSeconds, pinLoad, startRole } from './roles.ts';

const rounds = 5;
/** Until the engine has compiled what each target runs; its compilers take processor time, too. */
const warmSeconds = 20;
const saturateSeconds = 3;
const steadySeconds = 4;
const steadyRate = 300;
const connections = 64;
const sessions = 1_000;
const body = JSON.stringify({ model: 'talaria/main', messages: [{ role: 'user', content: 'How are you today?' }] });
const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };

interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly stored: boolean;
}

/** `cpuMicros`: processor time of the system under test for each request, which other work on the machine hardly moves. */
interface Saturated {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly failed: number;
}

interface Steady {
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

interface Figures {
  readonly saturated: Saturated[];
  readonly steady: Steady[];
}

async function main(): Promise<void> {
  pinLoad();
  const folder = await mkdtemp(path.join(tmpdir(), 'talaria-bench-'));
  const postgres = await startEmbeddedPostgres({ directory: folder, durable: true });
  const upstream = await startRole('1', 'upstream');
  const proxy = await startRole('0', 'proxy', upstream.url);
  const gateway = await startRole('0', 'gateway', upstream.url, postgres.url());
  const targets: readonly Target[] = [
    { name: 'upstream alone', ...upstream, stored: false },
    { name: 'bare Node proxy', ...proxy, stored: false },
    { name: 'gateway, stateless', ...gateway, stored: false },
    { name: 'gateway, stored', ...gateway, stored: true },
  ];
  try {
    const sync = await syncMs(postgres.url());
    for (const target of targets) await saturate(target, warmSeconds);
    const figures = new Map<Target, Figures>(targets.map((target) => [target, { saturated: [], steady: [] }]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [target, { saturated, steady }] of figures) {
        saturated.push(await saturate(target, saturateSeconds));
        steady.push(await hold(target));
      }
    }
    print(targets, [...figures.values()], sync);
  } finally {
    for (const child of [gateway, proxy, upstream]) child.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function saturate({ url, pid, stored }: Target, seconds: number): Promise<Saturated> {
  let count = 0;
  const before = cpuSeconds(pid);
  const result = await autocannon({
    url: `${url}/v1/chat/completions`,
    method: 'POST',
    headers,
    body,
    connections,
    duration: seconds,
    ...(stored
      ? {
          requests: [
            {
              method: 'POST',
              path: '/v1/chat/completions',
              body,
              setupRequest: (request: object) => {
                count += 1;
                return { ...request, headers: { ...headers, 'x-talaria-session-id': `s${count % sessions}` } };
              },
            },
          ],
        }
      : {}),
  });
  const cpuMicros = ((cpuSeconds(pid) - before) * 1_000_000) / result.requests.total;
  return { perSecond: result.requests.average, cpuMicros, failed: result.non2xx + result.errors };
}

/** Requests at a fixed rate, whatever the answers do. */
async function hold({ url, stored }: Target): Promise<Steady> {
  const pool = new Pool(url, { connections });
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  let failed = 0;
  const send = async (at: number) => {
    const started = performance.now();
    const session = stored ? { 'x-talaria-session-id': `s${at % sessions}` } : {};
    const answer = await pool.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { ...headers, ...session },
      body,
    });
    await answer.body.dump();
    latencies.push(performance.now() - started);
    if (answer.statusCode !== 200) failed += 1;
  };
  const start = performance.now();
  for (let at = 0; at < steadyRate * steadySeconds; at += 1) {
    const due = start + (at * 1_000) / steadyRate;
    await delay(Math.max(0, due - performance.now()));
    const work = send(at).catch(() => {
      failed += 1;
    });
    open.add(work);
    void work.finally(() => open.delete(work));
  }
  await Promise.all(open);
  await pool.close();
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { p50: quantile(0.5), p99: quantile(0.99), failed };
}

/** What one durable commit costs here. */
async function syncMs(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create table bench_sync (at timestamptz)');
  const times: number[] = [];
  for (let at = 0; at < 100; at += 1) {
    const started = performance.now();
    await client.query('insert into bench_sync values (now())');
    times.push(performance.now() - started);
  }
  await client.end();
  return median(times);
}

function print(targets: readonly Target[], figures: readonly Figures[], sync: number): void {
  const summaries = figures.map(({ saturated, steady }) => ({
    perSecond: median(saturated.map(({ perSecond }) => perSecond)),
    cpuMicros: median(saturated.map(({ cpuMicros }) => cpuMicros)),
    p50: median(steady.map(({ p50 }) => p50)),
    p99: median(steady.map(({ p99 }) => p99)),
    failed: [...saturated, ...steady].reduce((sum, { failed }) => sum + failed, 0),
  }));
  const [alone, bare] = summaries;
  const rows = summaries.map(({ perSecond, cpuMicros, p50, p99, failed }, at) => ({
    'in front of the upstream': targets[at]?.name,
    'requests/s': perSecond.toFixed(0),
    'of the bare proxy': (perSecond / (bare?.perSecond ?? 0)).toFixed(2),
    'CPU us each': cpuMicros.toFixed(0),
    'bare proxy by CPU': ((bare?.cpuMicros ?? 0) / cpuMicros).toFixed(2),
    'p50 ms': p50.toFixed(2),
    'p99 ms': p99.toFixed(2),
    'added p50': (p50 - (alone?.p50 ?? 0)).toFixed(2),
    'added p99': (p99 - (alone?.p99 ?? 0)).toFixed(2),
    failed,
  }));
  console.table(rows);
  process.stdout.write(
    `p50 and p99 at ${steadyRate}/s; one durable commit of this PostgreSQL takes ${sync.toFixed(2)} ms\n`,
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

await main();
