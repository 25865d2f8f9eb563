import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keptGatewayKey } from '../../cli/cluster/gateway-key.ts';
import { keepRunning } from '../../cli/cluster/keep-running.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { applyCrds } from '../harness/crds.ts';
import { installChart } from '../harness/install-chart.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { startGateway, startOperator, type TalariaProcess } from '../harness/talaria-process.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import { waitFor } from '../harness/wait-for.ts';

let controlPlane: ControlPlane;
let postgres: TestPostgres;
let namespace: TestNamespace;
let operator: TalariaProcess;
let gateway: TalariaProcess;
let credentials: string;
let key: string;
let keeper: Promise<void> | undefined;
const stopping = new AbortController();

beforeAll(async () => {
  credentials = await temporaryFolder('credentials');
  [controlPlane, postgres] = await Promise.all([startControlPlane(), startPostgres()]);
  const { kubeconfig } = controlPlane;
  await applyCrds(kubeconfig);
  namespace = await createNamespace(kubeconfig);
  await installChart(kubeconfig, namespace.name);
  key = await keptGatewayKey(kubeconfig, namespace.name);
  const release = { kubeconfig, namespace: namespace.name };
  operator = await startOperator(release);
  await namespace.apply([agent('steady', true), agent('other', false), route('first', 'c1', 'other')]);
  gateway = await startGateway({
    ...release,
    databaseUrl: postgres.url,
    env: { TALARIA_CREDENTIALS_DIR: credentials },
  });
  await waitFor('the first route to be served', async () => (await ask('c1')).agent === 'other');
});
afterAll(async () => {
  stopping.abort();
  await keeper;
  await Promise.all([gateway?.stop(), operator?.stop()]);
  await Promise.all([controlPlane?.stop(), postgres?.stop()]);
  await rm(credentials, { recursive: true, force: true });
});

describe('while the operator is away', () => {
  it('everything that is declared goes on, a change waits, and is served when the operator is back', async () => {
    await operator.kill();
    await namespace.apply([route('second', 'c2', 'other')]);
    expect(await ask('c1')).toMatchObject({ status: 200, agent: 'other' });
    expect(await ask('c2')).toMatchObject({ status: 200, agent: 'steady' });
    await operator.start();
    await served('c2');
    await namespace.kubectl(['wait', '--for=condition=Programmed', '--timeout=30s', 'routes.talaria.dev/second']);
  });
});

describe('while the API server is away', () => {
  beforeAll(() => {
    keeper = restartOperator();
  });

  it('requests go on, a restarted gateway serves its local copy, and changes follow when it is back', async () => {
    await mountCredentials();
    await controlPlane.stopApiServer();
    expect(await ask('c1')).toMatchObject({ status: 200, agent: 'other' });
    await gateway.kill();
    await gateway.start();
    expect(await ask('c1')).toMatchObject({ status: 200, agent: 'other' });
    await controlPlane.startApiServer();
    await namespace.apply([route('third', 'c3', 'other')]);
    await served('c3');
  });

  it('an API server that hangs changes nothing for requests, and changes follow when it goes on', async () => {
    controlPlane.pause();
    for (let i = 0; i < 20; i++) expect(await ask('c1')).toMatchObject({ status: 200, agent: 'other' });
    controlPlane.resume();
    await namespace.apply([route('fourth', 'c4', 'other')]);
    await served('c4');
  });
});

describe('while PostgreSQL is away', () => {
  it('stateless turns go on, stored ones say state_unavailable and may be repeated, and it recovers by itself', async () => {
    expect((await askStored('before')).status).toBe(200);
    await postgres.kill();
    expect(await ask('c1')).toMatchObject({ status: 200, agent: 'other' });
    const refused = await askStored('during');
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'state_unavailable' } } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    const ready = await fetch(`${gateway.url}/readyz`);
    expect(ready.status).toBe(200);
    await postgres.start();
    await waitFor('stored turns to work again', async () => (await askStored('after')).status === 200);
  });
});

/** An operator that loses its lease ends, and a cluster starts it again. */
function restartOperator(): Promise<void> {
  const running = () => operator.exit() === undefined;
  return keepRunning({ name: 'operator', running, start: operator.start }, () => undefined, stopping.signal);
}

/** A lease that nobody gave up runs out first, so this may take half a minute. */
async function served(chatId: string): Promise<void> {
  const agentOfChat = async () => (await ask(chatId)).agent === 'other';
  await waitFor(`the route of ${chatId} to be served`, agentOfChat, { timeoutMs: 60_000 });
}

interface Answer {
  readonly status: number;
  readonly agent: string | null;
  readonly headers: Headers;
  readonly body: unknown;
}

function ask(chatId: string): Promise<Answer> {
  return complete({ 'x-talaria-chat-id': chatId });
}

function askStored(session: string): Promise<Answer> {
  return complete({ 'x-talaria-session-id': session });
}

async function complete(headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model: 'talaria', messages: [{ role: 'user', content: 'hello' }] }),
    signal: AbortSignal.timeout(20_000),
  });
  const { status, headers: answered } = response;
  return { status, agent: answered.get('x-talaria-agent'), headers: answered, body: await response.json() };
}

/** What the kubelet does with the volume of the chart: one file for each credential. */
async function mountCredentials(): Promise<void> {
  const { items } = JSON.parse(await namespace.kubectl(['get', 'secrets', '-o', 'json'])) as {
    items: { metadata: { name: string }; data?: Record<string, string> }[];
  };
  const shards = items.filter(({ metadata }) => metadata.name.startsWith('talaria-credentials-'));
  for (const [name, value] of shards.flatMap(({ data = {} }) => Object.entries(data))) {
    await writeFile(path.join(credentials, name), Buffer.from(value, 'base64'));
  }
}

function agent(name: string, isDefault: boolean): object {
  const spec = { default: isDefault, model: { provider: 'echo', name: 'echo' } };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name }, spec };
}

function route(name: string, chatId: string, to: string): object {
  const spec = { rules: [{ name: 'chat', matches: [{ chatId }], agentRefs: [{ name: to }] }] };
  return { apiVersion: 'talaria.dev/v1alpha1', kind: 'Route', metadata: { name }, spec };
}
