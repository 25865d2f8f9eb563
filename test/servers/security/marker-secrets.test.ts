import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { verdict } from '../../../crds/verdict.ts';
import { startFakeDiscord } from '../../harness/fake-discord.ts';
import { startFakeMatrix } from '../../harness/fake-matrix.ts';
import { startFakeSlack } from '../../harness/fake-slack.ts';
import { startFakeTelegram } from '../../harness/fake-telegram.ts';
import { installChart } from '../../harness/install-chart.ts';
import { startMockAnthropic } from '../../harness/mock-anthropic.ts';
import { startMockModel } from '../../harness/mock-model.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { type OidcIssuer, startOidcIssuer } from '../../harness/oidc-issuer.ts';
import { createDatabase, type TestDatabase } from '../../harness/postgres.ts';
import { loopbackEgress, startGateway, startOperator, type TalariaProcess } from '../../harness/talaria-process.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ok, startReceiver, status, verifies } from '../delivery/receiver.ts';
import { createMarkers } from './markers.ts';
import { makeSecrets, type Outside, secretManifests, worldManifests } from './secret-world.ts';

const markers = createMarkers();
const secrets = makeSecrets(markers);
/** Not a Secret: receivers such as chat services take it as one, so it stays out of what people share. */
const webhookPath = createMarkers();
const hookPath = webhookPath.make('WebhookPath');
/** Everything that the gateway answered. */
const answers: string[] = [];

let outside: Outside;
let issuer: OidcIssuer;
let namespace: TestNamespace;
let database: TestDatabase;
let databaseUrl: string;
let admin: pg.Client;
let folder: string;
let operator: TalariaProcess;
let gateway: TalariaProcess;

beforeAll(async () => {
  const kubeconfig = inject('kubeconfig');
  [outside, issuer, namespace, database, folder] = await Promise.all([
    startOutside(),
    startOidcIssuer(),
    createNamespace(kubeconfig),
    createDatabase(inject('postgresUrl')),
    temporaryFolder('markers'),
  ]);
  databaseUrl = await withOwnPassword(database.url);
  await installChart(kubeconfig, namespace.name);
  await namespace.apply(secretManifests(secrets));
  await namespace.apply(worldManifests(outside, hookPath));
  const release = { kubeconfig, namespace: namespace.name, logLevel: 'trace' };
  operator = await startOperator({ ...release, directory: path.join(folder, 'operator') });
  gateway = await startGateway({
    ...release,
    directory: path.join(folder, 'gateway'),
    databaseUrl,
    config: { ...loopbackEgress, auth: { issuers: [issuer.config({ agents: ['*'] })] } },
  });
  await Promise.all([accountToken('operator'), accountToken('gateway')]);
  await namespace.kubectl([
    'wait',
    '--for=condition=Ready',
    '--timeout=30s',
    'agents.talaria.dev/clerk',
    'agents.talaria.dev/poet',
  ]);
  await waitFor('the CronJob to be stored', async () => (await get('/admin/v1/jobs/report')).includes('"Scheduled"'));
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), operator?.stop()]);
  await Promise.all([...Object.values(outside ?? {}).map((server) => server.stop()), issuer?.stop()]);
  await admin?.end();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

