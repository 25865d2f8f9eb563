import { describe, expect, it } from 'vitest';
import { retryAnnotation, trialKey } from '../../../../operator/volumes/claims.ts';
import type { VolumeWorld } from '../../../../operator/volumes/obstacles.ts';
import { disabledStates, keptStates, volumeStates } from '../../../../operator/volumes/states.ts';
import { claimOf, gateways, input, pod, replicaSet, wish } from './world.ts';

const coder = wish('coder');
const one = wish('coder', { accessMode: 'ReadWriteOnce' });
const data = wish('coder', { existingClaim: 'data' });
const mounts = { coder: 'talaria-profile-coder' };
const bound = claimOf(coder);
const onePod = { replicas: 1, strategy: 'Recreate' as const };
const aside = (alone: boolean, trial = trialKey(bound)) => ({ memory: { setAside: { coder: { trial, alone } } } });

describe('an agent with a volume is ready', () => {
  it.each<readonly [string, VolumeWorld]>([
    [
      'when its claim is bound and in the template',
      input({ wishes: [coder], claims: [bound], deployment: gateways({ mounts }) }),
    ],
    [
      'when a rollout for something else is under way and the old pods have it too',
      input({
        wishes: [coder],
        claims: [bound],
        deployment: gateways({ mounts, finished: false }),
        replicaSets: [replicaSet({ mounts })],
      }),
    ],
    [
      'when only a ReplicaSet that has ended lacks it',
      input({
        wishes: [coder],
        claims: [bound],
        deployment: gateways({ mounts }),
        replicaSets: [replicaSet({}, 0)],
      }),
    ],
    [
      'when only a pod that has ended lacks it',
      input({
        wishes: [coder],
        claims: [bound],
        deployment: gateways({ mounts }),
        pods: [pod({ mounts }), pod({}, 'Failed')],
      }),
    ],
    [
      'when it is for one pod and there is never a second one',
      input({ wishes: [one], claims: [claimOf(one)], deployment: gateways({ mounts, ...onePod }) }),
    ],
    [
      'when it is an existing claim with its label',
      input({ wishes: [data], claims: [claimOf(data)], deployment: gateways({ mounts: { coder: 'data' } }) }),
    ],
  ])('%s', (_title, world) => {
    expect(volumeStates(world)).toEqual([
      { agent: 'coder', problem: undefined, claimName: world.wishes[0]?.claimName },
    ]);
  });
});

