import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import { agents, cronJobs, routes } from '../../../core/kube/resources.ts';
import type { KubeClient, KubeObject, Written } from '../../../core/kube/types.ts';
import type { Kind } from '../../../crds/common.ts';
import { writeServiceAccountKubeconfig } from '../../harness/kubeconfig.ts';
import { createNamespace } from '../../harness/namespace.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';
import {
  createStage,
  type Replica,
  type RunningOperator,
  read,
  readyAgent,
  readyRoute,
  type Stage,
  settled,
} from '../operator/stage.ts';
import { createMarkers } from './markers.ts';

const markers = createMarkers();
const credentials = { 'talaria.dev/credentials': 'true' };

const resources = { Agent: agents, Route: routes, CronJob: cronJobs };

interface Manifest {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: object;
}

let stage: Stage;
let operator: RunningOperator;
let replica: Replica;
let folder: string;
/** Has the rights of the author: Agents, Routes and CronJobs of one namespace, and nothing else. */
let author: KubeClient;

beforeAll(async () => {
  stage = await createStage();
  folder = await temporaryFolder('author');
  const foreign = await createNamespace(inject('kubeconfig'));
  await foreign.apply([secret('of-another-namespace', credentials)]);
  author = await authorOf(stage.namespace.name);
  await stage.namespace.apply([
    secret('unlabelled'),
    secret('talaria-database'),
    secret('partner', { 'talaria.dev/gateway-key': 'true' }, { 'talaria.dev/agents': 'victim' }),
    secret('narrowed', credentials, { 'talaria.dev/allowed-agents': 'victim' }),
    secret('provider', credentials, { 'talaria.dev/allowed-hosts': 'models.example' }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'unlabelled' },
      data: { text: markers.make('ConfigMap') },
    },
    agent('victim', { model: { ...remote('https://models.example/v1', 'provider') } }),
  ]);
  operator = stage.startOperator();
  replica = await stage.startReplica('talaria-gateway-0');
  await settled(stage, 'Agent', 'victim', readyAgent);
});
afterAll(async () => {
  await author.close();
  await stage.stop();
  await rm(folder, { recursive: true });
});

