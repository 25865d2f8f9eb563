import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secrets } from '../../../core/kube/resources.ts';
import { sha256 } from '../../../core/lib/hash.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, readyAgent, type Stage, settled } from './stage.ts';

let stage: Stage;
let replica: Replica;

beforeAll(async () => {
  stage = await createStage();
  stage.startOperator();
  replica = await stage.startReplica('talaria-gateway-0');
});
afterAll(() => stage.stop());

const label = { 'talaria.dev/credentials': 'true' };
const secret = (name: string, values: Record<string, string>, labels: object = label, annotations: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, labels, annotations },
  stringData: values,
});
const agent = (name: string, secretName: string) => ({
  apiVersion: 'talaria.dev/v1alpha1',
  kind: 'Agent',
  metadata: { name },
  spec: { model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: secretName } } },
});
const dangling = (reason: string) => [
  'Accepted=True Accepted',
  'ProfileReady=True ProfileReady',
  'Programmed=True Programmed',
  'Ready=False RefsNotResolved',
  'Reconciling=True RefsNotResolved',
  `ResolvedRefs=False ${reason}`,
];

describe('the Secret of an Agent', () => {
  it('reaches gateways under a name that the snapshot has, and nothing else holds its value', async () => {
    await stage.namespace.apply([secret('openai', { key: 'sk-first' }), agent('coder', 'openai')]);
    await settled(stage, 'Agent', 'coder', readyAgent);
    expect(modelKey('coder')).toBe('sk-first');
    const everything = await stage.namespace.kubectl([
      'get',
      'configmaps,leases,agents.talaria.dev,events',
      '-o',
      'yaml',
    ]);
    expect(everything).not.toContain('sk-first');
  });

  it('that is rotated reaches gateways without a restart, and the old value goes once they have acknowledged', async () => {
    const before = keyName('coder');
    await stage.namespace.apply([secret('openai', { key: 'sk-second' })]);
    await waitFor('the new value', () => modelKey('coder') === 'sk-second');
    expect(keyName('coder')).not.toBe(before);
    await waitFor('the old value to be gone', async () => !(await storedNames()).includes(before ?? ''));
  });

  it('that vanishes makes the Agent refuse, and the other Agents serve on', async () => {
    await stage.namespace.apply([secret('other', { key: 'sk-other' }), agent('writer', 'other')]);
    await settled(stage, 'Agent', 'writer', readyAgent);
    await stage.namespace.kubectl(['delete', 'secret', 'openai']);
    await settled(stage, 'Agent', 'coder', dangling('SecretNotFound'));
    expect(entry('coder')).toMatchObject({ refuse: 'agent_not_ready', refuseReason: 'SecretNotFound' });
    expect(entry('writer')?.refuse).toBeUndefined();
    await stage.namespace.apply([secret('openai', { key: 'sk-third' })]);
    await settled(stage, 'Agent', 'coder', readyAgent);
    expect(modelKey('coder')).toBe('sk-third');
  });

  it('that loses its label is used no more, and the condition has the command that labels it', async () => {
    await stage.namespace.kubectl(['label', 'secret', 'openai', 'talaria.dev/credentials-']);
    const { status } = await settled(stage, 'Agent', 'coder', dangling('SecretNotLabeled'));
    const message = status.conditions.find(({ type }) => type === 'ResolvedRefs')?.message ?? '';
    const command = /kubectl (label secret openai .*)$/.exec(message)?.[1];
    await waitFor(
      'the value to be gone',
      async () => !(await storedNames()).some((name) => name.startsWith('coder.model.')),
    );

    await stage.namespace.kubectl(command?.split(' ') ?? []);
    await settled(stage, 'Agent', 'coder', readyAgent);
  });

  it('that is narrowed to another Agent or host is used no more', async () => {
    await stage.namespace.kubectl(['annotate', 'secret', 'openai', 'talaria.dev/allowed-agents=writer']);
    await settled(stage, 'Agent', 'coder', dangling('SecretNotAllowed'));
    await stage.namespace.kubectl([
      'annotate',
      'secret',
      'openai',
      'talaria.dev/allowed-agents-',
      'talaria.dev/allowed-hosts=example.com',
    ]);
    await settled(stage, 'Agent', 'coder', dangling('SecretNotAllowed'));
    await stage.namespace.kubectl([
      'annotate',
      'secret',
      'openai',
      '--overwrite',
      'talaria.dev/allowed-hosts=api.openai.com',
    ]);
    await settled(stage, 'Agent', 'coder', readyAgent);
  });
});

describe('a gateway key', () => {
  const keyLabel = { 'talaria.dev/gateway-key': 'true' };

  it('is known to gateways by its hash, during a rotation with the one before', async () => {
    await stage.namespace.apply([
      secret('partner', { key: 'new', previousKey: 'old' }, keyLabel, { 'talaria.dev/agents': 'coder' }),
    ]);
    await waitFor('the key', () => gatewayKey('partner'));
    expect(gatewayKey('partner')?.credentials.map(credential)).toEqual([sha256('new'), sha256('old')]);
  });

  it('that becomes faulty keeps its last good form, and an Event says why', async () => {
    await stage.namespace.kubectl(['annotate', 'secret', 'partner', '--overwrite', 'talaria.dev/role=root']);
    await waitFor('an Event', async () =>
      (await stage.namespace.kubectl(['get', 'events'])).includes('GatewayKeyRejected'),
    );
    expect(gatewayKey('partner')).toMatchObject({ role: 'client', agents: ['coder'] });
  });

  it('without its label is revoked', async () => {
    await stage.namespace.kubectl(['label', 'secret', 'partner', 'talaria.dev/gateway-key-']);
    await waitFor('the key to be gone', () => gatewayKey('partner') === undefined);
  });
});

describe('a gateway that has not acknowledged', () => {
  it('still finds the values that its snapshot names', async () => {
    const silent = await stage.startReplica('talaria-gateway-1');
    await waitFor('a second replica', () => silent.configuration());
    const before = keyName('writer') ?? '';
    await silent.freeze();
    await stage.namespace.apply([secret('other', { key: 'sk-rotated' })]);
    await waitFor('the new value at the other replica', () => modelKey('writer') === 'sk-rotated');
    expect(await storedNames()).toContain(before);
    await silent.stop();
    await waitFor('the old value to be gone', async () => !(await storedNames()).includes(before));
  });
});

function content() {
  const configuration = replica.configuration();
  if (configuration === undefined) throw new Error('the replica serves nothing yet');
  return configuration.snapshot.content;
}

function entry(name: string) {
  return content().agents.find((each) => each.name === name);
}

function gatewayKey(name: string) {
  return content().gatewayKeys.find((key) => key.name === name);
}

function keyName(name: string): string | undefined {
  return entry(name)?.model.apiKey;
}

function credential(name: string): string | undefined {
  return replica.configuration()?.credentials.get(name);
}

function modelKey(name: string): string | undefined {
  return credential(keyName(name) ?? '');
}

async function storedNames(): Promise<readonly string[]> {
  const { items } = await stage.client.list(secrets);
  const shards = items.filter(({ metadata }) => metadata.name.startsWith('talaria-credentials-'));
  return shards.flatMap(({ data = {} }) => Object.keys(data));
}
