import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../../core/kube/client.ts';
import { createLeaderElection } from '../../../core/kube/leader.ts';
import { leases } from '../../../core/kube/resources.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createNamespace } from '../../harness/namespace.ts';
import { waitFor } from '../../harness/wait-for.ts';

let client: KubeClient;
let lost: string[];

beforeAll(async () => {
  const kubeconfig = inject('kubeconfig');
  const { name } = await createNamespace(kubeconfig);
  client = createKubeClient({ kubeconfig, namespace: name, fieldManager: 'tester' });
  lost = [];
});

afterAll(() => client.close());

describe('two candidates on a real API server', () => {
  it('have one leader, and the other takes over when it stops', async () => {
    const candidates = [candidate('in-order', 'one'), candidate('in-order', 'two')];
    for (const each of candidates) each.start();
    const leader = await waitFor('a leader', () => candidates.find((each) => each.isLeader()));
    const standby = candidates.find((each) => each !== leader) ?? leader;
    await waitFor('a renewal', async () => {
      const spec = (await client.get(leases, 'in-order'))?.spec;
      return spec?.renewTime !== spec?.acquireTime;
    });
    expect(standby.isLeader()).toBe(false);
    await leader.stop();
    await waitFor('the standby to lead', () => standby.isLeader());
    expect((await client.get(leases, 'in-order'))?.spec).toMatchObject({
      holderIdentity: standby.identity,
      leaseTransitions: 1,
    });
    await standby.stop();
    expect(lost).toEqual([]);
  });

  it('hand over after the lease has run out when the leader dies, not before', async () => {
    const dead = '2020-01-01T00:00:00.000000Z';
    const spec = { holderIdentity: 'dead', leaseDurationSeconds: 2, acquireTime: dead, renewTime: dead };
    await client.create(leases, { metadata: { name: 'died' }, spec });
    const startedAt = performance.now();
    const heir = candidate('died', 'heir');
    heir.start();
    await waitFor('the heir to lead', () => heir.isLeader());
    expect(performance.now() - startedAt).toBeGreaterThan(2_000);
    await heir.stop();
  });

  it('lose the lease at once to whoever stands in it', async () => {
    const robbed = candidate('robbed', 'robbed');
    robbed.start();
    await waitFor('a leader', () => robbed.isLeader());
    await waitFor('the theft', async () => {
      const lease = await client.get(leases, 'robbed');
      if (lease === undefined) return false;
      return client.replace(leases, { ...lease, spec: { ...lease.spec, holderIdentity: 'thief' } });
    });
    await waitFor('the loss', () => lost.includes('robbed'));
    expect(robbed.isLeader()).toBe(false);
    await robbed.stop();
    expect((await client.get(leases, 'robbed'))?.spec?.holderIdentity).toBe('thief');
  });
});

function candidate(leaseName: string, name: string) {
  return createLeaderElection({
    client,
    leaseName,
    candidate: name,
    onElected: () => undefined,
    onLost: () => lost.push(name),
    log: createLogger('test', 'silent'),
    clock: systemClock,
  });
}
