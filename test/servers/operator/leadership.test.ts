import { beforeEach, describe, expect, inject, it } from 'vitest';
import { KubeError } from '../../../core/kube/kube-error.ts';
import { agents, configMaps, routes } from '../../../core/kube/resources.ts';
import type { KubeClient, KubeObject, KubeResource, WatchEvent, Written } from '../../../core/kube/types.ts';
import { systemClock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { snapshotIndexName } from '../../../core/snapshot/names.ts';
import { createPublisher, leaderAnnotation } from '../../../operator/publish.ts';
import { emptyContent } from '../../../operator/translate/published.ts';
import { startOperator } from '../../harness/talaria-process.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, readyAgent, readyRoute, type Stage, settled } from './stage.ts';

const quick = { durationMs: 6_000, renewDeadlineMs: 5_000, retryMs: 200 };
/** Expires long after this test has given up, so whoever leads next was handed the lease. */
const slow = { durationMs: 120_000, renewDeadlineMs: 100_000, retryMs: 200 };

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
  return () => stage.stop();
});

const agent = (name: string) => ({ apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name } });

describe('of two operators', () => {
  it('one writes; when it ends, the other takes over before the lease would expire and changes nothing but the name of the leader', async () => {
    const first = stage.startOperator({ podName: 'first', leaseTiming: slow });
    await waitFor('the first to lead', first.leading);
    const second = stage.startOperator({ podName: 'second', leaseTiming: slow });
    const replica = await stage.startReplica('talaria-gateway-0');
    await stage.namespace.apply([agent('coder')]);
    await settled(stage, 'Agent', 'coder', readyAgent);
    await waitFor('the second to be ready as a standby', () => second.unready() === undefined);
    expect([first.leading(), second.leading()]).toEqual([true, false]);
    expect(await leader()).toMatch(/^first_/);

    const before = sequence(replica);
    await first.stop();
    await waitFor('the second to lead', second.leading);
    await waitFor('the index to name the second', async () => (await leader())?.startsWith('second_'));
    await stage.namespace.apply([agent('writer')]);
    await settled(stage, 'Agent', 'writer', readyAgent);
    expect(sequence(replica)).toBeGreaterThan(before);
  });

  it('the one that leads is cut off in the middle of many changes: the other ends with every last change in force', async () => {
    const { wrap, cut } = cable();
    const first = stage.startOperator({ podName: 'first', leaseTiming: quick, wrap });
    await waitFor('the first to lead', first.leading);
    const second = stage.startOperator({ podName: 'second', leaseTiming: quick });
    const replica = await stage.startReplica('talaria-gateway-0');
    await stage.client.create(agents, { metadata: { name: 'coder' } });
    for (let turn = 0; turn < 40; turn += 1) {
      if (turn === 20) cut();
      await stage.client.apply(routes, route(turn % 10, `turn-${turn}`));
    }
    await stage.client.delete(routes, 'route-0');
    await waitFor('the second to lead', second.leading);
    for (let number = 1; number < 10; number += 1) await settled(stage, 'Route', `route-${number}`, readyRoute);
    const served = replica.configuration()?.snapshot.content.routes.map(({ rules }) => rules[0]?.name);
    expect(served).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39].map((turn) => `turn-${turn}`));
    expect(await leader()).toMatch(/^second_/);
  });

  it('the one whose lease somebody took is lost and writes no more', async () => {
    const { wrap, writes, seen } = witness();
    const first = stage.startOperator({ podName: 'first', leaseTiming: quick, wrap });
    await waitFor('it to lead', first.leading);
    await stage.namespace.apply([agent('coder')]);
    await waitFor('a snapshot', leader);
    const theft = { spec: { holderIdentity: 'thief', leaseDurationSeconds: 3600 } };
    await stage.namespace.kubectl(['patch', 'lease', 'talaria-operator', '--type=merge', '-p', JSON.stringify(theft)]);
    await waitFor('it to know', first.lost);
    expect(first.leading()).toBe(false);

    const before = writes();
    await stage.namespace.apply([agent('writer')]);
    first.reconcileAll();
    await waitFor('it to have seen the change', () => seen('writer'));
    await first.stop();
    expect(writes()).toBe(before);
  });
});

function route(number: number, rule: string): Written<KubeObject> {
  const rules = [{ name: rule, matches: [{ chatId: `c${number}` }], agentRefs: [{ name: 'coder' }] }];
  return { metadata: { name: `route-${number}` }, spec: { rules } } as Written<KubeObject>;
}