describe('secrets in use', () => {
  it('reach those they are for, and nobody else', async () => {
    expect(await chat(secrets.gatewayKey, 'talaria/clerk', 'x-one')).toBe(200);
    expect(await chat(secrets.gatewayKeyBefore, 'talaria/clerk')).toBe(200);
    expect(await chat(secrets.agentKey, 'talaria/clerk')).toBe(200);
    expect(await chat(secrets.agentKeyBefore, 'talaria/clerk')).toBe(200);
    expect(await chat(markers.add('Token', await issuer.token()), 'talaria/clerk', 'x-two')).toBe(200);
    expect(await chat(secrets.gatewayKey, 'talaria/poet')).toBe(200);
    outside.model.next({ kind: 'fail', status: 500 });
    expect(await chat(secrets.gatewayKey, 'talaria/clerk')).toBe(200);
    expect(await call('/v1/responses', secrets.gatewayKey, { model: 'talaria/clerk', input: 'hello' })).toBe(200);
    await runJob();
    await deliveriesBecome(6, 'sent');

    expect(new Set(outside.model.requests.map(({ key }) => key))).toEqual(new Set([secrets.model]));
    expect(new Set(outside.fallback.requests.map(({ key }) => key))).toEqual(new Set([secrets.fallback]));
    expect(outside.anthropic.requests.at(-1)?.headers['x-api-key']).toBe(secrets.anthropic);
    for (const platform of ['telegram', 'slack', 'discord', 'matrix'] as const) {
      expect(outside[platform].seen.map(({ token }) => token)).toEqual([secrets[platform]]);
    }
    const [webhook] = outside.receiver.received;
    expect([secrets.webhook, secrets.webhookBefore].map((key) => webhook && verifies(webhook, key))).toEqual([
      true,
      true,
    ]);
  });

  it('are told back by everybody outside in their errors, and by callers in wrong places', async () => {
    outside.receiver.answer(
      status(401, { 'www-authenticate': secrets.webhook, location: `http://${secrets.webhook}/` }),
    );
    outside.telegram.always({ kind: 'refuse', code: `Unauthorized: ${secrets.telegram}`, status: 401 });
    outside.slack.always({ kind: 'refuse', code: `invalid_auth ${secrets.slack}` });
    outside.discord.always({ kind: 'reply', reply: { status: 401, body: { code: 0, message: secrets.discord } } });
    outside.matrix.always({ kind: 'refuse', code: `M_UNKNOWN_TOKEN ${secrets.matrix}`, status: 401 });
    for (const behaviour of echoing(secrets.model)) {
      outside.model.next(behaviour);
      outside.fallback.next({ kind: 'fail', status: 400, message: `bad key ${secrets.fallback}` });
      expect(await chat(secrets.gatewayKey, 'talaria/clerk', 'x-three')).toBe(502);
    }
    for (const status of [400, 401, 500]) {
      outside.anthropic.next({ kind: 'fail', status, message: `x-api-key ${secrets.anthropic}` });
      expect(await chat(secrets.gatewayKey, 'talaria/poet')).toBe(502);
    }
    await runJob();
    await deliveriesBecome(11, 'last_error');
    outside.model.next({ kind: 'fail', status: 401, message: secrets.model });
    outside.fallback.next({ kind: 'fail', status: 401, message: secrets.fallback });
    await runJob();
    await waitFor('the run to fail', async () =>
      (await get('/admin/v1/runs?trigger=cron&status=failed')).includes('run_'),
    );

    expect(await chat(markers.make('WrongKey'), 'talaria/clerk')).toBe(401);
    expect(await chat(markers.add('BrokenToken', `${(await issuer.token()).slice(0, -4)}AAAA`), 'talaria/clerk')).toBe(
      401,
    );
    expect(await chat(markers.add('OldToken', await issuer.token({ exp: 1 })), 'talaria/clerk')).toBe(401);
    expect(await chat(secrets.unlabelled, 'talaria/clerk')).toBe(401);
    await get(`/v1/models?api_key=${secrets.gatewayKey}`);
    await get(`/nowhere/${secrets.gatewayKey}`);
    for (const agent of ['thief', 'guest']) expect(await chat(secrets.gatewayKey, `talaria/${agent}`)).toBe(503);
  });

  it.each([
    ['an address', (key: string) => ({ baseURL: `https://user:${key}@models.example/v1` })],
    ['the place of a name', (key: string) => ({ apiKeySecretRef: { name: `SK_${key}` } })],
    ['a field that is not there', (key: string) => ({ apiKey: key })],
  ])('are refused in %s, and what Talaria says of that does not repeat them', async (_, fields) => {
    const model = { provider: 'openai-compatible', name: 'm', ...fields(markers.make('SecretInManifest')) };
    const manifest = { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'loud' }, spec: { model } };
    const said = (await verdict(manifest)).problems.map((problem) => JSON.stringify(problem)).join('\n');
    expect(said).toContain('model');
    expect(markers.foundIn(said)).toEqual([]);
    await expect(
      namespace.kubectl(['apply', '--validate=strict', '-f', '-'], JSON.stringify(manifest)),
    ).rejects.toThrow();
  });

  it('are not told by a gateway whose database refuses it', async () => {
    const url = new URL(databaseUrl);
    url.password = markers.make('WrongPassword');
    const refused = await startGateway({
      kubeconfig: inject('kubeconfig'),
      namespace: namespace.name,
      databaseUrl: url.href,
      logLevel: 'trace',
      awaitReady: false,
    });
    await waitFor('the log to say it', () =>
      /password authentication failed|cannot be used|unavailable/.test(refused.log()),
    );
    expect(markers.foundIn(refused.log())).toEqual([]);
    await refused.kill();
    await refused.stop();
  });

  it('are rotated and revoked, and only the Agent that loses one refuses', async () => {
    for (const platform of ['telegram', 'slack', 'discord', 'matrix'] as const)
      outside[platform].always({ kind: 'take' });
    await namespace.apply(secretManifests(makeSecrets(markers)).filter((each) => !isKey(each)));
    await namespace.kubectl(['delete', 'secret', 'fallback', 'tool-headers']);
    await namespace.kubectl(['wait', '--for=condition=Ready=False', '--timeout=30s', 'agents.talaria.dev/clerk']);
    expect(await chat(secrets.gatewayKey, 'talaria/clerk')).toBe(503);
    expect(await chat(secrets.gatewayKey, 'talaria/poet')).toBe(200);
  });
});

