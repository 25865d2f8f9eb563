import { type Answered, type Ask, ask } from '../../test/harness/gateway.ts';
import type { MockModel } from '../../test/harness/mock-model.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { Checks } from './checks.ts';
import type { PgBouncer } from './pgbouncer.ts';
import type { PooledPair } from './pooled-pair.ts';

/** Everything that touches the database, on two gateways that share few connections to it. */
export async function checkPooledWork(
  { check }: Checks,
  { urls, rows }: PooledPair,
  mock: MockModel,
  bouncer: PgBouncer,
): Promise<void> {
  const [one, two] = urls;
  await check('hints arrive over the direct URL', async () => {
    const working = async (url: string) => (await metrics(url)).includes('talaria_hints_working 1');
    await waitFor('both gateways to hear themselves', async () => (await working(one)) && (await working(two)));
    return undefined;
  });
  await check('200 stored turns of 20 sessions, over both gateways at once', async () => {
    const turns = Array.from({ length: 200 }, (_, at) => talk(urls[at % 2] ?? one, `session-${at % 20}`, `turn ${at}`));
    same(countOf(await Promise.all(turns)), { 200: 200 });
    const histories = await rows<{ items: number }>(
      `select count(*)::int as items from items i join sessions s on s.id = i.session_id where s.platform = 'api'
       group by s.id`,
    );
    same(
      histories.map(({ items }) => items),
      Array.from({ length: 20 }, () => 20),
    );
    return undefined;
  });
  await check('a run of one gateway, its events from the other, and again after its third', async () => {
    mock.next({ kind: 'answer', text: 'one two three four', pauseMs: 150 });
    const run = await create(one, 'hello');
    const all = await eventsOf(two, run, 0);
    const later = await eventsOf(one, run, all[2]?.id ?? 0);
    same(
      later.map(({ id }) => id),
      all.slice(3).map(({ id }) => id),
    );
    same(all.at(-1)?.type, 'run.completed');
    return `${all.length} events`;
  });
  await check('a run that another gateway is asked to stop', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'hang' });
    const run = await create(one, 'hello');
    await waitFor('the run to be at work', () => mock.requests.length > before);
    await post(two, `/v1/runs/${run}/stop`, {});
    await waitFor('the run to be cancelled', async () => (await read(one, run)).status === 'cancelled');
    return undefined;
  });
  await check('a turn that a newer one on the other gateway interrupts', async () => {
    const before = mock.requests.length;
    mock.next({ kind: 'hang' });
    const first = talk(one, 'hasty', 'first', { model: 'talaria/hasty' });
    await waitFor('the model to be asked', () => mock.requests.length > before);
    const second = await talk(two, 'hasty', 'second', { model: 'talaria/hasty' });
    same([second.status, second.text, (await first).code], [200, 'second', 'run_interrupted']);
    return undefined;
  });
  await check('one Idempotency-Key on both gateways at once runs once', async () => {
    const before = mock.requests.length;
    const headers = { 'idempotency-key': 'once' };
    const answers = await Promise.all(urls.map((url) => ask(url, { key: 'k', headers, content: 'once' })));
    same(countOf(answers), { 200: 2 });
    same(mock.requests.length - before, 1);
    return undefined;
  });
  await check('10 requests per minute hold over both gateways', async () => {
    const turns = Array.from({ length: 30 }, (_, at) =>
      ask(urls[at % 2] ?? one, { key: 'k', model: 'talaria/bounded' }),
    );
    const counts = countOf(await Promise.all(turns));
    // The minute may change meanwhile.
    if ((counts[200] ?? 0) > 20 || (counts[200] ?? 0) + (counts[429] ?? 0) !== 30)
      throw new Error(JSON.stringify(counts));
    return `${counts[200]} served, ${counts[429]} refused`;
  });
  await check('a CronJob of every second: each slot once', async () => {
    const slots = () => rows<{ slot: string; runs: number }>(cronRuns);
    const seen = await waitFor('three slots', async () => ((await slots()).length >= 3 ? await slots() : undefined));
    same(
      seen.filter(({ runs }) => runs !== 1),
      [],
    );
    return `${seen.length} slots`;
  });
  await check('PgBouncer is killed and started again: turns are stored again, no gateway was restarted', async () => {
    await bouncer.restart();
    const since = performance.now();
    for (const url of urls) {
      const stores = async () => (await talk(url, 'after', 'again')).status === 200;
      await waitFor('turns to be stored again', stores, { timeoutMs: 30_000 });
    }
    return `after ${Math.round(performance.now() - since)} ms`;
  });
}

const cronRuns = `select occurrence as slot, count(*)::int as runs from runs
  where trigger = 'cron' and status = 'completed' group by job_uid, occurrence`;

function talk(url: string, session: string, content: string, more: Ask = {}): Promise<Answered> {
  return ask(url, { key: 'k', content, headers: { 'x-talaria-session-id': session }, ...more });
}

async function metrics(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

const authorization = 'Bearer k';

async function post(url: string, path: string, body: object): Promise<Readonly<Record<string, string>>> {
  const headers = { authorization, 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`POST ${path} is ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

async function create(url: string, input: string): Promise<string> {
  return (await post(url, '/v1/runs', { input })).id ?? '';
}

async function read(url: string, run: string): Promise<{ readonly status: string }> {
  const response = await fetch(`${url}/v1/runs/${run}`, { headers: { authorization } });
  return (await response.json()) as { status: string };
}

async function eventsOf(url: string, run: string, from: number) {
  const headers = { authorization, 'last-event-id': String(from) };
  const text = await (await fetch(`${url}/v1/runs/${run}/events`, { headers })).text();
  return [...text.matchAll(/^id: (\d+)\nevent: (.*)$/gm)].map(([, id, type]) => ({ id: Number(id), type: type ?? '' }));
}

function countOf(answers: readonly Answered[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function same(got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
  }
}