describe('an agent with a volume is not ready', () => {
  it.each<readonly [string, string, RegExp, VolumeWorld]>([
    ['while its claim is being made', 'VolumePending', /is being made$/, input({ wishes: [coder] })],
    [
      'when its claim is refused',
      'VolumePending',
      /cannot be made: exceeded quota$/,
      input({ wishes: [coder], refusals: new Map([['talaria-profile-coder', 'exceeded quota']]) }),
    ],
    [
      'while its claim is not bound',
      'VolumePending',
      /is not bound; gateways mount it once it is, or at once when its class waits/,
      input({ wishes: [coder], claims: [claimOf(coder, { phase: 'Pending' })] }),
    ],
    [
      'while its bound claim is not in the template',
      'VolumePending',
      /waits for the rollout/,
      input({ wishes: [coder], claims: [bound] }),
    ],
    [
      'while old pods run without it',
      'VolumePending',
      /waits for the rollout/,
      input({
        wishes: [coder],
        claims: [bound],
        deployment: gateways({ mounts, finished: false }),
        replicaSets: [replicaSet({})],
      }),
    ],
    [
      'while a pod without it has not ended, although no ReplicaSet wants it',
      'VolumePending',
      /waits for the rollout/,
      input({
        wishes: [coder],
        claims: [bound],
        deployment: gateways({ mounts }),
        replicaSets: [replicaSet({ mounts }), replicaSet({}, 0)],
        pods: [pod({ mounts }), pod({})],
      }),
    ],
    [
      'while its claim is being deleted',
      'VolumePending',
      /is being deleted$/,
      input({
        wishes: [coder],
        claims: [claimOf(coder, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
        deployment: gateways({ mounts }),
      }),
    ],
    [
      'without gateways',
      'VolumePending',
      /there is no Deployment talaria-gateway/,
      input({ wishes: [coder], claims: [bound], deployment: undefined }),
    ],
    [
      'when its claim has lost its volume',
      'VolumeUnavailable',
      /has lost its volume; restore/,
      input({ wishes: [coder], claims: [claimOf(coder, { phase: 'Lost' })], deployment: gateways({ mounts }) }),
    ],
    [
      'when gateways did not start with it',
      'VolumeUnavailable',
      /so they run without it; .* kubectl annotate persistentvolumeclaim talaria-profile-coder -n team /,
      input({ wishes: [coder], claims: [bound], deployment: gateways(aside(false)) }),
    ],
    [
      'when it wants a volume for one pod and there are two, before a claim is made',
      'AccessModeConflict',
      /gateway.replicas to 1 and gateway.strategy to Recreate/,
      input({ wishes: [one] }),
    ],
    [
      'when its volume is for one pod and a rollout would start a second one',
      'AccessModeConflict',
      /ReadWriteMany/,
      input({ wishes: [one], claims: [claimOf(one)], deployment: gateways({ mounts, replicas: 1 }) }),
    ],
    [
      'when its existing claim is for one pod, whatever the Agent says',
      'AccessModeConflict',
      /ReadWriteMany/,
      input({
        wishes: [data],
        claims: [{ ...claimOf(data), spec: { accessModes: ['ReadWriteOnce'] } }],
      }),
    ],
    [
      'when its existing claim is missing',
      'ClaimNotFound',
      /"data" does not exist in the namespace; create it and label it talaria.dev\/agent=coder$/,
      input({ wishes: [data] }),
    ],
    [
      "when its existing claim is another agent's",
      'ClaimNotLabeled',
      /kubectl label persistentvolumeclaim data -n team talaria.dev\/agent=coder$/,
      input({ wishes: [data], claims: [claimOf({ ...data, agent: 'writer' })] }),
    ],
    [
      'when somebody else has made a claim of that name',
      'ClaimNotLabeled',
      /is not labelled for this Agent/,
      input({ wishes: [coder], claims: [claimOf(coder, { labels: {} })] }),
    ],
  ])('%s: %s', (_title, reason, message, world) => {
    const [state] = volumeStates(world);
    expect(state?.problem?.reason).toBe(reason);
    expect(state?.problem?.message).toMatch(message);
  });

  it('and names no claim that is not its own', () => {
    const foreign = input({ wishes: [data], claims: [claimOf({ ...data, agent: 'writer' })] });
    expect(volumeStates(foreign)[0]?.claimName).toBeUndefined();
  });

  it('where the chart allows no volumes', () => {
    expect(disabledStates([coder])[0]?.problem).toMatchObject({
      reason: 'VolumesDisabled',
      message: expect.stringContaining('profiles.agentVolumes.enabled'),
    });
  });
});

describe('a volume that was taken out may be tried again', () => {
  const pending = /waits for the rollout/;
  it.each([
    ['when its claim is another one', claimOf(coder, { uid: 'new' })],
    ['when its claim becomes bound', bound, trialKey(claimOf(coder, { phase: 'Pending' }))],
    ['when somebody asks for it', claimOf(coder, { annotations: { [retryAnnotation]: 'now' } })],
  ])('%s', (_title, claim, trial = trialKey(bound)) => {
    const deployment = gateways(aside(false, trial));
    expect(volumeStates(input({ wishes: [coder], claims: [claim], deployment }))[0]?.problem?.message).toMatch(pending);
  });

  it('when it was not known to be at fault', () => {
    const world = input({ wishes: [coder], claims: [bound], deployment: gateways(aside(true)) });
    expect(volumeStates(world)[0]?.problem?.message).toMatch(pending);
  });
});

describe('of more than 16 agents with a volume', () => {
  const many = Array.from({ length: 17 }, (_, number) => ({
    ...wish(`agent-${number}`),
    createdAt: `2026-01-01T00:00:${String(59 - number)}Z`,
  }));
  const tooMany = (world: VolumeWorld) =>
    volumeStates(world)
      .filter(({ problem }) => problem?.reason === 'TooManyVolumes')
      .map(({ agent }) => agent);

  it('the newest one has none', () => {
    expect(tooMany(input({ wishes: many, claims: many.map((each) => claimOf(each)) }))).toEqual(['agent-0']);
  });

  it('one that has its volume already keeps it', () => {
    const deployment = gateways({ mounts: { 'agent-0': 'talaria-profile-agent-0' } });
    const world = input({ wishes: many, claims: many.map((each) => claimOf(each)), deployment });
    expect(tooMany(world)).toEqual(['agent-1']);
  });
});

describe('states', () => {
  it('are the same values while they say the same', () => {
    const world = input({ wishes: [coder, wish('writer')], claims: [bound] });
    const before = volumeStates(world);
    expect(keptStates(volumeStates(world), before)).toBe(before);
    const after = keptStates(volumeStates({ ...world, deployment: gateways({ mounts }) }), before);
    expect(after).not.toBe(before);
    expect(after[1]).toBe(before[1]);
  });
});