describe('no secret, in any form, is in', () => {
  it.each([
    ['the log of the operator', async () => operator.log()],
    ['the log of the gateway', async () => gateway.log()],
    ['the metrics of the operator', async () => (await fetch(`${operator.url}/metrics`)).text()],
    ['the metrics of the gateway', () => get('/metrics')],
    ['an answer of the gateway, or an error', async () => answers.join('\n')],
    ['a ConfigMap, Event, Lease, status or any other object of the namespace but Secrets', clusterText],
    ['a row of the database', databaseText],
    ['the state that the gateway keeps on disk', () => folderText(path.join(folder, 'gateway', 'state'))],
  ])('%s', async (_, read) => {
    const text = await read();
    expect(text.length).toBeGreaterThan(10);
    expect(markers.foundIn(text)).toEqual([]);
    expect(markers.hashesIn(text)).toEqual([]);
  });

  it.each(['snapshot', 'jobs', 'jobs/report', 'runs', 'deliveries'])('/admin/v1/%s', async (name) => {
    const text = await get(`/admin/v1/${name}`);
    expect(text.length).toBeGreaterThan(50);
    expect(markers.foundIn(text)).toEqual([]);
    expect(markers.hashesIn(text)).toEqual([]);
  });

  it('the path of a webhook, which only its manifest and what is made of it for its delivery have', async () => {
    for (const text of [operator.log(), gateway.log(), await get('/metrics'), await statusText()]) {
      expect(webhookPath.foundIn(text)).toEqual([]);
    }
    expect(await columnText('deliveries', 'last_error')).toMatch(/the receiver answered 401/);
    expect(webhookPath.foundIn(await columnText('deliveries', 'last_error'))).toEqual([]);
  });
});

describe('the search', () => {
  it('finds what is meant to be found: credentials in their shards, API keys there by their hash alone', async () => {
    const shards = await shardText();
    expect(markers.foundIn(shards)).toEqual(
      expect.arrayContaining([
        'AnthropicKey',
        'DiscordToken',
        'MatrixToken',
        'ModelKey',
        'SlackToken',
        'TelegramToken',
      ]),
    );
    expect(markers.foundIn(shards).filter((kind) => /(Agent|Gateway)Key$/.test(kind))).toEqual([]);
    expect(markers.hashesIn(shards)).toEqual(['AgentKey', 'GatewayKey', 'PreviousAgentKey', 'PreviousGatewayKey']);
    for (const never of ['FaultyGatewayKey', 'SecretOfAnotherAgent', 'UnlabelledSecret']) {
      expect(markers.foundIn(shards)).not.toContain(never);
    }
  });
});

async function startOutside(): Promise<Outside> {
  const [model, fallback, anthropic, telegram, slack, discord, matrix, receiver] = await Promise.all([
    startMockModel(),
    startMockModel(),
    startMockAnthropic(),
    startFakeTelegram(),
    startFakeSlack(),
    startFakeDiscord(),
    startFakeMatrix(),
    startReceiver(ok),
  ]);
  return { model, fallback, anthropic, telegram, slack, discord, matrix, receiver };
}

/** Ways in which a model server can tell its caller the key. */
function echoing(key: string) {
  return [
    ...[400, 401, 403, 404, 422, 429, 500, 503].map((status) => ({
      kind: 'fail' as const,
      status,
      message: `Incorrect API key provided: ${key}`,
    })),
    { kind: 'raw' as const, contentType: 'text/html', pieces: [`<h1>no ${key}</h1>`] },
    { kind: 'raw' as const, contentType: 'application/json', pieces: [`{"choices": "${key}"}`] },
  ];
}

