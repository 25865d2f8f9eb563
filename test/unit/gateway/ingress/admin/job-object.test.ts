import { expect, it } from 'vitest';
import { conditionTable } from '../../../../../core/conditions.ts';
import { jobObject, jobObjectSchema } from '../../../../../gateway/ingress/admin/job-object.ts';
import type { JobSummary } from '../../../../../gateway/schedule/list-jobs.ts';
import { jobEntry } from '../../../../servers/schedule/entries.ts';

const seen: JobSummary = {
  uid: 'uid-of-job',
  suspended: false,
  pausedReason: undefined,
  nextSlot: new Date('2026-06-15T12:00:00Z'),
  lastStarted: undefined,
  lastSucceeded: undefined,
  consecutiveFailures: 0,
  openRuns: 0,
  missed: [],
};
const ended = { ...seen, nextSlot: undefined };

it.each([
  ['Scheduled', 'has a next slot', seen],
  [
    'Suspended',
    'is suspended by its spec, also while it is paused',
    { ...ended, suspended: true, pausedReason: 'Manual' },
  ],
  ['Manual', 'is paused by hand', { ...ended, pausedReason: 'Manual' }],
  ['Paused', 'is paused after failures', { ...ended, pausedReason: 'Failures' }],
  ['Completed', 'has no further slot', ended],
  ['Pending', 'no gateway has stored yet', undefined],
] as const)('the state is %s of a CronJob that %s', (state, _, summary) => {
  expect(jobObjectSchema.parse(jobObject(jobEntry('job'), summary)).state).toBe(state);
});

it('the state has a word for every reason of the condition Scheduled, and one for a CronJob that is new', () => {
  const reasons = Object.keys(conditionTable.Scheduled.reasons);
  expect(new Set(jobObjectSchema.shape.state.options)).toEqual(new Set([...reasons, 'Pending']));
});
