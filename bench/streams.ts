/**
 * 500 streams at once of 50 tokens at 10 ms each, through the gateway and from the upstream itself, and the gateway's
 * memory over 200,000 requests. Budgets: the streams end in at most 1.1 times the upstream's own time; memory stays flat.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
// @ts-expect-error: it has no types
import autocannon from 'autocannon';
import { Pool } from 'undici';
import { startEmbeddedPostgres } from '../cli/dev/embedded-postgres.ts';
import { type Child, pinLoad, residentMiB, startRole, streamed } from './roles.ts';

const streams = 500;
const rounds = 3;
const requests = 200_000;
const samples = 10;
const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };
const messages = [{ role: 'user', content: 'How are you today?' }];

async function main(): Promise<void> {
  pinLoad();
  const folder = await mkdtemp(path.join(tmpdir(), 'talaria-bench-'));
  const postgres = await startEmbeddedPostgres({ directory: folder, durable: true });
  const children: Child[] = [];
  const start = async (core: string, ...args: readonly string[]) => {
    const child = await startRole(core, ...args);
    children.push(child);
    return child;
  };
  try {
    const slow = await start('1', 'streams');
    const proxy = await start('0', 'proxy', slow.url);
    const gateway = await start('0', 'gateway', slow.url, postgres.url());
    await compareStreams({ 'upstream alone': slow.url, 'bare Node proxy': proxy.url, gateway: gateway.url });
    const fast = await start('1', 'upstream');
    await watchMemory(await start('0', 'gateway', fast.url, postgres.url()));
  } finally {
    for (const child of children) child.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function compareStreams(targets: Readonly<Record<string, string>>): Promise<void> {
  const rows = [];
  let alone = 0;
  for (const [name, url] of Object.entries(targets)) {
    await allStreams(url);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) times.push(await allStreams(url));
    const ms = times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
    if (alone === 0) alone = ms;
    rows.push({ target: name, 'ms until all ended': ms.toFixed(0), 'of the upstream': (ms / alone).toFixed(3) });
  }
  process.stdout.write(`${streams} streams at once of ${streamed.tokens} tokens, one each ${streamed.pauseMs} ms\n`);
  console.table(rows);
}

/** Milliseconds until the last of the streams has ended, whole. */
async function allStreams(url: string): Promise<number> {
  const pool = new Pool(url, { connections: streams });
  const body = JSON.stringify({ model: 'talaria/main', messages, stream: true });
  const started = performance.now();
  const one = async () => {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers,
      body,
    });
    const tokens = (await answer.text()).split('"token ').length - 1;
    if (statusCode !== 200 || tokens !== streamed.tokens)
      throw new Error(`a stream gave ${statusCode}, ${tokens} tokens`);
  };
  await Promise.all(Array.from({ length: streams }, one));
  const ms = performance.now() - started;
  await pool.close();
  return ms;
}

async function watchMemory(gateway: Child): Promise<void> {
  const memory: string[] = [];
  let failed = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const result = await autocannon({
      url: `${gateway.url}/v1/chat/completions`,
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'talaria/main', messages }),
      connections: 64,
      amount: requests / samples,
    });
    failed += result.non2xx + result.errors;
    memory.push(residentMiB(gateway.pid).toFixed(0));
  }
  process.stdout.write(
    `MiB of the gateway after each ${requests / samples} of ${requests} requests: ${memory.join(' ')}; ${failed} failed\n`,
  );
}

await main();
