import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind } from '../../../crds/common.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, readyAgent, readyRoute, type Stage, settled } from '../operator/stage.ts';

let stage: Stage;
let replica: Replica;
beforeAll(async () => {
  stage = await createStage();
  stage.startOperator();
  replica = await stage.startReplica('talaria-gateway-0');
});
afterAll(() => stage.stop());

const orders = [
  ['Agent', 'Route', 'Secret', 'CronJob'],
  ['CronJob', 'Secret', 'Route', 'Agent'],
  ['Route', 'CronJob', 'Agent', 'Secret'],
  ['Secret', 'Agent', 'CronJob', 'Route'],
] as const;

describe('Agent, Route, Secret and CronJob', () => {
  it.each(orders)(
    'end Ready when they arrive as %s, %s, %s, %s, and leave nothing when they go so',
    async (...order) => {
      const name = `team-${orders.findIndex((known) => known.join() === order.join())}`;
      const world = worldOf(name);
      for (const kind of order) await stage.namespace.apply([world[kind]]);
      await settled(stage, 'Agent', name, readyAgent);
      for (const kind of ['Route', 'CronJob'] as const) await settled(stage, kind satisfies Kind, name, readyRoute);
      expect(served(name)).toEqual({ agents: [undefined], routes: [`chat-${name}`], jobs: [name] });

      for (const kind of order) await stage.namespace.kubectl(['delete', ...referenceOf(kind, name)]);
      const gone = { agents: [], routes: [], jobs: [] };
      await waitFor('nothing of it to be served', () => JSON.stringify(served(name)) === JSON.stringify(gone));
    },
  );
});

/** What gateways have of it: the reasons why its Agents refuse, the chats of its Routes, the Agents of its CronJobs. */
function served(name: string) {
  const content = replica.configuration()?.snapshot.content;
  const own = <T extends { readonly name: string }>(entries: readonly T[] = []) =>
    entries.filter((entry) => entry.name === name);
  return {
    agents: own(content?.agents).map(({ refuse }) => refuse),
    routes: own(content?.routes).map(({ rules }) => rules[0]?.matches[0]?.chatId),
    jobs: own(content?.jobs).map(({ agent }) => agent),
  };
}

function worldOf(name: string) {
  const labels = { 'talaria.dev/credentials': 'true' };
  const model = { provider: 'openai', name: 'gpt', apiKeySecretRef: { name } };
  const rules = [{ name: 'rule', matches: [{ chatId: `chat-${name}` }], agentRefs: [{ name }] }];
  const job = { schedule: '@daily', agentRef: { name }, prompt: { inline: 'Report.' } };
  return {
    Agent: manifest('Agent', name, { model }),
    Route: manifest('Route', name, { rules }),
    CronJob: manifest('CronJob', name, job),
    Secret: { apiVersion: 'v1', kind: 'Secret', metadata: { name, labels }, stringData: { key: 'sk-secret' } },
  };
}

function manifest(kind: string, name: string, spec: object) {
  return { apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name }, spec };
}

function referenceOf(kind: string, name: string): readonly string[] {
  return [kind === 'Secret' ? 'secret' : `${kind.toLowerCase()}s.talaria.dev`, name];
}
