import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../core/kube/types.ts';
import { keptObject } from '../../../operator/kept-object.ts';

const condition = (type: string) => ({
  type,
  status: 'True',
  reason: type,
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

function stored(generation: number, extra: object = {}): KubeObject {
  return {
    apiVersion: 'talaria.dev/v1alpha1',
    kind: 'CronJob',
    metadata: {
      name: 'digest',
      uid: 'uid',
      generation,
      resourceVersion: '7',
      labels: { team: 'a' },
      managedFields: [{ manager: 'kubectl' }],
      annotations: { 'talaria.dev/run-at': 'now', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    },
    spec: { schedule: '@daily', generation },
    status: {
      observedGeneration: generation,
      conditions: [condition('Ready'), condition('Healthy')],
      recentRuns: [{ id: 'run' }],
    },
    ...extra,
  } as KubeObject;
}

describe('what the operator keeps of an object', () => {
  it('is its spec, who it is, and what the operator itself wrote into the status', () => {
    const kept = keptObject(stored(1), undefined);
    expect(kept).toEqual({
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'CronJob',
      metadata: {
        name: 'digest',
        uid: 'uid',
        generation: 1,
        resourceVersion: '7',
        annotations: { 'talaria.dev/run-at': 'now' },
        fieldManagers: ['kubectl'],
      },
      spec: { schedule: '@daily', generation: 1 },
      status: { observedGeneration: 1, conditions: [condition('Ready')] },
    });
  });

  it('is one spec for as long as the generation is the same, whatever comes of the object', () => {
    const first = keptObject(stored(1), undefined);
    expect(specOf(keptObject(stored(1), first))).toBe(specOf(first));
    expect(specOf(keptObject(stored(2), first))).toEqual({ schedule: '@daily', generation: 2 });
    const another = { metadata: { ...stored(1).metadata, uid: 'another' } };
    expect(specOf(keptObject(stored(1, another), first))).not.toBe(specOf(first));
  });

  it('is one object for every condition that many have', () => {
    const [one, other] = [keptObject(stored(1), undefined), keptObject(stored(1), undefined)];
    expect(conditionsOf(one)[0]).toBe(conditionsOf(other)[0]);
  });

  it('has no status where there is none', () => {
    expect(keptObject(stored(1, { status: undefined }), undefined)).not.toHaveProperty('status.conditions');
  });
});

function specOf(object: KubeObject): unknown {
  return (object as { readonly spec?: unknown }).spec;
}

function conditionsOf(object: KubeObject): readonly unknown[] {
  return (object as unknown as { readonly status: { readonly conditions: readonly unknown[] } }).status.conditions;
}
