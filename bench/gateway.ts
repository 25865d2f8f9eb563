/**
 * What the gateway adds to a chat completion, beside a bare Node proxy and the upstream alone, all in one run: requests/s
 * when saturated, and p50 and p99 at 300 requests/s. The system under test has one core for itself, load generator,
 * upstream and PostgreSQL share the other. Budgets: stateless at least 0.75 of the bare proxy; stored, added p50 under
 * 1.5 ms plus one disk sync, p99 under 15 ms plus the same. Prints a table; the arguments name a role of a child process.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
// @ts-expect-error: it has no types
import autocannon from 'autocannon';
import pg from 'pg';
import { Pool } from 'undici';
import { startEmbeddedPostgres } from '../cli/dev/embedded-postgres.ts';
import { createLogger } from '../core/lib/log.ts';
import { startTestGateway } from '../test/harness/gateway.ts';

const rounds = 3;
const saturateSeconds = 4;
const steadySeconds = 6;
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
  if (canPin()) spawnSync('taskset', ['-cp', '1', String(process.pid)]);
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
    for (const target of targets) await saturate(target, 2);
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

/** User and system time of a process so far; Linux counts it in hundredths of a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

interface Child {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => void;
}

async function startRole(core: string, ...args: readonly string[]): Promise<Child> {
  const pin = canPin() ? ['taskset', '-c', core] : [];
  const [command = '', ...rest] = [...pin, process.execPath, import.meta.filename, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: String(line).trim(), pid: child.pid ?? 0, stop: () => child.kill('SIGKILL') };
}

/** Whether processes can be bound to a core, as on Linux. */
function canPin(): boolean {
  return spawnSync('taskset', ['-V']).status === 0;
}

/** Answers at once with one completion. */
function runUpstream(): void {
  const answer = JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Fine, thank you.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 },
  });
  serve((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer);
    });
  });
}

/** The least that a proxy in Node does: takes the body whole, parses it, sends it on, hands the answer back. */
function runProxy(upstream: string): void {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  serve((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const sent = JSON.stringify(JSON.parse(Buffer.concat(pieces).toString()));
      const options = {
        agent,
        hostname,
        port,
        method: 'POST',
        path: request.url,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) },
      };
      const forwarded = httpRequest(options, (answer) => {
        response.writeHead(answer.statusCode ?? 502, { 'content-type': 'application/json' });
        answer.pipe(response);
      });
      forwarded.on('error', () => response.writeHead(502).end());
      forwarded.end(sent);
    });
  });
}

async function runGateway(upstream: string, databaseUrl: string): Promise<void> {
  const model = { provider: 'openai-compatible', name: 'm', baseURL: `${upstream}/v1` } as const;
  const gateway = await startTestGateway({
    databaseUrl,
    log: createLogger('gateway', 'info'),
    serves: {
      agents: [{ name: 'main', default: true, instructions: 'Be kind.', model, sessions: { maxHistoryMessages: 20 } }],
      gatewayKeys: [{ name: 'bench', key: 'bench' }],
    },
  });
  process.stdout.write(`${gateway.url}\n`);
}

function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): void {
  const server = createServer({ keepAliveTimeout: 60_000 }, handle);
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  });
}

const [role, upstreamUrl = '', databaseUrl = ''] = process.argv.slice(2);
if (role === 'upstream') runUpstream();
else if (role === 'proxy') runProxy(upstreamUrl);
else if (role === 'gateway') await runGateway(upstreamUrl, databaseUrl);
else await main();
