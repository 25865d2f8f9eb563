import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { keptGatewayKey } from '../../cli/cluster/gateway-key.ts';
import { installChart } from '../harness/install-chart.ts';
import { createNamespace } from '../harness/namespace.ts';
import { createDatabase, type TestDatabase } from '../harness/postgres.ts';
import { startGateway, startOperator, type TalariaProcess } from '../harness/talaria-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Call, type ConversationModel, startConversationModel } from './conversation-model.ts';
import { askOnce, type Told } from './session-clients.ts';

let database: TestDatabase;
let pool: pg.Pool;
let model: ConversationModel;
let operator: TalariaProcess;
let gateways: readonly TalariaProcess[] = [];
let key: string;

const policies = ['Queue', 'Interrupt', 'Reject'] as const;
const count = 200;

beforeAll(async () => {
  const kubeconfig = inject('kubeconfig');
  database = await createDatabase(inject('postgresUrl'));
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  model = await startConversationModel();
  const namespace = await createNamespace(kubeconfig);
  await installChart(kubeconfig, namespace.name);
  key = await keptGatewayKey(kubeconfig, namespace.name);
  const release = { kubeconfig, namespace: namespace.name, logLevel: 'warn' };
  operator = await startOperator(release);
  await namespace.apply(policies.map(agent));
  gateways = await Promise.all(
    ['a', 'b', 'c'].map((name) => startGateway({ ...release, podName: `gateway-${name}`, databaseUrl: database.url })),
  );
  for (const { url } of gateways) await waitFor(`${url} to serve every agent`, async () => (await models(url)) === 3);
}, 120_000);
afterAll(async () => {
  await Promise.all([operator, ...gateways].map((process) => process?.stop()));
  await model?.stop();
  await pool?.end();
  await database?.drop();
});

describe('200 posts to one session at once, over three replicas', () => {
  it('under Queue run one after the other, each once, while a replica is killed', { timeout: 180_000 }, async () => {
    const asking = askAll('Queue', ['session_busy', 'idempotency_in_progress', 'run_interrupted', 'state_unavailable']);
    await waitFor('40 turns to be answered', () => answered('Queue').length >= 40, { timeoutMs: 60_000 });
    const held = await model.holdNext();
    await (await replicaAtWork()).kill();
    const told = await asking;
    const lost = told.filter(({ answer }) => answer === undefined);
    expect(lost.map(({ question, code }) => [question, code])).toEqual([[held.question, 'run_unknown']]);
    expect(told.filter(({ broken }) => broken > 0).length).toBeGreaterThan(0);
    const history = await historyOf('Queue');
    expect(history).toHaveLength(2 * (count - 1));
    expectInOrder('Queue', history, told);
  });

  it('under Interrupt the newer takes the place of the older, and one runs at a time', {
    timeout: 120_000,
  }, async () => {
    await backAgain();
    const told = await askAll('Interrupt', ['idempotency_in_progress', 'state_unavailable']);
    expect(told.filter(({ answer }) => answer !== undefined).length).toBeGreaterThan(0);
    expect(codesOf(told)).toEqual(['run_interrupted']);
    expectInOrder('Interrupt', await historyOf('Interrupt'), told);
  });

  it('under Reject those that come while one runs are told so', { timeout: 120_000 }, async () => {
    await backAgain();
    const told = await askAll('Reject', ['idempotency_in_progress', 'state_unavailable']);
    expect(told.filter(({ answer }) => answer !== undefined).length).toBeGreaterThan(0);
    expect(codesOf(told)).toEqual(['session_busy']);
    const history = await historyOf('Reject');
    expect(history).toHaveLength(2 * told.filter(({ answer }) => answer !== undefined).length);
    expectInOrder('Reject', history, told);
  });
});

type Policy = (typeof policies)[number];

