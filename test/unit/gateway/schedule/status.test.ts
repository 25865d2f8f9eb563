import { describe, expect, it } from 'vitest';
import { conditionTable } from '../../../../core/conditions.ts';
import { buildStatus, healthyReason, type JobFacts } from '../../../../gateway/schedule/status.ts';

const noon = new Date('2026-06-15T12:00:00Z');
const hour = 3_600_000;
const at = (hours: number) => new Date(noon.getTime() + hours * hour);
const id = '0197725c-1a00-7000-8000-000000000001';

function facts(change: Partial<JobFacts> = {}): JobFacts {
  return {
    generation: 3,
    suspended: false,
    pausedReason: undefined,
    nextSlot: at(1),
    lastStarted: undefined,
    lastSucceeded: undefined,
    lastRunAt: '',
    consecutiveFailures: 0,
    failedCount: 0,
    newestFailure: undefined,
    missed: [],
    open: [],
    recent: [],
    ...change,
  };
}

const status = (change: Partial<JobFacts>) => buildStatus(facts(change), undefined, '2026-06-15T12:30:00Z');
const condition = (type: string, change: Partial<JobFacts>) =>
  status(change).conditions.find((candidate) => candidate.type === type);
const missed = (reason: string, hours: number, count = 1) => ({ reason, count, lastSlot: at(hours) });

describe('the condition Scheduled', () => {
  it.each([
    ['Scheduled', 'True', {}],
    ['Suspended', 'False', { suspended: true, nextSlot: undefined }],
    ['Paused', 'False', { pausedReason: 'Failures', nextSlot: undefined }],
    ['Manual', 'False', { pausedReason: 'Manual', nextSlot: undefined }],
    ['Completed', 'False', { nextSlot: undefined }],
  ] as const)('%s is %s', (reason, value, change) => {
    expect(condition('Scheduled', change)).toMatchObject({ status: value, reason, observedGeneration: 3 });
    expect(Object.keys(conditionTable.Scheduled.reasons)).toContain(reason);
  });
});

describe('the condition Healthy', () => {
  it.each([
    ['Healthy', 'True', 'nothing happened yet', {}],
    ['RunFailed', 'False', 'the newest run failed', { consecutiveFailures: 1, lastSucceeded: at(0) }],
    ['SlotsMissed', 'False', 'a slot was missed', { missed: [missed('Forbid', 0)] }],
    ['SlotsMissed', 'False', 'missed after a success', { missed: [missed('Deadline', 1)], lastSucceeded: at(0) }],
    ['Healthy', 'True', 'missed before a success', { missed: [missed('Deadline', 0)], lastSucceeded: at(1) }],
    ['Healthy', 'True', 'left out by a suspension', { missed: [missed('Suspended', 1)], lastSucceeded: at(0) }],
  ] as const)('%s is %s: %s', (reason, value, _, change) => {
    expect(condition('Healthy', change)).toMatchObject({ status: value, reason });
    expect(Object.keys(conditionTable.Healthy.reasons)).toContain(reason);
    expect(healthyReason(status(change))).toBe(reason);
  });

  it('says why the newest run failed', () => {
    const newestFailure = { id, code: 'refs_not_resolved' };
    const failed = condition('Healthy', { consecutiveFailures: 1, failedCount: 1, newestFailure });
    expect(failed?.message).toBe('the newest run failed: refs_not_resolved; its error is stored with the run');
  });

  it('has a message that does not change while nothing does', () => {
    const first = condition('Healthy', { missed: [missed('Forbid', 0, 1)] });
    const later = condition('Healthy', { missed: [missed('Forbid', 5, 900)] });
    expect(later?.message).toBe(first?.message);
  });
});

describe('a condition keeps its transition time', () => {
  it('until its status changes', () => {
    const before = status({});
    const after = buildStatus(facts({ consecutiveFailures: 1 }), before, '2026-06-15T13:00:00Z');
    expect(after.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ['Scheduled', '2026-06-15T12:30:00Z'],
      ['Healthy', '2026-06-15T13:00:00Z'],
    ]);
  });

  it('so that equal facts give an equal status', () => {
    const before = status({ missed: [missed('Forbid', 0)] });
    expect(buildStatus(facts({ missed: [missed('Forbid', 0)] }), before, '2026-06-16T00:00:00Z')).toEqual(before);
  });
});

describe('the fields of the status', () => {
  it('count every miss and name the newest', () => {
    expect(status({ missed: [missed('Forbid', 2, 3), missed('Suspended', 1, 40)] })).toMatchObject({
      missedCount: 43,
      lastMissedTime: '2026-06-15T14:00:00Z',
    });
  });

  it('are absent while there is nothing to say', () => {
    expect(status({ nextSlot: undefined })).toEqual({
      missedCount: 0,
      consecutiveFailures: 0,
      active: [],
      recentRuns: [],
      conditions: expect.any(Array),
    });
  });

  it('show the newest ten runs and at most a hundred active ones', () => {
    const many = Array.from({ length: 120 }, (_, index) => ({ id, slot: at(index) }));
    const recent = many.map(({ slot }) => ({ slot, runId: id, runStatus: 'completed', reason: '', deliveries: [] }));
    expect(status({ open: many, recent }).active).toHaveLength(100);
    expect(status({ open: many, recent }).recentRuns).toHaveLength(10);
  });

  it.each([
    [{ runId: id, runStatus: 'completed', reason: '' }, 'Succeeded'],
    [{ runId: id, runStatus: 'unknown', reason: '' }, 'Unknown'],
    [{ runId: id, runStatus: undefined, reason: '' }, 'Started'],
    [{ runId: undefined, runStatus: undefined, reason: 'Coalesced' }, 'Missed(Coalesced)'],
  ])('call %j %s', (fact, outcome) => {
    const [recent] = status({ recent: [{ slot: noon, deliveries: [], ...fact }] }).recentRuns;
    const runId = fact.runId === undefined ? '' : 'run_0197725c1a0070008000000000000001';
    expect(recent).toEqual({ scheduledTime: '2026-06-15T12:00:00Z', runId, outcome, deliveryOutcome: '' });
  });

  it.each([
    [[], ''],
    [['sent'], 'Sent'],
    [['sent', 'suppressed'], 'Suppressed'],
    [['sent', 'pending'], 'Pending'],
    [['sent', 'sending', 'dead'], 'Dead'],
    [['sent', 'expired'], 'Expired'],
    [['sent', 'ambiguous'], 'Ambiguous'],
  ])('take deliveries that are %j for %j', (deliveries, outcome) => {
    const recent = [{ slot: noon, runId: id, runStatus: 'completed', reason: '', deliveries }];
    expect(status({ recent }).recentRuns[0]?.deliveryOutcome).toBe(outcome);
  });
});
