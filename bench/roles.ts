/**
 * The processes that the benchmarks of the gateway are made of, each bound to a core where that can be done. Run as a
 * program: `node bench/roles.ts ROLE [UPSTREAM_URL [DATABASE_URL]]` prints its address and serves until it is killed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger } from '../core/lib/log.ts';
import { startTestGateway } from '../test/harness/gateway.ts';

/** A process under measurement. */
export interface Child {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => void;
}

/** Starts a role on a core of its own: `upstream`, `streams` (an upstream that streams slowly), `proxy` or `gateway`. */
export async function startRole(core: string, ...args: readonly string[]): Promise<Child> {
  const pin = canPin() ? ['taskset', '-c', core] : [];
  const [command = '', ...rest] = [...pin, process.execPath, import.meta.filename, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: String(line).trim(), pid: child.pid ?? 0, stop: () => child.kill('SIGKILL') };
}

/** Binds this process, which makes the load, to the core that is not under measurement. */
export function pinLoad(): void {
  if (canPin()) spawnSync('taskset', ['-cp', '1', String(process.pid)]);
}

/** User and system time of a process so far, in seconds; Linux counts it in hundredths. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
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

/** How the upstream `streams` streams. */
export const streamed = { tokens: 50, pauseMs: 10 } as const;

/** Answers with a stream of tokens at a steady pace. */
function runStreams(): void {
  const chunk = (delta: object, reason: string | null) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const token = chunk({ content: 'token ' }, null);
  const end = `${chunk({}, 'stop')}data: [DONE]\n\n`;
  serve((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(token);
        sent += 1;
        if (sent < streamed.tokens) return;
        clearInterval(timer);
        response.end(end);
      }, streamed.pauseMs);
      response.on('close', () => clearInterval(timer));
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

if (import.meta.filename === process.argv[1]) {
  const [role, upstreamUrl = '', databaseUrl = ''] = process.argv.slice(2);
  if (role === 'upstream') runUpstream();
  if (role === 'streams') runStreams();
  if (role === 'proxy') runProxy(upstreamUrl);
  if (role === 'gateway') await runGateway(upstreamUrl, databaseUrl);
}