/** One run at a time; what was answered stands once in the history, with its answer; each model call saw what was before. */
function expectInOrder(policy: Policy, history: readonly string[], told: readonly Told[]): void {
  const calls = model.callsOf(instructionsOf(policy));
  expect(overlaps(calls)).toEqual([]);
  for (const { question, answer } of told) {
    if (answer === undefined) continue;
    expect(answer).toBe(`answer to ${question}`);
    expect(history.filter((text) => text === question)).toHaveLength(1);
    expect(history[history.indexOf(question) + 1]).toBe(answer);
  }
  expect(new Set(calls.map(({ question }) => question)).size).toBe(calls.length);
  for (const { before, question, answered: isAnswered } of calls) {
    if (isAnswered && history.includes(question)) expect(before).toEqual(history.slice(0, history.indexOf(question)));
  }
}

/** A connection that its client broke is heard of a little later. */
const toleranceMs = 100;

function overlaps(calls: readonly Call[]): readonly string[] {
  const inOrder = calls.toSorted((one, other) => one.startedAt - other.startedAt);
  return inOrder.flatMap((call, at) => {
    const before = inOrder[at - 1];
    if (before === undefined || (before.endedAt ?? Number.POSITIVE_INFINITY) <= call.startedAt + toleranceMs) return [];
    return [`${call.question} began while ${before.question} ran`];
  });
}

function askAll(policy: Policy, sendAgainOn: readonly string[]): Promise<readonly Told[]> {
  const urls = () => gateways.filter((gateway) => gateway.exit() === undefined).map(({ url }) => url);
  const options = { urls, key, model: `talaria/${policy.toLowerCase()}`, session: `order-${policy}`, sendAgainOn };
  return Promise.all(Array.from({ length: count }, (_, number) => askOnce(options, number)));
}

function codesOf(told: readonly Told[]): readonly string[] {
  return [...new Set(told.flatMap(({ code }) => code ?? []))].sort();
}

function answered(policy: Policy): readonly Call[] {
  return model.callsOf(instructionsOf(policy)).filter((call) => call.answered);
}

/** The replica whose worker has the one active run. */
async function replicaAtWork(): Promise<TalariaProcess> {
  const { rows } = await pool.query<{ replica: string }>(
    `select w.replica from runs r join workers w on w.id = r.worker where r.status = 'running'`,
  );
  expect(rows).toHaveLength(1);
  const found = gateways.find(({ podName }) => podName === rows[0]?.replica);
  if (found === undefined) throw new Error(`no gateway is called ${rows[0]?.replica}`);
  return found;
}

/** Starts the replica that was killed, and waits until each can store turns. */
async function backAgain(): Promise<void> {
  await Promise.all(gateways.filter((gateway) => gateway.exit() !== undefined).map((gateway) => gateway.start()));
  for (const { url } of gateways) await waitFor(`${url} to serve every agent`, async () => (await models(url)) === 3);
}

/** The texts of the session, in the order of their numbers, which have no gap. */
async function historyOf(policy: Policy): Promise<readonly string[]> {
  const { rows } = await pool.query<{ seq: string; text: string | null }>(
    `select i.seq, coalesce(i.data -> 'content' -> 0 ->> 'text', i.data ->> 'content') as text
     from items i join sessions s on s.id = i.session_id where s.name = $1 order by i.seq`,
    [`order-${policy}`],
  );
  expect(rows.map(({ seq }) => Number(seq))).toEqual(rows.map((_, at) => at + 1));
  return rows.map(({ text }) => text ?? '');
}

async function models(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as { data?: readonly unknown[] }).data?.length ?? 0;
}

function instructionsOf(policy: Policy): string {
  return `You are ${policy}.`;
}

function agent(policy: Policy): object {
  return {
    apiVersion: 'talaria.dev/v1alpha1',
    kind: 'Agent',
    metadata: { name: policy.toLowerCase() },
    spec: {
      instructions: { inline: instructionsOf(policy) },
      model: { provider: 'openai-compatible', name: 'm', baseURL: model.baseURL },
      sessions: { concurrency: policy, maxHistoryMessages: 1_000 },
    },
  };
}