/** What an operator has of the API server until it is cut: then no call of it arrives, as when its node is gone. */
function cable() {
  let isCut = false;
  const guarded = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (isCut) throw new KubeError({ status: 0, reason: 'Timeout', message: 'the cable is cut' });
      return await call(...args);
    };
  };
  const wrap = (client: KubeClient): KubeClient => ({
    ...client,
    get: guarded(client.get) as KubeClient['get'],
    list: guarded(client.list) as KubeClient['list'],
    apply: guarded(client.apply) as KubeClient['apply'],
    create: guarded(client.create) as KubeClient['create'],
    replace: guarded(client.replace) as KubeClient['replace'],
    applyStatus: guarded(client.applyStatus) as KubeClient['applyStatus'],
    createEvent: guarded(client.createEvent),
  });
  return {
    wrap,
    cut: () => {
      isCut = true;
    },
  };
}

/** Stands between an operator and the API server, and counts what it writes besides its lease. */
function witness() {
  let writes = 0;
  const names = new Set<string>();
  const counted = <A extends unknown[], R>(write: (resource: KubeResource, ...rest: A) => R) => {
    return (resource: KubeResource, ...rest: A): R => {
      if (resource.kind !== 'Lease') writes += 1;
      return write(resource, ...rest);
    };
  };
  async function* noted<T extends KubeObject>(events: AsyncIterable<WatchEvent<T>>): AsyncGenerator<WatchEvent<T>> {
    for await (const event of events) {
      if (event.type !== 'bookmark') names.add(event.object.metadata.name);
      yield event;
    }
  }
  const wrap = (client: KubeClient): KubeClient => ({
    ...client,
    create: counted(client.create) as KubeClient['create'],
    replace: counted(client.replace) as KubeClient['replace'],
    applyStatus: counted(client.applyStatus) as KubeClient['applyStatus'],
    watch: (resource, options) => noted(client.watch(resource, options)),
  });
  return { wrap, writes: () => writes, seen: (name: string) => names.has(name) };
}

describe('a publisher with an old picture', () => {
  it('gets 409 after another has claimed the index, also when that one has published nothing yet', async () => {
    const publisher = (identity: string) =>
      createPublisher({
        client: stage.client,
        identity,
        ownerReferences: () => [],
        demandLeadership: () => undefined,
        clock: systemClock,
        log: createLogger('test', 'silent'),
      });
    const [stale, fresh] = [publisher('stale'), publisher('fresh')];
    await stale.load();
    await stale.publish(emptyContent);
    await fresh.load();
    await fresh.claim();

    const texts = { hash: 'text' };
    const entry = { name: 'old', uid: 'uid', agents: ['*'], role: 'client', deliver: false, credentials: [] } as const;
    const refused = stale.publish({ ...emptyContent, gatewayKeys: [entry], texts });
    await expect(refused).rejects.toMatchObject({ status: 409 });
    expect((await fresh.load()).content).toEqual(emptyContent);
    const { sequence: before } = await fresh.publish(emptyContent);
    const after = await fresh.publish({ ...emptyContent, gatewayKeys: [entry] });
    expect(after.sequence).toBeGreaterThan(before);
  });
});

describe('an operator that was frozen until its lease had expired', () => {
  it('publishes nothing when it wakes, and ends', async () => {
    const options = { kubeconfig: inject('kubeconfig'), namespace: stage.namespace.name };
    const frozen = await startOperator({ ...options, podName: 'frozen' });
    const replica = await stage.startReplica('talaria-gateway-0');
    await stage.namespace.apply([agent('coder')]);
    await settled(stage, 'Agent', 'coder', readyAgent);

    frozen.pause();
    const next = stage.startOperator({ podName: 'next' });
    await waitFor('the next one to lead', next.leading, { timeoutMs: 40_000 });
    await stage.namespace.apply([agent('writer')]);
    await settled(stage, 'Agent', 'writer', readyAgent);
    const index = await stage.client.get(configMaps, snapshotIndexName);
    frozen.resume();
    const exit = await waitFor('the frozen one to end', frozen.exit, { timeoutMs: 20_000 });
    expect(exit.code).toBe(1);
    expect(frozen.log()).toContain('another operator may lead now');
    expect(await stage.client.get(configMaps, snapshotIndexName)).toEqual(index);
    expect(replica.configuration()?.snapshot.content.agents.map(({ name }) => name)).toEqual(['coder', 'writer']);
    await frozen.stop();
  });
});

async function leader(): Promise<string | undefined> {
  const index = await stage.client.get(configMaps, snapshotIndexName);
  return index?.metadata.annotations?.[leaderAnnotation];
}

function sequence(replica: Replica): number {
  return replica.configuration()?.snapshot.sequence ?? 0;
}
