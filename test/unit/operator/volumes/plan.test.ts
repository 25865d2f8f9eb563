import { describe, expect, it } from 'vitest';
import { retryAnnotation, trialKey } from '../../../../operator/volumes/claims.ts';
import { type PlanInput, planVolumes } from '../../../../operator/volumes/plan.ts';
import { claimOf, gateways, input, now, replicaSet, wish } from './world.ts';

const [coder, writer] = [wish('coder'), wish('writer')];
const both = { coder: 'talaria-profile-coder', writer: 'talaria-profile-writer' };
const onlyCoder = { coder: 'talaria-profile-coder' };
const claims = [claimOf(coder), claimOf(writer)];
const pending = claimOf(coder, { phase: 'Pending' });
const recently = { changedAt: now - 20_000 };
const suspects = (...agents: string[]) => ({ agents, certain: agents.length === 1 });

describe('the pod template', () => {
  it.each<readonly [string, PlanInput, Readonly<Record<string, string>> | undefined]>([
    ['gets what is bound, all at once', input({ wishes: [coder, writer], claims }), both],
    [
      'stays when it is as it should be',
      input({ wishes: [coder], claims, deployment: gateways({ mounts: onlyCoder }) }),
      undefined,
    ],
    ['does not get a claim that is not bound', input({ wishes: [coder], claims: [pending] }), undefined],
    [
      'gets a claim whose class waits for a pod',
      input({ wishes: [coder], claims: [pending], waiting: new Set([coder.claimName]) }),
      onlyCoder,
    ],
    [
      'keeps such a claim while pods start',
      input({ wishes: [coder], claims: [pending], deployment: gateways({ mounts: onlyCoder, finished: false }) }),
      undefined,
    ],
    [
      'gets nothing during a rollout',
      input({ wishes: [coder, writer], claims, deployment: gateways({ mounts: onlyCoder, finished: false }) }),
      undefined,
    ],
    [
      'gets nothing soon after a change',
      input({ wishes: [coder, writer], claims, deployment: gateways({ mounts: onlyCoder, memory: recently }) }),
      undefined,
    ],
    ['loses the volume of an Agent that is gone', input({ claims, deployment: gateways({ mounts: onlyCoder }) }), {}],
    [
      'keeps the volume of an Agent that is gone during a rollout',
      input({ claims, deployment: gateways({ mounts: onlyCoder, finished: false }) }),
      undefined,
    ],
    [
      'loses what keeps pods from starting also during a rollout, and gets nothing new then',
      input({
        wishes: [coder, writer],
        claims: [claimOf(coder, { phase: 'Lost' }), claimOf(writer)],
        deployment: gateways({ mounts: onlyCoder, finished: false }),
      }),
      {},
    ],
    [
      'loses a volume for one pod as soon as there are more',
      input({
        wishes: [wish('coder', { accessMode: 'ReadWriteOnce' })],
        claims: [claimOf(wish('coder', { accessMode: 'ReadWriteOnce' }))],
        deployment: gateways({ mounts: onlyCoder, replicas: 2, finished: false }),
      }),
      {},
    ],
    [
      'gets back what somebody took out',
      input({ wishes: [coder], claims, deployment: gateways({ memory: { mounts: onlyCoder } }) }),
      onlyCoder,
    ],
    [
      'changes the claim of an Agent that names another one',
      input({
        wishes: [wish('coder', { existingClaim: 'data' })],
        claims: [claimOf(wish('coder', { existingClaim: 'data' }))],
        deployment: gateways({ mounts: onlyCoder }),
      }),
      { coder: 'data' },
    ],
    ['is not there to be changed', input({ wishes: [coder], claims, deployment: undefined }), undefined],
  ])('%s', (_title, given, mounts) => {
    expect(planVolumes(given).mount?.mounts).toEqual(mounts);
  });

  it('waits for what is left of the time between two rollouts, and no longer when a clock was wrong', () => {
    const world = { wishes: [coder, writer], claims };
    const at = (changedAt: number) =>
      planVolumes(input({ ...world, deployment: gateways({ mounts: onlyCoder, memory: { changedAt } }) })).waitMs;
    expect(at(now - 20_000)).toBe(40_000);
    expect(at(now + 2_000)).toBe(60_000);
    expect(at(now + 9_000_000)).toBeUndefined();
    expect(at(now - 60_000)).toBeUndefined();
  });

  it('is remembered with what was added and when', () => {
    const { mount } = planVolumes(
      input({ wishes: [coder, writer], claims, deployment: gateways({ mounts: onlyCoder }) }),
    );
    expect(mount).toEqual({ mounts: both, added: ['writer'], changedAt: now, setAside: {} });
  });
});

