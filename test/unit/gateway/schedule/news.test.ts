import { describe, expect, it } from 'vitest';
import { newsOf, toTell } from '../../../../gateway/schedule/news.ts';
import { buildStatus, type JobFacts } from '../../../../gateway/schedule/status.ts';

const slot = new Date('2026-06-15T12:00:00Z');
const now = '2026-06-15T12:30:00Z';
const nothingTold = { misses: 0, failures: 0 };

function facts(change: Partial<JobFacts> = {}): JobFacts {
  return {
    generation: 1,
    suspended: false,
    pausedReason: undefined,
    nextSlot: slot,
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

const statusOf = (change: Partial<JobFacts>) => buildStatus(facts(change), undefined, now);
const news = (change: Partial<JobFacts>, told = nothingTold, before: Partial<JobFacts> = {}) =>
  newsOf(facts(change), told, statusOf(before), statusOf(change));

describe('what people are told of a CronJob', () => {
  it('is nothing while nothing happens', () => {
    expect(news({})).toEqual([]);
    expect(
      news({ suspended: true, nextSlot: undefined }, nothingTold, { suspended: true, nextSlot: undefined }),
    ).toEqual([]);
  });

  it('is how many slots were missed since they were told, and why the newest was', () => {
    const missed = [
      { reason: 'Forbid', count: 3, lastSlot: slot },
      { reason: 'Deadline', count: 2, lastSlot: new Date(slot.getTime() - 1) },
    ];
    expect(news({ missed }, { misses: 4, failures: 0 })).toEqual([
      { kind: 'missed', count: 1, lastSlot: slot, reason: 'Forbid' },
    ]);
    expect(news({ missed }, toTell(facts({ missed })))).toEqual([]);
  });

  it('never counts the slots of a suspension', () => {
    const missed = [{ reason: 'Suspended', count: 86_400, lastSlot: slot }];
    expect(news({ missed })).toEqual([]);
    const both = [...missed, { reason: 'Forbid', count: 1, lastSlot: new Date(0) }];
    expect(news({ missed: both })).toEqual([{ kind: 'missed', count: 1, lastSlot: new Date(0), reason: 'Forbid' }]);
  });

  it('is how many runs failed, also when one that succeeded came between them', () => {
    const newestFailure = { id: '0197725c-1a00-7000-8000-000000000001', code: 'run_timeout' };
    expect(news({ failedCount: 5, newestFailure }, { misses: 0, failures: 3 })).toEqual([
      { kind: 'failed', count: 2, run: 'run_0197725c1a0070008000000000000001', code: 'run_timeout' },
    ]);
  });

  it.each([
    ['Spec', {}, { suspended: true }],
    ['Manual', {}, { pausedReason: 'Manual' }],
    ['Failures', {}, { pausedReason: 'Failures' }],
    ['Manual', { pausedReason: 'Failures' }, { pausedReason: 'Manual' }],
  ] as const)('is that it starts nothing any more, by %s', (by, before, after) => {
    expect(news(after, nothingTold, before)).toEqual([{ kind: 'halted', by }]);
  });

  it('is that it starts its slots again', () => {
    expect(news({}, nothingTold, { suspended: true })).toEqual([{ kind: 'resumed' }]);
  });

  it('is not how it was made: a job that begins suspended is no news', () => {
    const suspended = { suspended: true };
    expect(newsOf(facts(suspended), nothingTold, undefined, statusOf(suspended))).toEqual([]);
    expect(newsOf(facts(), nothingTold, undefined, statusOf({}))).toEqual([]);
  });

  it('is also what paused it before its first status', () => {
    const paused = { pausedReason: 'Failures' } as const;
    expect(newsOf(facts(paused), nothingTold, undefined, statusOf(paused))).toEqual([
      { kind: 'halted', by: 'Failures' },
    ]);
  });
});
