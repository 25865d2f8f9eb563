import { afterAll, beforeAll, expect, it } from 'vitest';
import { agents } from '../../../core/kube/resources.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, read, readyAgent, type Stage, settled } from './stage.ts';

let stage: Stage;
let replica: Replica;
/** Holds the next status write back until `release` is called. */
let held: { readonly release: () => void; readonly answered: Promise<unknown> } | undefined;

beforeAll(async () => {
  stage = await createStage();
  stage.startOperator({ wrap: holdingFirstStatus });
  replica = await stage.startReplica('talaria-gateway-0');
  await waitFor('a snapshot', () => replica.configuration());
});
afterAll(() => stage.stop());

it('an object that is deleted and made anew does not get the status that was meant for the old one', async () => {
  const manifest = { metadata: { name: 'twin' }, spec: {} };
  const old = await stage.client.create(agents, manifest);
  const { release, answered } = await waitFor('the operator to write the status of the old one', () => held);
  await replica.freeze();
  await stage.client.delete(agents, 'twin');
  const made = await stage.client.create(agents, manifest);
  expect(made.metadata.uid).not.toBe(old.metadata.uid);
  release();
  await answered;

  const waits = readyAgent.filter((each) => !/^(Programmed|Ready)=/.test(each));
  const { metadata } = await settled(stage, 'Agent', 'twin', [
    ...waits,
    'Programmed=False Pending',
    'Ready=False NotProgrammed',
    'Reconciling=True NotProgrammed',
  ]);
  expect(metadata.uid).toBe(made.metadata.uid);

  await stage.startReplica('talaria-gateway-0');
  await settled(stage, 'Agent', 'twin', readyAgent);
  expect((await read(stage, 'Agent', 'twin')).metadata.uid).toBe(made.metadata.uid);
});

function holdingFirstStatus(client: KubeClient): KubeClient {
  return {
    ...client,
    applyStatus: async (resource, object, call) => {
      if (held !== undefined) return await client.applyStatus(resource, object, call);
      const { promise, resolve } = Promise.withResolvers<void>();
      const answer = promise.then(() => client.applyStatus(resource, object, call));
      held = { release: resolve, answered: answer.catch(() => undefined) };
      return await answer;
    },
  };
}
