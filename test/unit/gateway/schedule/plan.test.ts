import { describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../../core/snapshot/schema.ts';
import { entryHash, scheduleText } from '../../../../gateway/schedule/entry.ts';
import type { JobRow } from '../../../../gateway/schedule/job-row.ts';
import { planJob } from '../../../../gateway/schedule/plan.ts';
import { jobEntry, tableOf } from '../../../servers/schedule/entries.ts';

const now = Date.UTC(2026, 5, 15, 12, 0, 0, 700);
const second = 1_000;
const none = { activeRuns: 0, queuedRuns: 0 };
const job = (change: Partial<JobEntry> = {}) => jobEntry('job', { schedule: '@every 1m', ...change });

/** The row of a job that was seen three minutes ago and is decided up to now. */
function rowOf(entry: JobEntry, change: Partial<JobRow> = {}): JobRow {
  return {
    uid: entry.uid,
    name: entry.name,
    agent: entry.agent,
    generation: entry.generation,
    sequence: 1,
    entryHash: entryHash(entry),
    schedule: scheduleText(entry),
    anchor: now - 700 - 180 * second,
    decidedTo: now,
    suspended: entry.suspend,
    pausedReason: undefined,
    runAtSeen: entry.runAt ?? '',
    gone: false,
    ...change,
  };
}

async function plan(entry: JobEntry, row: JobRow | undefined, sequence = 2) {
  return planJob(entry, row, none, await tableOf({ sequence, jobs: [entry] }), now);
}

describe('the row of a CronJob', () => {
  it('begins when it is first seen, on a whole second, and nothing is due before', async () => {
    expect(await plan(job(), undefined)).toMatchObject({
      firstSeen: true,
      anchor: now - 700,
      decidedTo: now,
      nextStart: now - 700 + 60 * second,
      settled: [],
    });
  });

  it('is left alone when the entry is the same, or the row is as new as the snapshot', async () => {
    expect(await plan(job(), rowOf(job()))).toBeUndefined();
    const changed = job({ silenceMarker: 'x' });
    expect(await plan(changed, rowOf(job(), { sequence: 2 }))).toBeUndefined();
    expect(await plan(changed, rowOf(job(), { sequence: 3 }))).toBeUndefined();
    expect(await plan(changed, rowOf(job()))).toBeDefined();
  });

  it('begins anew when the job comes back after it was gone', async () => {
    const row = rowOf(job(), { gone: true, decidedTo: now - 3_600 * second });
    expect(await plan(job(), row)).toMatchObject({ firstSeen: true, decidedTo: now, settled: [] });
  });

  it('keeps anchor and decisions when something else than the schedule changes', async () => {
    const row = rowOf(job());
    expect(await plan(job({ timeoutSeconds: 5 }), row)).toMatchObject({
      anchor: row.anchor,
      decidedTo: row.decidedTo,
      nextStart: row.anchor + 240 * second,
    });
  });

  it('settles by the old schedule what was due before the schedule changed', async () => {
    const row = rowOf(job(), { decidedTo: now - 61 * second });
    const planned = await plan(job({ schedule: '@every 1h' }), row);
    // The first is backlog and starts; the second falls into its run.
    expect(planned?.settled.map(({ kind }) => kind)).toEqual(['Started', 'Missed']);
    expect(planned).toMatchObject({
      anchor: now - 700,
      decidedTo: now,
      settledFrom: { anchor: row.anchor, schedule: row.schedule },
    });
  });

  it('starts nothing of the old schedule when the job is suspended with the change', async () => {
    const row = rowOf(job(), { decidedTo: now - 61 * second });
    const planned = await plan(job({ schedule: '@every 1h', suspend: true }), row);
    expect(planned?.settled).toMatchObject([
      { kind: 'Missed', reason: 'Suspended' },
      { kind: 'Missed', reason: 'Suspended' },
    ]);
    expect(planned?.nextStart).toBeUndefined();
  });

  it('decides nothing when a suspension begins, and all of it when it ends', async () => {
    const row = rowOf(job(), { decidedTo: now - 61 * second });
    const begun = await plan(job({ suspend: true }), row);
    expect(begun).toMatchObject({ settled: [], decidedTo: row.decidedTo, nextStart: undefined });
    const ended = await plan(job(), { ...row, suspended: true, entryHash: 'other' });
    expect(ended?.settled.map((outcome) => outcome.kind === 'Missed' && outcome.reason)).toEqual([
      'Suspended',
      'Suspended',
    ]);
    expect(ended).toMatchObject({ decidedTo: now, nextStart: row.anchor + 240 * second });
  });

  it('is looked at at once when run-at has a new value, also while suspended', async () => {
    expect(await plan(job({ suspend: true, runAt: 'v2' }), rowOf(job({ runAt: 'v1' })))).toMatchObject({
      nextStart: now,
    });
    expect((await plan(job({ suspend: true }), rowOf(job({ runAt: 'v1' }))))?.nextStart).toBeUndefined();
  });

  it('stays paused after failures until a new generation, and after a pause by hand even then', async () => {
    const failed = rowOf(job(), { pausedReason: 'Failures' });
    expect(await plan(job({ silenceMarker: 'x' }), failed)).toMatchObject({
      pausedReason: 'Failures',
      nextStart: undefined,
    });
    expect(await plan(job({ generation: 2 }), failed)).toMatchObject({ pausedReason: undefined, decidedTo: now });
    const byHand = rowOf(job(), { pausedReason: 'Manual' });
    expect(await plan(job({ generation: 2 }), byHand)).toMatchObject({ pausedReason: 'Manual', nextStart: undefined });
  });

  it('is not written for a schedule that cannot be read', async () => {
    expect(await plan(job({ schedule: 'now and then' }), undefined)).toBeUndefined();
  });
});