describe('an author of Agents, Routes and CronJobs', () => {
  it.each([
    ['of another namespace', 'of-another-namespace', 'SecretNotFound'],
    ['that is not labelled', 'unlabelled', 'SecretNotLabeled'],
    ['with the address of the database', 'talaria-database', 'SecretNotLabeled'],
    ['with a gateway key', 'partner', 'SecretNotLabeled'],
    ['with the credentials of other Agents', 'talaria-credentials-00', 'SecretNotFound'],
    ['for other Agents alone', 'narrowed', 'SecretNotAllowed'],
  ])('gets no value of a Secret %s, wherever an object can name one', async (_, name, reason) => {
    const thief = `thief-${name}`;
    await write(
      agent(thief, {
        model: { ...remote('https://thief.example/v1', name), fallbacks: [remote('https://thief.example/v1', name)] },
        tools: { mcpServers: [{ name: 'tools', url: 'https://thief.example', headersSecretRef: { name } }] },
        accounts: [{ name: 'bot', platform: 'telegram', secretRef: { name } }],
        access: { apiKeys: [{ name: 'own', secretRef: { name } }] },
      }),
      job(thief, { webhook: { url: 'https://thief.example/hook', secretRef: { name } } }),
    );
    expect(await refsOf('Agent', thief)).toMatchObject({ status: 'False', reason });
    expect(await refsOf('CronJob', thief)).toMatchObject({ status: 'False', reason });
    expect(ownedBy(thief)).toEqual([]);
  });

  it('gets no text of a ConfigMap that is not labelled', async () => {
    await write(agent('reader', { instructions: { configMapKeyRef: { name: 'unlabelled', key: 'text' } } }));
    expect(await refsOf('Agent', 'reader')).toMatchObject({ status: 'False', reason: 'ConfigMapNotLabeled' });
    expect(markers.foundIn(JSON.stringify(replica.configuration()?.snapshot.content))).toEqual([]);
  });

  it.each([
    ['https://thief.example/v1'],
    ['https://models.example.thief.example/v1'],
    ['https://thief-models.example/v1'],
    ['https://thief.example/models.example'],
    ['https://thief.example?models.example'],
    ['https://models.example./v1'],
    ['https://203.0.113.9/v1'],
  ])('sends a key to no host but those that its owner allowed: not to %s', async (url) => {
    await write(
      agent('sender', { model: remote(url, 'provider') }),
      job('sender', { webhook: { url, secretRef: { name: 'provider' } } }),
    );
    expect(await refsOf('Agent', 'sender')).toMatchObject({ status: 'False', reason: 'SecretNotAllowed' });
    expect(await refsOf('CronJob', 'sender')).toMatchObject({ status: 'False', reason: 'SecretNotAllowed' });
    expect(ownedBy('sender')).toEqual([]);
  });

  it.each([
    ['names a Secret by a path', agent('path', { model: remote('https://thief.example/v1', '../default/provider') })],
    [
      'has a user in its address',
      agent('user', { model: remote('https://models.example@thief.example/v1', 'unlabelled') }),
    ],
    [
      'has a backslash in its address',
      agent('slash', { model: remote('https://thief.example\\@models.example/', 'unlabelled') }),
    ],
    ['reads a file of the gateway', agent('file', { model: remote('file:///var/run/secrets/token', 'unlabelled') })],
    ['leaves its home', agent('home', { profile: { files: [{ path: '../../etc/passwd', inline: 'x' }] } })],
    ['has a path from the root', agent('root', { profile: { files: [{ path: '/etc/passwd', inline: 'x' }] } })],
    ['has a name that begins like a credential of another Agent', agent('victim.model', {})],
  ])('is refused by the API server an object that %s', async (_, manifest) => {
    await expect(write(manifest)).rejects.toThrow(/Invalid value|invalid/);
  });

  it('breaks no watch and fills no snapshot with huge objects: those that fit are served, the others refused, each by itself', async () => {
    const text = 'huge text '.repeat(6_500);
    const skills = Array.from({ length: 18 }, (_, at) => ({ name: `skill-${at}`, inline: `${at} ${text}` }));
    const annotations = { 'author.example/ballast': 'x'.repeat(250_000) };
    await write(
      agent('huge', { skills }),
      { ...route('heavy', 'c1', 'victim'), metadata: { name: 'heavy', annotations } },
      { ...agent('heavy', {}), metadata: { name: 'heavy', annotations } },
    );
    const huge = await waitFor('a verdict', async () => conditionOf(await read(stage, 'Agent', 'huge'), 'Accepted'));
    expect(huge).toMatchObject({ status: 'False', reason: 'TextsTooLarge' });
    await settled(stage, 'Agent', 'heavy', readyAgent);
    await settled(stage, 'Route', 'heavy', readyRoute);
  });

  it('calls everything by the one name that every object of JavaScript has, and it is served like any other', async () => {
    const name = 'constructor';
    const ref = { name };
    const labels = { 'talaria.dev/source': 'true' };
    await stage.namespace.apply([
      secret(name, credentials),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { text: 'A text.' } },
    ]);
    await write(
      agent(name, {
        model: { ...remote('https://own.example/v1', name) },
        skills: [{ name, inline: 'A skill.' }],
        accounts: [{ name, platform: 'telegram', secretRef: ref }],
        access: { apiKeys: [{ name, secretRef: ref }] },
      }),
      route(name, 'c3', name),
      object('CronJob', name, {
        schedule: '0 0 1 1 *',
        agentRef: ref,
        prompt: { inline: 'Go.' },
        session: { type: 'Named', name },
        deliver: [{ name, account: name, chatId: '1' }],
      }),
      agent('odd-key', { model: { provider: 'openai', name: 'm', apiKeySecretRef: { name, key: name } } }),
      agent('odd-text', { instructions: { configMapKeyRef: { name, key: name } } }),
    );
    for (const kind of ['Agent', 'Route', 'CronJob'] as const) await ready(kind, name);
    expect(await refsOf('Agent', 'odd-key')).toMatchObject({ status: 'False', reason: 'SecretKeyNotFound' });
    expect(await refsOf('Agent', 'odd-text')).toMatchObject({ status: 'False', reason: 'ConfigMapKeyNotFound' });
  });

  it('leaves everybody else served, and their changes go on', async () => {
    await stage.namespace.apply([route('afterwards', 'c2', 'victim')]);
    await settled(stage, 'Route', 'afterwards', readyRoute);
    await settled(stage, 'Agent', 'victim', readyAgent);
    expect(ownedBy('victim')).toEqual(['Provider']);
    expect(operator.lost()).toBe(false);
  });
});

