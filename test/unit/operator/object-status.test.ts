import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConditionType, conditionTable } from '../../../core/conditions.ts';
import { type Condition, objectStatus, type Programming } from '../../../operator/object-status.ts';
import type { ObjectReport } from '../../../operator/translate/report.ts';
import type { Verdict } from '../../../operator/translate/verdicts.ts';

const now = Date.UTC(2026, 0, 2);
const entry = { name: 'coder', uid: 'uid', generation: 3, priority: 0, createdAt: '', rules: [] };

const verdict = (type: 'Accepted' | 'ResolvedRefs' | 'ProfileReady', ok: boolean): Verdict => {
  const failing = {
    Accepted: 'InvalidExpression',
    ResolvedRefs: 'AgentNotFound',
    ProfileReady: 'VolumePending',
  } as const;
  return {
    type,
    status: ok ? 'True' : 'False',
    reason: ok ? type : failing[type],
    message: `${type} ${ok}`,
    generation: 3,
  } as Verdict;
};

interface World {
  readonly accepted: boolean;
  readonly resolved: boolean;
  readonly profile: boolean;
  readonly served: boolean;
  readonly suspended: boolean;
}

const report = ({ accepted, resolved, profile, served, suspended }: World): ObjectReport => ({
  key: 'Agent/coder',
  kind: 'Agent',
  name: 'coder',
  uid: 'uid',
  generation: 3,
  entry: served ? entry : { ...entry, generation: 2 },
  suspended,
  verdicts: [verdict('Accepted', accepted), verdict('ResolvedRefs', resolved), verdict('ProfileReady', profile)],
  fields: { routes: 1 },
});
const good: World = { accepted: true, resolved: true, profile: true, served: true, suspended: false };

const world = fc.record({
  accepted: fc.boolean(),
  resolved: fc.boolean(),
  profile: fc.boolean(),
  served: fc.boolean(),
  suspended: fc.boolean(),
});
const programming = fc.constantFrom<Programming>('acknowledged', 'awaited', 'nobody');

describe('the status of an object', () => {
  it('is Ready exactly when Accepted, ResolvedRefs, ProfileReady and Programmed are', () => {
    fc.assert(
      fc.property(world, programming, (given, acknowledged) => {
        const { conditions } = objectStatus(report(given), acknowledged, [], now);
        const all = ['Accepted', 'ResolvedRefs', 'ProfileReady', 'Programmed'].every((type) => holds(conditions, type));
        expect(holds(conditions, 'Ready')).toBe(all);
      }),
    );
  });

  it('has Stalled exactly while it is not accepted, Reconciling exactly while something is awaited, and never both', () => {
    fc.assert(
      fc.property(world, programming, (given, acknowledged) => {
        const { conditions } = objectStatus(report(given), acknowledged, [], now);
        const has = (type: string) => conditions.some((condition) => condition.type === type);
        expect(has('Stalled')).toBe(!given.accepted);
        expect(has('Reconciling')).toBe(given.accepted && !holds(conditions, 'Ready'));
      }),
    );
  });

  it('uses types and reasons of the table only, each type once, and writes its generation on each', () => {
    fc.assert(
      fc.property(world, programming, (given, acknowledged) => {
        const { conditions, observedGeneration } = objectStatus(report(given), acknowledged, [], now);
        expect(observedGeneration).toBe(3);
        expect(new Set(conditions.map(({ type }) => type)).size).toBe(conditions.length);
        for (const { type, reason } of conditions) {
          expect(Object.keys(conditionTable[type as ConditionType].reasons)).toContain(reason);
        }
      }),
    );
  });

  it('of a suspended object is Ready with the reason Suspended', () => {
    const { conditions } = objectStatus(report({ ...good, suspended: true }), 'acknowledged', [], now);
    expect(find(conditions, 'Ready')).toMatchObject({ status: 'True', reason: 'Suspended' });
  });

  it('never takes Programmed back from a generation, whatever gateways do', () => {
    const before = objectStatus(report(good), 'acknowledged', [], now).conditions;
    for (const later of ['awaited', 'nobody'] as const) {
      expect(objectStatus(report(good), later, before, now).conditions).toEqual(before);
    }
    const next = { ...report(good), generation: 4, entry: { ...entry, generation: 4 } };
    expect(find(objectStatus(next, 'awaited', before, now).conditions, 'Programmed')).toMatchObject({
      status: 'False',
      reason: 'Pending',
    });
  });

  it('keeps the time of a condition while its status stays, and gives a new one when it changes', () => {
    const before = objectStatus(report(good), 'acknowledged', [], now).conditions;
    const later = objectStatus(report({ ...good, resolved: false }), 'acknowledged', before, now + 60_000).conditions;
    expect(find(later, 'Accepted').lastTransitionTime).toBe('2026-01-02T00:00:00Z');
    expect(find(later, 'ResolvedRefs').lastTransitionTime).toBe('2026-01-02T00:01:00Z');
    expect(find(later, 'Reconciling').lastTransitionTime).toBe('2026-01-02T00:01:00Z');
  });

  it('is the same again when it is computed from itself', () => {
    fc.assert(
      fc.property(world, programming, (given, acknowledged) => {
        const first = objectStatus(report(given), acknowledged, [], now);
        expect(objectStatus(report(given), acknowledged, first.conditions, now + 5_000)).toEqual(first);
      }),
    );
  });
});

function find(conditions: readonly Condition[], type: string): Condition {
  const found = conditions.find((condition) => condition.type === type);
  if (found === undefined) throw new Error(`there is no condition ${type}`);
  return found;
}

function holds(conditions: readonly Condition[], type: string): boolean {
  return find(conditions, type).status === 'True';
}
