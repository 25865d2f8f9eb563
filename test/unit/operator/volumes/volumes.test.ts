import { afterEach, expect, it } from 'vitest';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import type { KubeObject, KubeResource, WatchEvent } from '../../../../core/kube/types.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { type AgentVolumes, createAgentVolumes } from '../../../../operator/volumes/volumes.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';
import { claimOf, gateways, wish } from './world.ts';

let volumes: AgentVolumes | undefined;
afterEach(() => volumes?.stop());

const agent = (name: string): Manifest => ({
  kind: 'Agent',
  metadata: { name },
  spec: { profile: { volume: { size: '1Gi' } } },
});

/** Volumes at an API server that has `objects` and answers a create with `refusal`. */
async function start(objects: Readonly<Record<string, readonly KubeObject[]>>, refusal: () => KubeError) {
  const applied: KubeObject[] = [];
  let creates = 0;
  const client = {
    list: async (resource: KubeResource) => ({ items: objects[resource.plural] ?? [], resourceVersion: '1' }),
    watch: (_resource: KubeResource, { signal }: { readonly signal: AbortSignal }) => silence(signal),
    get: async () => undefined,
    create: async () => {
      creates += 1;
      throw refusal();
    },
    apply: async (_resource: KubeResource, object: KubeObject) => {
      applied.push(object);
      return object;
    },
    delete: async () => true,
  };
  const nothing = () => undefined;
  const { agents } = await resourcesOf([agent('coder'), agent('writer')]);
  const started = createAgentVolumes({
    client: client as never,
    demandLeadership: nothing,
    onChange: () => {
      started.states(agents, emptyContent);
      started.act(emptyContent);
    },
    onAdopted: nothing,
    onOrphans: nothing,
    onUndone: nothing,
    onMissed: nothing,
    onFailure: nothing,
    onError: nothing,
    log: createLogger('test', 'silent'),
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
  });
  volumes = started;
  started.startWatching();
  await started.whenSynced(AbortSignal.timeout(5_000));
  started.lead();
  started.states(agents, emptyContent);
  started.act(emptyContent);
  return { applied, creates: () => creates, states: () => started.states(agents, emptyContent) };
}

async function* silence(signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

it.each([
  ['a quota', 403],
  ['a webhook that cannot read it', 400],
  ['a webhook that is down', 500],
])('a claim that %s does not let through keeps no other volume from its gateways', async (_title, status) => {
  const refusal = () => new KubeError({ status, reason: 'Refused', message: 'no' });
  const { applied } = await start(
    { deployments: [gateways()], persistentvolumeclaims: [claimOf(wish('writer'))] },
    refusal,
  );
  await waitFor('the volume in the template', () =>
    applied.some(({ metadata }) => metadata.name === 'talaria-gateway'),
  );
});

it('a refusal that has other words each time is not asked for again and again', async () => {
  let count = 0;
  const refusal = () => new KubeError({ status: 403, reason: 'Forbidden', message: `request ${count++}` });
  const { creates, states, applied } = await start(
    { deployments: [gateways()], persistentvolumeclaims: [claimOf(wish('writer'))] },
    refusal,
  );
  await waitFor('the refusal', () => states().some(({ problem }) => problem?.message.includes('cannot be made')));
  const passes = applied.length;
  await waitFor('more passes', () => {
    volumes?.act(emptyContent);
    return applied.length > passes + 5;
  });
  expect(creates()).toBe(1);
});