function secret(name: string, labels: object = {}, annotations: object = {}): object {
  const kind = name === 'provider' ? 'Provider' : 'Stolen';
  const value = markers.make(kind);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels, annotations },
    stringData: { key: value, token: value },
  };
}

function object(kind: Kind, name: string, spec: object): Manifest {
  return { apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name }, spec };
}

const agent = (name: string, spec: object) => object('Agent', name, spec);

function remote(baseURL: string, secretName: string): object {
  return { provider: 'openai-compatible', name: 'm', baseURL, apiKeySecretRef: { name: secretName } };
}

function route(name: string, chatId: string, to: string): Manifest {
  return object('Route', name, { rules: [{ name: 'chat', matches: [{ chatId }], agentRefs: [{ name: to }] }] });
}

function job(name: string, target: object): Manifest {
  return object('CronJob', name, {
    schedule: '0 0 1 1 *',
    agentRef: { name },
    prompt: { inline: 'Steal.' },
    deliver: [{ name: 'hook', ...target }],
  });
}

/** Gives a ServiceAccount of the namespace the rights of an author. */
async function authorOf(namespace: string): Promise<KubeClient> {
  await stage.namespace.kubectl(['create', 'serviceaccount', 'author']);
  const verbs = '--verb=get,list,create,update,patch,delete';
  const kinds = '--resource=agents.talaria.dev,routes.talaria.dev,cronjobs.talaria.dev';
  await stage.namespace.kubectl(['create', 'role', 'author', verbs, kinds]);
  await stage.namespace.kubectl([
    'create',
    'rolebinding',
    'author',
    '--role=author',
    `--serviceaccount=${namespace}:author`,
  ]);
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeServiceAccountKubeconfig(kubeconfig, inject('kubeconfig'), { namespace, name: 'author' });
  return createKubeClient({ kubeconfig, namespace, fieldManager: 'author' });
}

async function write(...manifests: readonly Manifest[]): Promise<void> {
  for (const { kind, metadata, spec } of manifests) {
    await author.apply(resources[kind], { metadata, spec } as Written<KubeObject>);
  }
}

/** What ResolvedRefs says of the newest generation. */
async function refsOf(kind: 'Agent' | 'CronJob', name: string) {
  return await waitFor(`a verdict on the references of ${kind} ${name}`, async () => {
    const stored = await read(stage, kind, name);
    return stored.status.observedGeneration === stored.metadata.generation && conditionOf(stored, 'ResolvedRefs');
  });
}

async function ready(kind: Kind, name: string): Promise<void> {
  await waitFor(`${kind} ${name} to be ready`, async () => {
    return conditionOf(await read(stage, kind, name), 'Ready')?.status === 'True';
  });
}

function conditionOf({ status }: Awaited<ReturnType<typeof read>>, type: string) {
  return status.conditions.find((condition) => condition.type === type);
}

/** The secrets that gateways have for an Agent or CronJob of this name. */
function ownedBy(name: string): readonly string[] {
  const held = [...(replica.configuration()?.credentials ?? [])].filter(([key]) => key.startsWith(`${name}.`));
  return markers.foundIn(held.map(([, value]) => value).join('\n'));
}