describe('a rollout that stands still', () => {
  const stuck = (...agents: string[]) =>
    input({
      wishes: [coder, writer],
      claims,
      deployment: gateways({ mounts: both, memory: recently, finished: false }),
      suspects: suspects(...agents),
    });

  it('is undone at once without the volume that holds it up', () => {
    const { mount } = planVolumes(stuck('coder'));
    expect(mount?.mounts).toEqual({ writer: 'talaria-profile-writer' });
    expect(mount?.setAside).toEqual({ coder: { trial: trialKey(claimOf(coder)), alone: false } });
  });

  it('is undone without all that came in with it when nobody knows which one it was', () => {
    const { mount } = planVolumes(stuck('coder', 'writer'));
    expect(mount?.mounts).toEqual({});
    expect(mount?.setAside).toMatchObject({ coder: { alone: true }, writer: { alone: true } });
  });

  it('makes the next one that adds a volume wait longer each time, until one of them is finished', () => {
    expect(planVolumes(stuck('coder')).mount).toMatchObject({ undone: 1 });
    const wait = (memory: { undone: number; added?: string[] }, wishes = [coder, writer]) =>
      planVolumes(
        input({ wishes, claims, deployment: gateways({ mounts: onlyCoder, memory: { ...recently, ...memory } }) }),
      ).waitMs;
    expect(wait({ undone: 1 })).toBe(100_000);
    expect(wait({ undone: 90 })).toBe(940_000);
    expect(wait({ undone: 90, added: ['coder'] })).toBe(40_000);
    expect(wait({ undone: 90 }, [])).toBe(40_000);
    const leaves = gateways({ mounts: onlyCoder, memory: { changedAt: now - 60_000, undone: 1 } });
    expect(planVolumes(input({ wishes: [writer], claims, deployment: leaves })).mount).toMatchObject({
      mounts: {},
      undone: 1,
    });
  });

  it('goes on when no volume is at fault', () => {
    expect(planVolumes(stuck()).mount).toBeUndefined();
  });
});

describe('what was taken out', () => {
  const aside = (alone: boolean) => ({
    coder: { trial: trialKey(claimOf(coder)), alone },
    writer: { trial: trialKey(claimOf(writer)), alone },
  });

  it('stays out while its claim is the same, and others are added without it', () => {
    const third = wish('third');
    const deployment = gateways({ memory: { setAside: aside(false) } });
    const world = { wishes: [coder, writer, third], claims: [...claims, claimOf(third)], deployment };
    const { mount } = planVolumes(input(world));
    expect(mount?.mounts).toEqual({ third: 'talaria-profile-third' });
    expect(mount?.setAside).toEqual(aside(false));
  });

  it('is not forgotten while its Agent does not ask for it and others change', () => {
    const deployment = gateways({ memory: { setAside: aside(false) } });
    const { mount } = planVolumes(
      input({ wishes: [wish('third')], claims: [...claims, claimOf(wish('third'))], deployment }),
    );
    expect(mount?.setAside).toEqual(aside(false));
    const gone = planVolumes(input({ wishes: [wish('third')], claims: [claimOf(wish('third'))], deployment }));
    expect(gone.mount?.setAside).toEqual({});
  });

  it('comes back by itself when several were taken out together: one in each rollout', () => {
    const deployment = gateways({ memory: { setAside: aside(true) } });
    const { mount } = planVolumes(input({ wishes: [coder, writer], claims, deployment }));
    expect(mount).toMatchObject({ mounts: onlyCoder, added: ['coder'] });
    expect(Object.keys(mount?.setAside ?? {})).toEqual(['writer']);
  });

  it('comes back when somebody asks for it on the claim', () => {
    const deployment = gateways({ memory: { setAside: aside(false) } });
    const asked = claimOf(coder, { annotations: { [retryAnnotation]: 'now' } });
    const { mount } = planVolumes(input({ wishes: [coder, writer], claims: [asked, claimOf(writer)], deployment }));
    expect(mount?.mounts).toEqual(onlyCoder);
  });
});

describe('a claim', () => {
  const names = (list: readonly { readonly claimName: string }[]) => list.map(({ claimName }) => claimName);
  const gone = (reclaimPolicy: 'Retain' | 'Delete') => claimOf(wish('coder', { reclaimPolicy }));

  it('is made for an Agent that asks for a new volume, and only then', () => {
    const given = input({ wishes: [coder, wish('reader', { existingClaim: 'data' })] });
    expect(names(planVolumes(given).make)).toEqual(['talaria-profile-coder']);
    expect(planVolumes(input({ wishes: [coder], claims })).make).toEqual([]);
    expect(planVolumes(input({ wishes: [wish('coder', { accessMode: 'ReadWriteOnce' })] })).make).toEqual([]);
  });

  it('is labelled anew when its Agent is another one or wants it kept', () => {
    const again = { ...coder, uid: 'another' };
    expect(planVolumes(input({ wishes: [again], claims })).relabel.map(({ wish: { uid } }) => uid)).toEqual([
      'another',
    ]);
    expect(planVolumes(input({ wishes: [wish('coder', { reclaimPolicy: 'Delete' })], claims })).relabel).toHaveLength(
      1,
    );
    expect(planVolumes(input({ wishes: [coder], claims })).relabel).toEqual([]);
  });

  it.each<readonly [string, PlanInput, boolean]>([
    ['goes when its Agent is gone and wanted so', input({ claims: [gone('Delete')] }), true],
    ['stays when its Agent wanted it kept', input({ claims: [gone('Retain')] }), false],
    [
      'stays while an Agent of its name is there',
      input({ claims: [gone('Delete')], agents: new Set(['coder']) }),
      false,
    ],
    [
      'stays while the template names it',
      input({ claims: [gone('Delete')], deployment: gateways({ mounts: onlyCoder }) }),
      false,
    ],
    [
      'stays while a ReplicaSet that lives names it',
      input({ claims: [gone('Delete')], replicaSets: [replicaSet({ mounts: onlyCoder })] }),
      false,
    ],
    [
      'goes when only a ReplicaSet that has ended names it',
      input({ claims: [gone('Delete')], replicaSets: [replicaSet({ mounts: onlyCoder }, 0)] }),
      true,
    ],
    [
      'stays when the operator did not make it',
      input({
        claims: [claimOf(coder, { labels: { 'talaria.dev/agent': 'coder', 'talaria.dev/reclaim': 'Delete' } })],
      }),
      false,
    ],
  ])('%s', (_title, given, goes) => {
    expect(planVolumes(given).remove.length === 1).toBe(goes);
  });
});
