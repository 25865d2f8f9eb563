import { afterAll, beforeAll, expect, it } from 'vitest';
import { agents, cronJobs, routes, secrets } from '../../../core/kube/resources.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { createStage, read, readyRoute, type Stage, settled } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  stage.startOperator();
  await stage.startReplica('talaria-gateway-0');
});
afterAll(() => stage.stop());

const apiVersion = 'talaria.dev/v1alpha1';

it('a CronJob that writes to a chat of another Agent’s account is not ready until a Route gives its Agent the chat', async () => {
  const { client } = stage;
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bot', labels: { 'talaria.dev/credentials': 'true' } },
    stringData: { token: '1:right' },
  } as KubeObject);
  const account = { name: 'bot', platform: 'telegram', secretRef: { name: 'bot' }, shared: true };
  await client.create(agents, agent('owner', { accounts: [account] }));
  await client.create(agents, agent('clerk', {}));
  await client.create(routes, route('owner'));
  await client.create(cronJobs, {
    apiVersion,
    kind: 'CronJob',
    metadata: { name: 'daily' },
    spec: {
      agentRef: { name: 'clerk' },
      schedule: '@daily',
      prompt: { inline: 'Report.' },
      deliver: [{ name: 'chat', account: 'owner/bot', chatId: '-1' }],
    },
  } as KubeObject);
  const refused = await settled(stage, 'CronJob', 'daily', [
    'Accepted=True Accepted',
    'Programmed=True Programmed',
    'ResolvedRefs=False ChatNotRouted',
    'Ready=False RefsNotResolved',
    'Reconciling=True RefsNotResolved',
  ]);
  const condition = refused.status.conditions.find(({ type }) => type === 'ResolvedRefs');
  expect(condition?.message).toContain('no Route gives the chat "-1" of the account "owner/bot" to the Agent "clerk"');

  const { metadata } = await read(stage, 'Route', 'chats');
  await client.replace(routes, { ...route('clerk'), metadata } as KubeObject);
  await settled(stage, 'CronJob', 'daily', readyRoute);
});

function agent(name: string, spec: object): KubeObject {
  const model = { provider: 'echo', name: 'echo' };
  return { apiVersion, kind: 'Agent', metadata: { name }, spec: { model, ...spec } } as KubeObject;
}

function route(to: string): KubeObject {
  const rules = [{ name: 'chat', matches: [{ account: 'owner/bot', chatId: '-1' }], agentRefs: [{ name: to }] }];
  return { apiVersion, kind: 'Route', metadata: { name: 'chats' }, spec: { rules } } as KubeObject;
}
