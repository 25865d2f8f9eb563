import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMaps, secrets } from '../../../core/kube/resources.ts';
import { decodeIndex } from '../../../core/snapshot/decode.ts';
import { bucketName, snapshotIndexName } from '../../../core/snapshot/names.ts';
import { shardNames } from '../../../operator/credentials.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, type RunningOperator, readyAgent, type Stage, settled } from './stage.ts';

let stage: Stage;
let operator: RunningOperator;
let replica: Replica;

beforeAll(async () => {
  stage = await createStage();
  operator = stage.startOperator();
  replica = await stage.startReplica('talaria-gateway-0');
  await stage.namespace.apply([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'openai', labels: { 'talaria.dev/credentials': 'true' } },
      stringData: { key: 'sk-secret' },
    },
    {
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'Agent',
      metadata: { name: 'coder' },
      spec: { model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'openai' } } },
    },
  ]);
  await settled(stage, 'Agent', 'coder', readyAgent);
});
afterAll(() => stage.stop());

describe('a snapshot that somebody damages is mended, and gateways keep serving', () => {
  it('when the live bucket is edited', async () => {
    const before = await stored();
    await patch('configmap', before.live, { data: { 'bucket.json': '{}' } });
    await waitFor('the bucket to be mended', async () => (await stored()).bucket === before.bucket);
    expect((await stored()).index).toEqual(before.index);
    expect(names()).toEqual(['coder']);
  });

  it('when the live bucket is deleted', async () => {
    const before = await stored();
    await stage.namespace.kubectl(['delete', 'configmap', before.live]);
    await waitFor('the bucket to be back', async () => (await stored()).bucket === before.bucket);
    expect((await stored()).index).toEqual(before.index);
  });

  it('when the index is deleted: revision and sequence are what they were', async () => {
    const before = await stored();
    await stage.namespace.kubectl(['delete', 'configmap', snapshotIndexName]);
    const { index } = await waitFor('the index to be back', stored);
    expect([index.revision, index.sequence]).toEqual([before.index.revision, before.index.sequence]);
    expect(names()).toEqual(['coder']);
  });

  it('when the index becomes garbage', async () => {
    const before = await stored();
    await patch('configmap', snapshotIndexName, { data: { 'index.json': 'garbage' } });
    const { index } = await waitFor('the index to be mended', stored);
    expect([index.revision, index.sequence]).toEqual([before.index.revision, before.index.sequence]);
  });

  it('when the sequence is lowered', async () => {
    const before = await stored();
    const lowered = JSON.stringify({ ...before.index, sequence: 1 });
    await patch('configmap', snapshotIndexName, { data: { 'index.json': lowered } });
    await waitFor('the sequence to be back', async () => (await stored()).index.sequence === before.index.sequence);
    expect(replica.configuration()?.snapshot.sequence).toBe(before.index.sequence);
  });

  it('when all of it is deleted while no operator runs; a new one publishes a higher sequence', async () => {
    const before = await stored();
    await operator.stop();
    await stage.namespace.kubectl([
      'delete',
      'configmap',
      snapshotIndexName,
      bucketName(0, 'a'),
      bucketName(0, 'b'),
      '--ignore-not-found',
    ]);
    operator = stage.startOperator({ podName: 'talaria-operator-1' });
    const { index } = await waitFor('a new index', stored);
    expect(index.revision).toBe(before.index.revision);
    expect(index.sequence).toBeGreaterThan(before.index.sequence);
    await waitFor('the gateway to take it', () => replica.configuration()?.snapshot.sequence === index.sequence);
  });
});

describe('credentials that somebody damages are mended', () => {
  it('when a value is edited', async () => {
    const before = await shardOf();
    await patch('secret', before.shard, { data: { [before.name]: Buffer.from('edited').toString('base64') } });
    await waitFor('the value to be mended', async () => (await shardOf()).value === 'sk-secret');
    expect((await shardOf()).name).toBe(before.name);
  });

  it('when a shard is deleted', async () => {
    const before = await shardOf();
    await stage.namespace.kubectl(['delete', 'secret', before.shard]);
    expect(await waitFor('the shard to be back', shardOf)).toEqual(before);
  });
});

it('credentials come back when every shard is deleted, under the names that the snapshot has', async () => {
  const before = await shardOf();
  await stage.namespace.kubectl(['delete', 'secret', ...shardNames, '--ignore-not-found']);
  expect(await waitFor('the shard to be back', shardOf)).toEqual(before);
  expect(names()).toEqual(['coder']);
});

/** The index and the text of its first bucket, or undefined while they do not fit. */
async function stored() {
  const text = (await stage.client.get(configMaps, snapshotIndexName))?.data?.['index.json'] ?? '';
  const index = decodeIndex(text);
  const live = bucketName(0, index.buckets[0]?.slot ?? 'a');
  const bucket = (await stage.client.get(configMaps, live))?.data?.['bucket.json'];
  return { index, live, bucket };
}

/** Where the Agent's model key lies. */
async function shardOf() {
  const { items } = await stage.client.list(secrets);
  for (const { metadata, data = {} } of items) {
    const name = Object.keys(data).find((key) => key.startsWith('coder.model.'));
    if (name !== undefined)
      return { shard: metadata.name, name, value: Buffer.from(data[name] ?? '', 'base64').toString() };
  }
  throw new Error('no shard holds the key of the model');
}

function names(): readonly string[] | undefined {
  return replica.configuration()?.snapshot.content.agents.map((agent) => agent.name);
}

async function patch(kind: string, name: string, change: object): Promise<void> {
  await stage.namespace.kubectl(['patch', kind, name, '--type=merge', '-p', JSON.stringify(change)]);
}
