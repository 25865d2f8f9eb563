import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';

export interface OutageOptions {
  /** Gateways on one database, with the key `k`; `talaria/remote` has a model server. */
  readonly urls: readonly string[];
  readonly stopDatabase: () => Promise<void>;
  readonly startDatabase: () => Promise<void>;
  readonly seconds: number;
  /** A look into the database past the gateways. */
  readonly rows: <Row>(text: string) => Promise<readonly Row[]>;
}

export type Work = 'stateless' | 'stored' | 'runs';
export type Phase = 'before' | 'during' | 'after';

/** What was answered, and what is stored, after the database was away under load. */
export interface OutageReport {
  /** How often each work got `200`, `202` or a status with its code in each phase: by when the request was sent. */
  readonly answers: Readonly<Record<Work, Readonly<Record<Phase, Readonly<Record<string, number>>>>>>;
  /** From the start of the database until every gateway stored a turn again. */
  readonly recoveredAfterMs: number;
  /** Run status -> how many. */
  readonly runs: Readonly<Record<string, number>>;
  /** What must not be: turns that were answered and are not stored as such, runs without an end, half histories. */
  readonly faults: readonly string[];
}

const workers = 4;

/** Keeps every gateway busy with each kind of work while the database goes away for a while and comes back. */
export async function runOutage(options: OutageOptions): Promise<OutageReport> {
  const { urls, seconds } = options;
  const load = startLoad(urls);
  await delay(2_000);
  await options.stopDatabase();
  load.enter('during');
  await delay(seconds * 1_000);
  load.enter('after');
  const started = performance.now();
  await options.startDatabase();
  await Promise.all(urls.map(storesAgain));
  const recoveredAfterMs = Math.round(performance.now() - started);
  await delay(2_000);
  const answered = await load.stop();
  await waitFor('every run to have ended', async () => (await openRuns(options)) === 0, { timeoutMs: 60_000 });
  return { answers: load.answers, recoveredAfterMs, ...(await judge(options, answered)) };
}

/** The table of a report, for people. */
export function describeOutage({ answers, recoveredAfterMs, runs }: OutageReport): string {
  const lines = Object.entries(answers).flatMap(([work, phases]) =>
    Object.entries(phases).map(([phase, counts]) => {
      const told = Object.entries(counts).map(([outcome, count]) => `${count} x ${outcome}`);
      return `  ${work.padEnd(10)}${phase.padEnd(8)}${told.join(', ')}`;
    }),
  );
  const ended = Object.entries(runs).map(([status, count]) => `${count} ${status}`);
  return [...lines, `  stored again after ${recoveredAfterMs} ms`, `  runs: ${ended.join(', ')}`].join('\n');
}

interface Answered {
  /** Runs of stored turns that were answered with 200. */
  readonly completed: Set<string>;
  /** Runs that were accepted with 202. */
  readonly accepted: Set<string>;
}

function startLoad(urls: readonly string[]) {
  let phase: Phase = 'before';
  let stopping = false;
  const none = () => ({ before: {}, during: {}, after: {} }) as Record<Phase, Record<string, number>>;
  const answers = { stateless: none(), stored: none(), runs: none() };
  const answered: Answered = { completed: new Set(), accepted: new Set() };
  const loop = async (work: Work, send: () => Promise<string>) => {
    while (!stopping) {
      const counts = answers[work][phase];
      const outcome = await send().catch((error: unknown) => `broken: ${String(error)}`);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      await delay(20);
    }
  };
  const loops = urls.flatMap((url, replica) =>
    Array.from({ length: workers }, (_, at) => [
      loop('stateless', () => stateless(url)),
      loop('stored', () => stored(url, `session-${replica}-${at}`, answered)),
      loop('runs', () => background(url, answered)),
    ]).flat(),
  );
  return {
    answers,
    enter: (next: Phase) => {
      phase = next;
    },
    stop: async () => {
      stopping = true;
      await Promise.all(loops);
      return answered;
    },
  };
}

async function stateless(url: string): Promise<string> {
  const { status, code } = await ask(url, { key: 'k', model: 'talaria/remote' });
  return outcomeOf(status, code);
}

async function stored(url: string, session: string, { completed }: Answered): Promise<string> {
  const headers = { 'x-talaria-session-id': session };
  const answer = await ask(url, { key: 'k', model: 'talaria/remote', headers });
  if (answer.status === 200) completed.add(answer.headers.get('x-talaria-run-id') ?? '');
  return outcomeOf(answer.status, answer.code);
}

async function background(url: string, { accepted }: Answered): Promise<string> {
  const response = await fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'talaria/remote', input: 'hello' }),
  });
  const body = (await response.json()) as { id?: string; error?: { code: string } };
  if (response.status === 202) accepted.add(body.id ?? '');
  return outcomeOf(response.status, body.error?.code);
}

function outcomeOf(status: number, code: string | undefined): string {
  return code === undefined ? String(status) : `${status} ${code}`;
}

async function storesAgain(url: string): Promise<void> {
  const headers = { 'x-talaria-session-id': 'probe' };
  const asked = () => ask(url, { key: 'k', model: 'talaria/remote', headers });
  await waitFor(`${url} to store turns again`, async () => (await asked()).status === 200, { timeoutMs: 60_000 });
}

async function openRuns({ rows }: OutageOptions): Promise<number> {
  const [row] = await rows<{ open: number }>(
    `select count(*)::int as open from runs where status not in ('completed', 'failed', 'cancelled', 'unknown')`,
  );
  return row?.open ?? -1;
}

interface RunRow {
  readonly id: string;
  readonly session: string | null;
  readonly status: string;
  readonly items: number;
}

async function judge({ rows }: OutageOptions, { completed, accepted }: Answered) {
  const found = await rows<RunRow>(
    `select 'run_' || replace(r.id::text, '-', '') as id, r.session_id as session, r.status, count(i.seq)::int as items
     from runs r left join items i on i.run_id = r.id and i.session_id = r.session_id group by r.id`,
  );
  const byId = new Map(found.map((run) => [run.id, run]));
  const halves = await rows<{ id: string }>(
    `select session_id as id from items group by session_id having count(*) <> max(seq) or count(*) % 2 <> 0`,
  );
  const faults = [
    ...[...completed].filter((id) => byId.get(id)?.status !== 'completed').map((id) => `answered, not stored: ${id}`),
    ...[...accepted].filter((id) => !byId.has(id)).map((id) => `accepted, not stored: ${id}`),
    ...found
      .filter(({ session, status, items }) => session !== null && items !== (status === 'completed' ? 2 : 0))
      .map(({ id, status, items }) => `a ${status} run with ${items} items: ${id}`),
    ...halves.map(({ id }) => `a history with a gap or half a turn: ${id}`),
  ];
  const runs: Record<string, number> = {};
  for (const { status } of found) runs[status] = (runs[status] ?? 0) + 1;
  return { runs, faults };
}
