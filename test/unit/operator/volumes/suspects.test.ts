import { describe, expect, it } from 'vitest';
import type { KubeEvent, Pod } from '../../../../core/kube/resources.ts';
import { type Evidence, findSuspects } from '../../../../operator/volumes/suspects.ts';
import { claimOf, wish } from './world.ts';

const mounts = { a: 'talaria-profile-a', ab: 'talaria-profile-ab' };
const withVolume = (agent: string, phase = 'Bound') => {
  const claim = claimOf(wish(agent), { phase });
  return { ...claim, spec: { ...claim.spec, volumeName: `pvc-${agent}` } };
};
const claims = (...phases: readonly string[]) =>
  new Map(['a', 'ab'].map((agent, at) => [mounts[agent as 'a' | 'ab'], withVolume(agent, phases[at] ?? 'Bound')]));

const pod = (status: Pod['status'], metadata = {}): Pod => ({
  metadata: { name: 'gateway', uid: 'pod', ...metadata },
  status: { phase: 'Pending', ...status },
});
const scheduled = { type: 'PodScheduled', status: 'True' };
const unscheduled = (message: string) => pod({ conditions: [{ type: 'PodScheduled', status: 'False', message }] });
const waiting = (reason: string) =>
  pod({ conditions: [scheduled], containerStatuses: [{ state: { waiting: { reason } } }] });
const creating = waiting('ContainerCreating');
const warning = (note: string, uid = 'pod'): KubeEvent => ({ metadata: { name: 'event' }, regarding: { uid }, note });

const evidence = (given: Partial<Evidence>): Evidence => ({
  mounts,
  claims: claims(),
  added: [],
  pods: [creating],
  events: [],
  ...given,
});

describe('a rollout that stands still is blamed on', () => {
  it.each<readonly [string, Partial<Evidence>, readonly string[], boolean]>([
    [
      'the volume whose mount fails',
      { events: [warning('MountVolume.SetUp failed for volume "pvc-a" : mount failed')], added: ['ab'] },
      ['a'],
      true,
    ],
    [
      'the volume that is not attached',
      { events: [warning('Unable to attach or mount volumes: unmounted volumes=[agent-ab], unattached volumes=[]')] },
      ['ab'],
      true,
    ],
    [
      'the volume that is not mounted, and not those that are only listed beside it',
      {
        events: [
          warning(
            'Unable to attach or mount volumes: unmounted volumes=[agent-ab], unattached volumes=[homes agent-a agent-ab]: timed out',
          ),
        ],
      },
      ['ab'],
      true,
    ],
    [
      'the claim that a node misses',
      { pods: [unscheduled('persistentvolumeclaim "talaria-profile-a" not found.')] },
      ['a'],
      true,
    ],
    [
      'the claim that is not bound, when no node takes the pod',
      {
        pods: [unscheduled("0/1 nodes: didn't find available persistent volumes to bind.")],
        claims: claims('Pending'),
      },
      ['a'],
      true,
    ],
    [
      'the claim that is not bound, when nothing has been said',
      { pods: [pod({})], claims: claims('Bound', 'Pending') },
      ['ab'],
      true,
    ],
    ['the claim that is gone', { claims: new Map([['talaria-profile-a', withVolume('a')]]) }, ['ab'], true],
    ['one of those that are not bound', { claims: claims('Pending', 'Pending') }, ['a', 'ab'], false],
    ['the one that was added', { added: ['ab'] }, ['ab'], true],
    ['one of those that were added', { added: ['a', 'ab'] }, ['a', 'ab'], false],
  ])('%s', (_title, given, agents, certain) => {
    expect(findSuspects(evidence(given))).toEqual({ agents, certain });
  });

  it.each<readonly [string, Partial<Evidence>]>([
    ['an image that cannot be pulled', { pods: [waiting('ErrImagePull')], added: ['a'] }],
    ['a container that ends', { pods: [waiting('CrashLoopBackOff')], claims: claims('Pending') }],
    ['a gateway that is not ready', { pods: [pod({ phase: 'Running' })], added: ['a'] }],
    ['a node without room', { pods: [unscheduled('0/1 nodes are available: 1 Insufficient cpu.')], added: ['a'] }],
    [
      'a pod that ends',
      { pods: [{ ...creating, metadata: { name: 'gateway', deletionTimestamp: 'now' } }], added: ['a'] },
    ],
    ['no pod at all', { pods: [], added: ['a'] }],
    ['something of another pod', { events: [warning('failed for volume "pvc-a"', 'another')] }],
  ])('nobody when it is %s', (_title, given) => {
    expect(findSuspects(evidence(given)).agents).toEqual([]);
  });
});
