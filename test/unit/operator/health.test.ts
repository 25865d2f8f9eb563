import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Condition, objectStatus, type Programming } from '../../../operator/object-status.ts';
import type { ObjectReport } from '../../../operator/translate/report.ts';
import type { Verdict } from '../../../operator/translate/verdicts.ts';
import { argoHealth } from '../../harness/argo-health.ts';
import { kstatus } from '../../harness/kstatus.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/gitops.md'), 'utf8');
const script = scriptOf(page);

/** Everything that the operator can have to say about an object. */
interface State {
  readonly kind: 'Agent' | 'Route' | 'CronJob';
  readonly accepted: boolean;
  /** What the snapshot holds: the newest generation, an older one, or nothing. */
  readonly inForce: 'newest' | 'older' | 'nothing';
  readonly refs: boolean;
  readonly profile: boolean;
  readonly programming: Programming;
  readonly programmedBefore: boolean;
  readonly suspended: boolean;
}

const states = allStates();
const generation = 3;

describe('every state that the operator can report', () => {
  it('is one of these', () => expect(states).toHaveLength(192));

  it('is Failed for kstatus exactly when it is not accepted, InProgress while something is awaited, else Current', () => {
    for (const state of states) expect([state, kstatus(objectIn(state))]).toEqual([state, expected(state)]);
  });

  it('is Ready exactly when kstatus says Current', () => {
    for (const state of states) {
      const object = objectIn(state);
      expect(conditionOf(object, 'Ready')?.status === 'True').toBe(kstatus(object) === 'Current');
    }
  });

  it('has never both Reconciling and Stalled, so that their order means nothing', () => {
    for (const state of states) {
      const object = objectIn(state);
      const reversed = { ...object, status: { ...object.status, conditions: object.status.conditions.toReversed() } };
      expect(kstatus(reversed)).toBe(kstatus(object));
    }
  });

  it('is for the script of Argo CD what it is for kstatus', () => {
    const same = { Current: ['Healthy', 'Suspended'], InProgress: ['Progressing'], Failed: ['Degraded'] };
    for (const state of states) {
      const object = objectIn(state);
      const found = kstatus(object);
      if (found === 'Terminating') throw new Error('nothing here is being deleted');
      const health = argoHealth(script, object);
      expect(same[found]).toContain(health.status);
      expect(health.status === 'Suspended').toBe(found === 'Current' && state.suspended);
      expect(health.message).not.toBe('');
    }
  });
});

describe('an object about which nothing is said yet', () => {
  const fresh = { metadata: { name: 'coder', generation: 1 }, status: { observedGeneration: -1 } };

  it.each([
    ['just made, with the status that the CRD gives it', fresh],
    ['changed since the operator looked', { ...objectIn(ready()), metadata: { name: 'coder', generation: 4 } }],
  ])('is not taken for finished: %s', (_, object) => {
    expect(kstatus(object)).toBe('InProgress');
    expect(argoHealth(script, object).status).toBe('Progressing');
  });

  it('is Progressing for Argo CD also without any status', () => {
    expect(argoHealth(script, { metadata: fresh.metadata }).status).toBe('Progressing');
  });

  it('is Terminating while somebody else holds its deletion up', () => {
    const object = objectIn(ready());
    const held = { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(kstatus(held)).toBe('Terminating');
    expect(argoHealth(script, held)).toEqual({ status: 'Progressing', message: 'it is being deleted' });
  });
});

function expected({ accepted, refs, profile, kind, programming, programmedBefore, inForce }: State): string {
  if (!accepted) return 'Failed';
  const programmed = programmedBefore || (inForce === 'newest' && programming === 'acknowledged');
  return refs && (profile || kind !== 'Agent') && programmed ? 'Current' : 'InProgress';
}

function ready(): State {
  const whole = { accepted: true, inForce: 'newest', refs: true, profile: true, suspended: false } as const;
  return { kind: 'Agent', ...whole, programming: 'acknowledged', programmedBefore: false };
}

/** An object as it is stored once the operator has written its status. */
function objectIn(state: State) {
  const programmed = { type: 'Programmed', status: 'True', reason: 'Programmed', message: 'served' } as const;
  const before: readonly Condition[] = state.programmedBefore
    ? [{ ...programmed, observedGeneration: generation, lastTransitionTime: '2026-01-01T00:00:00Z' }]
    : [];
  const status = objectStatus(reportOf(state), state.programming, before, Date.UTC(2026, 0, 2));
  return { metadata: { name: 'coder', generation }, status };
}

function reportOf({ kind, accepted, inForce, refs, profile, suspended }: State): ObjectReport {
  const verdict = (type: Verdict['type'], holds: boolean, bad: string): Verdict =>
    ({
      type,
      status: holds ? 'True' : 'False',
      reason: holds ? type : bad,
      message: `${type} ${holds}`,
      generation,
    }) as Verdict;
  return {
    key: `${kind}/coder`,
    kind,
    name: 'coder',
    uid: 'uid',
    generation,
    entry: inForce === 'nothing' ? undefined : entryOf(inForce === 'newest' ? generation : generation - 1),
    suspended,
    verdicts: [
      verdict('Accepted', accepted, 'InvalidSpec'),
      verdict('ResolvedRefs', refs, 'SecretNotFound'),
      ...(kind === 'Agent' ? [verdict('ProfileReady', profile, 'VolumePending')] : []),
    ],
    fields: {},
  };
}

function entryOf(inForce: number): ObjectReport['entry'] {
  return { name: 'coder', uid: 'uid', generation: inForce, createdAt: '', priority: 0, rules: [] };
}

function conditionOf({ status }: ReturnType<typeof objectIn>, wanted: string): Condition | undefined {
  return status.conditions.find(({ type }) => type === wanted);
}

/** An accepted generation is in force; one that is not was never programmed. */
function allStates(): readonly State[] {
  const both = [true, false];
  const all: State[] = [];
  for (const kind of ['Agent', 'Route', 'CronJob'] as const)
    for (const accepted of both)
      for (const inForce of accepted ? (['newest'] as const) : (['older', 'nothing'] as const))
        for (const refs of both)
          for (const profile of kind === 'Agent' ? both : [true])
            for (const programming of ['acknowledged', 'awaited', 'nobody'] as const)
              for (const programmedBefore of accepted ? both : [false])
                for (const suspended of both)
                  all.push({ kind, accepted, inForce, refs, profile, programming, programmedBefore, suspended });
  return all;
}

function scriptOf(markdown: string): string {
  const [, block = ''] = /```yaml\n(apiVersion: v1\nkind: ConfigMap[\s\S]*?)```/.exec(markdown) ?? [];
  const { data } = parse(block) as { data: Record<string, string> };
  const customizations = parse(data['resource.customizations'] ?? '') as Record<string, Record<string, string>>;
  const health = customizations['talaria.dev/*']?.['health.lua'];
  if (health === undefined) throw new Error('docs/gitops.md has no health script for talaria.dev/*');
  return health;
}