/** Gives the database an owner of its own, whose password is a marker. */
async function withOwnPassword(url: string): Promise<string> {
  const own = new URL(url);
  own.username = own.pathname.slice(1);
  own.password = markers.make('DatabasePassword');
  admin = new pg.Client({ connectionString: url });
  admin.on('error', () => undefined);
  await admin.connect();
  await admin.query(`create role ${own.username} login superuser password '${own.password}'`);
  return own.href;
}

/** What a process proves itself with to the API server. */
async function accountToken(component: 'operator' | 'gateway'): Promise<void> {
  const kubeconfig = JSON.parse(await readFile(path.join(folder, component, 'kubeconfig'), 'utf8')) as {
    readonly users: readonly [{ readonly user: { readonly token: string } }];
  };
  markers.add(`ServiceAccountTokenOf${component}`, kubeconfig.users[0].user.token);
}

function chat(key: string, model: string, session?: string): Promise<number> {
  const body = { model, messages: [{ role: 'user', content: 'hello' }] };
  return call('/v1/chat/completions', key, body, session === undefined ? {} : { 'x-talaria-session-id': session });
}

async function call(route: string, key: string, body: object, headers: object = {}): Promise<number> {
  const answer = await fetch(`${gateway.url}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify(body),
  });
  answers.push(JSON.stringify([...answer.headers]), await answer.text());
  return answer.status;
}

async function get(route: string): Promise<string> {
  const answer = await fetch(`${gateway.url}${route}`, { headers: { authorization: `Bearer ${secrets.gatewayKey}` } });
  const text = await answer.text();
  answers.push(JSON.stringify([...answer.headers]), text);
  return text;
}

async function runJob(): Promise<void> {
  await waitFor(
    'the job to be run',
    async () => (await call('/admin/v1/jobs/report/run', secrets.gatewayKey, {})) === 202,
  );
  await waitFor('its run to end', async () => {
    const { rows } = await admin.query(
      `select from runs where trigger = 'cron' and status not in ('completed', 'failed')`,
    );
    return rows.length === 0;
  });
}

/** Waits until so many deliveries are sent, or have an error. */
async function deliveriesBecome(count: number, what: 'sent' | 'last_error'): Promise<void> {
  const condition = what === 'sent' ? `status = 'sent'` : `status = 'sent' or last_error <> ''`;
  await waitFor(`${count} deliveries`, async () => {
    const { rows } = await admin.query(`select from deliveries where ${condition}`);
    return rows.length >= count;
  });
}

async function clusterText(): Promise<string> {
  const kinds = [
    'configmaps',
    'events',
    'leases',
    'deployments',
    'services',
    'agents.talaria.dev',
    'routes.talaria.dev',
  ];
  return await namespace.kubectl(['get', [...kinds, 'cronjobs.talaria.dev'].join(','), '-o', 'yaml']);
}

async function statusText(): Promise<string> {
  const objects = ['get', 'agents.talaria.dev,routes.talaria.dev,cronjobs.talaria.dev'];
  const statuses = await namespace.kubectl([...objects, '-o', 'jsonpath={.items[*].status}']);
  return statuses + (await namespace.kubectl(['get', 'events', '-o', 'yaml']));
}

async function shardText(): Promise<string> {
  const { items } = JSON.parse(await namespace.kubectl(['get', 'secrets', '-o', 'json'])) as {
    readonly items: readonly { metadata: { name: string }; data?: Record<string, string> }[];
  };
  const shards = items.filter(({ metadata }) => metadata.name.startsWith('talaria-credentials-'));
  const values = shards.flatMap(({ data = {} }) => Object.values(data));
  return values.map((value) => Buffer.from(value, 'base64').toString()).join('\n');
}

/** Every row of every table. */
async function databaseText(): Promise<string> {
  const { rows: tables } = await admin.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await admin.query<{ text: string }>(`select row_to_json(t)::text as text from ${name} t`);
    texts.push(name, ...rows.map(({ text }) => text));
  }
  expect(tables.length).toBeGreaterThan(10);
  return texts.join('\n');
}

async function columnText(table: string, column: string): Promise<string> {
  const { rows } = await admin.query<{ text: string }>(`select ${column} as text from ${table}`);
  return rows.map(({ text }) => text).join('\n');
}

async function folderText(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
}

/** Gateway keys go on, so that the gateway can be asked. */
function isKey(manifest: object): boolean {
  return JSON.stringify(manifest).includes('gateway-key');
}
